"""The administrator's forms that arrive at the same moment, and those of readers that cross them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.reading.site import people
from tests.reading.site.browsing import NAME, PASSWORD
from tests.reading.site.hosting import Server, foveate
from tests.reading.site.people import ABOUT, answered, begun, enrolled, invited, leads, number_of, statuses, twice
from tests.reading.site.web_client import Answer, WebClient, at_once

ROUNDS = 3  # the moment is met by chance
PROMISE = {"password": PASSWORD, "sure": "yes", "looked": "yes"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with people.study(tmp_path_factory.mktemp("parallel")) as it:
        yield it


@pytest.fixture
def admin(server: Server) -> WebClient:
    return people.administrator(server)


def invitation(name: str) -> dict[str, str]:
    return {"pseudonym": name, "dataset": "mri", "days": "30"}


def usable(port: int, answer: Answer) -> bool:
    return answer.link is not None and WebClient(port).get(answer.link).status == 200


def broken(answers: list[Answer]) -> list[str]:
    """What a person would take for a failure of the server, or of the study."""
    return [answer.heading for answer in answers if answer.status >= 500]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_invitation(admin: WebClient, round_: int) -> None:
    one, two = twice(admin, "/admin/readers", admin.form("/admin/readers", **invitation(f"once-{round_}")))
    assert (one.status, two.status) == (200, 200)
    assert one.link == two.link
    assert usable(admin.port, one)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_invitations_under_one_name(admin: WebClient, round_: int) -> None:
    forms = [admin.form("/admin/readers", **invitation(name)) for name in (f"Twin-{round_}", f"twin-{round_}")]
    answers = at_once(*((admin, "/admin/readers", form) for form in forms))
    assert sorted(statuses(answers)) == [200, 400]
    assert ["already" in answer.text for answer in answers if answer.status == 400] == [True]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_new_links(admin: WebClient, round_: int) -> None:
    """The same form twice gives one link; of two forms one link is left."""
    name, old = invited(admin)
    path = f"/admin/readers/{number_of(admin, name)}/link"
    one, two = twice(admin, path, admin.form("/admin/readers"))
    assert (one.status, two.status) == (200, 200)
    assert one.link == two.link
    assert usable(admin.port, one)
    assert WebClient(admin.port).get(old).status == 410
    answers = at_once(*((admin, path, admin.form("/admin/readers")) for _ in range(2)))
    assert not broken(answers)
    assert [usable(admin.port, answer) for answer in answers].count(True) == 1
    assert not usable(admin.port, one)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_code_and_revoking_and_erasing(admin: WebClient, round_: int) -> None:
    name, own, _ = enrolled(admin)
    path = f"/admin/readers/{number_of(admin, name)}"
    one, two = twice(admin, f"{path}/code", admin.form("/admin/readers"))
    assert one.code == two.code
    assert leads(admin.port, one.code)
    assert own.get("/steps").location == "/return"
    answers = twice(admin, f"{path}/revoke", admin.form("/admin/readers"))
    assert not leads(admin.port, one.code)
    answers += twice(admin, f"{path}/erase", admin.form(f"{path}/erase", **PROMISE))
    assert [answer.location for answer in answers] == ["/admin/readers"] * 4


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_information(admin: WebClient, round_: int) -> None:
    """The same form twice is one version, two forms are two."""

    def version() -> int:
        found = re.search(r"<dt>Version</dt><dd>(\d+)", admin.get("/admin/information").text)
        assert found
        return int(found[1])

    before, path = version(), "/admin/information"
    answers = twice(admin, path, admin.form(path, text=f"Text {round_}.", password=PASSWORD))
    assert version() == before + 1
    texts = [f"Text {round_} of {at}." for at in range(2)]
    answers += at_once(*((admin, path, admin.form(path, text=text, password=PASSWORD)) for text in texts))
    assert [answer.location for answer in answers] == [path] * 4
    assert version() == before + 3


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_another_administrators_link(admin: WebClient, round_: int) -> None:
    path = "/admin/administrators"
    one, two = twice(admin, path, admin.form(path, password=PASSWORD))
    assert (one.status, two.status) == (200, 200)
    assert one.first_link == two.first_link
    assert one.first_link is not None
    assert WebClient(admin.port).get(one.first_link).status == 200


def test_ones_own_password(server: Server) -> None:
    """The change ends the session that asked for it: the same form, sent again, comes in with the new password."""
    own, path, new = people.administrator(server), "/admin/password", "seven quiet lamps by a river"
    answers = twice(own, path, own.form(path, password=PASSWORD, new=new, again=new))
    assert {answer.location for answer in answers} <= {"/admin/administrators", "/admin/"}  # changed; come in with it
    for answer in answers:  # whichever of the two a browser keeps
        kept = WebClient(server.port, own.cookies | answer.cookies)
        assert kept.get("/admin/").status == 200
    again = WebClient(server.port)
    assert again.fill("/admin/sign-in", name=NAME, password=PASSWORD).status == 400
    assert own.fill(path, password=new, new=PASSWORD, again=PASSWORD).location == "/admin/administrators"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_signing_in_and_out(server: Server, round_: int) -> None:
    own = WebClient(server.port)
    answers = twice(own, "/admin/sign-in", own.form("/admin/sign-in", name=NAME, password=PASSWORD))
    assert [answer.location for answer in answers] == ["/admin/"] * 2
    assert own.get("/admin/").status == 200
    answers = twice(own, "/admin/sign-out", own.form("/admin/"))
    assert [answer.location for answer in answers] == ["/admin/sign-in"] * 2


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_the_first_link(server: Server, round_: int) -> None:
    foveate("reading", "admin", server.out, "--reset")
    own = WebClient(server.port)
    path = server.first_link().removeprefix(server.address)
    answers = twice(own, path, own.form(path, name="Grace", password=PASSWORD, again=PASSWORD))
    assert [answer.location for answer in answers] == ["/admin/"] * 2
    assert own.get("/admin/").status == 200


# Different forms at once


@pytest.mark.parametrize("round_", range(2))
def test_what_crosses_ends_in_no_failure(admin: WebClient, round_: int) -> None:
    """One after the other would be fine, so both at once are: no deadlock, and nothing that is half done."""
    answers = []
    for deed in ("erase", "revoke", "code"):
        for path, given in (("/step/5", {"go": "finish"}), ("/code", {}), ("/withdraw", {"answers": "delete"})):
            name, own = answered(admin)
            mine = (own, path, own.form(path, **given))
            theirs = f"/admin/readers/{number_of(admin, name)}/{deed}"
            answers += at_once(mine, (admin, theirs, admin.form("/admin/readers", **PROMISE)))
    for deed in ("erase", "revoke", "link"):
        name, own = begun(admin)
        theirs = f"/admin/readers/{number_of(admin, name)}/{deed}"
        mine = (own, "/about-you", own.form("/about-you", **ABOUT))
        answers += at_once(mine, (admin, theirs, admin.form("/admin/readers", **PROMISE)))
    for path, given in (("/leave", {}), ("/withdraw", {"answers": "keep"})):
        _, own, _ = enrolled(admin)
        answers += at_once((own, "/code", own.form("/code")), (own, path, own.form("/withdraw", **given)))
    assert not broken(answers)
    assert "There is nothing here" not in [answer.heading for answer in answers]


def test_what_ends_the_study(admin: WebClient) -> None:
    """Unblinding while the same is asked again, and downloads."""
    answers = twice(admin, "/admin/sheet", admin.form("/admin/sheet", **PROMISE))
    _, own = answered(admin)
    for path in ("/admin/unblind", "/admin/export", "/admin/backup"):
        answers += twice(admin, path, admin.form(path, **PROMISE))
    answers += twice(own, "/step/5", {"page": "x", "go": "finish"})
    assert not broken(answers)
    assert "<h1>Results</h1>" in admin.get("/admin/results").text
