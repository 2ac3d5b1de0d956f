"""Headers say who is the same and nothing else; what cannot be read says why."""

from __future__ import annotations

import contextlib
import logging
import re
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.pixels.decoders import base as pydicom_decoders

from foveate.data import dicom_elements
from foveate.data.dicom import decode_dicom, frames, header, patient_hash, series
from foveate.data.dicom_file import is_dicom
from foveate.data.pixels import UnreadableImageError
from tests.data.dicom_files import NAME, SALT, ramp, shipped, write

# Headers and series


def test_header_of_a_real_file() -> None:
    facts = header(shipped("CT_small.dcm"), SALT)
    assert (facts.patient, facts.series) == (
        patient_hash("1CT1", SALT),
        patient_hash("1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322", SALT),
    )
    assert (facts.modality, facts.photometric, facts.frames) == ("CT", "MONOCHROME2", 1)
    assert (facts.width, facts.height, facts.instance, facts.burned_in) == (128, 128, 1, None)
    assert facts.spacing == (0.661468, 0.661468)
    assert facts.position == -75.699997  # Image Position's z, since the slice is axial


def test_spacing_at_the_detector_where_that_is_all(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ramp(), ImagerPixelSpacing=[0.2, 0.1])
    assert header(path, SALT).spacing == (0.2, 0.1)
    assert header(write(path, ramp(), ImagerPixelSpacing=[0.2, 0.1], PixelSpacing=[2, 1]), SALT).spacing == (2, 1)


@pytest.mark.parametrize(("said", "known"), [("YES", True), ("NO", False), ("", None), ("PERHAPS", None)])
def test_burned_in(tmp_path: Path, said: str, known: bool | None) -> None:
    assert header(write(tmp_path / "a.dcm", ramp(), BurnedInAnnotation=said), SALT).burned_in is known


def test_patient_hash() -> None:
    # echo -n 1CT1 | openssl dgst -sha256 -hmac salt | cut -c -16
    assert patient_hash("1CT1", "salt") == "c06f308d4e64baab"
    assert patient_hash(" 1CT1 ", "salt") == patient_hash("1CT1", "salt") != patient_hash("1CT1", "other")
    assert patient_hash("", "salt") == ""
    for use in (
        lambda: patient_hash("1CT1", ""),
        lambda: header(shipped("CT_small.dcm"), ""),
        lambda: series([shipped("CT_small.dcm")], ""),
    ):
        with pytest.raises(ValueError, match="salt is empty"):
            use()


def slice_at(path: Path, place: float | None, instance: int | None, **elements: Any) -> Path:
    if place is not None:
        # an oblique stack: rows along x, columns along (0, .8, .6), so the normal is (0, -.6, .8)
        elements["ImageOrientationPatient"] = [1, 0, 0, 0, 0.8, 0.6]
        elements["ImagePositionPatient"] = [3, round(4 - 0.6 * place, 6), round(5 + 0.8 * place, 6)]
    if instance is not None:
        elements["InstanceNumber"] = instance
    return write(path, ramp(), SeriesInstanceUID="1.2.3", **elements)


def test_series_is_ordered_along_its_normal(tmp_path: Path) -> None:
    places = [30.0, -10.0, 20.0, 0.5]
    paths = [slice_at(tmp_path / f"{number}.dcm", place, number) for number, place in enumerate(places)]
    assert header(paths[0], SALT).position == pytest.approx(30 - 0.6 * 4 + 0.8 * 5)
    (ordered,) = series(paths, SALT).values()
    assert [path.stem for path in ordered] == ["1", "3", "2", "0"]


def test_series_without_places_is_ordered_by_instance(tmp_path: Path) -> None:
    paths = [slice_at(tmp_path / f"{name}.dcm", None, number) for name, number in (("a", 10), ("b", 9), ("c", 11))]
    assert [path.stem for path in next(iter(series(paths, SALT).values()))] == ["b", "a", "c"]
    paths.append(slice_at(tmp_path / "d.dcm", -5, 1))  # one place alone is no order
    assert [path.stem for path in next(iter(series(paths, SALT).values()))] == ["d", "b", "a", "c"]
    turned = slice_at(
        tmp_path / "e.dcm", None, 2, ImageOrientationPatient=[0, 1, 0, 0, 0, 1], ImagePositionPatient=[0] * 3
    )
    places = [turned, slice_at(tmp_path / "f.dcm", -100, 3)]
    assert [path.stem for path in next(iter(series(places[::-1], SALT).values()))] == ["e", "f"]


def test_series_apart_and_what_is_none_left_out(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")
    first, second = shipped("CT_small.dcm"), shipped("MR_small.dcm")
    found = series([first, tmp_path / "notes.txt", second, shipped("reportsi.dcm")], SALT)
    assert sorted(found.values()) == sorted([[first], [second]])
    assert list(found) == [header(first, SALT).series, header(second, SALT).series]
    assert all(re.fullmatch("[0-9a-f]{16}", key) for key in found)


# What cannot be read


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("reportsi.dcm", "is DICOM, but holds no picture"),
        ("rtplan.dcm", "is DICOM, but holds no picture"),
        ("MR_truncated.dcm", "is damaged or cut off"),
        ("SC_rgb_jpeg_gdcm.dcm", "is compressed as JPEG Lossless, which needs pip install python-gdcm"),
        ("JPGExtended.dcm", "is compressed as JPEG Extended with 12 bits: decompress it first"),
        ("SC_rgb_small_odd.dcm", "3 x 3 pixels, at least 16 x 16 are needed"),
        ("rtdose.dcm", "holds 15 pictures, one a file is needed"),
        ("no_meta.dcm", "is not DICOM, or encrypted: it lacks the preamble and DICM that begin a file"),
        ("README.txt", "is not DICOM, or encrypted: it lacks the preamble and DICM that begin a file"),
        ("nowhere.dcm", "cannot be read (No such file or directory)"),
    ],
)
def test_reasons(name: str, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=f"^{re.escape(reason)}$"):
        decode_dicom(shipped("CT_small.dcm").parent / name, None)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        (
            {"syntax": "1.2.840.10008.1.2.4.102"},
            "is compressed as MPEG-4 AVC/H.264 High Profile / Level 4.1, which cannot",
        ),
        ({"PhotometricInterpretation": "HSV"}, "holds its colours in a way that cannot be read"),
        ({"PhotometricInterpretation": "RGB"}, "contradicts itself in the number of its channels"),
        ({"Rows": 20000, "Columns": 20000}, "20000 x 20000 pixels, more than 100 million"),
        ({"Rows": 21}, "is damaged or cut off"),
        ({"NumberOfFrames": 3}, "holds 3 pictures"),
    ],
)
def test_reasons_in_the_header(tmp_path: Path, elements: dict[str, Any], reason: str) -> None:
    compressed = "syntax" in elements
    if compressed:
        elements["PixelData"] = pydicom.encaps.encapsulate([b"1234"])
    path = write(tmp_path / "a.dcm", ramp(), **elements)
    with pytest.raises(UnreadableImageError, match=re.escape(reason)):
        decode_dicom(path, None)


def test_a_way_to_compress_that_somebody_made_up(tmp_path: Path) -> None:
    content = write(tmp_path / "a.dcm", ramp()).read_bytes()
    (tmp_path / "a.dcm").write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.826.0.1.36800.9\0"))
    with pytest.raises(UnreadableImageError, match="^is compressed in a way that nothing is known of$"):
        decode_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    "name", ["MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_RLE", "SC_rgb_jpeg_dcmtk", "image_dfl"]
)
def test_cut_off_in_the_middle(tmp_path: Path, name: str) -> None:
    content = shipped(f"{name}.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(UnreadableImageError, match="^is damaged or cut off$"):
        decode_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_RLE.dcm"])
def test_more_frames_than_there_is_room_for(tmp_path: Path, name: str) -> None:
    """Each would be listed as an image of its own: a damaged number must not fill the memory."""
    facts = pydicom.dcmread(shipped(name))
    assert frames(shipped(name)) == 1
    facts.NumberOfFrames = 999_999_999
    facts.save_as(tmp_path / "a.dcm")
    with pytest.raises(UnreadableImageError, match="^says that it holds 999999999 pictures, and has no room for them$"):
        frames(tmp_path / "a.dcm")


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for decoder in (pydicom_decoders.JPEG2000LosslessDecoder, pydicom_decoders.JPEGLSLosslessDecoder):
        monkeypatch.setattr(decoder, "_available", {})
    for name in ("MR_small_jp2klossless", "MR_small_jpeg_ls_lossless"):
        with pytest.raises(UnreadableImageError, match=r"which needs pip install 'foveate\[dicom\]'$"):
            decode_dicom(shipped(f"{name}.dcm"))
    path = shipped("MR_small.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UnreadableImageError, match=r"^is DICOM, which needs pip install 'foveate\[dicom\]'$"):
        decode_dicom(path)


def test_is_dicom(tmp_path: Path) -> None:
    assert is_dicom(shipped("CT_small.dcm"))
    assert not is_dicom(shipped("README.txt"))
    assert not is_dicom(tmp_path / "nowhere")
    assert not is_dicom(tmp_path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_a_reason_or_pixels(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "CT_small.dcm"]))
    content = bytearray(shipped(name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(132, min(2500, len(content))))
        damage = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("damage") / "a.dcm"
    path.write_bytes(content)
    with contextlib.suppress(UnreadableImageError):  # any other exception fails
        assert decode_dicom(path, None).pixels.dtype == np.uint8
    with contextlib.suppress(UnreadableImageError):
        header(path, SALT)


# What must not get out


def everything_said(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """All that a caller of the module could see of a file: results, errors with their tracebacks, warnings, logs."""
    said: list[str] = []
    uses: list[Callable[[], object]] = [
        lambda: decode_dicom(path, None),
        lambda: header(path, SALT),
        lambda: frames(path),
        lambda: list(series([path], SALT)),
    ]
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for use in uses:
            try:
                said.append(repr(use()))
            except UnreadableImageError as error:
                said += [repr(error), repr(error.__context__), repr(error.__cause__)]
                said += traceback.format_exception(error)
    said += [str(warning.message) for warning in heard]
    said += [record.getMessage() + str(record.exc_info) + str(record.exc_text) for record in caplog.records]
    return "\n".join(said)


TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}


LONG = {"OB", "OW", "SQ", "UC", "UR", "UT"}  # have a length of four bytes in the file


def put_name(path: Path, tags: list[int]) -> None:
    """The name as the value of elements, whatever they should hold; written without pydicom, which would object."""
    content, facts = path.read_bytes(), pydicom.dcmread(path)
    elements = {tag: facts.get_item(tag) for tag in facts._dict}
    values = {int(tag): (element.VR, element.value) for tag, element in elements.items() if element}
    for tag in tags:
        values[tag] = (pydicom.datadict.dictionary_VR(tag).replace("US or SS", "US"), NAME.encode())
    body = content[: 144 + struct.unpack("<I", content[140:144])[0]]  # up to the end of the file meta information
    for tag, (vr, value) in sorted(values.items()):
        length = struct.pack("<xxI" if vr in LONG else "<H", len(value))
        body += struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode() + length + value
    path.write_bytes(body)


def test_a_header_full_of_a_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.dcm", ramp())
    needed = {0x00280004, 0x00280008}  # photometric interpretation, number of frames
    tags = [
        tag
        for tag, (vr, _, _, retired, _) in DicomDictionary.items()
        if vr in TEXTS and not retired and 0x0008 <= tag >> 16 < 0x7FE0 and tag not in needed
    ]
    put_name(path, tags)
    assert path.read_bytes().count(NAME.encode()) == len(tags) > 1000
    said = everything_said(path, caplog)
    assert "Decoded(" in said
    assert patient_hash(NAME, SALT) in said
    assert not re.search("zwingenberger|adelheid", said, re.IGNORECASE)


@pytest.mark.parametrize("name", ["SpecificCharacterSet", *dicom_elements.WANTED])
def test_a_name_in_each_element_that_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    path = write(tmp_path / "a.dcm", ramp())
    put_name(path, [pydicom.datadict.tag_for_keyword(name) or 0])
    assert NAME.encode() in path.read_bytes()
    assert not re.search("zwingenberger|adelheid", everything_said(path, caplog), re.IGNORECASE)


def test_pydicom_would_tell(tmp_path: Path) -> None:
    """The two tests above have something to hear."""
    path = write(tmp_path / "a.dcm", ramp())
    put_name(path, [0x00280008])
    with pytest.raises(UserWarning, match="Adelheid"):
        _ = pydicom.dcmread(path).NumberOfFrames
