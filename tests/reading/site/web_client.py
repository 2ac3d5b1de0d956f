"""A browser of a few lines, for requests that leave at the same moment."""

from __future__ import annotations

import http.client
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from tests.reading.site.clicking import CODE, LINK


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    location: str
    text: str = field(repr=False)
    cookies: dict[str, str] = field(repr=False)

    @property
    def heading(self) -> str:
        found = re.search("<h1>(.*?)</h1>", self.text, re.DOTALL)
        return found[1] if found else ""

    @property
    def code(self) -> str | None:
        found = CODE.search(self.text)
        return found[0] if found else None

    @property
    def link(self) -> str | None:
        found = LINK.search(self.text)
        return urllib.parse.urlsplit(found[0]).path if found else None

    @property
    def first_link(self) -> str | None:
        """Of an administrator."""
        found = re.search(r"/admin/first/[\w-]{43}", self.text)
        return found[0] if found else None


@dataclass
class WebClient:
    """One person's browser at a server of this machine."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        return self._keep(self._ask("GET", path, None))

    def form(self, path: str, **given: str) -> dict[str, str]:
        """The page's form as it would be sent, filled in."""
        page = self.get(path).text
        found = {}
        for name in ("csrfmiddlewaretoken", "form", "page", "version"):
            value = re.search(rf'name="{name}" value="([^"]*)"', page)
            if value:
                found[name] = value[1]
        return {"sequence": "1", **found, **given}

    def post(self, path: str, form: dict[str, str]) -> Answer:
        return self._keep(self._ask("POST", path, form))

    def fill(self, path: str, **given: str) -> Answer:
        """Open the page and send its form."""
        return self.post(path, self.form(path, **given))

    def _keep(self, answer: Answer) -> Answer:
        self.cookies = {name: value for name, value in (self.cookies | answer.cookies).items() if value}
        return answer

    def _ask(self, method: str, path: str, form: dict[str, str] | None) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, urllib.parse.urlencode(form) if form is not None else None, headers)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        finally:
            connection.close()
        given = SimpleCookie()
        for line in answer.headers.get_all("Set-Cookie") or []:
            given.load(line)
        cookies = {name: morsel.value for name, morsel in given.items()}
        return Answer(answer.status, answer.getheader("Location") or "", body, cookies)


Sending = tuple[WebClient, str, dict[str, str]]


def at_once(*sendings: Sending) -> list[Answer]:
    """Send forms from the same moment on; a browser then has the cookies of the last of its answers."""
    gate = threading.Barrier(len(sendings))
    answers: list[Answer | None] = [None] * len(sendings)

    def send(at: int, who: WebClient, path: str, form: dict[str, str]) -> None:
        gate.wait()
        answers[at] = who._ask("POST", path, form)

    threads = [threading.Thread(target=send, args=(at, *own)) for at, own in enumerate(sendings)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (who, _, _), answer in zip(sendings, answers, strict=True):
        assert answer is not None
        who._keep(answer)
    return [answer for answer in answers if answer is not None]
