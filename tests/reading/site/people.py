"""Readers and administrators who use the server without a browser, each at their step of the study."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reading.site import hosting, load
from tests.reading.site.browsing import NAME, PASSWORD
from tests.reading.site.hosting import Server
from tests.reading.site.web_client import Answer, WebClient, at_once

ABOUT = {"speciality": "radiology", "years": "5-9", "display": "laptop"}
CASES = 2
LAST = CASES + 3  # the step of the questions at the end, after two for practice
_names = (f"reader-{number}" for number in itertools.count(1))


@contextmanager
def study(path: Path) -> Iterator[Server]:
    """A server with a study that is ready for readers, and an administrator."""
    with hosting.serving(hosting.make_study(path, cases=CASES)) as server:
        load.confirm(server.out)
        own = WebClient(server.port)
        link = server.first_link().removeprefix(server.address)
        assert own.fill(link, name=NAME, password=PASSWORD, again=PASSWORD).location == "/admin/"
        yield server


def administrator(server: Server) -> WebClient:
    own = WebClient(server.port)
    assert own.fill("/admin/sign-in", name=NAME, password=PASSWORD).location == "/admin/"
    return own


def invited(admin: WebClient) -> tuple[str, str]:
    """A new reader's pseudonym, and the link's path."""
    name = next(_names)
    link = admin.fill("/admin/readers", pseudonym=name, dataset="mri", days="30").link
    assert link
    return name, link


def number_of(admin: WebClient, pseudonym: str) -> str:
    """A reader's number in addresses."""
    row = admin.get("/admin/readers").text.partition(f">{pseudonym}</th>")[2].partition("</tr>")[0]
    found = re.search("/admin/readers/([0-9a-f]+)/erase", row)
    assert found
    return found[1]


def begun(admin: WebClient) -> tuple[str, WebClient]:
    """A reader's pseudonym, and a browser at About you."""
    name, link = invited(admin)
    own = WebClient(admin.port)
    assert own.fill(link).location == "/information"
    assert own.fill("/information", agree="yes").location == "/about-you"
    return name, own


def enrolled(admin: WebClient) -> tuple[str, WebClient, str]:
    """A reader's pseudonym, browser and return code."""
    name, own = begun(admin)
    code = own.fill("/about-you", **ABOUT).code
    assert code
    return name, own, code


def answered(admin: WebClient) -> tuple[str, WebClient]:
    """A reader who has only to finish."""
    name, own, _ = enrolled(admin)
    for place in range(1, LAST):
        assert own.fill(f"/step/{place}", choice="A").location == f"/step/{place + 1}"
    return name, own


def twice(own: WebClient, path: str, form: dict[str, str]) -> list[Answer]:
    return at_once((own, path, form), (own, path, form))


def leads(port: int, code: str | None) -> bool:
    """Whether a return code lets a reader in at another device."""
    return WebClient(port).fill("/return", code=code or "").location in ("/steps", "/information", "/about-you")


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]
