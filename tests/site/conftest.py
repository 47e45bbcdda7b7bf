"""A page of a small run and one of 25,000 jobs, opened from the disk by headless Chromium."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .runs import write_page

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AUDIT = (
    "verdict\tbytes\t2 findings\t2026-01-02T03:04:06+00:00\n"
    "bytes\tresults/tiny/tables/dreambench.csv\tabc\tdef\n"
    "graph\tresults/tiny/<img src=x onerror=alert(1)>\tabc\tdef\n"
)


class Page:
    """A browser window that records the page's requests and its messages on the console."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, folder: Path, address: str = "", width: int = 1280, dark: bool = False) -> None:
        """Load the page afresh and wait until it is ready."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        self.driver.get("about:blank")
        self.errors(), self.requests()
        self.driver.get((folder / "index.html").as_uri() + address)
        self.wait("document.documentElement.dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a JavaScript expression."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def wait(self, script: str) -> Any:
        """The value of an expression as soon as it is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 20, 0.02).until(lambda _: self.run(script), script)

    def find(self, selector: str, text: str = "") -> Any:
        """The first visible element with a text."""
        script = (
            "[...document.querySelectorAll(arguments[0])]"
            ".find((one) => one.checkVisibility() && one.textContent.includes(arguments[1]))"
        )
        found = self.run(script, selector, text)
        assert found is not None, (selector, text)
        return found

    def click(self, selector: str, text: str = "") -> None:
        element = self.find(selector, text)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def select(self, label: str, text: str) -> None:
        """Choose from a list by its label."""
        from selenium.webdriver.support.ui import Select

        field = self.find("label", label).find_element("tag name", "select")
        Select(field).select_by_visible_text(text)

    def heading(self, text: str) -> None:
        """Wait until the panel under the graph has a title."""
        title = "document.querySelector('#inspector h3').textContent"
        self.wait(f"{title}.includes({json.dumps(text)})")

    def text(self, selector: str) -> str:
        return self.run("document.querySelector(arguments[0]).innerText", selector)

    def texts(self, selector: str, of: str = "innerText") -> list[str]:
        """The text, or another property, of all elements."""
        return self.run(
            f"[...document.querySelectorAll(arguments[0])].map((e) => e.{of})", selector
        )

    def count(self, selector: str) -> int:
        return self.run("document.querySelectorAll(arguments[0]).length", selector)

    def near(self, section: str, then: str) -> None:
        """Scroll to a section, and wait for what it loads."""
        self.run("document.querySelector(arguments[0]).scrollIntoView()", section)
        self.wait(f"document.querySelector({json.dumps(then)})")

    def open_details(self) -> None:
        """Open all that is folded."""
        self.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    def errors(self) -> list[str]:
        """Messages on the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were requested since the last call."""
        log = self.driver.get_log("performance")
        messages = [json.loads(one["message"])["message"] for one in log]
        sent = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    for flag in (*FLAGS, *sandbox, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(driver)
    window = selenium.Chrome(options=options, service=service)
    yield window
    window.quit()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """The browser; after each test the console is empty, and no request has left the disk."""
    page = Page(browser)
    yield page
    browser.get("about:blank")  # a large page that nobody looks at keeps a core busy
    assert page.errors() == []
    elsewhere = [url for url in page.requests() if not url.startswith(("file:", "about:"))]
    assert elsewhere == []


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """A page of 2 shards, with an audit that found something."""
    return write_page(tmp_path_factory.mktemp("small"), shards=2, audit=AUDIT)


@pytest.fixture(scope="session")
def large_site(tmp_path_factory) -> Path:
    """A page of 5,000 shards, which are 25,018 jobs, without an audit."""
    return write_page(tmp_path_factory.mktemp("large"), shards=5_000)


@pytest.fixture(params=(1280, 390), ids=("wide", "narrow"))
def width(request) -> int:
    return request.param
