"""Whatever the umask, each file of OUT/reading is for its owner alone, and each folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.reading import results
from foveate.reading.site import audit, backup, deployment, enrolment, unblinding
from foveate.reading.site.models import Reader
from tests.reading.site import hosting

posix = pytest.mark.skipif(os.name != "posix", reason="no such permissions on this system")


@pytest.fixture(params=[0o000, 0o022], ids=["umask 000", "umask 022"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(*places: Path) -> dict[str, str]:
    """What others than the owner may do something with, in these files and folders."""
    paths = [path for place in places for path in (place, *place.rglob("*"))]
    found = {str(path): path.stat().st_mode for path in paths}
    return {name: stat.filemode(mode) for name, mode in found.items() if mode & 0o077}


@posix
def test_results_and_the_list_of_the_erased_are_private(reader: Reader, cleared: Path, umask: int) -> None:
    unblinding.unblind(audit.COMMAND)
    enrolment.erase(reader, audit.COMMAND)
    deployment.write_secret(cleared / backup.FOLDER / "one.zip", b"PK")
    assert {path.name for path in (cleared / results.FOLDER).iterdir()} > {"results.json", "answers-mri.csv"}
    assert (cleared / enrolment.ERASED).is_file()
    assert open_to_others(*(cleared / name for name in (results.FOLDER, backup.FOLDER, enrolment.ERASED))) == {}


@posix
def test_results_that_an_earlier_version_left_open_are_closed(reader: Reader, cleared: Path, umask: int) -> None:
    folder = cleared / results.FOLDER
    folder.mkdir(mode=0o755)
    unblinding.unblind(audit.COMMAND)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    unblinding.write_results()
    assert open_to_others(folder) == {}


@posix
def test_a_study_that_is_served_backed_up_and_exported_is_private(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        out = hosting.make_study(tmp_path / "made", cases=4)
        place = out / "reading"
        with hosting.serving(out):
            hosting.foveate("reading", "backup", out)
            hosting.foveate("reading", "export", out, "--to", place / "exported.zip")
            hosting.foveate("reading", "admin", out, "--reset")
            there = {path.name for path in place.rglob("*")}
            assert there > {"exported.zip", "backups", "first-link", "deployment.json", "secret-key", "key.csv", "seed"}
            assert hosting.kind() != "sqlite" or there > {f"database.sqlite3{end}" for end in ("", "-wal", "-shm")}
            assert open_to_others(place) == {}
    finally:
        os.umask(before)
