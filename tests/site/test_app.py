"""The page of `toffee app` in headless Chromium: it draws, edits, and says what is wrong."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import write_photo, write_results
from PIL import Image

from toffee.app.server import make_server
from toffee.app.studio import Studio
from toffee.cli import main
from toffee.provenance import record
from toffee.runtime.errors import ToffeeError
from toffee.use import artist
from toffee.use.model import find_model, load_pipeline
from toffee.use.subject import segmenter_of

from .conftest import Page


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return write_results(tmp_path_factory.mktemp("results") / "tiny")


@pytest.fixture
def studio(results, tmp_path, monkeypatch) -> Iterator[Studio]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Whoever works on the checkout has changes, which the audit would name.
    monkeypatch.setattr(record, "git_state", lambda: {"commit": None, "changed": None})
    monkeypatch.setattr(artist, "WATCH", [])
    model = find_model(results)
    load_pipeline(str(model.pipeline.absolute()), "cpu", "float32")  # the page need not wait for it
    segmenter_of(str(model.segmenter), None)
    studio = Studio(model, tmp_path / "drawn", "cpu", "float32")
    yield studio
    studio.close()


@pytest.fixture
def address(studio) -> Iterator[str]:
    server = make_server(studio, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def app(browser, address) -> Iterator[Page]:
    """The page; after each test the console is empty and every request went to its own server."""
    page = Page(browser)
    yield page
    assert page.errors() == []
    sent = page.requests()
    assert sent and [one for one in sent if not one.startswith((address, "data:", "about:"))] == []


GIVEN = "!document.getElementById('finding').hidden"
"""A photo is on the page (its canvas always is)."""


def open_app(page: Page, address: str, width: int = 1200, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    page.driver.get("about:blank")
    page.errors(), page.requests()
    page.driver.get(address)
    page.wait("document.documentElement.dataset.ready")


def give(page: Page, field: str, path: Path) -> None:
    """Choose a file, as a person does."""
    page.run("document.getElementById(arguments[0])", field).send_keys(str(path.absolute()))


def write(page: Page, field: str, text: str) -> None:
    element = page.run("document.getElementById(arguments[0])", field)
    element.clear()
    element.send_keys(text)


def draw(page: Page, prompt: str, pictures: int) -> None:
    """Draw with one seed, and wait until so many pictures are on the page."""
    write(page, "prompts", prompt)
    write(page, "count", "1")
    page.click("#go")
    page.wait(f"document.querySelectorAll('#history li').length === {pictures}")
    page.wait("!document.getElementById('go').disabled")


def error(page: Page) -> str:
    page.wait("!document.getElementById('error').hidden")
    return page.text("#error")


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))


def paint(page: Page, where: str) -> None:
    """Paint over the middle of a picture with the mouse."""
    from selenium.webdriver import ActionChains

    canvas = page.find(f"{where} canvas")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    mouse = ActionChains(page.driver).move_to_element(canvas)
    mouse.click_and_hold().move_by_offset(30, 0).release().perform()


def test_a_picture_is_drawn_from_a_photo_and_edited_inside_of_a_mask(app, address, tmp_path):
    open_app(app, address)
    give(app, "file", write_photo(tmp_path / "mug.png"))
    app.wait(GIVEN)
    write(app, "word", "mug")
    app.click("#find")
    app.wait("document.getElementById('state').textContent === ''")
    draw(app, "a mug on the moon", 2)
    drawn = "0001-a-mug-on-the-moon-seed0.png"
    assert app.texts("#history .soft") == ["seed 0 · λ 1", "without the photo · seed 0"]
    assert "never seen moon; it knows" in app.text("#warnings")
    assert app.run("document.querySelector('#history a[download]').download").endswith(".png")
    app.click("#history li:nth-child(1) button", "Edit")
    app.wait("!document.getElementById('edit').hidden && document.querySelector('#picture canvas')")
    paint(app, "#picture")
    draw(app, "a ball in the snow", 3)
    (edited,) = (tmp_path / "drawn").glob("0002-a-ball-*.png")
    change = pixels(tmp_path / "drawn" / "0002-mask1.png")[..., 0] > 0
    before, after = pixels(tmp_path / "drawn" / drawn), pixels(edited)
    assert 0.005 < change.mean() < 0.6
    assert (before[~change] == after[~change]).all() and (before[change] != after[change]).any()
    assert main(["audit", "drawn"]) == 0


def test_a_mask_is_painted_and_a_picture_drawn_by_the_keyboard_alone(app, address, tmp_path):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_app(app, address)
    give(app, "file", write_photo(tmp_path / "mug.png"))
    app.wait(GIVEN)
    app.driver.execute_script("document.getElementById('file').focus()")
    keys = ActionChains(app.driver)
    active = "document.activeElement"
    for _ in range(3):  # past the photo's button to the picture
        keys.send_keys(Keys.TAB).perform()
        if app.run(f"{active}.tagName") == "CANVAS":
            break
    assert "Arrow keys move the brush" in app.run(f"{active}.ariaLabel")
    keys.send_keys(Keys.SPACE, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.SPACE).perform()
    element = app.run("document.getElementById('prompts')")
    element.send_keys("a mug on a rug")
    write(app, "count", "1")
    app.run("document.getElementById('alone')").send_keys(Keys.SPACE)  # not beside it
    app.run("document.getElementById('go')").send_keys(Keys.ENTER)
    app.wait("document.querySelectorAll('#history li').length === 1")
    mask = pixels(tmp_path / "drawn" / "0001-mask1.png")[..., 0] > 0
    middle = len(mask) // 2
    assert mask[middle, middle] and 0.01 < mask.mean() < 0.2
    columns, rows = mask.any(0).sum(), mask.any(1).sum()
    assert columns > 1.5 * rows  # two strokes beside each other


def test_two_photos_draw_one_picture_beside_the_base_models(app, address, tmp_path):
    open_app(app, address, width=390)
    assert app.run("document.getElementById('together-row').hidden")
    for n in (1, 2):
        give(app, "file", write_photo(tmp_path / f"mug{n}.png", size=(64, 64 + n)))
        app.wait(f"document.querySelectorAll('#thumbs button').length === {n}")
        write(app, "word", "mug")
        app.click("#find")
        app.wait("document.getElementById('state').textContent === ''")
    for box in ("together", "base", "alone"):
        app.click(f"#{box}")
    draw(app, "a mug on a rug", 2)
    assert app.texts("#history .soft") == ["seed 0 · λ 1", "the base model · seed 0"]
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert app.run(wide)
    assert main(["audit", "drawn"]) == 0


def test_what_is_wrong_is_one_line_on_the_page(app, address, tmp_path):
    open_app(app, address)
    (tmp_path / "text.png").write_text("no picture")
    give(app, "file", tmp_path / "text.png")
    assert "this is no picture that can be read (of no known format)" in error(app)
    app.click("#go")
    app.wait("document.getElementById('error').textContent.includes('no photo, expected one')")
    give(app, "file", write_photo(tmp_path / "mug.png"))
    app.wait(GIVEN)
    app.click("#go")
    app.wait("document.getElementById('error').textContent.includes('no prompt, expected a text')")
    write(app, "prompts", "a teapot")
    app.click("#find")
    app.wait("document.getElementById('error').textContent.includes('the prompt names none')")
    app.click("#go")
    app.wait("!document.getElementById('go').disabled && !document.getElementById('error').hidden")
    assert "the prompt names none" in app.text("#error")
    app.click("#tab-edit")
    app.click("#go")
    app.wait("document.getElementById('error').textContent.includes('no picture to edit')")
    assert not (tmp_path / "drawn").exists()


@pytest.mark.parametrize("dark", (False, True), ids=("light", "dark"))
def test_the_page_fits_390_pixels(app, address, tmp_path, dark):
    open_app(app, address, 390, dark)
    give(app, "file", write_photo(tmp_path / "mug.png", size=(160, 64)))
    app.wait(GIVEN)
    for tab in ("#tab-edit", "#tab-draw"):
        app.click(tab)
        assert app.run("document.documentElement.scrollWidth <= window.innerWidth")
    sizes = "[...document.querySelectorAll('main *')].filter((one) => one.checkVisibility())"
    assert min(app.run(f"{sizes}.map((one) => parseFloat(getComputedStyle(one).fontSize))")) >= 12


def ask(address: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_no_other_site_and_no_other_file_is_answered(address, tmp_path):
    (tmp_path / "secret.png").touch()
    assert ask(address, "/about", Host="evil.example")[0] == 403
    assert ask(address, "/about", Origin="http://evil.example")[0] == 403
    assert ask(address, "/draw", {})[0] == 403
    for path in ("/picture/..%2Fsecret.png", "/static/../server.py", "/static/..%2Fserver.py"):
        assert ask(address, path)[0] == 404
    assert ask(address, "/about")[1]["words"][:2] == ["ball", "crate"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", {"photos": 3}, {"photos": [{"id": "../x.png"}]}, {"photos": []}]
)
def test_what_is_not_understood_is_one_line(address, tmp_path, body):
    status, told = ask(address, "/draw", body, **{"X-Toffee": "1"})
    assert status == 200 and set(told) == {"error"} and "\n" not in told["error"]
    assert not (tmp_path / "drawn").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("scale", -1), ("scale", "much"), ("steps", 0), ("seeds", [-1])]
)
def test_a_value_out_of_range_is_one_line(studio, tmp_path, name, value):
    data = write_photo(tmp_path / "mug.png").read_bytes()
    asked = {"photos": [{"id": studio.take(data)["id"]}], "prompts": ["a mug"], "seeds": [0]}
    asked |= {"scale": 1, "steps": 2, name: value}
    try:
        studio.draw(asked)
        while studio.progress.busy:
            time.sleep(0.01)
        line = studio.progress.error
    except ToffeeError as error:
        line = str(error)
    assert "number from" in line and "found" in line and not (tmp_path / "drawn").exists()


def test_a_second_command_waits_for_the_first(studio, tmp_path):
    data = write_photo(tmp_path / "mug.png").read_bytes()
    asked = {"photos": [{"id": studio.take(data)["id"]}], "prompts": ["a mug"], "seeds": [0]}
    asked |= {"scale": 1, "steps": 2}
    studio.draw(asked)
    with pytest.raises(Exception, match="another picture is being drawn"):
        studio.draw(asked)
    while studio.progress.busy:
        time.sleep(0.05)
    assert studio.progress.error == "" and studio.progress.done == studio.progress.all == 2
