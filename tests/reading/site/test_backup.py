"""What is backed up comes back whole, into either database; what is no backup of this study changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting, load
from tests.reading.site.hosting import foveate

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
from foveate.reading.site import accounts, audit, backup, enrolment, saving, state
from foveate.reading.site.models import *

def rows():
    assert audit.broken_at() is None
    found = {own.__name__: list(own._default_manager.order_by("pk").values()) for own in backup.MODELS}
    return json.loads(json.dumps(found, default=str))

def answer(name, place, **given):
    reader = Reader.objects.get(pseudonym=name)
    showing = reader.showings.get(place=place)
    saving.save(reader, showing, saving.read_page(saving.open_page(showing), showing), given, 1, 10)
"""
# A study in use; a backup; what happens after it.
_MADE = """
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
_BETWEEN = """
from django.db import connection

def save():
    try:
        answer("reader-4", 1, choice="B")
    finally:
        connection.close()

class Slow(tuple):
    def __iter__(self):
        for own in super().__iter__():
            if own is Visit:  # the replies are read, the visits are not
                writer.start()
                writer.join(0.5)
            yield own

enrolment.enrol(Reader.objects.get(pseudonym="reader-4"))
writer = threading.Thread(target=save)
backup.MODELS = Slow(backup.MODELS)
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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    place = hosting.make_study(tmp_path_factory.mktemp("backup")) / "reading"
    with hosting.database() as address:
        deployment.save(place, Deployment(database=address))
        told = within(place, _MADE + _BETWEEN)
        rows = told.pop("rows")
        (file,) = (place / "backups").iterdir()
        yield Made(place, file, rows, told)


@pytest.fixture
def moved(made: Made, tmp_path: Path) -> Path:
    """The reading folder on another machine, without its database."""
    copied = shutil.copytree(made.place, tmp_path / "reading", ignore=shutil.ignore_patterns("database*"))
    shutil.rmtree(copied / "secrets")
    return copied


def test_what_the_commands_say(made: Made) -> None:
    written = f"written: {made.file}, 4 readers\nThe key is not in it: keep {made.place / 'key'} in another place.\n"
    assert made.told["written"] == [0, written]
    there = made.place / "cases.csv"
    assert made.told["refused"] == [1, f"error: {there} is there already: give another name.\n"]
    held = f"still in the backup {made.file}: restoring it erases them again"
    assert made.told["erased"] == [0, f"erased: reader-2\n{held}\n"]


def test_a_backup_is_for_its_owner_and_holds_no_key(made: Made) -> None:
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert made.file.parent.stat().st_mode & 0o777 == 0o700
    with zipfile.ZipFile(made.file) as archive:
        assert sorted(archive.namelist()) == ["about.json", "answers.json"]
        content = archive.read("answers.json").decode() + archive.read("about.json").decode()
    key = (made.place / "key" / "key.csv").read_text(encoding="utf-8")
    assert "resnet18" in key
    secrets = (made.place / "secrets" / "secret-key").read_text(encoding="utf-8").strip()
    for told in ("resnet18", "cbam", "lesion", "123456789012", secrets):
        assert told not in content
    assert {row["model"] for row in json.loads(content.partition("]{")[0] + "]")} == {
        "auth.user", "reading.studystate", "reading.consenttext", "reading.reader", "reading.invitation",
        "reading.showing", "reading.slot", "reading.reply", "reading.visit", "reading.auditentry",
    }  # fmt: skip


def kinds() -> list[str]:
    """Into which databases: this run's own, and into PostgreSQL where it is installed."""
    return [hosting.kind(), *(["postgresql"] if hosting.kind() == "sqlite" and hosting.POSTGRESQL else [])]


def without(rows: Rows, reader: int) -> Rows:
    """The rows that stay when a reader is erased."""
    gone = {row["id"] for row in rows["Showing"] if row["reader_id"] == reader}
    return {
        name: [
            row
            for row in own
            if row.get("reader_id") != reader
            and row.get("showing_id") not in gone
            and not (name == "Reader" and row["id"] == reader)
        ]
        for name, own in rows.items()
    }


_RESTORE = """
told = {"restored": said(commands_reading.restore, place, Path(sys.argv[2]), sys.argv[3] or None)}
"""
_AFTER = """
told["rows"] = rows()
told["invited"] = said(commands_reading.invite, place, "reader-5", None, 3)
told["after"] = rows()
told["again"] = said(commands_reading.restore, place, Path(sys.argv[2]), None)
assert rows() == told["after"]
print(json.dumps(told))
"""


@pytest.mark.parametrize("kind", kinds())
def test_what_was_backed_up_comes_back(made: Made, moved: Path, kind: str) -> None:
    with ExitStack() as end:
        database = end.enter_context(hosting.postgresql()) if kind == "postgresql" else ""
        found = within(moved, _AFTER, made.file, database, before=_RESTORE)
    erased = next(row for row in made.rows["Reader"] if row["pseudonym"] == "reader-2")
    status, text = found["restored"]
    assert (status, text[:29]) == (0, "restored: 4 readers, as of 20"), text
    assert f"erased again, as they were after the backup: {erased['public_id']}\n" in text
    log, before = found["rows"].pop("AuditEntry"), made.rows["AuditEntry"]
    expected = without(made.rows, erased["id"])
    del expected["AuditEntry"]
    assert found["rows"] == expected
    assert len(found["rows"]["Reply"]) == 8
    assert len(found["rows"]["ConsentText"]) == 2
    assert log[: len(before)] == before
    assert [row["action"] for row in log[len(before) :]] == ["restored", "reader erased"]
    assert log[len(before)]["previous"] == before[-1]["digest"]
    assert (moved / "erased.csv").read_text(encoding="utf-8").count(erased["public_id"]) == 1
    # And it goes on: rows are counted on, and what is there now is not overwritten.
    assert found["invited"][0] == 0, found["invited"]
    assert found["after"]["Reader"][-1]["id"] > max(row["id"] for row in made.rows["Reader"])
    assert found["again"][0] == 1
    assert found["again"][1].startswith("error: the database holds readers or administrators already")


_RESTORE_EACH = """
from foveate.errors import FoveateError

before, said = rows(), {}
backup._LARGEST = 2**20
for name in sys.argv[2:]:
    try:
        backup.restore(Path(name))
        said[name] = ""
    except FoveateError as error:
        said[name] = str(error)
    assert rows() == before, name
print(json.dumps(said))
"""


def altered(file: Path, to: Path, change: Callable[[dict[str, Any], list[Any]], object]) -> Path:
    """The backup with another content."""
    with zipfile.ZipFile(file) as archive:
        about, answers = json.loads(archive.read("about.json")), json.loads(archive.read("answers.json"))
    change(about, answers)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", json.dumps(about))
        archive.writestr("answers.json", json.dumps(answers))
    return to


def rows_of(answers: list[Any], model: str) -> list[Any]:
    return [row for row in answers if row["model"] == f"reading.{model}"]


def test_what_is_no_backup_changes_nothing(made: Made, moved: Path, tmp_path: Path) -> None:
    data = made.file.read_bytes()
    says: dict[Path, str] = {}

    def file(name: str, content: bytes, said: str = "is no backup of a reader study, or a damaged one") -> None:
        (tmp_path / name).write_bytes(content)
        says[tmp_path / name] = said

    def other(name: str, said: str, change: Callable[[dict[str, Any], list[Any]], object]) -> None:
        says[altered(made.file, tmp_path / name, change)] = said

    says[tmp_path / "missing.zip"] = "cannot read"
    says[tmp_path] = "cannot read"
    file("empty.zip", b"")
    file("words.zip", b"these are words " * 100)
    file("torn.zip", data[: len(data) // 2])
    for at in (40, 400, len(data) // 2, len(data) - 30):  # in both members and in the list of them
        file(f"flipped-{at}.zip", data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("holiday.jpg", "x")
    says[tmp_path / "other.zip"] = "is no backup of a reader study"
    for inner in ("about.json", "answers.json"):
        name = tmp_path / f"bomb-{inner}.zip"
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("about.json", b"{}")
            archive.writestr("answers.json", b"[]")
            archive.filelist.clear()
            archive.NameToInfo.clear()
            for own in ("about.json", "answers.json"):
                archive.writestr(own, b"0" * (2**20 + 1 if own == inner else 1))
        says[name] = "is too large"
    other("another.zip", "is a backup of another reader study", lambda about, _: about.update(fingerprint="0" * 64))
    other("list.zip", "is no backup", lambda about, _: about.pop("readers"))
    other("nothing.zip", "does not hold what it says", lambda _, answers: answers.clear())
    other("reader.zip", "does not hold what it says", lambda about, _: about["readers"].pop())
    other(
        "state.zip",
        "does not hold what it says",
        lambda _, answers: rows_of(answers, "studystate")[0]["fields"].update(fingerprint="0" * 64),
    )
    other("gap.zip", "is damaged", lambda _, answers: answers.remove(rows_of(answers, "showing")[0]))
    other("twice.zip", "is damaged", lambda _, answers: rows_of(answers, "reply")[1].update(
        fields=rows_of(answers, "reply")[0]["fields"])
    )  # fmt: skip
    other("model.zip", "is damaged", lambda _, answers: rows_of(answers, "slot")[0].update(model="reading.none"))
    other("time.zip", "is damaged", lambda _, answers: rows_of(answers, "reply")[0]["fields"].update(saved_at="now"))
    other("log.zip", "its log does not hang together", lambda _, answers: answers.remove(
        rows_of(answers, "auditentry")[2])
    )  # fmt: skip
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        found = within(moved, _RESTORE_EACH, *says)
        (moved / "results").mkdir()  # as unblinding leaves it
        (moved / "results" / "results.json").write_text("{}", encoding="utf-8")
        blind = within(moved, _RESTORE_EACH, made.file)
    assert len(found) == len(says)
    assert "is from before the study was unblinded" in blind[str(made.file)]
    for path, said in says.items():
        assert said in found[str(path)], path.name
        assert path.name in found[str(path)], path.name


# While readers save


def by_model(file: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with zipfile.ZipFile(file) as archive:
        for row in json.loads(archive.read("answers.json")):
            found.setdefault(row["model"].partition(".")[2], []).append(row["fields"] | {"pk": row["pk"]})
    return found


def test_it_is_of_one_moment(made: Made) -> None:
    """A save that comes between two tables is wholly in it or not at all."""
    found = by_model(made.place.parent / "between.zip")
    assert {row["showing"] for row in found["visit"]} == {row["showing"] for row in found["reply"]}


def test_a_backup_while_readers_save(tmp_path: Path) -> None:
    with hosting.serving(hosting.make_study(tmp_path)) as server:
        sessions = load.enrol(server.out, 6)
        known: dict[str, int] = {}
        told = []
        done = threading.Event()

        def act(session: load.Session) -> None:
            while not done.is_set() and session.sent < 55:  # sixty at once are allowed
                session.save(server.port)
                time.sleep(0.05)

        def back_up() -> None:
            try:
                end = time.monotonic() + 60
                while not all(session.acknowledged for session in sessions) and time.monotonic() < end:
                    time.sleep(0.05)
                known.update({session.pseudonym: session.acknowledged for session in sessions})
                told.append(foveate("reading", "backup", server.out, "--to", tmp_path / "a.zip").stdout)
            finally:
                done.set()

        maker = threading.Thread(target=back_up)
        maker.start()
        load.all_at_once(sessions, act)
        maker.join()
        assert told == [f"written: {tmp_path / 'a.zip'}, 6 readers\nThe key is not in it: "
                        f"keep {server.out / 'reading' / 'key'} in another place.\n"]  # fmt: skip
        assert all(session.acknowledged and not session.refused for session in sessions)
    found = by_model(tmp_path / "a.zip")
    names = {row["pk"]: row["pseudonym"] for row in found["reader"]}
    reader = {row["pk"]: names[row["reader"]] for row in found["showing"]}
    stored: dict[str, dict[str, dict[str, Any]]] = {}
    for row in found["reply"]:
        stored.setdefault(reader[row["showing"]], {})[row["question"]] = row
    for name, acknowledged in known.items():
        text, choice = stored[name]["description"], stored[name]["choice"]
        assert text["value"] == f"{name}: {text['sequence']}"
        assert choice["sequence"] == text["sequence"] >= acknowledged > 0
    assert {reader[row["showing"]] for row in found["visit"]} == set(stored)
