"""Picture files as people have them: all bits, the right way up, and whole or refused."""

from __future__ import annotations

import contextlib
import errno
import io
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from foveate.data.decoders import WHOLE, decode
from foveate.data.pixels import AS_STORED, UnreachableImageError, UnreadableImageError
from foveate.data.scaling import OF_IMAGE, UNIT, robust_range, scale
from tests.data.picture_files import HEIGHT, WIDTH, encoded, exif, noise, plain, png16, pnm, tiff

TWELVE = [noise(channels, 4095, "uint16") for channels in range(6)]


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def shares(values: np.ndarray, white: float) -> np.ndarray:
    return np.rint(values / white * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "data", "values"),
    [
        ("a.png", png16(TWELVE[0]), TWELVE[0]),
        ("a.png", png16(TWELVE[3]), TWELVE[3]),
        ("a.tif", tiff(TWELVE[0], order=">"), TWELVE[0]),
        ("a.tif", tiff(TWELVE[3]), TWELVE[3]),
        ("a.tif", tiff(TWELVE[3], order=">"), TWELVE[3]),
        ("a.tif", tiff(TWELVE[3], planar=2), TWELVE[3]),
        ("a.tif", tiff(TWELVE[3], planar=2, order=">"), TWELVE[3]),
        ("a.tif", tiff(TWELVE[0].astype("int16")), TWELVE[0]),
        ("a.tif", tiff(TWELVE[0].astype("uint32"), order=">"), TWELVE[0]),
        ("a.tif", tiff(TWELVE[0].astype("float32")), TWELVE[0]),
        ("a.tif", tiff(TWELVE[0].astype("float64"), order=">"), TWELVE[0]),
        ("a.tif", tiff(TWELVE[3].astype("float32")), TWELVE[3]),
        ("a.ppm", pnm(b"P5", TWELVE[0], 65535), TWELVE[0]),
        ("a.ppm", pnm(b"P6", TWELVE[3], 65535), TWELVE[3]),
        ("a.ppm", pnm(b"P5", TWELVE[0], 4095), TWELVE[0]),
        ("a.ppm", pnm(b"P6", TWELVE[3], 4095), TWELVE[3]),
        ("a.ppm", plain(b"P2", TWELVE[0], 4095), TWELVE[0]),
    ],
)
def test_twelve_bits(tmp_path: Path, name: str, data: bytes, values: np.ndarray) -> None:
    image = decode(put(tmp_path / name, data))
    assert np.array_equal(image.pixels, shares(values, 4095))
    assert image.scaling == "0..4095"


def test_compressed_colours_of_16_bits(tmp_path: Path) -> None:
    """LZW by libtiff, whose strips have the machine's order of bytes."""
    lzw = io.BytesIO()
    Image.open(io.BytesIO(tiff(TWELVE[0]))).save(lzw, "TIFF", compression="tiff_lzw")
    assert np.array_equal(decode(put(tmp_path / "a.tif", lzw.getvalue())).pixels, shares(TWELVE[0], 4095))


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(("name", "make"), [("a.png", png16), ("a.tif", lambda values: tiff(values, extra=(2,)))])
def test_alpha_of_16_bits(tmp_path: Path, channels: int, name: str, make: Any) -> None:
    values = TWELVE[channels].copy()
    values[..., -1] = 65535
    values[:9, :, -1] = 0
    values[0, 0] = 65535, *[65535] * (channels - 2), 0  # what nobody sees does not count for the scale
    expected = shares(values[..., :-1], 4095)
    expected[:9] = 0
    image = decode(put(tmp_path / name, make(values)))
    assert np.array_equal(image.pixels, expected[..., 0] if channels == 2 else expected)
    values[9:, :, -1] = 4095  # of 12 bits as well: opaque
    assert np.array_equal(decode(put(tmp_path / name, make(values))).pixels, image.pixels)


def test_premultiplied_colours_lie_on_black_already(tmp_path: Path) -> None:
    values = TWELVE[4].copy()
    values[..., 3] = 30000
    image = decode(put(tmp_path / "a.tif", tiff(values, extra=(1,))))
    assert np.array_equal(image.pixels, shares(values[..., :3], 4095))


def test_a_transparent_value_of_16_bits_is_black(tmp_path: Path) -> None:
    grey, colour = TWELVE[0].copy(), TWELVE[3].copy()
    grey[5, 5], colour[5, 5] = 60000, (60000, 7, 7)
    got = (
        decode(put(tmp_path / "a.png", png16(grey, (60000,)))),
        decode(put(tmp_path / "b.png", png16(colour, (60000, 7, 7)))),
    )
    grey[5, 5], colour[5, 5] = 0, 0
    assert np.array_equal(got[0].pixels, shares(grey, 4095))
    assert np.array_equal(got[1].pixels, shares(colour, 4095))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_where_zero_is_white(tmp_path: Path, dtype: str, order: Literal["<", ">"]) -> None:
    top = 255 if dtype == "uint8" else 4095
    values = noise(0, top, dtype)
    image = decode(put(tmp_path / "a.tif", tiff(values, 0, order)))
    assert np.array_equal(image.pixels, 255 - shares(values, top))


def test_fractions_that_overshoot(tmp_path: Path) -> None:
    values = np.linspace(-0.02, 1.004, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    image = decode(put(tmp_path / "a.tif", tiff(values)))
    assert image.scaling == UNIT
    assert np.array_equal(image.pixels, shares(np.clip(values, 0, 1), 1))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_with_a_sign(tmp_path: Path, dtype: str, order: Literal["<", ">"]) -> None:
    values = (noise(0, 200).astype(int) - 100).astype(dtype)
    image = decode(put(tmp_path / "a.tif", tiff(values, order=order)))
    assert image.scaling == OF_IMAGE
    assert np.array_equal(image.pixels, scale(values, *robust_range(values)))


def test_maxval_says_what_is_white(tmp_path: Path) -> None:
    image = decode(put(tmp_path / "a.pgm", pnm(b"P5", noise(0, 60), 100)))
    assert image.scaling == "0..100"
    assert np.abs(image.pixels.astype(int) - shares(noise(0, 60), 100)).max() <= 1  # halves are rounded by Pillow
    with pytest.raises(UnreadableImageError, match="PPM as text with more than 8 bits"):
        decode(put(tmp_path / "b.ppm", plain(b"P3", TWELVE[3], 65535)))


@pytest.mark.parametrize(
    ("values", "photometric", "said"),
    [
        (TWELVE[5], 1, "TIFF of 5 channels of 16 bits, and grey or RGB of 8 or 16 bits, or of 32-bit floats is needed"),
        (noise(0, 9, "uint16"), 32803, "TIFF of a kind that is not read"),  # a colour filter array
    ],
)
def test_what_is_not_read_is_said(tmp_path: Path, values: np.ndarray, photometric: int, said: str) -> None:
    with pytest.raises(UnreadableImageError, match=said):
        decode(put(tmp_path / "a.tif", tiff(values, photometric)))


STORED = np.zeros((24, 32, 3), np.uint8)
STORED[:12], STORED[12:, :16] = (200, 60, 60), (60, 200, 60)
TURNED = {1: STORED, 3: np.rot90(STORED, 2), 6: np.rot90(STORED, -1), 8: np.rot90(STORED)}  # as a photographer says it


def oriented(name: str, block: bytes) -> bytes:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "a.jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
        "a.png": ("PNG", {}),
        "a.webp": ("WEBP", {"lossless": True}),
        "b.jpg": (
            "MPO",
            {"quality": 95, "subsampling": 0, "save_all": True, "append_images": [Image.fromarray(STORED)]},
        ),
    }
    kind, options = kinds[name]
    return encoded(STORED, kind, exif=block if kind in ("JPEG", "MPO", "WEBP") else block[6:], **options)


@pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # as reading does
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "b.jpg"])
@pytest.mark.parametrize(
    ("entries", "upright"),
    [
        *[([(0x112, 3, 1, struct.pack("<H", number))], number) for number in TURNED],
        ([(0x112, 3, 1, struct.pack("<H", 9))], 1),  # there are eight orientations
        ([(0x112, 3, 1, struct.pack("<H", 0))], 1),
        ([(0x112, 2, 2, b"6\0")], 1),  # as text
        ([(0x112, 3, 2, struct.pack("<HH", 6, 3))], 6),  # twice: the first counts
        ([(0x112, 3, 1, struct.pack("<H", 6)), (0x11A, 2, 3, b"72\0")], 6),  # another tag is odd
        ([(0x112, 3, 1, struct.pack("<H", 6)), (0x8769, 2, 3, b"no\0")], 6),
        ([(0x112, 99, 1, b"6")], 1),  # of no type that there is
    ],
)
def test_orientation(tmp_path: Path, name: str, entries: list[tuple[int, int, int, bytes]], upright: int) -> None:
    image = decode(put(tmp_path / name, oriented(name, exif(*entries))), least=WHOLE)
    assert image.pixels.shape == TURNED[upright].shape
    assert (image.height, image.width) == TURNED[upright].shape[:2]
    assert np.abs(image.pixels.astype(int) - TURNED[upright]).mean() < 6


@pytest.mark.parametrize(
    ("tag", "upright"), [((3, 6), 6), ((3, 3), 3), ((3, 9), 1), ((3, 0), 1), ((2, 54), 1), ((4, 8), 8)]
)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])  # by Pillow, by tifffile
def test_orientation_of_tiff(tmp_path: Path, tag: tuple[int, int], upright: int, dtype: str) -> None:
    values = STORED[..., 0].astype(dtype)
    image = decode(put(tmp_path / "a.tif", tiff(values, t274=tag)))
    assert np.array_equal(image.pixels, TURNED[upright][..., 0])
    assert (image.height, image.width) == TURNED[upright].shape[:2]


def test_exif_that_is_none(tmp_path: Path) -> None:
    whole = encoded(STORED, "JPEG", exif=b"Exif\0\0" + b"\x99" * 40)
    assert decode(put(tmp_path / "a.jpg", whole)).pixels.shape == STORED.shape


PHOTO = np.asarray(Image.fromarray(noise(3)).resize((120, 90), Image.Resampling.BICUBIC))
FILES = {
    "a.jpg": encoded(PHOTO, "JPEG", quality=95),
    "b.jpg": encoded(PHOTO, "JPEG", progressive=True),
    "c.jpg": encoded(PHOTO, "JPEG", restart_marker_blocks=3),
    "a.png": encoded(PHOTO, "PNG"),
    "b.png": encoded(noise(3), "PNG"),
    "a.gif": encoded(PHOTO, "GIF", "P"),
    "a.tif": encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    "b.tif": encoded(PHOTO, "TIFF", compression="jpeg"),
    "c.tif": tiff(PHOTO.astype("float64")),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("fill", [None, 0, 0xFF])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, name: str, share: float, fill: int | None) -> None:
    data = FILES[name]
    kept = int(len(data) * share)
    tail = b"" if fill is None else bytes([fill]) * (len(data) - kept)
    with pytest.raises(UnreadableImageError):
        decode(put(tmp_path / name, data[:kept] + tail))


def test_random_blocks_behind_a_broken_jpeg_are_seen(tmp_path: Path) -> None:
    """All but one time in 250, when the first marker in them happens to be the end's."""
    random, data, taken = np.random.default_rng(0), FILES["a.jpg"], 0
    for _ in range(250):
        kept = int(len(data) * random.uniform(0.3, 0.9))
        with contextlib.suppress(UnreadableImageError):
            decode(put(tmp_path / "a.jpg", data[:kept] + random.bytes(8192)))
            taken += 1
    assert taken <= 4


@pytest.mark.parametrize("name", ["a.jpg", "b.jpg", "c.jpg", "a.png", "a.gif"])
def test_what_follows_the_end_is_harmless(tmp_path: Path, name: str) -> None:
    whole = decode(put(tmp_path / name, FILES[name])).pixels
    for tail in (b"\0" * 999, b"\xff\xd8 of another program"):
        assert np.array_equal(decode(put(tmp_path / name, FILES[name] + tail)).pixels, whole)


def test_a_jpeg_without_its_end_marker(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="cut off"):
        decode(put(tmp_path / "a.jpg", FILES["a.jpg"][:-2] + b"\0\0"))


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_what_the_machine_does_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise OSError(code, "the drive")

    path = put(tmp_path / "a.png", FILES["a.png"])
    with pytest.raises(UnreachableImageError, match="No such file"):
        decode(tmp_path / "gone.png")
    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(UnreachableImageError, match=r"^cannot be read \(the drive\)$"):
        decode(path)


def test_eight_bits_are_as_stored(tmp_path: Path) -> None:
    for name, data in (("a.png", encoded(noise(), "PNG")), ("a.bmp", encoded(noise(3), "BMP"))):
        assert decode(put(tmp_path / name, data)).scaling == AS_STORED
