"""How a button is pressed: twice in a row, or again after its answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

Press = Callable[["Locator"], None]
LATENCY = 250  # ms
PAUSE = 120  # ms between two clicks: a usual double click


def twice(button: Locator) -> None:
    """A double click over a slow network: the second press comes before the first is answered."""
    page = button.page
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": LATENCY, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*place)
    page.wait_for_timeout(PAUSE)
    page.mouse.click(*place)


def lost(button: Locator) -> None:
    """The server does what was asked, its answer is lost on the way, and the person tries again."""
    _lose(button, its_cookies=False)


def half_lost(button: Locator) -> None:
    """The same, but the browser had the cookies of the answer before the connection broke."""
    _lose(button, its_cookies=True)


def _lose(button: Locator, its_cookies: bool) -> None:
    page = button.page

    def drop(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        before = page.context.cookies()
        route.fetch(max_redirects=0)
        if not its_cookies:
            page.context.clear_cookies()
            page.context.add_cookies(before)  # type: ignore[arg-type]
        route.abort("aborted")  # as a page that is stopped: the form is still there

    page.route("**/*", drop)
    with page.expect_event("requestfailed", lambda request: request.method == "POST"):
        button.click(no_wait_after=True)
    page.unroute("**/*", drop)
    button.click()


PRESSES = (twice, lost, half_lost)
