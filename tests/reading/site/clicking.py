"""Every button that uses or makes a credential, and whether the person who pressed it has what it gives.

python -m tests.reading.site.clicking TIMES presses each of them twice so many times, in a browser, and prints how often
that was lost.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reading.site import browsing, hosting, load
from tests.reading.site.hosting import Server, foveate
from tests.reading.site.pressing import PRESSES, Press

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Deed = Callable[["Page", Server, str, Press], bool]
CODE = re.compile(r"(?:[2-9A-Z]{4}-){5}[2-9A-Z]{4}")
PATIENCE = 8_000  # ms
LINK = re.compile(r"http://\S+/invitation/[\w-]{43}")


# The buttons


def begins(page: Page, server: Server, link: str, press: Press) -> bool:
    page.goto(link)
    press(page.get_by_role("button", name="Begin"))
    return _arrives(page, "/information") and _opens(page, server, "information")


def enrols(page: Page, server: Server, link: str, press: Press) -> bool:
    _until_about(page, link)
    press(page.get_by_role("main").get_by_role("button"))
    return _code_works(page, server, page.locator("#code"))


def makes_a_code(page: Page, server: Server, link: str, press: Press) -> bool:
    """And stays signed in with it."""
    browsing.begin(page, link)
    page.goto(f"{server.address}/code")
    press(page.get_by_role("button", name="Make a new return code"))
    shown = page.locator("#code")
    return _appears(shown) and _opens(page, server, "steps", back=True) and _code_works(page, server, shown)


def returns(page: Page, server: Server, link: str, press: Press) -> bool:
    code = browsing.begin(page, link)
    page.context.clear_cookies()
    page.goto(f"{server.address}/return")
    page.get_by_label("Your return code").fill(code)
    press(page.get_by_role("main").get_by_role("button"))
    return _arrives(page, "/steps") and _opens(page, server, "code")


def withdraws(page: Page, server: Server, link: str, press: Press) -> bool:
    """And is told so."""
    return _withdraws(page, server, link, press, "Keep them", "Your answers so far are kept")


def deletes(page: Page, server: Server, link: str, press: Press) -> bool:
    return _withdraws(page, server, link, press, "Delete them", "are deleted")


def finishes(page: Page, server: Server, link: str, press: Press) -> bool:
    browsing.begin(page, link)
    page.goto(f"{server.address}/step/1")
    while page.locator("fieldset.choice").count():
        number = browsing.step_of(page)
        page.get_by_label("A", exact=True).check()
        page.get_by_role("button", name="Save and go on").click()
        page.wait_for_url(f"**/step/{number + 1}")
    press(page.get_by_role("button", name="Finish"))
    return _arrives(page, "/done")


def becomes_administrator(page: Page, server: Server, link: str, press: Press) -> bool:
    page.goto(link)
    page.get_by_label("Name").fill(f"Ada {link[-6:]}")
    page.get_by_label("Password", exact=True).fill(browsing.PASSWORD)
    page.get_by_label("The same password again").fill(browsing.PASSWORD)
    press(page.get_by_role("button", name="Set the password"))
    return _arrives(page, "/admin/") and _opens(page, server, "admin/readers")


def signs_in(page: Page, server: Server, name: str, press: Press) -> bool:
    page.goto(f"{server.address}/admin/sign-in")
    page.get_by_label("Name").fill(browsing.NAME)
    page.get_by_label("Password").fill(browsing.PASSWORD)
    press(page.get_by_role("main").get_by_role("button"))
    return _arrives(page, "/admin/") and _opens(page, server, "admin/readers")


def invites(page: Page, server: Server, name: str, press: Press) -> bool:
    _readers(page, server)
    page.get_by_label("Pseudonym").fill(name)
    press(page.get_by_role("button", name="Make a link"))
    return _link_works(page, server)


def makes_a_link(page: Page, server: Server, name: str, press: Press) -> bool:
    _readers(page, server)
    press(page.get_by_role("button", name=f"New link for {name}", exact=True))
    return _link_works(page, server)


def gives_a_code(page: Page, server: Server, name: str, press: Press) -> bool:
    """An administrator makes a return code for a reader who reads."""
    _readers(page, server)
    press(page.get_by_role("button", name=f"New return code for {name}", exact=True))
    return _code_works(page, server, page.locator(".secret"))


def informs(page: Page, server: Server, name: str, press: Press) -> bool:
    """One new version of the information, not two."""
    _readers(page, server)
    page.goto(f"{server.address}/admin/information")
    before = _version(page)
    page.get_by_label("The approved text").fill(f"The text of {name}.")
    page.get_by_label("Your password, again").fill(browsing.PASSWORD)
    press(page.get_by_role("button", name="Put this version in force"))
    shown = page.get_by_label("The text in force").get_by_text(f"The text of {name}.")
    return _appears(shown) and _version(page) == before + 1


BY_LINK: tuple[Deed, ...] = (begins, enrols, makes_a_code, returns, withdraws, deletes, finishes)
BY_NAME: tuple[Deed, ...] = (becomes_administrator, signs_in, invites, informs)  # that no reader has
BY_READER: tuple[Deed, ...] = (makes_a_link, gives_a_code)  # who is invited, or reads
DEEDS = (*BY_LINK, *BY_NAME, *BY_READER)


def _until_about(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("I have read this information").check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Your speciality").select_option("radiology")
    page.locator("select[name=years]").select_option("5-9")
    page.locator("select[name=display]").select_option("laptop")


def _withdraws(page: Page, server: Server, link: str, press: Press, wish: str, says: str) -> bool:
    browsing.begin(page, link)
    page.goto(f"{server.address}/withdraw")
    page.get_by_label(wish).check()
    press(page.get_by_role("main").get_by_role("button"))
    return _appears(page.get_by_text(says))


def _readers(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/admin/sign-in")
    page.get_by_label("Name").fill(browsing.NAME)
    page.get_by_label("Password").fill(browsing.PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/admin/")
    page.goto(f"{server.address}/admin/readers")


def _version(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator("dt:text-is('Version') + dd").inner_text()))


def _arrives(page: Page, address: str) -> bool:
    """Whether the browser comes to an address that ends so, on whichever way."""
    for _ in range(PATIENCE // 100):
        if page.url.endswith(address):
            return True
        page.wait_for_timeout(100)
    return False


def _appears(shown: Locator) -> bool:
    from playwright.sync_api import TimeoutError as Late

    try:
        shown.wait_for(timeout=PATIENCE)
    except Late:
        return False
    return True


def _opens(page: Page, server: Server, address: str, back: bool = False) -> bool:
    """Whether the page is there for this browser, and not the one that asks who it is."""
    own = page.context.new_page() if back else page
    response = own.goto(f"{server.address}/{address}")
    found = own.url.endswith(address) and response is not None and response.ok
    if back:
        own.close()
    return found


def _code_works(page: Page, server: Server, shown: Locator) -> bool:
    found = CODE.search(shown.inner_text()) if _appears(shown) else None
    return found is not None and _leads(page, server, found[0])


def _leads(page: Page, server: Server, code: str) -> bool:
    """Whether a return code lets somebody in at another device."""
    assert page.context.browser
    context = page.context.browser.new_context()
    other = context.new_page()
    other.goto(f"{server.address}/return")
    other.get_by_label("Your return code").fill(code)
    other.get_by_role("main").get_by_role("button").click()
    other.wait_for_load_state()
    there = not other.url.endswith("/return")
    context.close()
    return there


def _link_works(page: Page, server: Server) -> bool:
    shown = page.locator(".secret")
    found = LINK.search(shown.inner_text()) if _appears(shown) else None
    if found is None:
        return False
    assert page.context.browser
    context = page.context.browser.new_context()
    response = context.new_page().goto(found[0])
    context.close()
    return response is not None and response.ok


# All of them


def given(server: Server, browser: Browser, tries: Iterable[tuple[Deed, str]]) -> dict[str, str]:
    """What each deed is given, by the name of its try: a pseudonym, or a link that nobody has used."""
    names = {name: deed for deed, name in tries}
    links = load.invite(server.out, server.address, [name for name, deed in names.items() if deed not in BY_NAME])
    for name, deed in names.items():
        if deed is gives_a_code:
            page = browser.new_page()
            browsing.begin(page, links[name])
            page.close()
    return {name: links[name] if deed in BY_LINK else name for name, deed in names.items()}


def kept(browser: Browser, server: Server, deed: Deed, press: Press, script: bool, given: str) -> bool:
    """Whether a person who presses the deed's button in this way has what it gives."""
    if deed is becomes_administrator:
        foveate("reading", "admin", server.out, "--reset")
        given = server.first_link()
    context = browser.new_context(java_script_enabled=script)
    try:
        return deed(context.new_page(), server, given, press)
    finally:
        context.close()


def main(times: int) -> None:
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        browser = stack.enter_context(browsing.chromium())
        server = stack.enter_context(hosting.serving(hosting.make_study(scratch, cases=2)))
        page = browser.new_page()
        browsing.set_up(page, server)
        page.close()
        tries = {
            (deed, press, script): [f"{deed.__name__}-{press.__name__}-{script}-{at}" for at in range(times)]
            for deed in DEEDS
            for press in PRESSES
            for script in (True, False)
            if press is PRESSES[0] or not script
        }
        known = given(server, browser, [(deed, name) for (deed, _, _), names in tries.items() for name in names])
        for (deed, press, script), names in tries.items():
            found = [kept(browser, server, deed, press, script, known[name]) for name in names]
            how = f"{press.__name__}, {'with' if script else 'without'} scripts"
            print(f"{deed.__name__:22} {how:28} tried {len(found)}, lost {found.count(False)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
