"""Tables are scaled by what they hold, begin where the standard says, and palettes give their colours."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, uid
from pydicom.pixels.processing import apply_color_lut, apply_voi

from foveate.data.dicom import decode_dicom
from foveate.data.dicom_tables import largest
from foveate.data.pixels import UnreadableImageError
from tests.data.dicom_files import in_window, item, lut, ramp, shipped, write

RGB = ("Red", "Green", "Blue")


@pytest.mark.parametrize(
    ("entry", "bits", "white"),
    [
        (65535, 16, 65535),
        (4095, 16, 4095),  # 16 is the word's, not the entries'
        (255, 16, 255),
        (200, 16, 255),
        (40000, 16, 65535),
        (4095, 12, 4095),
        (2000, 12, 4095),  # counted by somebody: a dark table
        (4095, 10, 4095),  # more than it says
        (100, 8, 255),
    ],
)
def test_white(entry: int, bits: int, white: int) -> None:
    assert largest(np.array([0, entry, 1]), bits) == white


@given(st.lists(st.integers(0, 65535), min_size=1), st.integers(8, 16))
def test_white_is_never_darker_than_an_entry(entries: list[int], bits: int) -> None:
    assert max(entries) <= largest(np.array(entries), bits) <= 65535


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("kind", ["US", "OW"])
def test_a_display_table_that_says_16_bits_and_holds_12(tmp_path: Path, bits: int, kind: str) -> None:
    entries = [10 * number + 100 for number in range(400)]
    table = lut([*entries[:-1], 4095], 0, bits, kind)
    path = write(tmp_path / "a.dcm", ramp(), Modality="CR", VOILUTSequence=[table])
    pixels = decode_dicom(path)
    assert pixels.pixels.ravel().tolist() == [round(entry / 4095 * 255) for entry in [*entries[:-1], 4095]]
    assert pixels.scaling == "table of the file"


def test_a_modality_table_is_measurements_whatever_bits_it_says(tmp_path: Path) -> None:
    entries = [3 * number for number in range(400)]
    for bits in (8, 12, 16):
        table = lut(entries, 0, 16)
        table.LUTDescriptor = [400, 0, bits]
        path = write(tmp_path / "a.dcm", ramp(), ModalityLUTSequence=[table], WindowCenter=600, WindowWidth=900)
        assert np.array_equal(decode_dicom(path).pixels, in_window(3.0 * ramp(), 600, 900))


def hollow(**elements: Any) -> Dataset:
    """A table without a descriptor, which pydicom writes where its VR is given."""
    made = item(**elements)
    for name in ("LUTDescriptor", "LUTData"):
        made.add_new(name, "US", None)
    return made


EMPTY: list[dict[str, Any]] = [
    {"VOILUTSequence": []},
    {"VOILUTSequence": [item()]},
    {"VOILUTSequence": [hollow()]},
    {"VOILUTSequence": [item(LUTExplanation="NORMAL")]},
    {"VOILUTSequence": [item(LUTDescriptor=[4, 0, 16], LUTData=None)]},
    {"ModalityLUTSequence": []},
    {"ModalityLUTSequence": [item()]},
    {"ModalityLUTSequence": [hollow(ModalityLUTType="US")]},
    {"SharedFunctionalGroupsSequence": [item()], "PerFrameFunctionalGroupsSequence": [item()]},
    {"PerFrameFunctionalGroupsSequence": [item(FrameVOILUTSequence=[])]},
    {"PerFrameFunctionalGroupsSequence": [item(FrameVOILUTSequence=[item()])]},
    {"PerFrameFunctionalGroupsSequence": [item(FrameVOILUTSequence=[item(WindowCenter=None, WindowWidth=None)])]},
    {"PerFrameFunctionalGroupsSequence": [item(PixelValueTransformationSequence=[item(RescaleSlope=None)])]},
]


@pytest.mark.parametrize("elements", EMPTY, ids=range(len(EMPTY)))
def test_what_is_empty_leaves_the_window(tmp_path: Path, elements: dict[str, Any]) -> None:
    path = write(tmp_path / "a.dcm", ramp(), WindowCenter=200, WindowWidth=300, **elements)
    image = decode_dicom(path)
    assert np.array_equal(image.pixels, in_window(ramp().astype(float), 200, 300))
    assert image.scaling == "window of the file"


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_that_is_cut_off(tmp_path: Path, name: str) -> None:
    """Its bytes must not be taken for entries of 8 bits."""
    table = lut(list(range(300)), 0, 16)
    table.LUTDescriptor = [400, 0, 16]
    path = write(tmp_path / "a.dcm", ramp(), WindowCenter=200, WindowWidth=300, **{name: [table]})
    with pytest.raises(UnreadableImageError, match="^has a table of values that is cut off$"):
        decode_dicom(path)


@pytest.mark.parametrize("first", [-100, 65436])
def test_a_table_that_begins_below_zero(tmp_path: Path, first: int) -> None:
    """Explicit VR has room for US alone where writers keep to it: 65436 is -100 there."""
    values = ramp("int16", -100)
    table = lut(list(range(400)), 0, 16)
    table.add_new("LUTDescriptor", "US" if first > 0 else "SS", [400, first, 16])
    path = write(tmp_path / "a.dcm", values, VOILUTSequence=[table])
    assert np.array_equal(decode_dicom(path).pixels, np.round((values + 100) / 511 * 255))


def test_a_table_of_all_values(tmp_path: Path) -> None:
    """0 entries are 65536 (C.11.1.1); such a table needs OW."""
    data = np.arange(65536, dtype="<u2")[::-1].tobytes()
    table = item(LUTDescriptor=[0, 0, 16])
    table.add_new("LUTData", "OW", data)
    path = write(tmp_path / "a.dcm", ramp() * 100, VOILUTSequence=[table])
    assert np.array_equal(decode_dicom(path).pixels, np.round((65535 - 100.0 * ramp()) / 65535 * 255))


def test_an_index_far_from_its_table(tmp_path: Path) -> None:
    """numpy rounds integers of 8 bits to floats that count to 2048 alone."""
    table = lut([*range(3000), *([4095] * 300)], 0, 12)
    table.add_new("LUTDescriptor", "SS", [3300, -2900, 12])
    path = write(tmp_path / "a.dcm", ramp("uint8"), ModalityLUTSequence=[table], WindowCenter=3000, WindowWidth=2000)
    looked_up = np.array([*range(3000), *([4095] * 300)])[ramp("uint8").astype(int) + 2900]
    assert np.array_equal(decode_dicom(path).pixels, in_window(looked_up.astype(float), 3000, 2000))


# Palettes


def palette(bits: int, data: list[bytes], first: int = 0, width: int = 2) -> dict[str, Any]:
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, own in zip(RGB, data, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [len(own) // width, first, bits]
        elements[f"{name}PaletteColorLookupTableData"] = own
    return elements


ENTRIES = [[0, 10, 200, 255], [0, 20, 30, 40], [255, 0, 1, 2]]
INDICES = np.tile(np.arange(4, dtype=np.uint8), (16, 4))


@pytest.mark.parametrize(
    ("bits", "form", "factor"),
    [
        (16, "H", 257),  # as the standard wants it
        (16, "H", 1),  # 8 bits in words that say 16
        (8, "H", 1),  # 8 bits, padded to words (C.7.6.3.1.6)
        (8, "H", 257),  # 16 bits that say 8
    ],
)
def test_palettes_of_every_make(tmp_path: Path, bits: int, form: str, factor: int) -> None:
    data = [struct.pack(f"<4{form}", *(factor * entry for entry in own)) for own in ENTRIES]
    image = decode_dicom(write(tmp_path / "a.dcm", INDICES, **palette(bits, data)))
    assert np.array_equal(image.pixels[0, :4], np.array(ENTRIES).T)
    assert image.scaling == "palette of the file"


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_palette_of_bytes(tmp_path: Path, syntax: str) -> None:
    data = [bytes(own) for own in ENTRIES]
    indices = INDICES
    if syntax == uid.ExplicitVRBigEndian:  # words turned, of table and pixels alike
        data = [np.frombuffer(own, "u2").byteswap().tobytes() for own in data]
        indices = indices.view("u2").byteswap().view("u1")
    path = write(tmp_path / "a.dcm", indices, syntax=syntax, **palette(8, data, width=1))
    assert np.array_equal(decode_dicom(path).pixels[0, :4], np.array(ENTRIES).T)


def test_palette_for_the_values_from_its_first_on(tmp_path: Path) -> None:
    data = [struct.pack("<4H", *(257 * entry for entry in own)) for own in ENTRIES]
    values = (INDICES.astype(np.int16) - 2) * 3  # -6, -3, 0, 3
    path = write(tmp_path / "a.dcm", values, **palette(16, data, first=-3))
    assert np.array_equal(decode_dicom(path).pixels[0, :4], np.array(ENTRIES).T[[0, 0, 3, 3]])


@pytest.mark.parametrize("wrong", [None, [3, 0, 16], [4, 1, 16]])
@pytest.mark.parametrize("colour", ["Red", "Green"])
def test_palette_that_lacks_a_colour(tmp_path: Path, colour: str, wrong: list[int] | None) -> None:
    elements = palette(16, [struct.pack("<4H", *own) for own in ENTRIES])
    elements[f"{colour}PaletteColorLookupTableDescriptor"] = wrong
    with pytest.raises(UnreadableImageError, match="^has a palette that cannot be read$"):
        decode_dicom(write(tmp_path / "a.dcm", INDICES, **elements))


@pytest.mark.parametrize("presentation", ["MIXED", "COLOR"])
def test_supplemental_palette(tmp_path: Path, presentation: str) -> None:
    """C.7.6.19: from its first value on, values are colours; the others are grey, and alone make the range."""
    values = ramp()
    values[0, :4] = [60000, 60001, 60002, 60003]
    data = [struct.pack("<4H", *(257 * entry for entry in own)) for own in ENTRIES]
    elements = palette(16, data, first=60000) | {"PhotometricInterpretation": "MONOCHROME2"}
    path = write(tmp_path / "a.dcm", values, PixelPresentation=presentation, **elements)
    pixels = decode_dicom(path).pixels
    assert np.array_equal(pixels[0, :4], np.array(ENTRIES).T)
    assert (pixels[1:, :, :1] == pixels[1:]).all()
    assert pixels[19, 19].tolist() == [255] * 3
    plain = write(path, values, PixelPresentation="MONOCHROME", **elements)
    assert decode_dicom(plain).pixels.ndim == 2


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_voi_table_comes_before_a_window(tmp_path: Path, kind: str) -> None:
    entries = [min(4095, number**2 // 20) for number in range(300)]
    table = lut(entries, 50, 12, kind)
    path = write(tmp_path / "a.dcm", ramp(), VOILUTSequence=[table], WindowCenter=100, WindowWidth=50)
    lit = apply_voi(ramp(), pydicom.dcmread(path))  # an independent reading; with 12 bits it has no wrap
    assert np.array_equal(decode_dicom(path).pixels, np.round(lit / 4095 * 255))
    by_hand = [entries[0], entries[0], entries[150], entries[299]]
    assert lit.ravel()[[0, 50, 200, 399]].tolist() == by_hand


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_tables_of_many_entries_of_eight_bits(tmp_path: Path, kind: str) -> None:
    table = lut([number // 2 for number in range(400)], 0, 8, kind)
    pixels = decode_dicom(write(tmp_path / "a.dcm", ramp(), VOILUTSequence=[table])).pixels
    assert pixels.ravel().tolist() == [number // 2 for number in range(400)]


def test_packed_table_of_eight_bits(tmp_path: Path) -> None:
    """Two entries in each word, C.11.1.1.1."""
    table = item(LUTDescriptor=[400, 0, 8])
    table.add_new("LUTData", "US", [number // 2 | (number // 2 << 8) for number in range(0, 400, 2)])
    pixels = decode_dicom(write(tmp_path / "a.dcm", ramp(), VOILUTSequence=[table])).pixels
    assert pixels.ravel().tolist() == [number // 2 for number in range(400)]


def test_modality_table_comes_before_the_window(tmp_path: Path) -> None:
    table = lut([1000 + 3 * number for number in range(400)], 0, 16)
    path = write(tmp_path / "a.dcm", ramp(), ModalityLUTSequence=[table], WindowCenter=1600, WindowWidth=400)
    assert np.array_equal(decode_dicom(path).pixels, in_window(1000 + 3.0 * ramp(), 1600, 400))


def test_modality_table_of_eight_bits_without_a_window(tmp_path: Path) -> None:
    """What the table gives is no more what was stored in 8 bits."""
    values = (ramp() // 4 + 20).astype(np.uint8)
    table = lut([1000 * number for number in range(60)], 60, 16)
    pixels = decode_dicom(write(tmp_path / "a.dcm", values, ModalityLUTSequence=[table])).pixels
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()
    assert pixels[10, 0] == pytest.approx(255 * (10 / 59), abs=5)


def test_palette() -> None:
    facts = pydicom.dcmread(shipped("examples_palette.dcm"))
    pixels = decode_dicom(shipped("examples_palette.dcm")).pixels
    assert np.array_equal(pixels, np.round(apply_color_lut(facts.pixel_array, facts) / 65535 * 255))
    index = 2 * int(facts.pixel_array[0, 0])  # and one by hand
    tables = [facts[f"{colour}PaletteColorLookupTableData"].value for colour in RGB]
    by_hand = [struct.unpack_from("<H", table, index)[0] for table in tables]
    assert pixels[0, 0].tolist() == [round(entry / 257) for entry in by_hand]


def test_segmented_palette(tmp_path: Path) -> None:
    """C.7.9.2: three entries as they are, then a line of five to 250."""
    segments = struct.pack("<9B", 0, 3, 10, 20, 50, 1, 5, 250, 0)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in RGB:
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [8, 0, 8]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = segments
    indices = np.tile(np.arange(8, dtype=np.uint8), (16, 2))
    pixels = decode_dicom(write(tmp_path / "a.dcm", indices, **elements)).pixels
    assert pixels[0, :8].tolist() == [10, 20, 50, 90, 130, 170, 210, 250]  # and grey, since the planes are equal


def test_segmented_palette_that_pydicom_would_wrap(tmp_path: Path) -> None:
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in RGB:
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [300, 0, 8]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = struct.pack("<6B", 0, 1, 10, 1, 255, 250)
    with pytest.raises(UnreadableImageError, match="has a palette that cannot be read"):
        decode_dicom(write(tmp_path / "a.dcm", ramp(), **elements))
