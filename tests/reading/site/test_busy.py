"""Buttons are held back while their answer is on the way, and signing out loses nothing that was typed."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.reading.site import browsing, hosting, load
from tests.reading.site.browsing import begin, first_step, saved
from tests.reading.site.hosting import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request, Route

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

READERS = ("looks", "keys", "stopped", "back", "value", "out", "offline", "cleared")
LINKS: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as it:
        yield it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    with hosting.serving(hosting.make_study(tmp_path_factory.mktemp("busy"), cases=4)) as it:
        page = browser.new_page()
        browsing.set_up(page, it)
        page.context.close()
        LINKS.update(load.invite(it.out, it.address, READERS))
        yield it


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    complaints = browsing.watched(context)
    yield context.new_page()
    context.close()
    assert complaints == []


def posted(page: Page) -> list[Request]:
    """The forms that the page sends from now on; they come to nothing, and the page stays."""
    seen: list[Request] = []

    def stop(route: Route) -> None:
        if route.request.method == "POST" and route.request.is_navigation_request():
            seen.append(route.request)
            route.abort("aborted")
        else:
            route.continue_()

    page.route("**/*", stop)
    return seen


def test_a_pressed_button_says_so_and_keeps_the_focus(server: Server, page: Page) -> None:
    page.goto(LINKS["looks"])
    sent, button = posted(page), page.get_by_role("main").get_by_role("button")
    before = button.bounding_box()
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("button[aria-disabled=true]")
    assert button.inner_text() == "One moment…"
    assert page.locator("#busy").inner_text() == "One moment…"
    assert button.evaluate("one => one === document.activeElement")
    after = button.bounding_box()
    assert before
    assert after
    assert (after["x"], after["y"], after["height"]) == (before["x"], before["y"], before["height"])
    page.keyboard.press("Enter")
    button.click(force=True)
    page.wait_for_timeout(200)
    assert len(sent) == 1
    assert browsing.violations(page) == []


def test_enter_in_a_field_counts_once(server: Server, page: Page) -> None:
    page.goto(f"{server.address}/return")
    sent = posted(page)
    page.get_by_label("Your return code").fill("x")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert len(sent) == 1


def test_a_button_is_free_again_after_a_while(server: Server, page: Page) -> None:
    """Loading was stopped, or a file was downloaded: the page is still there."""
    page.clock.install()
    page.goto(LINKS["stopped"])
    sent, button = posted(page), page.get_by_role("main").get_by_role("button")
    button.click(no_wait_after=True)
    page.wait_for_selector("button[aria-disabled=true]")
    page.clock.run_for(8_100)
    assert button.inner_text() == "Begin"
    assert page.locator("#busy").inner_text() == ""
    button.click(no_wait_after=True)
    page.wait_for_timeout(200)
    assert len(sent) == 2


def test_a_page_from_the_back_forward_cache_is_free_again(server: Server, page: Page) -> None:
    page.goto(LINKS["back"])
    posted(page)
    button = page.get_by_role("main").get_by_role("button")
    button.click(no_wait_after=True)
    page.wait_for_selector("button[aria-disabled=true]")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert button.inner_text() == "Begin"
    assert button.get_attribute("aria-disabled") is None


def test_the_pressed_button_is_sent_with_its_value(server: Server, page: Page) -> None:
    """Of the three of a case, the one that was pressed says where to go; all are held back meanwhile."""
    begin(page, LINKS["value"])
    first_step(page, server)
    page.get_by_label("A", exact=True).check()
    saved(page)
    sent = posted(page)
    page.locator("button[value=steps]").click(no_wait_after=True)
    page.wait_for_selector("#next[aria-disabled=true]")
    page.locator("#next").click(force=True)
    page.wait_for_timeout(200)
    assert [urllib.parse.parse_qs(one.post_data or "")["go"] for one in sent] == [["steps"]]
    assert page.locator("button[value=steps]").inner_text() == "One moment…"


def test_signing_out_saves_what_was_typed(server: Server, page: Page) -> None:
    begin(page, LINKS["out"])
    first_step(page, server)
    page.get_by_label("B", exact=True).check()
    saved(page)
    page.get_by_label("Explain the answer").press_sequentially("the last words")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/return")
    assert load.stored(server.out)["out"]["description"][0] == "the last words"


def test_signing_out_without_a_connection_asks_first(server: Server, page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    begin(page, LINKS["offline"])
    first_step(page, server)
    page.get_by_label("B", exact=True).check()
    saved(page)
    page.context.set_offline(True)
    page.get_by_label("Explain the answer").press_sequentially("not lost")
    page.get_by_role("button", name="Sign out").click(no_wait_after=True)
    page.wait_for_selector("#saving[data-state=failed]", state="attached")
    for _ in range(50):
        page.wait_for_timeout(100)
        if asked:
            break
    assert asked == ["beforeunload"]
    assert page.get_by_label("Explain the answer").input_value() == "not lost"
    page.context.set_offline(False)
    saved(page)
    assert load.stored(server.out)["offline"]["description"][0] == "not lost"


def test_signing_out_leaves_nothing_in_the_browser(server: Server, page: Page) -> None:
    begin(page, LINKS["cleared"])
    first_step(page, server)
    page.evaluate("localStorage.setItem('foveate.keys', 'off')")
    page.evaluate("sessionStorage.setItem('foveate.unsaved.0', '[]')")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/return")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    page.go_back()
    page.wait_for_load_state()
    assert page.locator("fieldset.choice").count() == 0
