"""Every kind of image file that people have becomes the right pixels, or a reason why not."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveate.data.decoders import UnreadableImageError, as_channels, decode, quiet_pillow, square


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    return np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)


def test_grey_png(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png")
    assert np.array_equal(image.pixels, gradient())
    assert (image.width, image.height, image.mode, image.format) == (30, 20, "L", "PNG")


def test_rgb_with_equal_channels_is_the_same_picture_as_grey(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    Image.fromarray(gradient()).convert("RGB").save(tmp_path / "b.bmp")
    grey, colour = decode(tmp_path / "a.png"), decode(tmp_path / "b.bmp")
    assert colour.pixels.ndim == 2
    assert colour.mode == "RGB"
    assert grey.pixel_hash == colour.pixel_hash


def test_hash_sees_pixels_and_shape(tmp_path: Path) -> None:
    Image.fromarray(gradient(20, 30)).save(tmp_path / "a.png")
    Image.fromarray(gradient(30, 20)).save(tmp_path / "b.png")
    changed = gradient(20, 30)
    changed[5, 5] += 1
    Image.fromarray(changed).save(tmp_path / "c.png")
    assert len({decode(tmp_path / name).pixel_hash for name in ("a.png", "b.png", "c.png")}) == 3


def test_alpha_is_laid_on_black(tmp_path: Path) -> None:
    pixels = np.full((20, 20, 4), 200, dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, :10, 3] = 0
    pixels[:, 10:15, 3] = 51  # a fifth
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png")
    assert (image.pixels[:, :10] == 0).all()
    assert (image.pixels[:, 10:15] == 40).all()
    assert (image.pixels[:, 15:] == 200).all()


def test_grey_with_alpha_and_transparent_palette(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20, 2), 255, dtype=np.uint8), "LA").save(tmp_path / "a.png")
    assert (decode(tmp_path / "a.png").pixels == 255).all()
    palette = Image.fromarray(np.zeros((20, 20), dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.info["transparency"] = 0
    palette.save(tmp_path / "b.png", transparency=0)
    assert (decode(tmp_path / "b.png").pixels == 0).all()


def test_palette(tmp_path: Path) -> None:
    index = np.zeros((20, 20), dtype=np.uint8)
    index[:, 10:] = 1
    palette = Image.fromarray(index, "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png").pixels
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 15].tolist() == [0, 0, 255]


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif").pixels[3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("top", "expected"), [(4095, 255), (65535, 255), (255, 255), (3000, round(3000 * 255 / 4095))])
def test_16_bits_are_scaled_by_the_bits_in_use(tmp_path: Path, top: int, expected: int) -> None:
    values = np.zeros((20, 20), dtype=np.uint16)
    values[10:] = top
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png").pixels
    assert pixels.dtype == np.uint8
    assert pixels[0, 0] == 0
    assert pixels[15, 0] == expected


def test_float_tiff(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, np.round(values.astype(float) * 255).astype(np.uint8))
    Image.fromarray(values - 0.5).save(tmp_path / "b.tif")
    with pytest.raises(UnreadableImageError, match="negative"):
        decode(tmp_path / "b.tif")


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(gradient() > 127).save(tmp_path / "a.png")
    assert set(np.unique(decode(tmp_path / "a.png").pixels)) == {0, 255}


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=exif)
    image = decode(tmp_path / "a.png")
    assert (image.width, image.height) == (20, 30)
    assert np.array_equal(image.pixels, np.rot90(gradient(), -1))


def test_truncated_jpeg(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99), dtype=np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match="is damaged"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"hello, this is a text\n", "is not an image"), (b"", "is not an image")]
)
def test_text_named_png(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=reason):
        decode(tmp_path / "a.png")


def test_tiny_and_huge(tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="1 x 1 pixels, at least 16 x 16"):
        decode(tmp_path / "a.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "b.png")
    with quiet_pillow(), pytest.raises(UnreadableImageError, match="more than 100 million"):
        decode(tmp_path / "b.png")
    Image.new("1", (10_100, 10_000)).save(tmp_path / "c.png")
    with (
        quiet_pillow(),
        pytest.raises(UnreadableImageError, match="10100 x 10000 pixels, more than 100 million"),
    ):
        decode(tmp_path / "c.png")


def test_several_frames(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), value) for value in (0, 255)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImageError, match="holds 2 pictures"):
        decode(tmp_path / "a.tif")


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200), place=st.integers(0, 300))
def test_damage_anywhere_is_a_reason_or_pixels(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("damage") / "a.png"
    Image.fromarray(gradient()).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:place] + content + data[place + len(content) :])
    with quiet_pillow(), contextlib.suppress(UnreadableImageError):  # any other exception fails
        assert decode(path).pixels.dtype == np.uint8


def test_as_channels() -> None:
    grey, colour = gradient(), np.stack([gradient()] * 3, axis=-1)
    assert np.array_equal(as_channels(grey, 3), colour)
    assert as_channels(grey, 1).shape == (20, 30, 1)
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert (as_channels(red, 1) == round(0.299 * 255)).all()


def test_square() -> None:
    wide = np.zeros((20, 40), dtype=np.uint8)
    wide[:, 10:30] = 255
    assert square(wide, 20, "crop").min() == 255
    padded = square(wide, 40, "pad")
    assert padded.shape == (40, 40)
    assert padded[:10].max() == 0
    assert padded[10:30, 15:25].min() == 255
    assert padded[30:].max() == 0
    stretched = square(wide, 20, "stretch")
    assert stretched[:, 6:14].min() == 255
    assert stretched[:, :4].max() == 0


def test_square_is_antialiased() -> None:
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = square(stripes, 16, "stretch")
    assert abs(int(small.mean()) - 127) <= 1
    assert int(small.max()) - int(small.min()) < 20  # picking every fourth column would give 255 throughout
