"""A study that was begun is not begun again by mistake: an emptied, removed or other database is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from foveate.errors import FoveateError
from foveate.reading.site import begun, deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting
from tests.reading.site.backed_up import within
from tests.reading.site.hosting import foveate

SQLITE = hosting.kind() == "sqlite"
only_sqlite = pytest.mark.skipif(not SQLITE, reason="is about SQLite's file")
_BEGIN = """
if not accounts.exist():
    accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", "a long and quiet sentence")
    state.confirm_sheet(audit.COMMAND)
print(json.dumps([state.state().mark, state.state().fingerprint]))
"""
_EMPTY = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("DROP SCHEMA public CASCADE")
    cursor.execute("CREATE SCHEMA public")
print("null")
"""


@dataclass(frozen=True)
class Begun:
    """A study that is set up, with a backup."""

    place: Path
    mark: str
    backup: Path

    @property
    def out(self) -> Path:
        return self.place.parent

    @property
    def database(self) -> Path:
        return self.place / deployment.DATABASE

    @property
    def file(self) -> Path:
        return begun.path(self.place)


@pytest.fixture
def begun_study(tmp_path: Path) -> Iterator[Begun]:
    place = hosting.make_study(tmp_path, cases=4) / "reading"
    with hosting.database() as address:
        deployment.save(place, Deployment(database=address))
        mark, _ = within(place, _BEGIN)
        backup = tmp_path / "backup.zip"
        foveate("reading", "backup", place, "--to", backup)
        yield Begun(place, mark, backup)


def empty(study: Begun, how: str) -> None:
    if not SQLITE:
        within(study.place, _EMPTY)
        return
    for file in study.place.glob(f"{deployment.DATABASE}*"):
        file.unlink()
    if how == "emptied":
        study.database.touch(mode=0o600)


def test_the_mark_stands_beside_the_database_and_in_it(begun_study: Begun) -> None:
    kept = json.loads(begun_study.file.read_text(encoding="utf-8"))
    assert kept["mark"] == begun_study.mark
    assert len(begun_study.mark) == 32
    assert begun_study.file.stat().st_mode & 0o777 == 0o600
    assert within(begun_study.place, _BEGIN) == [kept["mark"], kept["fingerprint"]]


@pytest.mark.parametrize("how", ["emptied", "removed"] if SQLITE else ["emptied"])
def test_an_empty_database_is_refused_and_can_be_restored(begun_study: Begun, how: str) -> None:
    empty(begun_study, how)
    port = str(hosting.free_port())
    for command in (["serve", "--port", port], ["backup"]):
        done = foveate("reading", command[0], begun_study.out, *command[1:], check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error: the study was begun on 20" in done.stderr
        assert f"`foveate reading restore {begun_study.place} FILE`" in done.stderr
        assert f"remove {begun_study.file}" in done.stderr
        assert done.stderr.count("\n") == 1
    if SQLITE:  # nothing was made of it
        assert begun_study.database.exists() == (how == "emptied")
        assert how == "removed" or begun_study.database.stat().st_size == 0
    told = foveate("reading", "doctor", begun_study.out, check=False)
    assert told.returncode == 1
    assert "bad   the study was begun on 20" in told.stdout
    assert told.stderr == ""
    restored = foveate("reading", "restore", begun_study.out, begun_study.backup)
    assert restored.stdout.startswith("restored: 0 readers")
    assert within(begun_study.place, _BEGIN)[0] == begun_study.mark
    assert "good  the database is that of this study" in foveate("reading", "doctor", begun_study.out).stdout


def test_it_is_begun_anew_on_purpose(begun_study: Begun) -> None:
    empty(begun_study, "emptied")
    begun_study.file.unlink()
    (mark, _) = within(begun_study.place, _BEGIN)
    assert mark != begun_study.mark
    assert json.loads(begun_study.file.read_text(encoding="utf-8"))["mark"] == mark
    # A backup of the study before is restored all the same, and is what goes on.
    empty(begun_study, "emptied")
    foveate("reading", "restore", begun_study.out, begun_study.backup)
    assert within(begun_study.place, _BEGIN)[0] == begun_study.mark


def test_a_restore_that_fails_leaves_no_new_study(begun_study: Begun) -> None:
    empty(begun_study, "emptied")
    junk = begun_study.place.parent / "junk.zip"
    junk.write_bytes(b"PK")
    assert foveate("reading", "restore", begun_study.out, junk, check=False).returncode == 1
    done = foveate("reading", "invite", begun_study.out, "--name", "a", check=False)
    assert "the study was begun on" in done.stderr
    foveate("reading", "restore", begun_study.out, begun_study.backup)


def test_a_folder_of_an_older_version_gets_a_mark(begun_study: Begun) -> None:
    within(begun_study.place, "StudyState.objects.update(mark='')\nprint('null')")
    begun_study.file.unlink()
    (mark, _) = within(begun_study.place, _BEGIN)
    assert mark not in ("", begun_study.mark)
    assert json.loads(begun_study.file.read_text(encoding="utf-8"))["mark"] == mark


@only_sqlite
def test_another_database_of_the_same_study_is_refused(begun_study: Begun, tmp_path: Path) -> None:
    other = shutil.copytree(
        begun_study.place, tmp_path / "other", ignore=shutil.ignore_patterns("database*", "secrets")
    )
    within(other, _BEGIN)
    shutil.copyfile(other / deployment.DATABASE, begun_study.database)
    for suffix in ("-wal", "-shm"):
        Path(f"{begun_study.database}{suffix}").unlink(missing_ok=True)
    done = foveate("reading", "invite", begun_study.out, "--name", "a", check=False)
    assert done.returncode == 1
    assert "is not the one with which this study was begun" in done.stderr
    assert f"remove {begun_study.file}" in done.stderr


@pytest.mark.skipif(hosting.POSTGRESQL is None, reason="needs PostgreSQL")
def test_a_study_moves_to_another_database(begun_study: Begun) -> None:
    with hosting.postgresql() as address:
        refused = foveate("reading", "serve", begun_study.out, "--database", address, check=False)
        assert "the study has a database already" in refused.stderr
        empty(begun_study, "removed")
        (begun_study.place / deployment.SECRETS / deployment.DEPLOYMENT).unlink()
        refused = foveate("reading", "serve", begun_study.out, "--database", address, check=False)
        assert "the study was begun on" in refused.stderr
        foveate("reading", "restore", begun_study.out, begun_study.backup, "--database", address)
        assert within(begun_study.place, _BEGIN)[0] == begun_study.mark


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mark": 1, "fingerprint": "", "begun_at": ""}', None])
def test_a_damaged_mark_is_named(tmp_path: Path, content: str | None) -> None:
    file = begun.path(tmp_path)
    file.parent.mkdir()
    if content is None:
        file.mkdir()
    else:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(FoveateError, match="begun.json"):
        begun.read(tmp_path)
