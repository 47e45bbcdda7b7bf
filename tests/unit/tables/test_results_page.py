"""The numbers of the results page are those of the tables."""

import pytest

from toffee.runtime.errors import ToffeeError
from toffee.tables import results_page
from toffee.tables.results_page import Part, fill

HEAD = "method,setting,metric,value,stderr,n,source\n"
PAGE = "before\n<!-- a:begin -->\nold 0.1\n<!-- a:end -->\nafter\n"


@pytest.fixture
def results(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text(
        HEAD
        + "toffeenet,all photos; class prompt; encoders x,dino,0.5,0.01,30,measured\n"
        + "toffeenet,one photo; class prompt; encoders x,dino,0.6,0.01,30,measured\n"
        + "toffeenet − text_only,all photos; encoders x,dino,0.2,0.01,30,measured\n"
        + "ToffeeNet,SD2.1,dino,0.728,,,published\n"
    )
    part = Part("T", "t", ("dino",), "all photos", r"^\w+$")
    monkeypatch.setattr(results_page, "BLOCKS", {"a": (part,)})
    return tmp_path


def test_only_the_part_that_was_asked_for(results):
    text = fill(PAGE, results)
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| toffeenet")]
    assert rows == ["| toffeenet | 0.500 ± 0.010 | 30 |"]
    assert "published" not in text and "0.728" not in text


def test_settings_of_a_part_without_one_stay_whole(results, monkeypatch):
    part = Part("T", "t", ("dino",), "", "^toffeenet$")
    monkeypatch.setattr(results_page, "BLOCKS", {"a": (part,)})
    rows = "toffeenet,1 photo; trained on views; encoders x,dino,0.5,0.01,30,measured\n"
    (results / "tables" / "t.csv").write_text(HEAD + rows)
    assert "| toffeenet | 1 photo; trained on views | 0.500 ± 0.010 | 30 |" in fill(PAGE, results)


def test_what_is_missing_is_one_line(results):
    with pytest.raises(ToffeeError, match="expected the marks <!-- a:begin -->"):
        fill("no marks", results)
    (results / "tables" / "t.csv").write_text(HEAD)
    with pytest.raises(ToffeeError, match="no row for 'T'"):
        fill(PAGE, results)
    (results / "tables" / "t.csv").unlink()
    with pytest.raises(ToffeeError, match=r"t\.csv: not found, expected the tables of a run"):
        fill(PAGE, results)


def test_tables_that_were_not_made_are_named_once(results, monkeypatch):
    absent = [Part(title, "late", ("dino",)) for title in ("Late", "Later")]
    monkeypatch.setattr(results_page, "BLOCKS", {"a": (*results_page.BLOCKS["a"], *absent)})
    lines = fill(PAGE, results).splitlines()
    assert lines[-3:] == ["Not made by this run: `late`.", "<!-- a:end -->", "after"]
    assert any(line.startswith("| toffeenet") for line in lines)


def test_a_page_may_have_some_of_the_blocks(results, monkeypatch):
    blocks = {"other": results_page.BLOCKS["a"], **results_page.BLOCKS}
    monkeypatch.setattr(results_page, "BLOCKS", blocks)
    text = fill(PAGE, results)
    assert "| toffeenet | 0.500 ± 0.010 | 30 |" in text and "other" not in text
    with pytest.raises(ToffeeError, match="expected the marks <!-- other:begin --> and"):
        fill(PAGE + "<!-- other:begin -->", results)
