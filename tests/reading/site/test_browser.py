"""A reader study in a real browser, against the server as a process of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reading.site import browsing, hosting, load
from tests.reading.site.browsing import begin, first_step, saved, step_of, turn_back
from tests.reading.site.hosting import Server, foveate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

READERS = (
    "keys", "plain", "reload", "back", "offline", "killed", "left", "right", "used", "viewer", "view", "expired",
)  # fmt: skip
LINKS: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as it:
        yield it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """A study of six cases that an administrator has set up."""
    out = hosting.make_study(tmp_path_factory.mktemp("browser"), cases=6)
    with hosting.serving(out) as it:
        page = browser.new_page()
        browsing.set_up(page, it)
        page.context.close()
        LINKS.update(load.invite(out, it.address, READERS))
        yield it


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A laptop's browser without a session, in which nothing may go wrong in silence."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    complaints = browsing.watched(context)
    yield context.new_page()
    context.close()
    assert complaints == []


def link(server: Server, pseudonym: str) -> str:
    """The link of a reader who was invited beforehand, with all the others."""
    assert LINKS[pseudonym].startswith(server.address)
    return LINKS[pseudonym]


def test_a_whole_reading_by_mouse(server: Server, page: Page) -> None:
    """Every page on the way is free of what axe finds, and fits a laptop and a tablet."""
    problems = []

    def look() -> None:
        problems.extend(browsing.violations(page))
        for size in (browsing.TABLET, {"width": 320, "height": 640}, browsing.LAPTOP):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            if browsing.sideways(page):
                problems.append(f"{page.url} is wider than {size['width']} pixels")

    page.goto(browsing.invited(server, "mouse"))
    look()
    page.get_by_role("button", name="Begin").click()
    look()
    page.get_by_label("I have read this information").check()
    page.get_by_role("button", name="Go on").click()
    look()
    page.get_by_label("Your speciality").select_option("dermatology")
    page.locator("select[name=years]").select_option("20+")
    page.locator("select[name=display]").select_option("diagnostic monitor")
    page.get_by_role("main").get_by_role("button").last.click()
    look()
    page.goto(f"{server.address}/steps")
    look()
    first_step(page, server)
    look()
    for number in range(1, 9):
        assert step_of(page) == number
        page.get_by_label("ABCD"[number % 4], exact=True).check()
        page.get_by_label("Explain the answer").fill(f"in case {number}")
        page.get_by_role("button", name="Save and go on").click()
        page.wait_for_url(f"**/step/{number + 1}")
    look()
    page.get_by_label("Summarise").fill("all in all")
    page.get_by_role("button", name=re.compile("Finish")).click()
    page.wait_for_url("**/done")
    look()
    page.goto(f"{server.address}/step/3")
    assert page.url.endswith("/done")
    for address in ("return", "withdraw", "code", "nothing-here"):
        page.goto(f"{server.address}/{address}")
        look()
    assert problems == []
    own = load.stored(server.out)["mouse"]
    assert own["choice"][0] == "B"
    assert own["description"][0] == "in case 1"


def test_a_whole_reading_by_keyboard(server: Server, page: Page) -> None:
    begin(page, link(server, "keys"))
    first_step(page, server)
    for number in range(1, 9):
        page.keyboard.press("0" if number == 2 else str(1 + number % 4))
        chosen = page.locator("input[type=radio]:checked").get_attribute("value")
        assert chosen == ("none" if number == 2 else "ABCD"[number % 4])
        page.keyboard.press("Escape")
        if number == 3:
            page.get_by_label("Explain the answer").focus()
            page.keyboard.type("0 = nothing, 1 mm, p + q")  # no key means anything while one writes
            assert page.locator("input[type=radio]:checked").get_attribute("value") == chosen
            page.keyboard.press("Tab")
            page.get_by_role("button", name="Save and go on").focus()
            page.keyboard.press("Enter")
        else:
            page.evaluate("document.activeElement.blur()")
            page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**/step/{number + 1}")
        if number < 8:
            page.wait_for_selector("#tools:not([hidden])")
    turn_back(page)
    page.goto(f"{server.address}/step/9")
    page.get_by_role("button", name=re.compile("Finish")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/done")


def test_without_javascript(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    begin(page, link(server, "plain"))
    page.goto(f"{server.address}/step/1")
    page.get_by_role("button", name="Save and go on").click()
    assert "Choose a letter" in page.get_by_role("alert").inner_text()
    for number in range(1, 9):
        page.get_by_label("A", exact=True).check()
        page.get_by_label("Explain the answer").fill(f"{number}")
        page.get_by_role("button", name="Save and go on").click()
        assert step_of(page) == number + 1
    turn_back(page)
    assert step_of(page) == 8
    page.goto(f"{server.address}/step/2")
    assert page.get_by_label("A", exact=True).is_checked()
    assert page.get_by_label("Explain the answer").input_value() == "2"
    page.goto(f"{server.address}/step/9")
    page.get_by_role("button", name=re.compile("Finish")).click()
    assert page.url.endswith("/done")
    context.close()


def test_what_is_typed_survives_a_reload_and_another_device(server: Server, page: Page, browser: Browser) -> None:
    code = begin(page, link(server, "reload"))
    first_step(page, server)
    page.get_by_label("C", exact=True).check()
    page.get_by_label("Explain the answer").press_sequentially("half a wo")
    saved(page)
    page.reload()
    assert page.get_by_label("C", exact=True).is_checked()
    assert page.get_by_label("Explain the answer").input_value() == "half a wo"
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{server.address}/return")
    other.get_by_label(re.compile("return code", re.IGNORECASE)).fill(code.lower())
    other.get_by_role("main").get_by_role("button").click()
    other.goto(f"{server.address}/step/1")
    assert other.get_by_label("Explain the answer").input_value() == "half a wo"
    context.close()


def test_back_and_forth(server: Server, page: Page) -> None:
    begin(page, link(server, "back"))
    first_step(page, server)
    for number in (1, 2):
        page.get_by_label("A", exact=True).check()
        page.get_by_label("Explain the answer").fill(f"word {number}")
        page.get_by_role("button", name="Save and go on").click()
        page.wait_for_url(f"**/step/{number + 1}")
    turn_back(page)
    page.wait_for_url("**/step/2")
    assert page.get_by_label("Explain the answer").input_value() == "word 2"
    page.get_by_label("B", exact=True).check()
    saved(page)
    page.get_by_role("button", name="Back", exact=True).click()
    page.wait_for_url("**/step/1")
    assert page.get_by_label("A", exact=True).is_checked()
    page.goto(f"{server.address}/step/2")
    assert page.get_by_label("B", exact=True).is_checked()


def test_a_lost_connection_loses_nothing(server: Server, page: Page) -> None:
    begin(page, link(server, "offline"))
    first_step(page, server)
    page.get_by_label("D", exact=True).check()
    saved(page)
    page.context.set_offline(True)
    page.get_by_label("Explain the answer").press_sequentially("typed without a connection")
    page.wait_for_selector("#saving[data-state=failed]", state="attached")
    assert "no connection" in page.locator("#status").inner_text()
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_timeout(300)
    assert step_of(page) == 1
    assert page.get_by_label("Explain the answer").input_value() == "typed without a connection"
    assert "description" not in load.stored(server.out)["offline"]
    page.context.set_offline(False)
    saved(page)
    assert load.stored(server.out)["offline"]["description"][0] == "typed without a connection"


def test_the_server_is_killed_while_somebody_writes(server: Server, page: Page) -> None:
    begin(page, link(server, "killed"))
    first_step(page, server)
    server.kill()
    page.get_by_label("B", exact=True).check()
    page.get_by_label("Explain the answer").press_sequentially("the server is away")
    page.wait_for_selector("#saving[data-state=failed]", state="attached")
    server.start()
    saved(page)
    assert load.stored(server.out)["killed"]["description"][0] == "the server is away"


def test_two_readers_at_once(server: Server, browser: Browser) -> None:
    pages = []
    for name in ("left", "right"):
        own = browser.new_context().new_page()
        begin(own, link(server, name))
        first_step(own, server)
        pages.append(own)
    sources = [set(own.locator("img").evaluate_all("all => all.map(one => one.src)")) for own in pages]
    assert not sources[0] & sources[1]
    for number in range(1, 4):
        for own, letter in zip(pages, "AB", strict=True):
            own.get_by_label(letter, exact=True).check()
            own.get_by_label("Explain the answer").fill(f"{letter}{number}")
        for own in pages:
            own.get_by_role("button", name="Save and go on").click()
        for own in pages:
            own.wait_for_url(f"**/step/{number + 1}")
    stored = load.stored(server.out)
    assert (stored["left"]["choice"][0], stored["left"]["description"][0]) == ("A", "A1")
    assert (stored["right"]["choice"][0], stored["right"]["description"][0]) == ("B", "B1")
    for own in pages:
        own.context.close()


def test_a_used_link_is_explained(server: Server, page: Page, browser: Browser) -> None:
    used = link(server, "used")
    begin(page, used)
    other = browser.new_context().new_page()
    response = other.goto(used)
    assert response is not None
    assert response.status == 410
    assert "return code" in other.get_by_role("main").inner_text()
    assert browsing.violations(other) == []
    other.context.close()


def test_an_expired_link_is_explained(server: Server, page: Page) -> None:
    load.expire(server.out, "expired")
    response = page.goto(link(server, "expired"))
    assert response is not None
    assert response.status == 410
    assert "does not work any more" in page.get_by_role("heading").inner_text()
    assert "new link" in page.get_by_role("main").inner_text()


def test_images_move_together_and_can_be_plain(server: Server, page: Page) -> None:
    begin(page, link(server, "viewer"))
    first_step(page, server)
    # Panels differ by fractions of a pixel: the place in the image is compared, in shares of the panel.
    transform = """all => new Set(all.map((one) => {
      const m = new DOMMatrix(getComputedStyle(one).transform);
      return [m.a, m.e / one.clientWidth, m.f / one.clientHeight].map((v) => v.toFixed(2)).join();
    })).size"""
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".stage img").evaluate_all(transform) == 1
    first = page.locator(".stage img").first.evaluate("one => getComputedStyle(one).transform")
    assert first != "none"
    box = page.locator(".stage").nth(2).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.up()
    assert page.locator(".stage img").evaluate_all(transform) == 1
    assert page.locator(".stage img").first.evaluate("one => getComputedStyle(one).transform") != first
    opacity = "all => all.map(one => getComputedStyle(one).opacity)"
    assert set(page.locator("img.map").evaluate_all(opacity)) == {"0.5"}
    page.get_by_label("Heat-maps", exact=True).fill("80")
    assert set(page.locator("img.map").evaluate_all(opacity)) == {"0.8"}
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    assert not page.locator("img.map").first.is_visible()
    page.keyboard.press("p")
    page.reload()
    page.wait_for_selector("#tools:not([hidden])")
    assert set(page.locator("img.map").evaluate_all(opacity)) == {"0.8"}  # remembered


def test_panels_and_choice_are_in_view_together(server: Server, page: Page) -> None:
    begin(page, link(server, "view"))
    first_step(page, server)
    page.evaluate("scrollTo(0, 0)")
    for radio in page.locator("fieldset.choice input[type=radio]").all():
        box = radio.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < browsing.LAPTOP["height"]


def test_the_administrators_pages(server: Server, page: Page) -> None:
    """Each of them is free of what axe finds and fits a tablet; none tells a model while the study is blind."""
    page.goto(f"{server.address}/admin/")
    assert "sign-in" in page.url
    problems = browsing.violations(page)
    page.get_by_label("Name").fill(browsing.NAME)
    page.get_by_label("Password").fill(browsing.PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    for name in (
        "",
        "sheet",
        "information",
        "readers",
        "results",
        "export",
        "backup",
        "log",
        "checks",
        "plan",
        "unblind",
        "administrators",
        "password",
    ):
        page.goto(f"{server.address}/admin/{name}")
        problems += browsing.violations(page)
        for width in (768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            if browsing.sideways(page):
                problems.append(f"{page.url} is wider than {width} pixels")
        told = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content()).lower()
        problems += [f"{page.url} tells {word}" for word in ("resnet", "cbam") if word in told]
    assert problems == []


def test_headers_of_static_files(server: Server, page: Page) -> None:
    response = page.request.get(f"{server.address}/static/reading/style.css")
    assert response.ok
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not page.request.get(f"{server.address}/static/../settings.py").ok


def test_the_server_writes_no_secret_into_its_log(server: Server) -> None:
    log = (server.out.parent / "server.log").read_text(encoding="utf-8")
    assert "serving" in log
    assert server.first_link() not in log
    assert "invitation/" not in log


def test_unblinding_at_the_end(server: Server, page: Page, tmp_path: Path) -> None:
    """The last test of the file: answers are locked from here on."""
    page.goto(f"{server.address}/admin/sign-in")
    page.get_by_label("Name").fill(browsing.NAME)
    page.get_by_label("Password").fill(browsing.PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.goto(f"{server.address}/admin/unblind")
    page.get_by_label(re.compile("assword")).fill("not the password at all")
    page.get_by_role("main").get_by_role("button").last.click()
    assert not (server.out / "reading" / "results").exists()
    page.get_by_label(re.compile("assword")).fill(browsing.PASSWORD)
    for box in page.get_by_role("main").get_by_role("checkbox").all():
        box.check()
    page.get_by_role("main").get_by_role("button").last.click()
    page.goto(f"{server.address}/admin/results")
    assert "ResNet-18" in page.content()
    assert browsing.violations(page) == []
    assert (server.out / "reading" / "results" / "results.json").is_file()
    link_told = foveate("reading", "invite", server.out, "--name", "late", check=False)
    assert link_told.returncode == 1
    assert "locked" in link_told.stderr
    told = foveate("reading", "results", server.out)
    assert "ResNet-18" in told.stdout
    archive = tmp_path / "answers.zip"
    foveate("reading", "export", server.out, "--to", archive)
    assert archive.stat().st_size > 0
