"""The report in a real browser: offline, light and dark, wide and narrow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from foveate.reading import results
from foveate.report.html import write_report
from tests.report import synthetic
from tests.report.synthetic_reading import UNBLINDED_AT, simulated

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CI = os.environ.get("CI") == "true"  # there these tests must run: what is missing is a failure
if not CI:
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

CONTRAST = """() => {
  // Every piece of text against the nearest ground behind it: those below WCAG's 4.5 (3 for large text).
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    throw new Error("no ground");
  };
  const low = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script")) continue;
    const style = getComputedStyle(element);
    const colour = parse(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(colour), light(ground(element))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) low.push([walker.currentNode.data.trim(), style.color]);
  }
  return { seen, low };
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    absent = {"ct@clean/resnet18+gc/2"}
    folder = synthetic.build(
        tmp_path_factory.mktemp("browser") / "out",
        datasets=("mri", "ct"),
        policies=("paper", "clean"),
        repeats=2,
        images=24,
        missing=absent,
        classes=("normal", "a_long_name_of_a_class_without_any_space"),
    )
    results.write(folder.path / "reading", UNBLINDED_AT, [simulated(0.5, name="mri@paper")])
    return write_report(folder).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


def opened(browser: Browser, address: str, width: int, scheme: Scheme = "light") -> tuple[Page, list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    complaints: list[str] = []  # grows while the page is open

    def request(address: str) -> None:
        if not address.startswith(("data:", "file:")):
            complaints.append(address)

    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: request(sent.url))
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_complaint_no_sideways_scroll_and_legible(
    browser: Browser, address: str, width: int, scheme: Scheme
) -> None:
    page, complaints = opened(browser, address, width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    contrast = page.evaluate(CONTRAST)
    assert contrast["low"] == []
    assert contrast["seen"] > 300
    assert page.evaluate("[...document.images].filter((i) => i.alt && !i.naturalWidth).length") == 0
    assert complaints == []
    page.context.close()


def test_dark_is_dark(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, 1280, "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 23, 27)"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.context.close()


def test_an_image_opens_large_by_keyboard_and_closes(browser: Browser, address: str) -> None:
    page, complaints = opened(browser, address, 1280)
    page.locator("button.zoom").nth(8).focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()
    assert (page.locator("dialog img").get_attribute("alt") or "").startswith("ResNet-18")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert complaints == []
    page.context.close()


def test_it_prints(browser: Browser, address: str, tmp_path: Path) -> None:
    page, _ = opened(browser, address, 1280)
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    page.context.close()
