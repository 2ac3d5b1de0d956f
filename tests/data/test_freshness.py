"""A source that is no longer what the study has read is noticed; copying and moving is no change."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from foveate import runs
from foveate.data import freshness
from foveate.data.freshness import refuse_changed
from foveate.data.pixels import UnreachableImageError
from foveate.data.prepare import source_of
from foveate.errors import FoveateError
from foveate.runs import StudyFolder
from tests.conftest import MakeImages
from tests.data.test_prepare import prepared, study_of


@pytest.fixture
def folder(make_images: MakeImages, tmp_path: Path) -> StudyFolder:
    return prepared(tmp_path / "out", study_of(make_images(a=10, b=10)))


def again(folder: StudyFolder) -> str:
    subject = runs.subjects(folder.study)[0]
    return refuse_changed(folder.data(subject), source_of(folder, subject))


def images(folder: StudyFolder) -> Path:
    return Path(next(iter(folder.study.datasets.values())).source or "")


def test_the_same_files_pass_also_when_only_their_time_is_new(folder: StudyFolder) -> None:
    again(folder)
    for path in images(folder).rglob("*.png"):
        os.utime(path, (1, 1))
    again(folder)
    again(folder)  # the new times are known now


def test_a_copied_source_passes(folder: StudyFolder, tmp_path: Path) -> None:
    shutil.copytree(images(folder), tmp_path / "copy")
    shutil.rmtree(images(folder))
    (tmp_path / "copy").rename(images(folder))
    again(folder)


def test_what_is_added_removed_or_changed_is_named(folder: StudyFolder) -> None:
    place = images(folder)
    extra = place / "a" / "extra.png"
    shutil.copy(place / "a" / "0.png", extra)
    with pytest.raises(FoveateError, match=r"images is not what this study has read: a/extra.png was added since"):
        again(folder)
    extra.unlink()
    again(folder)
    lost = place / "b" / "3.png"
    data = lost.read_bytes()
    lost.unlink()
    with pytest.raises(FoveateError, match=r"b/3.png was removed since\. Put it back, or the drive"):
        again(folder)
    lost.write_bytes(data)
    with Image.open(lost) as picture:
        turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.save(lost)
    with pytest.raises(FoveateError, match=r"b/3.png was changed since"):
        again(folder)
    lost.write_bytes(data)
    again(folder)


def test_what_a_disk_fails_to_give_was_not_changed(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert again(folder) == ""
    subject = runs.subjects(folder.study)[0]
    source, real = source_of(folder, subject), Path.stat

    def stat(path: Path, **keywords: bool) -> os.stat_result:
        if str(path).endswith("b/3.png"):
            raise OSError(errno.EIO, "Input/output error")
        return real(path, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        said = refuse_changed(folder.data(subject), source)
    assert said == (
        "1 of 20 files could not be compared, the first is b/3.png, which cannot be read (Input/output error)"
    )
    assert again(folder) == ""


def test_a_touched_file_that_cannot_be_read_was_not_changed(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise UnreachableImageError(OSError(errno.ETIMEDOUT, "Connection timed out"))

    os.utime(images(folder) / "a/1.png", (1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(freshness, "open_path", away)
        assert "a/1.png, which cannot be read (Connection timed out)" in again(folder)
    assert again(folder) == ""
