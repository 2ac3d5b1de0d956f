"""The log's copy outside the database shows a log whose end was cut off, or that was made anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.errors import FoveateError
from foveate.reading.site import audit, log_copy, record_checks
from foveate.reading.site.models import AuditEntry


@pytest.fixture
def copied(ready: Path) -> Iterator[Path]:
    """The copy, with three more entries that are undone with the test; it is put back afterwards."""
    path = log_copy.path()
    before = path.with_name("log-before.csv")
    shutil.copy(path, before)
    for number in range(3):
        audit.record(audit.COMMAND, f"deed {number}", f"version {number}, with a comma")
    log_copy.catch_up()  # as after the commit
    yield path
    before.replace(path)


def bad() -> str:
    found = [*record_checks.log(), *record_checks.sealed()]
    return "\n".join(finding.what for finding in found if finding.level == "bad")


def test_it_has_every_entry_and_is_for_its_owner(copied: Path) -> None:
    assert copied.stat().st_mode & 0o777 == 0o600
    kept = [(line.entry, line.actor, line.action, line.subject, line.digest) for line in log_copy.read().values()]
    assert kept == list(AuditEntry.objects.order_by("pk").values_list("pk", "actor", "action", "subject", "digest"))
    assert copied.read_text(encoding="utf-8").splitlines()[0] == "entry,at,actor,action,subject,digest"
    assert bad() == ""
    log_copy.catch_up()
    assert len(copied.read_text(encoding="utf-8").splitlines()) == len(kept) + 1


def test_an_end_that_was_cut_off_is_found(copied: Path) -> None:
    last = AuditEntry.objects.order_by("-pk")[0]
    with audit.may_be_emptied():
        AuditEntry.objects.filter(pk=last.pk).delete()
    assert audit.broken_at() is None  # which the chain alone does not show
    assert bad().startswith(f"the log lacks entry {last.pk} ({last.at:%Y-%m-%d}, deed 2), which {copied} has: find out")
    audit.record(audit.COMMAND, "deed 3")  # nor another one in its place
    log_copy.catch_up()
    assert bad().startswith(f"the log lacks entry {last.pk}")


def test_a_log_that_was_made_anew_is_found(copied: Path) -> None:
    """With another deed in it, and all digests right."""
    entries = list(AuditEntry.objects.order_by("pk"))
    with audit.may_be_emptied():
        AuditEntry.objects.all().delete()
    previous = audit.START
    for entry in entries:
        if entry.action == "deed 1":
            entry.actor = "reader:0123456789ab"
        entry.previous = previous
        entry.digest = previous = audit._digest(entry.at, entry.actor, entry.action, entry.subject, previous)
        entry.save(force_insert=True)
    assert audit.broken_at() is None
    assert bad().startswith(f"the log lacks entry {entries[-2].pk} ")


def test_a_line_that_a_crash_tore_is_written_again(copied: Path) -> None:
    whole = copied.read_bytes()
    for cut in (3, 70, 90, 110):  # within the digest, the quoted subject, the action
        copied.write_bytes(whole[:-cut])
        assert len(log_copy.read()) == AuditEntry.objects.count() - 1
        log_copy.catch_up()
        assert len(log_copy.read()) == AuditEntry.objects.count()
        assert bad() == ""


def test_what_two_processes_wrote_twice_is_one_entry(copied: Path) -> None:
    lines = copied.read_text(encoding="utf-8").splitlines()
    copied.write_text("\n".join([*lines, *lines[-2:]]), encoding="utf-8")
    assert len(log_copy.read()) == AuditEntry.objects.count()
    assert bad() == ""


def test_a_full_disk_does_not_undo_a_deed(
    copied: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(text: str) -> None:
        raise FoveateError(f"cannot write {copied}: No space left on device.")

    audit.record(audit.COMMAND, "deed 3")
    with monkeypatch.context() as own:
        own.setattr(log_copy, "_append", full)
        log_copy.after_commit()
    assert len(log_copy.read()) == AuditEntry.objects.count() - 1
    audit.record(audit.COMMAND, "deed 4")
    log_copy.after_commit()
    assert len(log_copy.read()) == AuditEntry.objects.count()
    assert bad() == ""


def test_what_was_done_since_is_known_only_where_the_copy_knows_the_entry(copied: Path) -> None:
    first, second, third = AuditEntry.objects.order_by("-pk")[:3][::-1]
    since = log_copy.since(first.pk, first.digest)
    assert since is not None
    assert [line.entry for line in since] == [second.pk, third.pk]
    assert log_copy.since(third.pk, third.digest) == []
    assert log_copy.since(third.pk, second.digest) is None
    assert log_copy.since(third.pk + 1, third.digest) is None
