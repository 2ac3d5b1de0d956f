"""Pictures of every page of the reader study, for docs/reading.md and to look at after a change.

python -m tests.reading.site.screenshots STUDY FOLDER: STUDY is a study's folder, such as foveate-demo; a copy is used.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.reading.site import browsing, hosting, load
from tests.reading.site.browsing import LAPTOP, TABLET
from tests.reading.site.hosting import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Shot = Callable[..., None]
WORDS = ("Covers the whole lesion with its rim", "Only this map lies on the nodule", "Heat on the border alone")
ROOT = Path(__file__).parents[3]


def save(folder: Path) -> Shot:
    def shot(page: Page, name: str, full: bool = True) -> None:
        page.wait_for_timeout(300)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=full))).convert("RGB")
        picture.quantize(128).save(folder / f"{name}.png", optimize=True)

    return shot


def administrator(page: Page, server: Server, shot: Shot) -> None:
    """From the first link to a study that is ready for readers."""
    page.goto(server.first_link())
    shot(page, "administrator-password")
    page.get_by_label("Name").fill(browsing.NAME)
    page.get_by_label("Password", exact=True).fill(browsing.PASSWORD)
    page.get_by_label("The same password again").fill(browsing.PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    shot(page, "administrator-begin")
    page.goto(f"{server.address}/admin/sheet")
    shot(page, "administrator-images", False)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_load_state()


def reader(page: Page, link: str, server: Server, shot: Shot) -> None:
    """A whole reading."""
    page.goto(link)
    shot(page, "reader-invitation")
    page.get_by_role("button", name="Begin").click()
    shot(page, "reader-information")
    page.get_by_label("I have read this information").check()
    page.get_by_role("button", name="Go on").click()
    shot(page, "reader-about")
    page.get_by_label("Your speciality").select_option("radiology")
    page.locator("select[name=years]").select_option("5-9")
    page.locator("select[name=display]").select_option("laptop")
    page.get_by_role("main").get_by_role("button").last.click()
    shot(page, "reader-code")
    page.goto(f"{server.address}/steps")
    shot(page, "reader-overview")
    cases(page, server, shot)
    page.get_by_label("Summarise").fill("The maps that were rounder lay on the lesion more often.")
    shot(page, "reader-end")
    page.get_by_role("button", name=re.compile("Finish")).click()
    page.wait_for_url("**/done")
    shot(page, "reader-done")
    page.goto(f"{server.address}/withdraw")
    shot(page, "reader-withdraw")
    page.goto(f"{server.address}/code")
    shot(page, "reader-new-code")


def cases(page: Page, server: Server, shot: Shot) -> None:
    number = 1
    browsing.first_step(page, server)
    shot(page, "reader-practice", False)
    while page.locator("fieldset.choice").count():
        page.wait_for_selector("#tools:not([hidden])")
        page.get_by_label("ABCD"[number % 4], exact=True).check()
        page.get_by_label("Explain the answer").fill(WORDS[number % 3])
        browsing.saved(page)
        if number == 5:
            shot(page, "reader-case", False)
            for _ in range(3):
                page.get_by_role("button", name="Zoom in").click()
            page.set_viewport_size(TABLET)  # type: ignore[arg-type]
            shot(page, "reader-case-tablet", False)
            page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
            page.get_by_role("button", name="Help").click()
            shot(page, "reader-help", False)
            page.get_by_role("button", name="Close").click()
        number += 1
        page.goto(f"{server.address}/step/{number}")


def part_of_a_reading(page: Page, link: str, server: Server) -> None:
    browsing.begin(page, link)
    for number in range(1, 9):
        page.goto(f"{server.address}/step/{number}")
        page.wait_for_selector("#tools:not([hidden])")
        page.get_by_label("ABCD"[number * number % 4], exact=True).check()
        browsing.saved(page)


def results(page: Page, server: Server, shot: Shot) -> None:
    names = {"": "overview", "log": "log", "plan?readers=5&cases=12&models=4&win=0.5&common=0.3": "planning"}
    names |= {name: name for name in ("information", "readers", "results", "export", "backup", "checks", "unblind")}
    for address, name in names.items():
        page.goto(f"{server.address}/admin/{address}")
        shot(page, f"administrator-{name}")
    page.get_by_label(re.compile("assword")).fill(browsing.PASSWORD)
    page.get_by_role("main").get_by_role("button").last.click()
    page.goto(f"{server.address}/admin/results")
    shot(page, "administrator-results-unblinded")


def main(study: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browsing.chromium() as browser:
        out = Path(scratch) / "study"
        shutil.copytree(study, out, ignore=shutil.ignore_patterns("reading"))
        consent = ROOT / "docs" / "information-trial.txt"
        hosting.foveate("reading", "create", out, "--consent", consent, "--cases", 12, "--seed", 3)
        with hosting.serving(out) as server:
            tour(browser, server, save(folder))


def tour(browser: Browser, server: Server, shot: Shot) -> None:
    def person() -> Page:
        return browser.new_context(viewport={"width": 1280, "height": 800}).new_page()

    chief = person()
    administrator(chief, server, shot)
    links = load.invite(server.out, server.address, ["reader-1", "reader-2"])
    reader(person(), links["reader-1"], server, shot)
    part_of_a_reading(person(), links["reader-2"], server)
    stranger = person()
    stranger.goto(f"{server.address}/return")
    shot(stranger, "reader-return")
    stranger.goto(links["reader-1"])
    shot(stranger, "reader-used-link")
    stranger.goto(f"{server.address}/admin/")
    shot(stranger, "administrator-sign-in")
    results(chief, server, shot)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
