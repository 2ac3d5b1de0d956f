"""A frame that would grow beyond its header is refused before it is decompressed."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from foveate.data.dicom import decode_dicom
from foveate.data.dicom_codestream import check_codestream
from foveate.data.pixels import UnreadableImageError
from tests.data.dicom_files import shipped

SOF = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 20, 30)  # height, width


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xd8" + SOF + bytes(20),
        b"\xff\xd8\xff\xe0\0\x06\xff\xc0" + bytes(2) + SOF.replace(b"\xc0", b"\xf7") + bytes(20) + b"\xff\xd9",
        b"\xff\xd8\xff\xff\xff\x01" + SOF + bytes(20),
        b"\0\0\0\x0cjP  \xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">4I", 32, 23, 2, 3) + bytes(20),
    ],
)
def test_sizes(frame: bytes) -> None:
    check_codestream(frame, 30, 20)
    with pytest.raises(UnreadableImageError, match="^contradicts itself in its size$"):
        check_codestream(frame, 20, 30)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xff\xd8", b"\xff\xd8" + SOF.replace(b"\0\x14", b"\0\0") + bytes(9), b"\xff\x4f\xff\x51\0", bytes(99)],
)
def test_what_says_no_size(frame: bytes) -> None:
    check_codestream(frame, 30, 20)


@pytest.mark.parametrize(
    ("name", "marker", "place"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", b"\xff\xf7", 5),
        ("SC_rgb_jpeg_dcmtk.dcm", b"\xff\xc0", 5),
        ("MR_small_jp2klossless.dcm", b"\xff\x4f\xff\x51", 8),
    ],
)
def test_a_damaged_size_takes_no_time(tmp_path: Path, name: str, marker: bytes, place: int) -> None:
    content = bytearray(shipped(name).read_bytes())
    start = content.index(marker) + place
    content[start : start + 4] = b"\xf0" * 4
    (tmp_path / "a.dcm").write_bytes(content)
    begun = time.process_time()
    with pytest.raises(UnreadableImageError, match="^contradicts itself in its size$"):
        decode_dicom(tmp_path / "a.dcm")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("length", [4427, 5000])
def test_jpeg_ls_that_does_not_end(tmp_path: Path, length: int) -> None:
    (tmp_path / "a.dcm").write_bytes(shipped("MR_small_jpeg_ls_lossless.dcm").read_bytes()[:length])
    begun = time.process_time()
    with pytest.raises(UnreadableImageError, match="^is damaged or cut off$"):
        decode_dicom(tmp_path / "a.dcm")
    assert time.process_time() - begun < 1
