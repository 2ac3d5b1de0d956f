"""A study goes on with a newer foveate: `serve` alone upgrades it, after a backup; others say what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting
from tests.reading.site.backed_up import within
from tests.reading.site.hosting import Server, foveate

# A study as the first two migrations have it, in use, with a log by the rule of that time. Run in a process of its own.
_OLD = """
import hashlib, json, sys
from pathlib import Path
from foveate.reading.site import deployment
place = Path(sys.argv[1])
deployment.set_up(place)
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from foveate.reading import package
from foveate.reading.cases_and_key import read_cases

def executor():
    return MigrationExecutor(connection)

first = ("reading", "0002_log_stays")
targets = [node for node in executor().loader.graph.leaf_nodes() if node[0] != "reading"]
executor().migrate([*targets, first])
apps = executor().loader.project_state([*targets, first]).apps
of = lambda name: apps.get_model("reading", name).objects
now = "2026-01-02T03:04:05.678901+00:00"
of("StudyState").create(fingerprint=package.fingerprint(place), sheet_confirmed_at=now)
text = (place / "consent.txt").read_text(encoding="utf-8").strip()
consent = of("ConsentText").create(version=1, text=text, sha256=hashlib.sha256(text.encode()).hexdigest(), draft=False)
apps.get_model("auth", "User").objects.create(
    username="Ada Lovelace", password=make_password("a long and quiet sentence"))
case = next(own for own in read_cases(place) if own.practice)
files = sorted(own.stem for own in (place / "images").iterdir())
others = [name for name in files if name != case.name][:4]
for number in (1, 2):
    reader = of("Reader").create(public_id=f"{number:012x}", pseudonym=f"reader-{number}", dataset=case.dataset,
        consent=consent, consented_at=now, enrolled_at=now, speciality="radiology", years="5-9",
        return_code_hash=f"{number:064x}")
    of("Invitation").create(reader=reader, token_hash=f"{number:064x}", expires_at=now, redeemed_at=now)
    showing = of("Showing").create(reader=reader, place=1, kind="practice", case=case.name)
    of("Showing").create(reader=reader, place=2, kind="end", case="")
    for letter, file in zip(["", "A", "B", "C", "D"], [case.name, *others]):
        of("Slot").create(showing=showing, letter=letter, file=file, token=f"token-{number}{letter}")
    for question, value in (("choice", "B"), ("description", "words of then")):
        of("Reply").create(showing=showing, question=question, value=value, page="page", sequence=3, revisions=2,
            first_saved_at=now, saved_at=now)
    of("Visit").create(showing=showing, page="page", opened_at=now, active_ms=1234, saved_at=now)
previous = "0" * 64
for number in range(3):
    digest = hashlib.sha256("\\0".join([now, "command", f"deed {number}", "", previous]).encode()).hexdigest()
    of("AuditEntry").create(
        at=now, actor="command", action=f"deed {number}", subject="", previous=previous, digest=digest)
    previous = digest
"""
_TABLES = ("studystate", "consenttext", "reader", "invitation", "showing", "slot", "reply", "visit")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """OUT of a study as the first version with a reader study left it."""
    out = hosting.make_study(tmp_path, cases=4)
    (out / "reading" / "key" / "secret").unlink()  # which it had not
    with hosting.database() as address:
        deployment.save(out / "reading", Deployment(database=address))
        done = subprocess.run([sys.executable, "-c", _OLD, str(out / "reading")], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        yield out


def stored(out: Path, columns_of: dict[str, list[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables that there were at first, read without the application."""
    found = {}
    with closing(_connected(out)) as own:
        cursor = own.cursor()
        for table in _TABLES:
            cursor.execute(f"SELECT * FROM reading_{table} ORDER BY id")
            names = [column[0] for column in cursor.description]
            kept = columns_of[table] if columns_of else names
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            found[table] = [{name: str(row[name]) for name in kept} for row in rows]
    return found


def _connected(out: Path) -> Any:
    address = deployment.load(out / "reading").database
    if address is None:
        return sqlite3.connect(out / "reading" / deployment.DATABASE)
    import psycopg

    return psycopg.connect(address)


def migrations(out: Path) -> list[str]:
    with closing(_connected(out)) as own:
        cursor = own.cursor()
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted(f"{app}.{name}" for app, name in cursor.fetchall())


def columns(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {table: list(own[0]) for table, own in rows.items()}


OLDER = "error: the database was made by an older foveate: start `foveate reading serve` once, which writes a backup"


def test_other_commands_leave_an_older_database_as_it_is(old: Path) -> None:
    before, names = stored(old), migrations(old)
    for command in (
        ["invite", "--name", "reader-9"], ["results"], ["export"], ["erase", "--name", "reader-1", "--yes"],
        ["admin", "--reset"],
    ):  # fmt: skip
        done = foveate("reading", command[0], old, *command[1:], check=False)
        assert (done.returncode, done.stderr[: len(OLDER)]) == (1, OLDER), done.stderr
    done = foveate("reading", "doctor", old, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"bad   {OLDER.removeprefix('error: ')}" in done.stdout
    assert "key/secret is missing" in done.stdout  # the upgrade makes it
    assert migrations(old) == names
    assert stored(old) == before


def test_an_older_study_can_be_backed_up_before_its_upgrade(old: Path, tmp_path: Path) -> None:
    before, names = stored(old), migrations(old)
    done = foveate("reading", "backup", old, "--to", tmp_path / "before.zip")
    assert f"written: {tmp_path / 'before.zip'}, 2 readers\n" in done.stdout
    assert "It has no seal" in done.stdout  # the study has no secret yet
    assert (migrations(old), stored(old)) == (names, before)
    about = _about(tmp_path / "before.zip")
    assert about["migrations"] == names
    assert not (old / "reading" / "key" / "secret").exists()


def _about(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        found: dict[str, Any] = json.loads(archive.read("about.json"))
        return found


def test_serve_upgrades_after_a_backup(old: Path) -> None:
    before, names = stored(old), migrations(old)
    server = Server(old)
    server.start()
    server.stop()
    log = (old.parent / "server.log").read_text(encoding="utf-8")
    (backup,) = (old / "reading" / "backups").iterdir()
    assert backup.name.startswith("before-upgrade-")
    assert f"upgraded to this version; a backup from before: {backup}" in " ".join(log.split())
    assert _about(backup)["migrations"] == names
    with zipfile.ZipFile(backup) as archive:
        assert "seal" in archive.namelist()
    assert stored(old, columns(before)) == before
    assert set(migrations(old)) > set(names)
    assert (old / "reading" / "key" / "secret").stat().st_mode & 0o777 == 0o600
    said = foveate("reading", "doctor", old, check=False).stdout
    assert "good  answers and administrators' accounts are as foveate stored them" in said
    assert "good  the log hangs together, and lacks nothing of its copy" in said
    assert "bad" not in said
    again = (old / "reading" / "key" / "secret").read_bytes()
    server.start()  # and nothing is done twice
    server.stop()
    assert len(list((old / "reading" / "backups").iterdir())) == 1
    assert (old / "reading" / "key" / "secret").read_bytes() == again


_RESTORE = """
told = {"restored": said(commands_reading.restore, place, Path(sys.argv[2]), None, sys.argv[3] == "unsealed")}
"""
_AFTER = """
told["rows"] = rows()
told["doctor"] = said(commands_reading.doctor, place)[1]
print(json.dumps(told))
"""


@pytest.mark.parametrize("sealed", ["sealed", "unsealed"])
def test_an_older_backup_comes_back_in_todays_shape(old: Path, tmp_path: Path, sealed: str) -> None:
    before = stored(old)
    if sealed == "unsealed":  # made before the upgrade, by hand
        file = tmp_path / "before.zip"
        foveate("reading", "backup", old, "--to", file)
        _as_the_first_version_wrote_it(file)
    else:
        server = Server(old)
        server.start()
        server.stop()
        (file,) = (old / "reading" / "backups").iterdir()
    moved = shutil.copytree(old / "reading", tmp_path / "moved", ignore=shutil.ignore_patterns("database*", "secrets"))
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        refused = foveate("reading", "restore", moved, file, check=False) if sealed == "unsealed" else None
        told = within(moved, _AFTER, file, sealed, before=_RESTORE)
    if refused is not None:
        assert f"error: {file} has no seal: it is from before backups had one, or it was taken out." in refused.stderr
    assert told["restored"][0] == 0, told["restored"]
    rows = {name.lower(): own for name, own in told["rows"].items()}
    for table in ("consenttext", "showing", "slot", "reply", "visit"):
        found = [{name: row[name] for name in before[table][0]} for row in rows[table]]
        assert [list(map(_comparable, own.values())) for own in found] == [
            list(map(_comparable, own.values())) for own in before[table]
        ]
    assert [row["pseudonym"] for row in rows["reader"]] == ["reader-1", "reader-2"]
    assert rows["user"][0]["username"] == "Ada Lovelace"
    assert "good  answers and administrators' accounts are as foveate stored them" in told["doctor"]
    assert "good  the log hangs together" in told["doctor"]


def _comparable(value: object) -> str:
    """The two databases and JSON write times and truth in ways of their own."""
    return {"0": "False", "1": "True"}.get(str(value), str(value).replace("T", " ").removesuffix("+00:00"))


def _as_the_first_version_wrote_it(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        about, rows = json.loads(archive.read("about.json")), archive.read("answers.json")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "about.json", json.dumps({name: about[name] for name in ("fingerprint", "made_at", "readers")})
        )
        archive.writestr("answers.json", rows)


def test_a_newer_database_is_refused_by_name(tmp_path: Path) -> None:
    """Also where this version has nothing that the database lacks."""
    out = hosting.make_study(tmp_path, cases=4)
    with hosting.serving(out) as server:
        server.stop()
        with closing(_connected(out)) as own:
            own.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('reading', '0999_later', CURRENT_TIMESTAMP)"
            )
            own.commit()
        before, names = stored(out), migrations(out)
        newer = (
            "error: the database was made by a newer foveate: it has the migration reading.0999_later, which this one "
            "does not know. Use that version, or restore a backup that this one made.\n"
        )
        for command in (
            ["serve", "--port", str(hosting.free_port())], ["invite", "--name", "reader-9"], ["results"], ["export"],
            ["backup"], ["erase", "--name", "reader-1", "--yes"], ["admin", "--reset"],
        ):  # fmt: skip
            done = foveate("reading", command[0], out, *command[1:], check=False)
            assert (done.returncode, done.stderr) == (1, newer), command
        assert f"bad   {newer.removeprefix('error: ')}" in foveate("reading", "doctor", out, check=False).stdout
        assert (stored(out), migrations(out)) == (before, names)
        assert not (out / "reading" / "backups").exists()


def test_an_upgrade_that_fails_leaves_its_backup_and_says_so(old: Path) -> None:
    """The key's folder is needed at the upgrade, and is away."""
    (old / "reading" / "key").rename(old / "elsewhere")
    before, names = stored(old), migrations(old)
    done = foveate("reading", "serve", old, "--port", hosting.free_port(), check=False)
    assert done.returncode == 1
    key = old / "reading" / "key"
    assert f"error: {key} is away: put it back for this start; afterwards it may be elsewhere.\n" == done.stderr
    assert (stored(old), migrations(old)) == (before, names)
