"""The cache of packs: decoded once, found again by content, gone on with after a kill, never stale."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.config import Images
from foveate.data import pack_cache, threads
from foveate.data.pack_cache import Packed, packed
from foveate.data.pixels import Decoded
from foveate.data.sources import Source, SourceImage, open_image, read_source
from foveate.errors import FoveateError
from tests.conftest import MakeImages

SETTINGS = Images(pixels=40)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packs"


def pack(images: Path, settings: Images = SETTINGS, masks: Path | None = None) -> tuple[Packed, int]:
    """The pack, and how many images `advance` was told of before the end: 0 steps of decoding where it was found."""
    steps: list[int] = []
    found = packed(read_source(images, masks), settings, steps.append)
    return found, len(steps)


def test_the_same_content_is_decoded_once(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=5, b=5)
    first, _ = pack(images)
    images.rename(tmp_path / "elsewhere")  # the place is no part of the content
    for path in (tmp_path / "elsewhere").rglob("*.png"):
        os.utime(path, (1, 1))  # nor is the time
    second, steps = pack(tmp_path / "elsewhere")
    assert second.folder == first.folder
    assert steps == 1
    for row, image in enumerate(read_source(tmp_path / "elsewhere").images):
        expected = np.asarray(Image.open(tmp_path / "elsewhere" / image.path))
        assert np.array_equal(second.pixels[row][..., 0], expected)
        assert second.facts[row].width == 40


@pytest.mark.parametrize("damage", [b"{\n", b"[" * 100_000 + b"\n", b"\0\n"])
def test_a_damaged_pack_is_named_by_its_line(make_images: MakeImages, damage: bytes) -> None:
    images = make_images(a=5, b=5)
    entries = pack(images)[0].folder / pack_cache.ENTRIES
    lines = entries.read_bytes().splitlines(keepends=True)
    entries.write_bytes(b"".join([*lines[:3], damage, *lines[4:]]))
    with pytest.raises(FoveateError, match=f"{pack_cache.ENTRIES}, line 4: .* Remove .* and start again"):
        pack(images)


def test_other_content_or_settings_make_another_pack(make_images: MakeImages) -> None:
    images = make_images(a=5, b=5)
    first, _ = pack(images)
    assert pack(images, Images(pixels=41))[0].folder != first.folder
    assert pack(images, Images(pixels=40, channels=1))[0].folder != first.folder
    state = (images / "a/0.png").stat()
    changed = np.asarray(Image.open(images / "a/0.png")).copy()
    changed[0, 0] ^= 1
    Image.fromarray(changed).save(images / "a/0.png")
    os.utime(images / "a/0.png", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    second, _ = pack(images)
    assert second.folder != first.folder
    assert second.pixels[0, 0, 0, 0] == changed[0, 0]


def test_a_build_that_was_cut_off_is_gone_on_with(make_images: MakeImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "CHUNK", 3)
    images = make_images(a=10, b=10)
    whole, _ = pack(images)
    expected, facts = np.array(whole.pixels), whole.facts
    whole.folder.rename(whole.folder.with_name("away"))

    class CutOffError(Exception):
        pass

    def stop_at_seven(count: int, done: list[int] = []) -> None:  # noqa: B006
        done.append(count)
        if sum(done) > 7:
            raise CutOffError

    with pytest.raises(CutOffError):
        packed(read_source(images), SETTINGS, stop_at_seven)
    opened: list[str] = []

    def counted(source: Source, image: SourceImage) -> Decoded:
        opened.append(image.path)
        return open_image(source, image)

    monkeypatch.setattr(pack_cache, "open_image", counted)
    told: list[int] = []
    again = packed(read_source(images), SETTINGS, told.append)
    assert len(opened) == 20 - 9  # three chunks were kept
    assert sum(told) == 20
    assert np.array_equal(again.pixels, expected)
    assert again.facts == facts


def test_a_kill_in_the_middle_of_a_line_begins_anew(make_images: MakeImages, cache: Path) -> None:
    images = make_images(a=5, b=5)
    whole, _ = pack(images)
    expected = np.array(whole.pixels)
    unfinished = whole.folder.rename(whole.folder.with_name(whole.folder.name + ".new"))
    journal = unfinished / "images.jsonl"
    journal.write_text(journal.read_text()[:-20])
    assert np.array_equal(pack(images)[0].pixels, expected)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [whole.folder.name]


def test_colour_that_comes_late(make_images: MakeImages) -> None:
    images = make_images(a=5, b=5)
    Image.new("RGB", (40, 40), (200, 10, 30)).save(images / "b/zz.png")
    found, _ = pack(images)
    assert found.pixels.shape == (11, 40, 40, 3)
    assert found.pixels[10, 5, 5].tolist() == [200, 10, 30]
    assert np.array_equal(found.pixels[0], np.asarray(Image.open(images / "a/0.png"))[..., None].repeat(3, -1))


def test_unreadable_images_and_masks_are_told_apart(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=3, b=3)
    (images / "a/1.png").write_text("hello")
    (tmp_path / "masks/b").mkdir(parents=True)
    Image.new("1", (40, 40), 1).save(tmp_path / "masks/b/1.png")
    Image.new("1", (40, 40), 0).save(tmp_path / "masks/b/2.png")
    found, _ = pack(images, masks=tmp_path / "masks")
    assert found.unreadable == [(1, "is not an image, whatever its name says")]
    assert found.rows == [0, 2, 3, 4, 5]
    assert found.masks == {3: 0}
    assert found.empty_masks == [4]


def test_a_study_shares_the_file_and_a_full_copy_where_it_cannot(
    make_images: MakeImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = pack(make_images(a=5, b=5))
    found.place("pixels.npy", tmp_path / "study" / "pixels.npy")
    assert (tmp_path / "study/pixels.npy").stat().st_ino == (found.folder / "pixels.npy").stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    found.place("pixels.npy", tmp_path / "other" / "pixels.npy")
    copy = tmp_path / "other/pixels.npy"
    assert copy.stat().st_ino != (found.folder / "pixels.npy").stat().st_ino
    assert copy.read_bytes() == (found.folder / "pixels.npy").read_bytes()


def test_packs_that_nobody_has_are_forgotten(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=5, b=5)
    shared, _ = pack(images)
    shared.place("pixels.npy", tmp_path / "study" / "pixels.npy")
    alone, _ = pack(images, Images(pixels=48))
    young, _ = pack(images, Images(pixels=56))
    for old in (shared, alone):
        os.utime(old.folder, (time.time() - 40 * 24 * 3600,) * 2)
    pack(images, Images(pixels=64))
    assert [own.folder.is_dir() for own in (shared, alone, young)] == [True, False, True]


def test_two_processes_decode_once(make_images: MakeImages, cache: Path) -> None:
    images = make_images(a=20, b=20)
    program = (
        "import sys; from foveate.config import Images; from foveate.data.pack_cache import packed; "
        "from foveate.data.sources import read_source; steps = []; "
        "packed(read_source(sys.argv[1]), Images(pixels=40), steps.append); print(steps)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(images)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = sorted(process.communicate(timeout=120)[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert told == ["[0, 40]", "[40]"]  # one began with none and decoded 40, the other found 40
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


def test_a_cache_that_cannot_be_written_is_named(
    make_images: MakeImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(FoveateError, match=rf"cannot write {tmp_path}/file"):
        pack(make_images(a=5, b=5))


def test_a_pack_holds_no_name(make_images: MakeImages, cache: Path) -> None:
    images = make_images(name="Jane Doe", a=5, b=5)
    (images / "a/0.png").rename(images / "a/Jane Doe.png")
    (images / "a/1.png").write_text("hello")
    pack(images)
    for path in cache.rglob("*"):
        assert "Jane" not in path.name
        assert not path.is_file() or b"Jane" not in path.read_bytes()


def test_a_file_that_changes_while_it_is_read_is_refused(make_images: MakeImages, cache: Path) -> None:
    images = make_images(a=5, b=5)

    def touch(count: int) -> None:
        if count:
            Image.new("L", (40, 40), 7).save(images / "b/3.png")

    with pytest.raises(FoveateError, match=r"a file in .*images was changed while it was read: start again"):
        packed(read_source(images), SETTINGS, touch)
    assert not [path for path in cache.iterdir() if path.is_dir()]
