"""A study in use with a backup of it, and a process that has its application ready: for tests of backups."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Rows = dict[str, list[dict[str, Any]]]

_BEGIN = """
import contextlib, io, json, sys, threading
from pathlib import Path
from foveate.commands import reading as commands_reading
from foveate.reading.site import server

place = Path(sys.argv[1])

def said(command, *arguments):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            command(*arguments)
        except SystemExit as end:
            return end.code, text.getvalue()
    return 0, text.getvalue()
"""
_READY = """
server.prepare(place)
from foveate.reading.site import accounts, audit, backup, enrolment, restoring, saving, schema, state
from foveate.reading.site.models import *

def rows():
    assert audit.broken_at() is None
    models = backup.models_at(schema.applied()).values()
    found = {own.__name__: list(own._default_manager.order_by("pk").values()) for own in models}
    return json.loads(json.dumps(found, default=str))

def answer(name, place, **given):
    reader = Reader.objects.get(pseudonym=name)
    showing = reader.showings.get(place=place)
    saving.save(reader, showing, saving.read_page(saving.open_page(showing), showing), given, 1, 10)
"""
# A study in use; a backup; what happens after it.
MADE = """
accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", "a long and quiet sentence")
state.confirm_sheet("administrator:1")
for name in ("reader-1", "reader-2", "reader-3"):
    reader, token = enrolment.invite(name, None, "administrator:1")
    enrolment.redeem(token)
    Reader.objects.filter(pk=reader.pk).update(consent=state.consent(), consented_at="2026-01-02T03:04:05.678901Z")
    enrolment.enrol(reader)
    answer(name, 1, choice="A", description="Übung \\u202e 'quoted' \\n two lines")
    answer(name, 2, choice="none")
answer("reader-1", 3, choice="cannot judge", description="x" * 10_000)
enrolment.withdraw(reader)
enrolment.invite("reader-4", None, "administrator:1")
state.put_in_consent("administrator:1", "The second version.")

told = {"written": said(commands_reading.backup, place, None), "rows": rows()}
told["refused"] = said(commands_reading.backup, place, place / "cases.csv")
assert rows() == told["rows"]  # and no word of it in the log
told["erased"] = said(commands_reading.erase, place, "reader-2", True)
"""
# Another backup, and while it is made a save that comes between two tables.
BETWEEN = """
from django.db import connection

def save():
    try:
        answer("reader-4", 1, choice="B")
    finally:
        connection.close()

class Slow(dict):
    def values(self):
        for label, own in self.items():
            if label == "reading.Visit":  # the replies are read, the visits are not
                writer.start()
                writer.join(0.5)
            yield own

enrolment.enrol(Reader.objects.get(pseudonym="reader-4"))
writer = threading.Thread(target=save)
found = Slow(backup.models_at(schema.applied()))
backup.models_at = lambda migrations: found
backup.write(place.parent / "between.zip", audit.COMMAND)
writer.join()
assert Reply.objects.filter(showing__reader__pseudonym="reader-4").exists()
print(json.dumps(told))
"""


def within(place: Path, code: str, *arguments: str | Path, before: str = "") -> Any:
    """What a process prints, as JSON, that has this study's application ready; `before` runs before it is."""
    command = [sys.executable, "-c", _BEGIN + before + _READY + code, str(place), *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Made:
    """A study in use, a backup of it, and what it held then."""

    place: Path
    file: Path
    rows: Rows
    told: dict[str, Any]  # exit status and output of the commands


def altered(file: Path, to: Path, change: Callable[[dict[str, Any], list[Any]], object]) -> Path:
    """The backup with another content, and its seal as it was."""
    with zipfile.ZipFile(file) as archive:
        about, answers = json.loads(archive.read("about.json")), json.loads(archive.read("answers.json"))
        seal = archive.read("seal")
    change(about, answers)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", json.dumps(about))
        archive.writestr("answers.json", json.dumps(answers))
        archive.writestr("seal", seal)
    return to


def rows_of(answers: list[Any], model: str) -> list[Any]:
    return [row for row in answers if row["model"] == f"reading.{model}"]
