"""The audit's page: whole in itself, true to the findings, and readable in a browser."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Literal

import pytest

from foveate.data.audit_page import write_audit
from foveate.data.audit_pairs import choose_pairs, picture_pairs
from foveate.data.examine import Audit, audit_folder
from foveate.data.sources import read_source
from tests.data.pictures import picture, save


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A folder with pairs of every kind, and a name that HTML would trip over."""
    place = tmp_path_factory.mktemp("page") / "a<b>&c"
    for seed in range(40):
        save(picture(seed), place / ("test", "train")[seed % 4 > 0] / ("sick", "w&l")[seed // 4 % 2] / f"{seed}.png")
    for seed in range(9, 28, 8):
        save(picture(seed), place / "test" / "sick" / f"same-{seed}.png")
        save(picture(seed + 1), place / "test" / "sick" / f"near-{seed}.jpg")
    save(picture(5), place / "test" / "sick" / "clash.jpg")
    save(picture(6), place / "train" / "w&l" / "copy.png")
    (place / "train" / "sick" / "<script>.png").write_text("alert(1)")
    return audit_folder(read_source(place))


@pytest.fixture(scope="module")
def page(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audit(audit, tmp_path_factory.mktemp("out"))


def test_the_gravest_pairs_come_first(audit: Audit) -> None:
    paths = [tuple(audit.found.images[row].path for row in pair) for pair in choose_pairs(audit.found)]
    assert paths[0] == ("test/sick/clash.jpg", "train/w&l/5.png")
    assert all("near" in one for one, _ in paths[1:4])
    assert all("same" in one for one, _ in paths[4:7])
    assert paths[7:] == [("train/w&l/6.png", "train/w&l/copy.png")]
    pairs = picture_pairs(audit)
    assert [pair.why for pair in pairs[:2]] == ["two labels, test and training", "test and training"]
    assert pairs[0].how.startswith("nearly identical: mean difference ")
    assert pairs[7].why == ""
    assert pairs[7].how == "identical pixels"
    assert max(pairs[0].images[0].width, pairs[0].images[0].height) == 200


def test_the_page_is_whole_in_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "a&lt;b&gt;&amp;c" in text
    assert not re.search(r"https?://|src=\"(?!data:)|url\(", text)
    assert text.count('<figure class="twin">') == 8
    assert "w&amp;l" in text
    assert "6 of 16 test images are nearly identical" not in text
    assert "3 of 17 test images are pixel-identical to a training image, 7 identical or nearly so" in text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser(page: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    pytest.importorskip("playwright.sync_api")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert said == []
        violations = Axe().run(tab).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []
        browser.close()
