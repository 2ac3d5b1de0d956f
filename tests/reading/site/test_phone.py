"""On a phone everything that can be pressed or read is there without looking for it beyond the edge."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.reading.site import browsing, hosting, load
from tests.reading.site.hosting import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

PHONE = {"width": 375, "height": 812}
ADMINISTRATORS = (
    "", "sheet", "readers", "information", "results", "export", "backup", "log",
    "plan?readers=3&cases=6&models=4&win=0.5&common=0.3", "checks", "unblind",
)  # fmt: skip
_BEYOND = """() => [...document.querySelectorAll("main a, main button, main input, main select, main textarea")]
  .filter((one) => one.checkVisibility() && one.type !== "hidden")
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 100))"""
_HIDDEN_CELLS = """() => [...document.querySelectorAll("table.stacked td")]
  .filter((one) => one.textContent.trim() && one.checkVisibility())
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as it:
        yield it


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[tuple[Server, Page, Page]]:
    """The server, an administrator who has set the study up, and a reader who has begun, both at a phone."""
    out = hosting.make_study(tmp_path_factory.mktemp("phone"), cases=2)
    with hosting.serving(out) as server:
        chief, reader = (browser.new_context(viewport=PHONE).new_page() for _ in range(2))  # type: ignore[arg-type]
        browsing.set_up(chief, server)
        browsing.begin(reader, load.invite(out, server.address, ["reader-1", "reader-2"])["reader-1"])
        yield server, chief, reader


def test_an_administrator_reaches_everything(visited: tuple[Server, Page, Page]) -> None:
    server, chief, _ = visited
    found: dict[str, list[str]] = {}
    for name in ADMINISTRATORS:
        chief.goto(f"{server.address}/admin/{name}")
        assert not browsing.sideways(chief), name
        found[name] = [*chief.evaluate(_BEYOND), *chief.evaluate(_HIDDEN_CELLS), *browsing.violations(chief)]
    assert {name: own for name, own in found.items() if own} == {}


def test_the_readers_actions_can_be_pressed(visited: tuple[Server, Page, Page]) -> None:
    server, chief, _ = visited
    chief.goto(f"{server.address}/admin/readers")
    row = chief.get_by_role("row", name="reader-2")
    assert row.get_by_role("cell").count() == 5  # still a table to a screen reader
    row.get_by_role("button", name="New link for reader-2").click()
    assert "The link for reader-2" in chief.get_by_role("status", name="The link for").inner_text()


def test_a_reader_reaches_everything(visited: tuple[Server, Page, Page]) -> None:
    server, _, reader = visited
    for name in ("steps", "step/1", "code", "information", "withdraw"):
        reader.goto(f"{server.address}/{name}")
        assert not browsing.sideways(reader), name
        assert reader.evaluate(_BEYOND) == [], name
        assert browsing.violations(reader) == [], name
