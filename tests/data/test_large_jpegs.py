"""A large JPEG is decoded at a fraction of its size: everywhere alike, and in full where it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveate.config import Images
from foveate.data.decoders import ENOUGH, WHOLE, decode
from foveate.data.fit import square
from foveate.data.lesion_masks import read_mask
from foveate.data.pack_cache import packed
from foveate.data.sources import read_source
from foveate.inference.images import ImagePath, read_picture
from foveate.inference.model import GREY, ModelFacts
from foveate.reading.render import original
from tests.data.pictures import picture, save

LARGE = (1100, 904)  # width, height: at a half, 550 x 452


def large(path: Path, seed: int = 0, size: tuple[int, int] = LARGE) -> Path:
    return save(picture(seed, *size), path, 95)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((895, 2000), (895, 2000)),
        ((896, 2000), (448, 1000)),
        ((1793, 2001), (449, 501)),  # a quarter, rounded up
        ((3584, 3590), (448, 449)),
    ],
)
def test_both_sides_stay_long_enough(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    image = decode(large(tmp_path / "a.jpg", size=size))
    assert (image.width, image.height) == size
    assert image.pixels.shape == expected[::-1]
    assert image.is_reduced == (size != expected)
    whole = decode(tmp_path / "a.jpg", least=WHOLE)
    assert whole.pixels.shape == size[::-1]
    assert not whole.is_reduced


@settings(max_examples=25, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 160))
def test_never_below_what_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, least: int
) -> None:
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    Image.new("L", (width, height), 90).save(path)
    image = decode(path, least=least)
    rows, columns = image.pixels.shape
    assert min(rows, columns) >= min(least, width, height)
    factor = round(width / columns)
    assert (columns, rows) == (-(-width // factor), -(-height // factor))
    assert min(width, height) < 2 * factor * least or factor == 8


def test_it_is_the_same_picture(tmp_path: Path) -> None:
    path = large(tmp_path / "a.jpg")
    small, whole = decode(path).pixels.astype(float), decode(path, least=WHOLE).pixels.astype(float)
    means = whole.reshape(452, 2, 550, 2).mean((1, 3))
    assert np.abs(small - means).mean() < 1
    assert np.abs(small - means).max() < 16


def test_other_files_are_decoded_in_full(tmp_path: Path) -> None:
    picture(0, *LARGE).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png").pixels.shape == LARGE[::-1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = (1001, 1002)  # at a half both sides are 501
    picture(1, *size).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image, whole = decode(tmp_path / "a.jpg"), decode(tmp_path / "a.jpg", least=WHOLE)
    assert (image.width, image.height) == (whole.width, whole.height) == (size if orientation < 5 else size[::-1])
    assert whole.pixels.shape == (whole.height, whole.width)
    shrunk = Image.fromarray(whole.pixels).resize((501, 501), Image.Resampling.BOX)
    assert np.abs(image.pixels.astype(float) - np.asarray(shrunk)).mean() < 3


def test_the_hash_goes_by_the_picture_not_the_file(tmp_path: Path) -> None:
    path = large(tmp_path / "a.jpg")
    data = path.read_bytes()
    comment = b"\xff\xfe\x00\x06note"
    (tmp_path / "b.jpg").write_bytes(data[:2] + comment + data[2:])
    other = large(tmp_path / "c.jpg", seed=5)
    first, second, third = (decode(tmp_path / name).pixel_hash for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert first == second != third
    assert decode(other, least=2 * ENOUGH).pixel_hash != third  # why the default is the one to compare


def study_images(tmp_path: Path) -> Path:
    for number, label in enumerate(("a", "a", "b", "b")):
        large(tmp_path / "images" / label / f"{number}.jpg", number)
    return tmp_path / "images"


@pytest.mark.parametrize(("side", "rows"), [(64, 452), (500, 904)])
def test_training_and_prediction_see_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, rows: int
) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    images = study_images(tmp_path)
    source = read_source(images)
    found = packed(source, Images(pixels=side))
    model = ModelFacts(Path("run"), "resnet18", ("a", "b"), side, "stretch", 3, frozenset({GREY}))
    for row, image in enumerate(source.images):
        decoded = decode(images / image.path, least=rows)
        assert len(decoded.pixels) == rows
        expected = square(decoded.pixels, side, "stretch")
        assert np.array_equal(found.pixels[row][..., 0], expected)
        shown = read_picture(ImagePath(image.path, images, image.path, image.path), model, draw=True)
        assert np.array_equal(shown.pixels[..., 0], expected)
        assert shown.drawn_on is not None
        assert shown.drawn_on.shape == (round(904 * 1024 / 1100), 1024, 3)
        facts = found.facts[row]
        assert (facts.width, facts.height) == LARGE
        assert facts.pixel_hash == decode(images / image.path).pixel_hash  # whatever the side of the squares


def test_masks_have_the_size_of_the_whole_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    images = study_images(tmp_path)
    lesion = np.zeros(LARGE[::-1], dtype=np.uint8)
    lesion[452:] = 255
    for name in ("0.png", "1.png"):
        save(Image.fromarray(lesion), tmp_path / "masks" / "a" / name)
    found = packed(read_source(images, tmp_path / "masks"), Images(pixels=64))
    assert found.unreadable == []
    assert sorted(found.masks) == [0, 1]
    expected = np.arange(64)[:, None].repeat(64, 1) >= 32
    assert all((own == expected).all() for own in found.lesions)
    compressed = read_mask(save(Image.fromarray(lesion), tmp_path / "mask.jpg"), LARGE[::-1])
    assert np.array_equal(compressed > 127, lesion > 127)


def test_readers_see_all_of_it(tmp_path: Path) -> None:
    path = large(tmp_path / "a.jpg")
    shown = original(tmp_path, "a.jpg", decode(path).pixel_hash)
    assert np.array_equal(shown, np.asarray(Image.open(path)))
