"""The doctor finds what makes a deployment unfit, says how to mend it, and is content with a good one."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from foveate.reading.site import audit, backup, doctor, state
from foveate.reading.site.deployment import Deployment
from foveate.reading.site.file_checks import Finding
from foveate.reading.site.models import AuditEntry
from tests.reading.site import hosting

only_sqlite = pytest.mark.skipif(hosting.kind() != "sqlite", reason="is about SQLite's file")


@pytest.fixture
def good(ready: Path) -> Path:
    """A study that nothing is wrong with."""
    if hosting.kind() == "sqlite":
        (ready / "database.sqlite3").chmod(0o600)  # as the command's umask makes it
    User.objects.create(username="Ada")
    audit.record(audit.COMMAND, "backup made")
    return ready


def said(level: str) -> str:
    return "\n".join(finding.what for finding in doctor.findings() if finding.level == level)


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    """Another content, or none at all, for this block."""
    before = path.read_bytes()
    try:
        path.unlink() if content is None else path.write_bytes(content)
        yield
    finally:
        path.write_bytes(before)


def test_a_good_deployment(good: Path) -> None:
    assert said("bad") == ""
    assert said("note") == "served to this machine alone, at http://127.0.0.1:8000: readers elsewhere need --url"
    content = said("good")
    for what in ("images, key and seed", "owner alone", "the database is", "be invited", "log hangs", "last backup is"):
        assert what in content
    if connection.vendor == "sqlite":
        assert "with WAL and synchronous=FULL" in content


# File systems

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/homes /home nfs4 rw 0 0
/dev/sdb1 /home/ada/scratch xfs rw 0 0
//nas/big /mnt/big\\040disk\\134x cifs rw 0 0
tmpfs /mnt/late tmpfs rw 0 0
nas:/late /mnt/late nfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/reading", "ext4"),
        ("/", "ext4"),
        ("/home/ada/reading", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/ada", "ext4"),  # begins alike, and is another folder
        ("/home/ada/scratch/study/reading", "xfs"),
        ("/mnt/big disk\\x/reading", "cifs"),
        ("/mnt/late/reading", "nfs"),  # mounted over the other
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert doctor.file_system(Path(path), mounts) == kind


def test_a_list_of_mounts_may_be_odd_or_missing(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_bytes(b"x /mnt/b\xfccher nfs rw 0 0\n/dev/sda1 / btrfs rw 0 0\n")
    assert doctor.file_system(Path("/srv"), mounts) == "btrfs"
    assert doctor.file_system(Path("/srv"), tmp_path / "none") is None


@only_sqlite
@pytest.mark.parametrize(
    ("kind", "level", "says"),
    [
        ("nfs4", "bad", "lies on a network file system (nfs4), where SQLite loses data"),
        ("fuse.sshfs", "bad", "use --database postgresql://"),
        ("xfs", "good", "lies on a local file system (xfs)"),
        (None, "note", "not known here"),
    ],
)
def test_a_network_file_system_is_bad(
    good: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None, level: str, says: str
) -> None:
    monkeypatch.setattr(doctor, "file_system", lambda path: kind)
    assert says in said(level)


@pytest.mark.skipif(hosting.kind() != "postgresql", reason="is about PostgreSQL")
def test_postgresql_may_be_anywhere(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "file_system", lambda path: "nfs4")
    assert said("bad") == ""


# Files


def test_a_changed_or_missing_image_is_named(good: Path) -> None:
    image = sorted((good / "images").iterdir())[3]
    with changed(image, b"x"):
        assert f"{image} has changed since the reader study was made" in said("bad")
    with changed(image, None):
        assert f"{image} is missing" in said("bad")
    assert said("bad") == ""


def test_the_files_of_another_study_are_told(good: Path) -> None:
    questions = good / "study.yaml"
    with changed(questions, questions.read_bytes() + b"# more\n"):
        assert f"{good} holds other cases or questions than its database knows" in said("bad")
    assert said("bad") == ""


@pytest.mark.parametrize("name", ["key.csv", "seed"])
def test_a_key_that_is_away_is_named(good: Path, name: str) -> None:
    with changed(good / "key" / name, None):
        assert f"cannot read {good / 'key' / name}" in said("bad")


@pytest.mark.parametrize("name", ["", "key", "secrets"])
def test_what_others_may_read_is_named(good: Path, name: str) -> None:
    path = good / name
    before = path.stat().st_mode & 0o777
    path.chmod(0o750)
    try:
        assert f"others may read {path}: chmod go= {path}" in said("bad")
        assert "owner alone" not in said("good")
    finally:
        path.chmod(before)


@only_sqlite
def test_the_database_that_others_may_read_is_named(good: Path) -> None:
    path = good / "database.sqlite3"
    path.chmod(0o604)
    try:
        assert said("bad") == f"others may read {path}: chmod go= {path}"
    finally:
        path.chmod(0o600)


# What was set up, the log, backups


def test_what_is_not_set_up_is_told(database: Path) -> None:
    state.put_in_consent(audit.COMMAND, "x", draft=True)
    assert "there is no administrator: `foveate reading admin OUT --reset` makes a link" in said("bad")
    notes = said("note")
    assert "look through them under Overview" in notes
    assert "is a DRAFT" in notes
    assert "readers can be invited" not in said("good")


def test_a_changed_log_is_found(good: Path) -> None:
    entry = AuditEntry.objects.all()[1]
    with audit.may_be_emptied():
        AuditEntry.objects.filter(pk=entry.pk).update(action="nothing")
    assert said("bad").startswith(f"the log was changed at entry {entry.pk}")


def test_backups_grow_old(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no backup yet: `foveate reading backup OUT`; keep key/ in another place" in said("note")
    for days, level in ((6, "good"), (8, "note")):
        at = timezone.now() - timedelta(days=days)
        monkeypatch.setattr(backup, "last_made", lambda at=at: at)
        assert f"the last backup is of {at:%Y-%m-%d}" in said(level)


# The address


class Answer:
    """What a web server answers, by its headers."""

    def __init__(self, **headers: str) -> None:
        self.headers = Message()
        for name, value in headers.items():
            self.headers[name.replace("_", "-")] = value

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        pass


COOKIE, HSTS = "__Host-foveate-csrf=x; Path=/; Secure", "max-age=31536000"


@pytest.mark.parametrize(
    ("answer", "level", "says"),
    [
        (Answer(Set_Cookie=COOKIE, Strict_Transport_Security=HSTS), "good", " answers over TLS, with HSTS and __Host-"),
        (
            Answer(Set_Cookie=COOKIE),
            "bad",
            " sends no Strict-Transport-Security: the proxy must pass X-Forwarded-Proto",
        ),
        (
            Answer(Set_Cookie="session=x", Strict_Transport_Security=HSTS),
            "bad",
            " sends no __Host- cookie: is it this study that answers there?",
        ),
        (Answer(), "bad", " sends no __Host- cookie: is it this study that answers there?"),
        (urllib.error.URLError("no route"), "bad", " does not answer over TLS (<urlopen error no route>)"),
        (TimeoutError("timed out"), "bad", " does not answer over TLS (timed out)"),
    ],
)
def test_the_public_address_is_asked(
    good: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception, level: str, says: str
) -> None:
    asked = []

    def urlopen(address: str, timeout: float) -> Answer:
        asked.append(address)
        if isinstance(answer, Exception):
            raise answer
        return answer

    own = Deployment(url="https://reading.example.org", trusted_proxy="127.0.0.1")
    monkeypatch.setattr(settings, "DEPLOYMENT", own)
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert f"https://reading.example.org{says}" in said(level)
    assert asked == ["https://reading.example.org/return"]
    assert "cookies are Secure and __Host-, HSTS is sent" in said("good")


def test_an_address_where_nobody_listens_is_bad(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://127.0.0.1:{hosting.free_port()}"
    monkeypatch.setattr(settings, "DEPLOYMENT", Deployment(url=url, trusted_proxy="127.0.0.1"))
    assert f"{url} does not answer over TLS" in said("bad")


def test_something_else_that_listens_there_is_bad(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(address: str, timeout: float) -> Answer:
        raise http.client.BadStatusLine("SSH-2.0-OpenSSH_9.2")

    monkeypatch.setattr(settings, "DEPLOYMENT", Deployment(url="https://a.org", trusted_proxy="127.0.0.1"))
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert "https://a.org does not answer over TLS" in said("bad")


def test_findings_are_in_the_order_of_setting_up(good: Path) -> None:
    found = doctor.findings()
    assert all(isinstance(finding, Finding) for finding in found)
    assert "images" in found[0].what
    assert "backup" in found[-1].what
