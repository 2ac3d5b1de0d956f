"""Heat-maps land where they belong on the original, and files say nothing of their model or source."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from foveate.data.decoders import decode
from foveate.errors import FoveateError
from foveate.explanation import heatmaps, overlays
from foveate.explanation.geometry import on_original
from foveate.reading.render import TILE, contact_sheet, layer, original, png, thumbnail


def chunks(data: bytes) -> list[tuple[str, bytes]]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + content),)
        found.append((name.decode(), content))
        at += 12 + length
    return found


def hot_corner() -> np.ndarray:
    """One positive value in the upper left of a 4 x 4 map, negative ones elsewhere."""
    raw = np.full((4, 4), -5, dtype=np.float32)
    raw[0, 0] = 3
    return raw


def test_a_layer_over_its_image_is_the_overlay() -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    heat = heatmaps.heat(random.normal(size=(4, 4)), 20, 30)
    over = Image.alpha_composite(Image.fromarray(image).convert("RGBA"), Image.fromarray(layer(heat)))
    difference = np.asarray(over.convert("RGB")).astype(int) - overlays.overlay(image, heat)
    assert np.abs(difference).max() <= 2
    assert layer(np.ones((1, 1)))[0, 0].tolist() == [*overlays.INFERNO[255].tolist(), 255]
    with pytest.raises(ValueError, match="between 0 and 1"):
        layer(np.full((2, 2), 1.5))
    with pytest.raises(ValueError, match="between 0 and 1"):
        layer(np.full((2, 2), np.nan))


def test_a_blank_map_is_transparent_and_its_file_has_the_same_structure_as_any_other() -> None:
    random = np.random.default_rng(2)
    maps = [random.normal(size=(7, 7)), -np.ones((7, 7)), np.zeros((3, 3)), hot_corner()]
    files = [png(layer(on_original(raw, 300, 410, 224, "pad"))) for raw in maps]
    structures = [[(name, content if name != "IDAT" else b"") for name, content in chunks(data)] for data in files]
    assert all(structure == structures[0] for structure in structures)
    assert [name for name, _ in structures[0]] == ["IHDR", "IDAT", "IEND"]
    assert {data[:33] for data in files} == {files[0][:33]}
    for number, data in enumerate(files):
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.size, picture.mode) == ((410, 300), "RGBA")
            assert (np.asarray(picture)[..., 3].max() == 0) == (number in (1, 2))


@given(arrays.arrays(np.uint8, st.sampled_from([(1, 1), (5, 7), (5, 7, 3), (4, 3, 4), (1, 9, 3)])))
def test_png_is_lossless(pixels: np.ndarray) -> None:
    with Image.open(io.BytesIO(png(pixels))) as picture:
        assert np.array_equal(np.asarray(picture), pixels)


def test_png_refuses_other_arrays() -> None:
    for wrong in (np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(ValueError, match="as PNG"):
            png(wrong)
    with pytest.raises(ValueError, match="float64"):
        png(np.zeros((4, 4)))  # type: ignore[arg-type]


def test_the_original_keeps_its_pixels_and_loses_everything_else(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010E] = "Jane Doe"
    notes = PngInfo()
    notes.add_text("Patient", "Jane Doe")
    path = tmp_path / "Jane Doe.png"
    Image.fromarray(pixels).save(path, exif=exif, pnginfo=notes, dpi=(300, 300))
    upright = original(tmp_path, path.name, decode(path).pixel_hash)
    assert np.array_equal(upright, np.rot90(pixels, -1))
    data = png(upright)
    assert b"Jane" not in data
    assert [name for name, _ in chunks(data)] == ["IHDR", "IDAT", "IEND"]
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info == {}
        assert picture.size == (30, 50)


def test_an_original_that_changed_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(path)
    with pytest.raises(FoveateError, match="a.png is not the image that the models saw"):
        original(tmp_path, path.name, "0" * 64)
    path.write_bytes(b"no image")
    with pytest.raises(FoveateError, match="a.png is not an image"):
        original(tmp_path, path.name, "0" * 64)


def test_contact_sheet_shows_every_image_at_its_aspect() -> None:
    small, wide = np.full((16, 16), 200, np.uint8), np.full((100, 1000, 3), 50, np.uint8)
    tiles = [thumbnail(small), thumbnail(wide)]
    assert tiles[0].shape == (TILE, TILE, 3)
    assert tiles[1].shape == (TILE // 10, TILE, 3)
    sheet = contact_sheet([("0" * 32, tiles[0]), ("1" * 32, tiles[1])])
    assert sheet.shape == (TILE + 40, 2 * TILE + 30, 3)
    assert (sheet[20, 20] == 200).all()
    assert (sheet[20, TILE + 40] == 50).all()
    assert (sheet[TILE + 10 :] < 100).any()  # ink below the images
    assert contact_sheet([("a", tiles[0])] * 7).shape == (2 * (TILE + 30) + 10, 5 * (TILE + 10) + 10, 3)
