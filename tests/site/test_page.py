"""What a reader does with the page, in a browser."""

import json
import re
from pathlib import Path

import pytest

from .runs import EVIL, METHODS, sha

CHAIN = "#chain/dreambench/toffeenet//dino"
ADDRESSES = ("", "#rule/score_shard", "#job/write_world/0", "#job/filter_dataset/0", CHAIN)


@pytest.mark.parametrize("dark", (False, True), ids=("light", "dark"))
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_view_is_wider_than_the_window(page, site, width, address, dark):
    page.open(site, address, width, dark)
    page.near("#dataset", ".wall li")
    page.near("#ledger", "#ledger table")
    page.open_details()
    assert page.run("document.documentElement.scrollWidth <= window.innerWidth")


def test_at_390_pixels_text_is_large_enough_and_tables_show_their_first_number(page, site):
    page.open(site, width=390)
    page.near("#figures", ".enlarge img")
    sizes = (
        "[...document.querySelectorAll('main *')].filter((one) => one.checkVisibility() && "
        "[...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))"
        ".map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(page.run(sizes)) >= 11
    ends = "[...document.querySelectorAll('.numbers tbody td:nth-child(2) a')]"
    assert max(page.run(f"{ends}.map((one) => one.getBoundingClientRect().right)")) <= 390
    shapes = "[...document.querySelectorAll('.enlarge img')].map((one) => one.clientWidth)"
    assert min(page.run(shapes)) > 300


def test_a_node_of_the_graph_leads_to_its_jobs_and_a_record(page, site):
    page.open(site)
    click_node(page, "score_shard")
    page.heading("score_shard")
    page.click("#inspector a", "00001")
    page.heading("score_shard 00001")
    shown = page.text("#inspector")
    for fact in ("strength", "0.6", "12.5 s", "812.5 MB", "records/dataset/shards/00001.h5.json"):
        assert fact in shown, fact
    assert "40 modules" in shown
    page.click("#inspector a", "make_edits 00001")
    page.heading("make_edits 00001")
    page.driver.back()
    page.heading("score_shard 00001")


def click_node(page, rule: str) -> None:
    """Click where the graph has drawn a rule, as a reader does."""
    from selenium.webdriver.common.action_chains import ActionChains

    page.run("document.querySelector('.graph').scrollIntoView({block: 'center'})")
    box = page.find(".graph")
    place = page.run(
        "document.querySelector('.graph')._cyreg.cy.getElementById(arguments[0]).renderedPosition()",
        rule,
    )
    size = page.run("[arguments[0].clientWidth, arguments[0].clientHeight]", box)
    offset = [round(place[axis] - full / 2) for axis, full in zip("xy", size, strict=True)]
    ActionChains(page.driver).move_to_element_with_offset(box, *offset).click().perform()


def test_a_record_has_whole_digests_and_leads_to_its_neighbours(page, site):
    page.open(site, "#job/filter_dataset/0")
    page.heading("filter_dataset")
    digests = page.texts("#inspector .digest code", "title")
    assert sha("results/tiny/dataset/index.parquet") in digests
    assert sha("results/tiny/dataset/shards/00000.h5") in digests
    shown = page.text("#inspector")
    assert "after 1 failure" in shown
    assert "score_shard, 2 jobs: 00000 00001" in shown
    assert "train_toffeenet" in shown


def test_a_digest_can_be_copied(page, site):
    from selenium.webdriver.common.keys import Keys

    page.open(site, "#job/filter_dataset/0")
    page.heading("filter_dataset")
    whole = page.texts("#inspector .digest code", "title")[0]
    page.click("#inspector .copy", "copy")
    page.wait("document.querySelector('#inspector .copy').textContent === 'copied'")
    page.wait("document.querySelector('#ledger input')")
    field = page.find("#ledger input")
    field.send_keys(Keys.CONTROL, "v")
    assert page.run("arguments[0].value", field) == whole


def test_a_folder_lists_its_first_files_and_says_how_many_more(page, site):
    page.open(site, "#job/write_world/0")
    page.heading("write_world")
    page.click("#inspector summary", "100 files in results/tiny/world/subjects")
    assert "40 more files of the folder stand in the record's file" in page.text("#inspector")


def test_a_measured_cell_leads_to_all_jobs_behind_it(page, site):
    page.open(site)
    page.click("#table-dreambench a", "0.410 ± 0.010")
    page.heading("Where DINO of text only comes from")
    rules = page.texts(".chain > li > .rule")
    assert rules[0] == "tabulate_dreambench"
    assert rules[-1] == "write_world"
    assert {"score_dreambench", "generate_benchmark", "train_toffeenet", "download_model"} < {
        *rules
    }
    assert not {"plot_dataset", "export_dataset", "write_site"} & {*rules}
    marked = page.texts(".chain .own > a")
    assert marked == ["text_only 0", "text_only 0"]
    lit = "document.querySelector('.graph')._cyreg.cy.nodes('.lit').map((node) => node.id())"
    assert {*page.run(lit)} == {*rules}
    assert sha("results/tiny/dataset/index.parquet") in page.texts(".chain .digest code", "title")


def test_published_rows_stand_under_the_measured_ones_and_are_no_links(page, site):
    page.open(site)
    heads = page.texts("#table-dreambench thead th")
    assert heads[:4] == ["Method", "DINO", "CLIP-I", "CLIP-T"]
    assert page.texts("#table-dreambench .published .group", "textContent") == [
        "Published, not measured here"
    ]
    assert page.count("#table-dreambench .published a") == 0
    assert "not comparable" in page.text("#table-dreambench .note")
    assert "All measured rows" not in page.text("#table-dreambench")  # one row has another setting


def test_wall_filters_by_kind_and_verdict(page, site):
    page.open(site)
    page.near("#dataset", ".wall li")
    assert page.count(".wall li") == 24
    page.click("#dataset button", "Show more")
    assert page.count(".wall li") == 48
    page.select("Kind", "texture")
    page.select("Verdict", "rejected")
    page.wait("document.querySelectorAll('.wall li').length < 24")
    cards = page.texts(".wall li")
    assert cards
    for card in cards:
        assert "texture" in card and "rejected: copy rate too high" in card
    page.run("document.querySelectorAll('.wall img').forEach((img) => { img.loading = 'eager'; })")
    page.wait("[...document.querySelectorAll('.wall img')].every((img) => img.naturalWidth === 16)")


def test_figures_have_texts_and_enlarge(page, site):
    page.open(site)
    alt = page.run("document.querySelector('#figures figure img').alt")
    assert alt.startswith("Figure dataset. Kinds, filters and scores")
    page.click("#figures .enlarge")
    assert page.run("document.querySelector('dialog').open")
    page.click("dialog button", "Close")
    assert not page.run("document.querySelector('dialog').open")


def test_ledger_sorts_by_number_and_filters(page, site):
    page.open(site)
    page.near("#ledger", "#ledger table")
    page.click("#ledger th button", "value")
    page.click("#ledger th button", "value")
    first = "document.querySelector('#ledger tbody td:last-child').innerText"
    assert page.run(first) == "147.5"
    page.find("#ledger input").send_keys("draw 12.5")
    page.wait("document.querySelectorAll('#ledger tbody tr').length < 10")
    assert page.run(first) in ("112.5", "12.5")


def test_audit_verdict_and_findings(page, site):
    page.open(site)
    assert page.text("#verdict") == "Audit: bytes, 2 findings"
    shown = page.text("#audit")
    assert "results/tiny/tables/dreambench.csv" in shown
    assert "Jobs ended after this audit" in shown


def test_what_comes_from_data_stays_text(page, site):
    for address in ("", "#job/write_world/0", "#job/download_model/0", CHAIN):
        page.open(site, address)
        page.near("#dataset", ".wall li")
        page.near("#ledger", "#ledger table")
        page.open_details()
        assert page.count("[onerror]") == 0, address
        assert page.run("document.title").startswith("Toffee"), address
    prompts = page.texts(".prompt", "textContent")
    assert EVIL in prompts
    assert EVIL in page.run("document.querySelector('#ledger').textContent")


def test_keyboard_reaches_everything_and_focus_is_seen(page, site):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open(site)
    seen = []
    for _ in range(30):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
        text = page.run("document.activeElement.innerText")
        assert outline != "none", text
        seen.append(text)
    assert seen[0] == "Skip to the content"
    assert {"Tables", "Workflow", "Audit"} < {*seen}
    page.find("#table-dreambench td a", "0.410").send_keys(Keys.ENTER)
    page.heading("Where DINO of text only comes from")
    assert page.run("document.activeElement.tagName") == "H3"
    page.find(".chain a", "score_dreambench").send_keys(Keys.ENTER)
    page.heading("score_dreambench")
    page.find("#inspector td a", METHODS[0]).send_keys(Keys.ENTER)
    page.heading(f"score_dreambench {METHODS[0]}, 0")


@pytest.mark.parametrize("dark", (False, True), ids=("light", "dark"))
def test_colours_have_the_contrast_of_aa(page, site, dark):
    page.open(site, dark=dark)
    names = ("paper", "sheet", "ink", "soft", "accent", "good", "bad", "cost")
    style = "getComputedStyle(document.documentElement).getPropertyValue"
    light = {name: luminance(page.run(f"{style}(arguments[0])", f"--{name}")) for name in names}
    pairs = [(t, p) for t in ("ink", "soft", "accent", "good", "bad") for p in ("paper", "sheet")]
    for text, ground in [*pairs, ("ink", "cost")]:
        high, low = sorted((light[text], light[ground]), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def luminance(colour: str) -> float:
    """Relative luminance of a colour `#rrggbb` (WCAG 2)."""
    values = [int(colour.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_part_has_a_heading_a_label_or_a_text(page, site):
    page.open(site, CHAIN)
    page.near("#ledger", "#ledger table")
    unnamed = (
        "[...document.querySelectorAll('section, nav, article, dialog, [role=region], [role=img]')]"
        ".filter((one) => !one.hasAttribute('aria-label') && !one.hasAttribute('aria-labelledby'))"
    )
    assert page.run(f"{unnamed}.map((one) => one.outerHTML)") == []
    assert page.count("img:not([alt])") == 0
    names = page.texts("[id]", "id")
    assert len(names) == len({*names})
    assert page.count("h1") == 1


def test_an_address_of_nothing_says_so(page, site):
    for address in ("#rule/none", "#job/score_shard/99", "#chain/none/a/b/c", "#job/a/%"):
        page.open(site, address)
        page.heading("Not found")
    page.open(site, "#constructor/score_shard")
    page.heading("All rules")


def test_25_000_jobs_are_usable_within_three_seconds(page, large_site):
    page.open(large_site)
    ready = int(page.run("document.documentElement.dataset.ready"))
    assert "25,017 of 15 rules" in page.text("#facts")
    start = page.run("performance.now()")
    click_node(page, "refine_shard")
    page.wait("document.querySelectorAll('#inspector tbody tr').length === 25")
    page.find("#inspector input").send_keys("04321")
    page.wait("document.querySelectorAll('#inspector tbody tr').length === 1")
    page.click("#inspector td a", "04321")
    page.heading("refine_shard 04321")
    clicks = page.run("performance.now()") - start
    print(json.dumps({"ready_ms": ready, "rule_filter_record_ms": round(clicks)}))
    assert ready < 3_000
    assert clicks < 5_000
    page.open(large_site, "#job/filter_dataset/0")
    page.heading("filter_dataset")
    assert "of 5,000" in page.text("#inspector")
    assert "No audit was made" in page.text("#audit")


def test_25_000_jobs_fit_in_a_folder_smaller_than_their_records(large_site):
    sizes = {path: path.stat().st_size for path in large_site.rglob("*") if path.is_file()}
    total = sum(sizes.values())
    records = sum(path.stat().st_size for path in (large_site.parent / "records").rglob("*.json"))
    print(f"{total / 1e6:.0f} MB in {len(sizes)} files, records {records / 1e6:.0f} MB")
    assert total < records
    assert len(sizes) < 1_500
    html = Path(large_site, "index.html").read_text()
    at_once = re.findall(r'(?:src|href)="([^#"]+\.(?:js|css))"', html)
    assert sum(sizes[large_site / name] for name in at_once) < 1_000_000
