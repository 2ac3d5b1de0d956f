"""Stored values are those that the words hold, by Bits Stored and High Bit; every file that pydicom reads is read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid

from foveate.data.dicom import decode_dicom
from foveate.data.dicom_file import opened
from foveate.data.dicom_stored import stored_values
from foveate.data.pixels import SMALLEST, UnreadableImageError
from tests.data.dicom_files import in_window, item, ramp, shipped, write

SHIPPED = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in SHIPPED.rglob("*") if path.is_file() and path.suffix in (".dcm", ""))


def stored(path: Path, photometric: str = "MONOCHROME2", frame: int = 0) -> np.ndarray:
    with opened(path) as found:
        return stored_values(path, found, photometric, frame)


def read_by_pydicom(path: Path) -> tuple[np.ndarray, pydicom.Dataset] | None:
    try:
        facts = pydicom.dcmread(path, force=True)
        return facts.pixel_array, facts
    except Exception:  # noqa: BLE001 - whatever it raises, it does not read the file
        return None


@pytest.mark.filterwarnings("ignore")
def test_every_file_that_pydicom_reads_is_read_as_it_reads_it() -> None:
    read = 0
    for path in FILES:
        theirs = read_by_pydicom(path)
        if theirs is None:
            with pytest.raises(UnreadableImageError):
                decode_dicom(path)
            continue
        values, facts = theirs
        count = int(facts.get("NumberOfFrames") or 1)
        for frame in {0, count - 1}:
            own = stored(path, facts.PhotometricInterpretation, frame)
            assert np.array_equal(own, values[frame] if count > 1 else values), path.name
        if min(facts.Rows, facts.Columns) < SMALLEST:
            with pytest.raises(UnreadableImageError, match="at least 16 x 16"):
                decode_dicom(path)
            continue
        pixels = decode_dicom(path).pixels
        if values.ndim == 3 and count == 1 and facts.BitsAllocated == 8:
            assert np.array_equal(pixels, values), path.name
        read += 1
    assert read > 80


# High Bit


@settings(max_examples=40, deadline=None)
@given(
    allocated=st.sampled_from([8, 16, 32]),
    signed=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    syntax=st.sampled_from([uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]),
    data=st.data(),
)
def test_values_lie_where_high_bit_says_among_other_bits(
    tmp_path_factory: pytest.TempPathFactory, allocated: int, signed: bool, seed: int, syntax: str, data: st.DataObject
) -> None:
    bits = data.draw(st.integers(2, allocated - 1))
    high = data.draw(st.integers(bits - 1, allocated - 1))
    generator = np.random.default_rng(seed)
    values = generator.integers(-(2 ** (bits - 1)) if signed else 0, 2 ** (bits - 1 if signed else bits), (20, 20))
    field = ((1 << bits) - 1) << (high + 1 - bits)
    # what the other bits hold are overlays (PS3.5 8.1.1)
    words = ((values << (high + 1 - bits)) & field) | (generator.integers(0, 2**allocated, (20, 20)) & ~field)
    words = words.astype(f"u{allocated // 8}")
    if syntax == uid.ExplicitVRBigEndian:  # two values of 8 bits are a word, too
        words = words.view("u2").byteswap().view("u1") if allocated == 8 else words.astype(f">u{allocated // 8}")
    path = write(
        tmp_path_factory.mktemp("high") / "a.dcm",
        words,
        syntax=syntax,
        BitsStored=bits,
        HighBit=high,
        PixelRepresentation=int(signed),
    )
    assert np.array_equal(stored(path), values)


def test_left_justified_is_seen_through_its_window(tmp_path: Path) -> None:
    values = ramp() * 10
    path = write(tmp_path / "a.dcm", values << 4, BitsStored=12, HighBit=15, WindowCenter=2000, WindowWidth=3000)
    assert np.array_equal(decode_dicom(path).pixels, in_window(values.astype(float), 2000, 3000))


def test_high_bit_in_run_lengths_and_colours(tmp_path: Path) -> None:
    values = np.stack([ramp(), ramp() * 2, ramp() * 3], axis=-1)
    write(tmp_path / "a.dcm", values << 4, BitsStored=12, HighBit=15)
    assert np.array_equal(decode_dicom(tmp_path / "a.dcm").pixels, np.round(values / 4095 * 255))
    facts = pydicom.dcmread(write(tmp_path / "b.dcm", ramp() << 4, BitsStored=12, HighBit=15))
    facts.compress(uid.RLELossless)
    facts.save_as(tmp_path / "b.dcm")
    assert np.array_equal(stored(tmp_path / "b.dcm"), ramp())


@pytest.mark.parametrize("signed", [0, 1])
def test_a_high_bit_that_the_values_contradict(tmp_path: Path, signed: int) -> None:
    """They lie in the lowest bits of their words, and would become dark without a word."""
    values = ramp("int16", -200) if signed else ramp()
    path = write(tmp_path / "a.dcm", values, BitsStored=12, HighBit=15, PixelRepresentation=signed)
    with pytest.raises(UnreadableImageError, match="^contradicts itself in its High Bit$"):
        decode_dicom(path)


@pytest.mark.parametrize(("bits", "high"), [(16, 11), (12, 7), (12, 0), (16, 15), (16, 40)])
def test_a_high_bit_that_cannot_be_says_nothing(tmp_path: Path, bits: int, high: int) -> None:
    assert np.array_equal(stored(write(tmp_path / "a.dcm", ramp(), BitsStored=bits, HighBit=high)), ramp())


def test_a_high_bit_above_the_word(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ramp(), BitsStored=12, HighBit=16)
    with pytest.raises(UnreadableImageError, match="^contradicts itself in its High Bit$"):
        decode_dicom(path)


def test_high_bit_says_nothing_of_a_codestream(tmp_path: Path) -> None:
    facts = pydicom.dcmread(shipped("MR_small_jp2klossless.dcm"))
    right = facts.pixel_array
    facts.BitsStored, facts.HighBit = 14, 15
    facts.save_as(tmp_path / "a.dcm")
    assert np.array_equal(stored(tmp_path / "a.dcm"), right)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"])
def test_words_of_every_length(tmp_path: Path, dtype: str) -> None:
    low = -50 if dtype.startswith("i") else 0
    values = (low + np.arange(400) % 150).astype(dtype).reshape(20, 20)
    path = write(tmp_path / "a.dcm", values, WindowCenter=50, WindowWidth=101)
    assert np.array_equal(decode_dicom(path).pixels, in_window(values.astype(float), 50, 101))


def test_words_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ramp("uint16"), BitsAllocated=12, BitsStored=12, HighBit=11)
    with pytest.raises(UnreadableImageError, match="^holds its pixels in words that cannot be read"):
        decode_dicom(path)


@pytest.mark.parametrize(
    "ignored",
    [
        {"RedPaletteColorLookupTableData": b"\0\1" * 4, "PaletteColorLookupTableUID": "1.2.840.10008.1.5.1"},
        {"ICCProfile": b"\0" * 128, "PresentationLUTShape": "INVERSE", "SmallestImagePixelValue": 7},
        {"RealWorldValueMappingSequence": [item(RealWorldValueSlope=2.0, RealWorldValueIntercept=1.0)]},
        {"MaskSubtractionSequence": [item(MaskOperation="AVG_SUB")], "PixelAspectRatio": [2, 1]},
    ],
)
def test_what_is_ignored_changes_no_pixel(tmp_path: Path, ignored: dict[str, Any]) -> None:
    plain = write(tmp_path / "a.dcm", ramp(), WindowCenter=200, WindowWidth=300)
    other = write(tmp_path / "b.dcm", ramp(), WindowCenter=200, WindowWidth=300, **ignored)
    assert np.array_equal(decode_dicom(other).pixels, decode_dicom(plain).pixels)


# Fewer or more pixels than the header says, and what contradicts itself


def with_pixels(path: Path, pixels: bytes, **elements: Any) -> Path:
    write(path, ramp("uint8"), PixelData=pixels, **elements)
    return path


def test_too_few_bytes_are_not_made_up_from_what_follows(tmp_path: Path) -> None:
    """Elements that follow the pixels would be read as pixels."""
    path = with_pixels(tmp_path / "a.dcm", ramp("uint8").tobytes()[:-100], DataSetTrailingPadding=b"\x01" * 400)
    with pytest.raises(UnreadableImageError, match="^is damaged or cut off$"):
        decode_dicom(path)


def test_more_pictures_than_the_header_says(tmp_path: Path) -> None:
    values = ramp("uint8").tobytes()
    path = with_pixels(tmp_path / "a.dcm", values + values)
    with pytest.raises(UnreadableImageError, match="^holds more pixels than its header says$"):
        decode_dicom(path)
    padded = with_pixels(path, values + b"\0" * 20)
    assert np.array_equal(decode_dicom(padded).pixels, ramp("uint8"))


def test_422_that_is_not_halved(tmp_path: Path) -> None:
    facts = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    path = with_pixels(tmp_path / "a.dcm", bytes(20 * 20 * 3), **facts)
    with pytest.raises(UnreadableImageError, match="^holds more pixels than its header says$"):
        decode_dicom(path)
    assert decode_dicom(with_pixels(path, bytes(20 * 20 * 2), **facts)).pixels.shape == (20, 20, 3)


def test_compressed_or_not(tmp_path: Path) -> None:
    compressed = {"PixelData": pydicom.encaps.encapsulate([b"1234"]), "syntax": uid.RLELossless}
    content = write(tmp_path / "a.dcm", ramp("uint8"), **compressed).read_bytes()
    (tmp_path / "a.dcm").write_bytes(content.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0"))
    with pytest.raises(UnreadableImageError, match="its pixels are compressed, by its transfer syntax they are not"):
        decode_dicom(tmp_path / "a.dcm")
    content = write(tmp_path / "b.dcm", ramp("uint8")).read_bytes()
    (tmp_path / "b.dcm").write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))
    with pytest.raises(UnreadableImageError, match="its pixels are not compressed, by its transfer syntax they are"):
        decode_dicom(tmp_path / "b.dcm")


def test_planes_and_pixels_of_colour(tmp_path: Path) -> None:
    values = np.stack([ramp("uint8"), ramp("uint8") // 2, 255 - ramp("uint8")], axis=-1)
    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    path = write(tmp_path / "a.dcm", values, PixelData=planes.tobytes(), PlanarConfiguration=1)
    assert np.array_equal(decode_dicom(path).pixels, values)
    facts = pydicom.dcmread(path)
    del facts.PlanarConfiguration
    facts.save_as(path)
    with pytest.raises(UnreadableImageError, match=r"does not say how its channels lie \(Planar Configuration\)"):
        decode_dicom(path)


@pytest.mark.parametrize(
    ("dtype", "elements", "reason"),
    [
        ("int16", {}, "holds colours as signed numbers (Pixel Representation)"),
        ("uint16", {"PhotometricInterpretation": "YBR_FULL"}, "holds its colours as YBR_FULL in more than 8 bits"),
        ("uint8", {"BitsAllocated": 12}, "holds its pixels in words that cannot be read (Bits Allocated)"),
        ("uint8", {"SamplesPerPixel": 4}, "holds its colours in a way that cannot be read"),
        ("uint8", {"PhotometricInterpretation": "ARGB"}, "holds its colours in a way that cannot be read"),
    ],
)
def test_colours_that_would_be_wrong(tmp_path: Path, dtype: str, elements: dict[str, Any], reason: str) -> None:
    values = np.stack([ramp(dtype)] * 3, axis=-1)
    path = write(tmp_path / "a.dcm", values, **elements)
    with pytest.raises(UnreadableImageError) as caught:
        decode_dicom(path)
    assert str(caught.value).startswith(reason)


def test_frames_of_one_bit_that_share_a_byte(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 2, (3, 17, 17), dtype=np.uint8)
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    elements = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelData": packed + b"\0" * (len(packed) % 2)}
    path = write(tmp_path / "a.dcm", frames, **elements)
    for number, frame in enumerate(frames):
        assert np.array_equal(decode_dicom(path, number).pixels, frame * 255)


def test_a_pixel_element_of_no_pixels(tmp_path: Path) -> None:
    content = write(tmp_path / "a.dcm", ramp("uint8")).read_bytes()
    place = content.index(b"\xe0\x7f\x10\0OW\0\0")
    (tmp_path / "a.dcm").write_bytes(content[:place])
    with pytest.raises(UnreadableImageError, match="^is DICOM, but holds no picture$"):
        decode_dicom(tmp_path / "a.dcm")
    (tmp_path / "a.dcm").write_bytes(content[: place + 8] + struct.pack("<I", 0))
    with pytest.raises(UnreadableImageError, match="^is damaged or cut off$"):
        decode_dicom(tmp_path / "a.dcm")
