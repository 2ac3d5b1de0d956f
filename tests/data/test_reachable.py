"""What disk, network or permissions fail to give is refused or left out, and never kept as unreadable."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate import runs
from foveate.config import Images
from foveate.data import pack_cache, threads
from foveate.data.examine import audit_folder
from foveate.data.lesion_masks import read_mask
from foveate.data.pack_cache import packed
from foveate.data.pixels import UnreachableImageError, UnreadableImageError, fault, may_pass
from foveate.data.prepare import prepare, source_of
from foveate.data.sources import Source, SourceImage, open_image, read_source
from foveate.data.sources.volumes import expanded
from foveate.errors import FoveateError
from foveate.runs import StudyFolder
from tests.conftest import MakeImages
from tests.data.test_prepare import study_of

SETTINGS = Images(pixels=40)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packs"


@contextlib.contextmanager
def failing(name: str, number: int) -> Iterator[None]:
    """Within, every opening of a file whose path ends like this fails with this errno."""
    real = Path.open

    def opened(path: Path, *arguments: object, **keywords: object) -> object:
        if str(path).endswith(name):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **keywords)  # type: ignore[call-overload]

    runs._file_hash.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", opened)
        yield


def test_what_an_error_says_of_a_file() -> None:
    for number in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN):
        error = fault(OSError(number, "x"))
        assert isinstance(error, UnreachableImageError)
        assert error.may_pass
        assert str(error) == "cannot be read (x)"
    for number in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ELOOP):
        error = fault(OSError(number, "x"))
        assert isinstance(error, UnreachableImageError)
        assert not error.may_pass
        assert not may_pass(OSError(number, "x"))
    assert str(fault(MemoryError())) == "cannot be read (not enough memory)"
    for damage in (OSError("image file is truncated"), OSError(errno.EINVAL, "Invalid argument")):
        assert type(fault(damage)) is UnreadableImageError
        assert not may_pass(damage)


@pytest.mark.parametrize("skip", [False, True])
def test_a_disk_that_fails_is_refused_and_the_same_files_are_read_later(
    make_images: MakeImages, cache: Path, skip: bool
) -> None:
    source = read_source(make_images(a=3, b=3))
    with failing("a/1.png", errno.EIO), pytest.raises(FoveateError) as raised:
        packed(source, SETTINGS, skip_unreadable=skip)
    assert str(raised.value).splitlines() == [
        f"1 of 6 images in {source.folder} cannot be reached:",
        "  a/1.png: cannot be read (Input/output error)",
        "Disk, network or memory failed, the files may be whole. Start the same command again: what was read is kept.",
    ]
    assert packed(source, SETTINGS, skip_unreadable=skip).rows == [0, 1, 2, 3, 4, 5]


def test_what_lacks_permission_is_left_out_of_this_study_alone(
    make_images: MakeImages, cache: Path, tmp_path: Path
) -> None:
    place = make_images(a=4, b=4)
    (place / "a/0.png").write_text("hello")
    source = read_source(place)
    told: list[int] = []
    with failing("a/1.png", errno.EACCES):
        with pytest.raises(FoveateError, match="Give permission .* or leave them out with --skip-unreadable"):
            packed(source, SETTINGS)
        found = packed(source, SETTINGS, told.append, skip_unreadable=True)
    assert sum(told) == 8
    assert found.rows == [2, 3, 4, 5, 6, 7]
    assert found.unreadable == [
        (0, "is not an image, whatever its name says"),
        (1, "cannot be read (Permission denied)"),
    ]
    assert np.array_equal(found.pixels[0][..., 0], np.asarray(Image.open(place / "a/2.png")))
    for file in cache.rglob("*.jsonl"):
        assert "Permission" not in file.read_text()
    found.place("images.jsonl", tmp_path / "study" / "images.jsonl")
    again = pack_cache.read(tmp_path / "study")
    assert (again.rows, again.unreadable) == (found.rows, found.unreadable)
    assert packed(source, SETTINGS).rows == [1, 2, 3, 4, 5, 6, 7]


def test_what_was_read_before_a_disk_failed_is_kept(
    make_images: MakeImages, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "CHUNK", 3)
    source = read_source(make_images(a=5, b=5))
    opened: list[str] = []
    fails = True

    def flaky(source: Source, image: SourceImage) -> object:
        opened.append(image.path)
        if fails and image.path == "a/4.png":  # in the middle of the second chunk
            raise UnreachableImageError(OSError(errno.ESTALE, "Stale file handle"))
        return open_image(source, image)

    monkeypatch.setattr(pack_cache, "open_image", flaky)
    with pytest.raises(FoveateError, match=r"a/4.png: cannot be read \(Stale file handle\)"):
        packed(source, SETTINGS, skip_unreadable=True)
    (unfinished,) = [path for path in cache.iterdir() if path.is_dir()]
    assert len((unfinished / "images.jsonl").read_text().splitlines()) == 4
    fails = False
    opened.clear()
    assert packed(source, SETTINGS).rows == [*range(10)]
    assert sorted(opened) == [image.path for image in source.images[4:]]


def test_a_mask_that_cannot_be_reached_is_named_as_one(
    make_images: MakeImages, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_images(a=3, b=3)
    (tmp_path / "masks/b").mkdir(parents=True)
    Image.new("1", (40, 40), 1).save(tmp_path / "masks/b/1.png")
    source = read_source(images, tmp_path / "masks")

    def away(*_: object, **__: object) -> None:
        raise UnreachableImageError(OSError(errno.EIO, "Input/output error"))

    monkeypatch.setattr("foveate.data.lesion_masks.decode", away)
    with pytest.raises(FoveateError, match=r"b/1.png: its mask cannot be read \(Input/output error\)"):
        packed(source, SETTINGS, skip_unreadable=True)
    with pytest.raises(FoveateError, match=r"b/1.png: cannot be read \(Input/output error\)"):
        audit_folder(source)
    monkeypatch.undo()
    assert read_mask(tmp_path / "masks/b/1.png", (40, 40)).all()


def test_too_little_memory_is_no_damage(make_images: MakeImages, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def large(*_: object) -> None:
        raise MemoryError

    source = read_source(make_images(a=3, b=3))
    monkeypatch.setattr("foveate.data.decoders.decode_raster", large)
    with pytest.raises(FoveateError, match=r"a/0.png: cannot be read \(not enough memory\)"):
        packed(source, SETTINGS, skip_unreadable=True)


def test_a_study_skips_what_lacks_permission_and_an_audit_lists_it(
    make_images: MakeImages, tmp_path: Path, cache: Path
) -> None:
    study = study_of(make_images(a=10, b=10)).model_copy(update={"skip_unreadable": True})
    folder = StudyFolder(tmp_path / "out")
    folder.create(study)
    (subject,) = runs.subjects(study)
    source = source_of(folder, subject)
    with failing("a/1.png", errno.EACCES):
        prepare(folder, subject, source)
    audit = runs.read_json(folder.data(subject) / "audit.json")
    assert audit["unreadable"] == [["a", "cannot be read (Permission denied)"]]


def test_a_patient_does_not_depend_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes(b"x")

    def away(*_: object, **__: object) -> None:
        raise UnreachableImageError(OSError(errno.EIO, "Input/output error"))

    monkeypatch.setattr("foveate.data.dicom.frames", away)
    with pytest.raises(FoveateError, match=r"a.dcm cannot be read \(Input/output error\): it says whose images"):
        expanded(Source(tmp_path, [SourceImage("a.dcm", "x")]))


def test_a_folder_that_cannot_be_listed_is_one_line(make_images: MakeImages, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_images(a=3, b=3)

    def stale(path: Path) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(Path, "is_file", stale)
    with pytest.raises(FoveateError, match=r"cannot read .*images.*: Stale file handle"):
        read_source(place)
