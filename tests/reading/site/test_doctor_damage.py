"""A damaged study: every check is made by itself, and what fails is a finding that names no model and no case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from foveate.reading import cases_and_key
from foveate.reading.site import audit, deployment, doctor, file_checks
from foveate.reading.site.models import Reader
from tests.reading.site import hosting
from tests.reading.site.administrator.administering import NAME, as_administrator
from tests.reading.site.backed_up import within
from tests.reading.site.hosting import foveate
from tests.reading.site.test_faults import unwritable

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was served from SQLite."""
    made = hosting.make_study(tmp_path_factory.mktemp("damaged"), cases=4) / "reading"
    deployment.save(made, deployment.Deployment())
    within(made, "print('null')")
    return made


@pytest.fixture
def damaged(served: Path, tmp_path: Path) -> Path:
    return shutil.copytree(served, tmp_path / "study" / "reading")


def said(place: Path) -> str:
    return "\n".join(one.what for one in file_checks.findings(place) if one.level == "bad")


def as_folder(name: str) -> Damage:
    def damage(place: Path) -> None:
        (place / name).unlink()
        (place / name).mkdir()

    return damage


def content(name: str, data: bytes) -> Damage:
    return lambda place: (place / name).write_bytes(data)


def gone(name: str) -> Damage:
    return lambda place: (place / name).unlink()


def without_images(place: Path) -> None:
    shutil.rmtree(place / "images")


def many_images(place: Path) -> None:
    for image in (place / "images").iterdir():
        image.write_bytes(b"x")


def shifted_key(place: Path) -> None:
    """A cell too many: model names stand where numbers belong."""
    path = place / "key" / "key.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:5], *cells[6:8], cells[6], *cells[8:]])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


FILES: dict[str, tuple[Damage, str]] = {
    "study.yaml empty": (content("study.yaml", b""), "study.yaml"),
    "study.yaml torn": (content("study.yaml", b"datasets: [{name: mri"), "study.yaml"),
    "study.yaml bytes": (content("study.yaml", b"\xff\xfe\x00"), "study.yaml"),
    "study.yaml folder": (as_folder("study.yaml"), "study.yaml"),
    "study.yaml gone": (gone("study.yaml"), "study.yaml"),
    "cases empty": (content("cases.csv", b""), "cases.csv"),
    "cases bytes": (content("cases.csv", b"\xff\xfe,\n"), "cases.csv"),
    "cases folder": (as_folder("cases.csv"), "cases.csv"),
    "cases gone": (gone("cases.csv"), "cases.csv"),
    "sums empty": (content("SHA256SUMS", b""), "was not there when the reader study was made"),
    "sums torn": (content("SHA256SUMS", b"abc images/x.png"), "SHA256SUMS, line 1"),
    "sums folder": (as_folder("SHA256SUMS"), "SHA256SUMS"),
    "images gone": (without_images, "images"),
    "images changed": (many_images, "more images: put the files of `create` back"),
    "key empty": (content("key/key.csv", b""), "key.csv"),
    "key shifted": (shifted_key, "key.csv, line 2"),
    "key folder": (as_folder("key/key.csv"), "key.csv"),
    "seed words": (content("key/seed", b"seven"), "key/seed holds no whole number"),
    "seed folder": (as_folder("key/seed"), "seed"),
    "secret short": (content("key/secret", b"00"), "key/secret holds no secret"),
    "secret folder": (as_folder("key/secret"), "secret"),
    "deployment torn": (content("secrets/deployment.json", b"{"), "deployment.json"),
    "deployment other": (content("secrets/deployment.json", b"[1]"), "deployment.json"),
    "deployment kinds": (content("secrets/deployment.json", b'{"port": "x"}'), "deployment.json"),
    "deployment folder": (as_folder("secrets/deployment.json"), "deployment.json"),
    "server key empty": (content("secrets/secret-key", b""), "secret-key holds no key"),
    "server key folder": (as_folder("secrets/secret-key"), "secret-key"),
}


def test_the_files_are_sound_to_begin_with(served: Path) -> None:
    assert said(served) == ""


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_a_finding(damaged: Path, name: str) -> None:
    damage, says = FILES[name]
    named = {row.model for row in cases_and_key.read_key(damaged)} | {
        row.case for row in cases_and_key.read_key(damaged)
    }
    damage(damaged)
    told = said(damaged)
    assert says in told
    assert not [word for word in named if word in told]
    image = sorted((damaged / "images").glob("*.png"))[-1:]
    if image and "images" not in name and "sums" not in name:  # and the other checks are made
        image[0].write_bytes(b"x")
        assert f"{image[0]} has changed" in said(damaged)


@pytest.mark.skipif(hosting.kind() != "sqlite", reason="is about files alone")
@pytest.mark.parametrize(
    "name", ["study.yaml gone", "cases gone", "deployment torn", "server key folder", "images gone"]
)
def test_the_command_looks_at_what_cannot_be_served(damaged: Path, name: str) -> None:
    damage, says = FILES[name]
    damage(damaged)
    told = foveate("reading", "doctor", damaged.parent, check=False)
    assert (told.returncode, told.stderr) == (1, ""), told
    assert says in told.stdout
    assert all(line[:6] in ("good  ", "note  ", "bad   ") for line in told.stdout.splitlines())
    started = "secret" not in name and "deployment" not in name and "server" not in name
    assert ("the log hangs together" in told.stdout) is started


def test_what_cannot_be_read_is_named(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for another account than root, which reads everything."""
    read = Path.open

    def refused(self: Path, *arguments: Any, **named: Any) -> Any:
        if self.name == "key.csv":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", refused)
    assert said(served) == f"cannot read {served / 'key' / 'key.csv'}: Permission denied."


def test_what_nobody_has_foreseen_is_a_finding_without_its_text(
    ready: Path, admin_page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong() -> object:
        raise KeyError("resnet18+cbam")

    monkeypatch.setattr(audit, "broken_at", wrong)
    found = doctor.findings()
    assert [one.what for one in found if "KeyError" in one.what] == [
        "reading the log failed (KeyError): something is damaged, or this is a mistake of foveate"
    ]
    assert any("backup" in one.what for one in found)
    page = admin_page.get("/admin/checks")
    assert (page.status_code, "KeyError" in page.content.decode()) == (200, True)
    assert "cbam" not in page.content.decode()


@pytest.fixture
def admin_page(database: Path) -> Client:
    return as_administrator(User.objects.create(username=NAME))


def test_a_database_that_cannot_be_written_is_a_finding(reader: Reader, admin_page: Client) -> None:
    with unwritable():
        told = [one.what for one in doctor.findings() if one.level == "bad"]
        page = admin_page.get("/admin/checks")
    (writing,) = (what for what in told if what.startswith("writing to the database failed: "))
    assert "see that its file, its folder and its disk can be written" in writing
    assert (page.status_code, "writing to the database failed" in page.content.decode()) == (200, True)


# Damage to the database itself, in a process of its own

_DAMAGE = """
import shutil, sqlite3
from django.db import connection
from django.test import Client

accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", "a long and quiet sentence")
own = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
own.post("/admin/sign-in", {"name": "Ada", "password": "a long and quiet sentence"})

def look():
    page = own.get("/admin/checks")
    return [*said(commands_reading.doctor, place), page.status_code, page.content.decode()]

told = {"sound": look()}
"""
_SQLITE = """
file = place / "database.sqlite3"

def roots():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = cursor.execute("PRAGMA page_size").fetchone()[0]
        rows = cursor.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    return size, dict(rows)

size, pages = roots()
whole = file.read_bytes()
for table in ("reading_visit", "reading_auditentry", "reading_studystate"):
    at = (pages[table] - 1) * size
    file.write_bytes(whole[:at] + b"\\xa5" * size + whole[at + size:])
    told[table] = look()
    connection.close()
    for other in place.glob("database.sqlite3-*"):
        other.unlink()
    file.write_bytes(whole)

with sqlite3.connect(file) as other:  # an index whose pages belong to nobody any more
    other.execute("PRAGMA writable_schema = ON")
    other.execute("DELETE FROM sqlite_master WHERE type = 'index' AND name LIKE 'reading_visit_showing_id%'")
other.close()
told["orphan"] = look()
connection.close()
for other in place.glob("database.sqlite3-*"):
    other.unlink()
file.write_bytes(whole)

holder = sqlite3.connect(file, isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
connection.settings_dict["OPTIONS"]["timeout"] = 0.2
told["locked"] = look()
holder.close()
connection.close()
file.write_bytes(b"no database " * 1000)
told["junk"] = said(commands_reading.doctor, place)
connection.close()
file.unlink()
file.mkdir()
told["folder"] = said(commands_reading.doctor, place)
print(json.dumps(told))
"""
_POSTGRESQL = """
def rename(table):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    told[table] = look()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")

for table in ("reading_visit", "reading_auditentry"):
    rename(table)
connection.close()
connection.settings_dict["HOST"] = "/nowhere"
told["away"] = said(commands_reading.doctor, place)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = hosting.make_study(tmp_path_factory.mktemp("torn"), cases=4) / "reading"
    with hosting.database() as address:
        deployment.save(place, deployment.Deployment(database=address))
        return within(place, _DAMAGE + (_SQLITE if hosting.kind() == "sqlite" else _POSTGRESQL))


@pytest.mark.parametrize("table", ["reading_visit", "reading_auditentry", "reading_studystate"])
def test_a_damaged_table_is_a_finding(told: Any, table: str) -> None:
    if table not in told:
        pytest.skip("a table without which PostgreSQL has no study")
    status, text, of_page, page = told[table]
    assert (status, of_page) == (1, 200)
    assert "Traceback" not in text
    damage = "reading what the database holds failed: "
    assert f"bad   {damage}" in text
    assert damage in page
    assert "restore a backup" in text
    assert "good  images, key and seed are as they were made" in text
    assert ("reading the log failed" in text) is (table == "reading_auditentry")
    assert ("reading what is set up failed" in text) is (table == "reading_studystate")
    assert "served to this machine alone" in text


def test_a_sound_one_is_sound(told: Any) -> None:
    status, text, of_page, _page = told["sound"]
    assert (status, of_page, "bad " in text) == (0, 200, False)
    assert "good  the database is sound: every row can be read" in text
    assert "good  the database can be written" in text


@pytest.mark.skipif(hosting.kind() != "sqlite", reason="is about SQLite's file")
def test_a_database_that_is_locked_or_none(told: Any) -> None:
    assert "bad   the database is damaged (" in told["orphan"][1]
    assert "): restore a backup\n" in told["orphan"][1]
    assert "bad   writing to the database failed: database is locked; another program holds it" in told["locked"][1]
    for name, says in (("junk", "file is not a database"), ("folder", "unable to open database file")):
        status, text = told[name]
        assert status == 1
        assert text.count("bad ") == 1
        assert f"bad   the database cannot be used: {says}; " in text


@pytest.mark.skipif(hosting.kind() != "postgresql", reason="is about PostgreSQL")
def test_a_database_that_is_away(told: Any) -> None:
    status, text = told["away"]
    assert status == 1
    assert text.count("bad ") == 1
    assert "see that the database server runs" in text
