"""What a browser makes of the viewer of heat-maps."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from foveate import runs
from foveate.explanation import heatmaps, panels
from foveate.explanation.display_range import between, number
from foveate.explanation.geometry import geometry
from foveate.explanation.heatmaps import Heatmaps
from foveate.report import viewer
from foveate.report.html import write_report
from foveate.runs import Run, StudyFolder
from tests.report.viewer_study import build, content_of, levels

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CI = os.environ.get("CI") == "true"  # there these tests must run: what is missing is a failure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return build(tmp_path_factory.mktemp("viewer") / "out")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CI:
        pytest.importorskip("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(folder: StudyFolder) -> str:
    return write_report(folder).as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    yield opened
    assert complaints == []
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(90, 40), (40, 90), (50, 50)])
def test_maps_are_enlarged_as_in_python(page: Page, fit: str, size: tuple[int, int]) -> None:
    raw = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    own = geometry(*size, 32, fit)
    maps = Heatmaps(np.array(["a"]), np.zeros(1, int), raw[None], np.zeros((1, 2), np.float32), "pooling")
    values = levels(viewer.packed_maps(maps, ["a"]))[0].ravel().tolist()
    window = [own.top, own.left, own.height, own.width]
    code = "([values, square, window]) => [...enlarge(values, 5, 7, square, window)]"
    shown = np.reshape(page.evaluate(code, [values, [own.rows, own.columns], window]), (own.height, own.width)) / 255
    positive = np.maximum(raw, 0) / raw.max()
    expected = heatmaps.enlarge(positive, own.rows, own.columns)
    expected = expected[own.top : own.top + own.height, own.left : own.left + own.width]
    np.testing.assert_allclose(shown, expected, atol=0.5 / 255 + 1e-9)  # what keeping 255ths costs


ALPHA = """(place) => {
  const canvas = document.querySelector(place);
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.height, canvas.width, ...data.filter((_, index) => index % 4 === 3)];
}"""


def drawn(page: Page, place: str = ".stage canvas") -> NDArray[np.float64]:
    """A canvas's opacity, which is the map's value: (H, W) in [0, 1]."""
    height, width, *alpha = page.evaluate(ALPHA, place)
    return np.reshape(alpha, (height, width)) / 255


def number_of(content: dict[str, Any], method: int, model: int, blank: bool) -> int:
    """The first image for which a model's map is, or is not, blank."""
    peaks = content["methods"][method]["models"][model]["peaks"]
    return next(number for number, peak in enumerate(peaks) if peak is not None and (peak == 0) == blank)


def turn_to(page: Page, number: int) -> None:
    for _ in range(number):
        page.locator(".viewer .next").click()


@pytest.mark.browser
def test_the_picture_is_the_grids(page: Page, folder: StudyFolder) -> None:
    """The first image is the grid's first; its shape is the original's, its map the one that panels draws."""
    run = Run(runs.subjects(folder.study)[0], "resnet18", 1)
    content, maps = content_of(folder), heatmaps.load(folder.run(run) / "heatmaps.npz")
    number = number_of(content, 0, 0, blank=False)
    turn_to(page, number)
    shown = drawn(page)
    assert shown.shape == (64, 128)
    rule = content["images"][number]["rule"]
    grid = panels.panel(folder, run.subject, rule)
    assert grid is not None
    differences = []
    for column in grid.columns:
        raw = maps.raw[list(maps.case).index(column.case)]
        heat = column.geometry.enlarge(np.maximum(raw, 0))
        differences.append(np.abs(shown - heat / max(heat.max(), 1e-9)).max())
    assert min(differences) < 2.5 / 255  # 255ths of the raw map, of its maximum, and of the opacity


@pytest.mark.browser
def test_images_turn_by_button_and_by_arrow_key(page: Page, folder: StudyFolder) -> None:
    count = len(content_of(folder)["images"])
    place = page.locator(".viewer .place b")
    assert place.inner_text().startswith(f"1 of {count}")
    page.locator(".viewer .next").click()
    assert place.inner_text().startswith("2 of")
    page.keyboard.press("ArrowRight")  # the button has the focus
    assert place.inner_text().startswith("3 of")
    page.locator(".viewer .stage").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert place.inner_text().startswith(f"{count} of")  # round and round
    assert page.locator(".viewer .opacity").input_value() == "50"  # the image shows through at first
    page.locator(".viewer .opacity").focus()
    page.keyboard.press("ArrowLeft")
    assert place.inner_text().startswith(f"{count} of")  # there it moves the slider
    opacity = "(e) => getComputedStyle(e).opacity"
    assert page.locator(".viewer .stage canvas").evaluate(opacity) == "0.45"
    assert page.locator(".viewer .thumb canvas").first.evaluate(opacity) == "0.45"


@pytest.mark.browser
def test_models_are_chosen_by_keyboard_and_the_words_follow(page: Page, folder: StudyFolder) -> None:
    content = content_of(folder)
    page.locator(".viewer .models input").first.focus()
    page.keyboard.press("ArrowDown")
    words = page.locator(".viewer .words").inner_text()
    assert "ResNet-18 + SE" in words
    probability, predicted = content["images"][0]["says"][1]
    assert f"{100 * probability:.1f}" in words
    assert f"says {predicted}" in words
    label = page.locator(".viewer .stage").get_attribute("aria-label") or ""
    assert label.startswith("Grad-CAM, ResNet-18 + SE, ")


@pytest.mark.browser
def test_blank_and_missing_maps_are_named(page: Page, folder: StudyFolder) -> None:
    content = content_of(folder)
    turn_to(page, number_of(content, 0, 0, blank=True))
    assert "No positive evidence" in page.locator(".viewer .words").inner_text()
    assert not drawn(page).any()
    assert "blank" in (page.locator(".viewer .stage").get_attribute("class") or "")
    page.reload()
    page.locator(".viewer .method").select_option("2")
    turn_to(page, content["methods"][2]["models"][0]["peaks"].index(None))
    assert "was not computed for this image" in page.locator(".viewer .words").inner_text()
    assert not drawn(page).any()


@pytest.mark.browser
def test_attention_maps_are_drawn_from_their_lowest_value_and_flat_ones_named(page: Page) -> None:
    page.locator(".viewer .method").select_option("1")
    words = page.locator(".viewer .words")
    assert "This model has no map by this method." in words.inner_text()
    page.locator(".models input").nth(2).check(force=True)
    shown = drawn(page)
    assert (shown.min(), shown.max()) == (0, 1)
    assert re.search(r"Strongest in the .*; values from 0\.\d+ to 0\.\d+\.", words.inner_text())
    page.locator(".models input").nth(3).check(force=True)
    assert "Flat: 0.5 everywhere" in words.inner_text()
    assert not drawn(page).any()
    assert "flat map" in page.locator(".models label").nth(3).inner_text()
    assert "blank" not in (page.locator(".viewer .stage").get_attribute("class") or "")


@pytest.mark.browser
@pytest.mark.parametrize("value", [0.50312, 12.34, 1.234e-5, -0.5, 1234.4, 0.0])
def test_numbers_are_written_as_in_the_figures(page: Page, value: float) -> None:
    assert page.evaluate("numberWords", value) == number(value)
    assert page.evaluate("(v) => betweenWords(0.00495, v)", value) == between(0.00495, value)


@pytest.mark.browser
def test_one_scale_for_all_models_is_one_maximum(page: Page) -> None:
    peaks = [drawn(page, f".models label:nth-of-type({number}) canvas").max() for number in range(1, 5)]
    assert set(peaks) <= {0.0, 1.0}
    page.locator(".viewer .scaling").select_option("shared")
    shared = [drawn(page, f".models label:nth-of-type({number}) canvas").max() for number in range(1, 5)]
    assert max(shared) == 1
    assert sum(peak == 1 for peak in shared) == 1
    assert [peak > 0 for peak in shared] == [peak > 0 for peak in peaks]


@pytest.mark.browser
def test_the_lesions_border_lies_on_the_lesion(page: Page, folder: StudyFolder) -> None:
    images = content_of(folder)["images"]
    number = next(number for number, image in enumerate(images) if image["contour"])
    turn_to(page, number)
    box = page.evaluate(
        "() => { const s = document.querySelector('.stage').getBoundingClientRect();"
        " const p = document.querySelector('.stage path').getBoundingClientRect();"
        " return [p.left - s.left, p.top - s.top, p.right - s.left, p.bottom - s.top].map("
        "(v, i) => v / (i % 2 ? s.height : s.width)); }"
    )
    grid = panels.panel(folder, runs.subjects(folder.study)[0], images[number]["rule"])
    assert grid is not None
    spans = []
    for column in grid.columns:
        if len(column.contour):
            height, width = column.image.shape[:2]
            points = (column.contour.reshape(-1, 2) + 0.5) / [width, height]
            spans.append([*points.min(0), *points.max(0)])
    assert min(np.abs(np.array(spans) - box).max(axis=1)) < 0.02  # the line's own width, both sides
    page.locator(".viewer .contour").uncheck()
    assert not page.locator(".stage svg").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, address: str, width: int, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.goto(address)
    found: Any = Axe().run(page, context=".viewer")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    inside = "(v) => [...v.querySelectorAll('*')].filter((e) => !e.closest('.unseen')).every((e) =>"
    inside += " e.getBoundingClientRect().right <= v.getBoundingClientRect().right)"
    assert page.locator(".viewer").evaluate(inside)
    context.close()


@pytest.mark.browser
def test_it_is_neither_printed_nor_there_without_javascript(browser: Browser, address: str, page: Page) -> None:
    assert page.locator(".viewer").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".viewer").is_visible()
    context = browser.new_context(java_script_enabled=False, offline=True)
    plain = context.new_page()
    plain.goto(address)
    assert not plain.locator(".viewer").is_visible()
    assert plain.locator("table.grid").is_visible()
    context.close()
