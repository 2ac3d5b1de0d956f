"""A double click, or an answer that is lost on the way, costs nobody a link, a code or a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.reading.site import browsing, clicking, hosting
from tests.reading.site.clicking import DEEDS, Deed
from tests.reading.site.hosting import Server
from tests.reading.site.pressing import half_lost, lost, twice

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

HOW = {"scripts": (twice, True), "plain": (twice, False), "lost": (lost, False), "half lost": (half_lost, False)}
GIVEN: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as it:
        yield it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """A study of two cases that an administrator has set up, with a reader for each try."""
    with hosting.serving(hosting.make_study(tmp_path_factory.mktemp("clicking"), cases=2)) as it:
        page = browser.new_page()
        browsing.set_up(page, it)
        page.close()
        GIVEN.update(clicking.given(it, browser, [(deed, name_of(deed, how)) for deed in DEEDS for how in HOW]))
        yield it


def name_of(deed: Deed, how: str) -> str:
    return f"{deed.__name__} {how}"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_nothing_is_lost(server: Server, browser: Browser, deed: Deed, how: str) -> None:
    press, script = HOW[how]
    assert clicking.kept(browser, server, deed, press, script, GIVEN[name_of(deed, how)])
