"""Two tabs on the same case, in a real browser: each says what the other has saved, and nothing typed is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.reading.site import browsing, hosting, load
from tests.reading.site.browsing import begin, saved
from tests.reading.site.hosting import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

READERS = ("mine", "theirs", "both", "reload", "plain", "keys")
LINKS: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as it:
        yield it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    out = hosting.make_study(tmp_path_factory.mktemp("tabs"), cases=4)
    with hosting.serving(out) as it:
        load.confirm(out)
        LINKS.update(load.invite(out, it.address, READERS))
        yield it


@pytest.fixture
def tabs(server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[Page, Page]]:
    """A laptop's browser with the first step open twice; the second tab has saved something, the first not yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, java_script_enabled=request.param != "plain")
    complaints = browsing.watched(context)
    older, newer = context.new_page(), context.new_page()
    begin(older, LINKS[request.param])
    for page in (older, newer):
        page.goto(f"{server.address}/step/1")
    yield older, newer
    context.close()
    assert complaints == []


EXPLAIN = "Explain the answer"


def in_conflict(older: Page, newer: Page) -> None:
    newer.get_by_label(EXPLAIN).fill("the newer text")
    saved(newer)
    older.get_by_label(EXPLAIN).fill("the older text")
    older.wait_for_selector(".newer")


def described(server: Server, pseudonym: str) -> tuple[str, int]:
    return load.stored(server.out)[pseudonym]["description"]


@pytest.mark.parametrize("tabs", ["mine"], indirect=True)
def test_the_older_tab_shows_both_texts_and_replaces_nothing_by_itself(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    in_conflict(older, newer)
    assert older.locator(".newer .other").inner_text() == "the newer text"
    assert older.get_by_label(EXPLAIN).input_value() == "the older text"
    assert "in another tab or on another device" in older.locator("#status").inner_text()
    assert described(server, "mine") == ("the newer text", 1)
    assert browsing.violations(older) == []
    for width in (375, 1280):
        older.set_viewport_size({"width": width, "height": 800})
        assert not browsing.sideways(older)
    # Other answers are saved meanwhile, and nobody goes on over an open question.
    older.get_by_label("B", exact=True).check()
    older.get_by_label(EXPLAIN).press_sequentially("!")
    older.get_by_role("button", name="Save and go on").click()
    older.wait_for_selector(".newer:focus")
    assert older.url.endswith("/step/1")
    assert load.stored(server.out)["mine"] == {"choice": ("B", 1), "description": ("the newer text", 1)}
    older.get_by_role("button", name="Keep what stands here").click()
    saved(older)
    assert described(server, "mine") == ("the older text!", 2)
    assert older.evaluate("document.activeElement.id") == "question-description"
    older.get_by_role("button", name="Save and go on").click()
    older.wait_for_url("**/step/2")
    # The other tab is the older one now.
    newer.get_by_label(EXPLAIN).fill("and again")
    newer.wait_for_selector(".newer")
    assert newer.locator(".newer .other").inner_text() == "the older text!"


@pytest.mark.parametrize("tabs", ["theirs"], indirect=True)
def test_the_other_text_can_be_taken(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    in_conflict(older, newer)
    older.get_by_role("button", name="Take the other").click()
    saved(older)
    assert older.get_by_label(EXPLAIN).input_value() == "the newer text"
    assert described(server, "theirs") == ("the newer text", 1)
    newer.get_by_label("A", exact=True).check()
    saved(newer)
    older.get_by_label("D", exact=True).check()
    older.wait_for_selector(".newer")
    assert older.locator(".newer .other").inner_text() == "A"
    older.get_by_label("A", exact=True).check()  # agreeing is an answer as well
    saved(older)
    assert older.locator(".newer").count() == 0
    assert load.stored(server.out)["theirs"]["choice"] == ("A", 1)


@pytest.mark.parametrize("tabs", ["both"], indirect=True)
def test_two_texts_can_be_put_together(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    in_conflict(older, newer)
    older.get_by_role("button", name="Put both together").click()
    saved(older)
    assert described(server, "both") == ("the older text\nthe newer text", 2)


@pytest.mark.parametrize("tabs", ["reload"], indirect=True)
def test_what_was_kept_over_a_reload_replaces_nothing_either(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    older.route("**/step/1", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    older.get_by_label(EXPLAIN).fill("typed while the connection was gone")
    older.wait_for_selector("#saving[data-state=failed]", state="attached")
    newer.get_by_label(EXPLAIN).fill("the newer text")
    saved(newer)
    older.unroute("**/step/1")
    older.once("dialog", lambda dialog: dialog.accept())
    older.reload()
    older.wait_for_selector(".newer")
    assert older.get_by_label(EXPLAIN).input_value() == "typed while the connection was gone"
    assert older.locator(".newer .other").inner_text() == "the newer text"
    assert described(server, "reload") == ("the newer text", 1)


@pytest.mark.parametrize("tabs", ["keys"], indirect=True)
def test_by_keyboard(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    in_conflict(older, newer)
    older.get_by_label(EXPLAIN).focus()
    older.keyboard.press("Tab")
    older.keyboard.press("Enter")
    saved(older)
    assert described(server, "keys") == ("the older text", 2)


@pytest.mark.parametrize("tabs", ["plain"], indirect=True)
def test_without_javascript(server: Server, tabs: tuple[Page, Page]) -> None:
    older, newer = tabs
    newer.get_by_label("A", exact=True).check()
    newer.get_by_label(EXPLAIN).fill("the newer text")
    newer.get_by_role("button", name="Save and go on").click()
    older.get_by_label("B", exact=True).check()
    older.get_by_label(EXPLAIN).fill("the older text")
    older.get_by_role("button", name="Save and go on").click()
    assert older.url.endswith("/step/1")
    assert older.locator(".other").all_inner_texts() == ["A", "the newer text"]
    assert older.get_by_label(EXPLAIN).input_value() == "the older text"
    assert older.get_by_label("B", exact=True).is_checked()
    older.get_by_label("Keep that one").last.check()
    older.get_by_role("button", name="Save and go on").click()
    older.wait_for_url("**/step/2")
    assert load.stored(server.out)["plain"] == {"choice": ("B", 2), "description": ("the newer text", 1)}
