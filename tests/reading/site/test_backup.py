"""What is backed up comes back whole, into either database; what is no backup of this study changes nothing."""

from __future__ import annotations

import copy
import json
import threading
import time
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.reading.site import hosting, load
from tests.reading.site.backed_up import Made, Rows, within
from tests.reading.site.hosting import foveate


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
        assert sorted(archive.namelist()) == ["about.json", "answers.json", "seal"]
        content = archive.read("answers.json").decode() + archive.read("about.json").decode()
    key = (made.place / "key" / "key.csv").read_text(encoding="utf-8")
    assert "resnet18" in key
    secrets = (made.place / "secrets" / "secret-key").read_text(encoding="utf-8").strip()
    for told in ("resnet18", "cbam", "lesion", "123456789012", secrets):
        assert told not in content
    assert {row["model"] for row in json.loads(content.partition("]{")[0] + "]")} == {
        "auth.user", "reading.accountseal", "reading.studystate", "reading.consenttext", "reading.reader",
        "reading.invitation", "reading.showing", "reading.slot", "reading.reply", "reading.visit", "reading.auditentry",
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


def as_restored(rows: Rows, found: Rows) -> Rows:
    """What else a restore does: all sessions end, and so does reader-4's link."""
    rows = copy.deepcopy(rows)
    for reader in rows["Reader"]:
        reader["epoch"] += 1
    own = next(row["id"] for row in rows["Reader"] if row["pseudonym"] == "reader-4")
    for there, link in zip(found["Invitation"], rows["Invitation"], strict=True):
        if link["reader_id"] == own:
            assert (link["revoked_at"], there["revoked_at"] is None) == (None, False)
            link["revoked_at"] = there["revoked_at"]
    return rows


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
    expected = as_restored(without(made.rows, erased["id"]), found["rows"])
    assert "their links and return codes have ended: give them new ones: reader-4\n" in text  # who enrolled after it
    del expected["AuditEntry"]
    for name, rows in expected.items():
        assert found["rows"][name] == rows, name
    assert len(found["rows"]["Reply"]) == 8
    assert len(found["rows"]["ConsentText"]) == 2
    assert log[: len(before)] == before
    assert [row["action"] for row in log[len(before) :]] == ["restored", "reader erased"]
    assert log[len(before)]["previous"] == before[-1]["digest"]
    if kind == "sqlite":  # nor does a word of who is erased again stay
        assert not any(b"reader-2" in file.read_bytes() for file in moved.glob("database*"))
    assert (moved / "erased.csv").read_text(encoding="utf-8").count(erased["public_id"]) == 1
    # And it goes on: rows are counted on, and what is there now is not overwritten.
    assert found["invited"][0] == 0, found["invited"]
    assert found["after"]["Reader"][-1]["id"] > max(row["id"] for row in made.rows["Reader"])
    assert found["again"][0] == 1
    assert found["again"][1].startswith("error: the database holds readers or administrators already")


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
