"""Locks on file systems that give none."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

import filelock
import pytest

from foveate import locks
from foveate.config import Images
from foveate.data.pack_cache import packed
from foveate.data.sources import read_source
from foveate.data.sources.archives import unpacked
from foveate.errors import FoveateError
from foveate.runs import StudyFolder
from tests.conftest import MakeImages


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_what_gives_no_locks_is_named_with_the_option_that_helps(
    make_images: MakeImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    source = read_source(make_images(a=3, b=3))
    (tmp_path / "a.zip").write_bytes(b"x")
    refuse(monkeypatch, number)
    no_locks = rf"the file system gives no locks \({os.strerror(number)}\)\. Give a folder on a local disk with"
    with pytest.raises(FoveateError, match=f"{no_locks} --out"), StudyFolder(tmp_path / "out").lock():
        pass
    with pytest.raises(FoveateError, match=f"{no_locks} --cache"):
        packed(source, Images(pixels=40))
    with pytest.raises(FoveateError, match=f"{no_locks} --cache"):
        unpacked(tmp_path / "a.zip")


def test_without_the_call_it_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, errno.ENOSYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # filelock's, that it does with a file that is there or not
        with locks.held(tmp_path / "lock", "--out"):
            pass


def test_a_lock_that_another_has(tmp_path: Path) -> None:
    with (
        locks.held(tmp_path / "lock", "--out"),
        pytest.raises(filelock.Timeout),
        locks.held(tmp_path / "lock", "--out", wait=False),
    ):
        pass
