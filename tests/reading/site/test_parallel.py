"""Forms that arrive at the same moment: the same one twice has one answer, and nothing ends in a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reading.site import people
from tests.reading.site.people import ABOUT, answered, begun, enrolled, invited, leads, statuses, twice
from tests.reading.site.web_client import WebClient, at_once

ROUNDS = 3  # the moment is met by chance


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebClient]:
    with people.study(tmp_path_factory.mktemp("parallel")) as server:
        yield people.administrator(server)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_begin(admin: WebClient, round_: int) -> None:
    _, link = invited(admin)
    own = WebClient(admin.port)
    answers = twice(own, link, own.form(link))
    assert [answer.location for answer in answers] == ["/information"] * 2
    for answer in answers:  # whichever of the two the browser keeps
        assert WebClient(admin.port, own.cookies | answer.cookies).get("/information").status == 200
    assert WebClient(admin.port).get(link).status == 410


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_about_you(admin: WebClient, round_: int) -> None:
    _, own = begun(admin)
    one, two = twice(own, "/about-you", own.form("/about-you", **ABOUT))
    assert (one.status, two.status) == (200, 200)
    assert one.code == two.code
    assert leads(admin.port, one.code)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_about_you_on_two_pages(admin: WebClient, round_: int) -> None:
    """One of them shows the code, the other goes on."""
    _, own = begun(admin)
    forms = [own.form("/about-you", **ABOUT) for _ in range(2)]
    answers = at_once(*((own, "/about-you", form) for form in forms))
    assert sorted(statuses(answers)) == [200, 302]
    assert [leads(admin.port, answer.code) for answer in answers if answer.status == 200] == [True]
    assert [answer.location for answer in answers if answer.status == 302] == ["/steps"]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_new_return_code(admin: WebClient, round_: int) -> None:
    _, own, before = enrolled(admin)
    elsewhere = WebClient(admin.port)
    elsewhere.fill("/return", code=before)
    one, two = twice(own, "/code", own.form("/code"))
    assert (one.status, two.status) == (200, 200)
    assert one.code == two.code
    assert leads(admin.port, one.code)
    assert not leads(admin.port, before)
    assert own.get("/steps").status == 200
    assert elsewhere.get("/steps").location == "/return"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_new_return_code_on_two_pages(admin: WebClient, round_: int) -> None:
    """Each shows its own; the later one counts, and the reader is signed in."""
    _, own, _ = enrolled(admin)
    forms = [own.form("/code") for _ in range(2)]
    answers = at_once(*((own, "/code", form) for form in forms))
    assert [answer.status for answer in answers if answer.code] in ([200], [200, 200])
    assert [leads(admin.port, answer.code) for answer in answers].count(True) == 1
    assert own.get("/steps").status == 200


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_finish(admin: WebClient, round_: int) -> None:
    _, own = answered(admin)
    answers = twice(own, "/step/5", own.form("/step/5", summary="all in all", go="finish"))
    assert [answer.location for answer in answers] == ["/done"] * 2


@pytest.mark.parametrize(("wish", "says"), [("keep", "are kept for the study"), ("delete", "are deleted")])
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_withdraw(admin: WebClient, wish: str, says: str, round_: int) -> None:
    _, own, _ = enrolled(admin)
    for answer in twice(own, "/withdraw", own.form("/withdraw", answers=wish)):
        assert (answer.status, says in answer.text) == (200, True)
    assert own.get("/steps").location == "/return"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_return(admin: WebClient, round_: int) -> None:
    _, _, code = enrolled(admin)
    own = WebClient(admin.port)
    answers = twice(own, "/return", own.form("/return", code=code))
    assert [answer.location for answer in answers] == ["/steps"] * 2
    assert own.get("/steps").status == 200


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_agree_and_save_and_leave(admin: WebClient, round_: int) -> None:
    _, link = invited(admin)
    own = WebClient(admin.port)
    own.fill(link)
    answers = twice(own, "/information", own.form("/information", agree="yes"))
    own.fill("/about-you", **ABOUT)
    answers += twice(own, "/step/1", own.form("/step/1", choice="A", description="words"))
    answers += twice(own, "/leave", own.form("/code"))
    where = ["/about-you", "/about-you", "/step/2", "/step/2", "/return", "/return"]
    assert [answer.location for answer in answers] == where
