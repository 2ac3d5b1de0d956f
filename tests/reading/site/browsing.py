"""People at a browser: an administrator who sets a study up, and readers who go through it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

from tests.reading.site.hosting import Server, foveate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
LAPTOP = {"width": 1280, "height": 800}  # 13 inches
TABLET = {"width": 1024, "height": 768}
NAME, PASSWORD = "Ada", "a long and quiet sentence"


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def watched(context: BrowserContext) -> list[str]:
    """What the pages of a context complain about: errors of scripts, and whatever the security policy stops."""
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return complaints


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG and good practice."""
    found: Any = Axe().run(page)
    return [
        f"{page.url}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in found.response["violations"]
    ]


def sideways(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))


def set_up(page: Page, server: Server) -> None:
    """Become an administrator by the first link, and look the images through."""
    page.goto(server.first_link())
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.goto(f"{server.address}/admin/sheet")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_load_state()


def invited(server: Server, pseudonym: str) -> str:
    """A reader's link, from the command line."""
    told = foveate("reading", "invite", server.out, "--name", pseudonym).stdout
    found = re.search(r"http://\S+/invitation/\S+", told)
    assert found, told
    return found[0]


def begin(page: Page, link: str) -> str:
    """From the link to the first step; the return code."""
    page.goto(link)
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("I have read this information").check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Your speciality").select_option("radiology")
    page.locator("select[name=years]").select_option("5-9")
    page.locator("select[name=display]").select_option("laptop")
    page.get_by_role("main").get_by_role("button").last.click()
    code = re.search(r"(?:[2-9A-Z]{4}-){5}[2-9A-Z]{4}", page.get_by_role("main").inner_text())
    assert code
    return code[0]


def first_step(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/step/1")
    page.wait_for_selector("#tools:not([hidden])")


def saved(page: Page) -> None:
    """Wait until everything on the page is stored."""
    page.wait_for_selector("#saving[data-state=saved]", state="attached")


def turn_back(page: Page) -> None:
    """By the browser's own button, once the page is there: Chromium has no history for a page that is arriving."""
    page.wait_for_load_state()
    page.go_back()


def step_of(page: Page) -> int:
    found = re.search(r"/step/(\d+)", page.url)
    assert found, page.url
    return int(found[1])
