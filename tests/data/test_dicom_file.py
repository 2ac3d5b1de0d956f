"""Files are opened as pydicom's dcmread opens them: in whatever VR, with or without what should stand before them."""

from __future__ import annotations

import errno
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid

from foveate.data import dicom, dicom_file
from foveate.data.decoders import decode, is_image
from foveate.data.dicom import decode_dicom, header
from foveate.data.dicom_file import begins_bare, is_dicom
from foveate.data.pixels import UnreachableImageError, UnreadableImageError
from tests.data.dicom_files import SALT, ramp, shipped, write

SYNTAXES = [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]
PADDING = b"\xfc\xff\xfc\xff" + struct.pack("<I", 8) + b"\0" * 8  # Data Set Trailing Padding, (FFFC,FFFC)


def in_other_vr(path: Path, values: np.ndarray, says: str, implicit: bool, behind: bytes = b"") -> Path:
    """A file whose data set is written in another VR than its transfer syntax says."""
    whole = write(path, values, syntax=says).read_bytes()
    meta = whole[: 144 + struct.unpack("<I", whole[140:144])[0]]
    body = io.BytesIO()
    facts = pydicom.Dataset(pydicom.dcmread(path))
    pydicom.dcmwrite(body, facts, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    path.write_bytes(meta + body.getvalue() + behind)
    return path


@pytest.mark.filterwarnings("ignore:Expected")  # pydicom's of the VR
@pytest.mark.parametrize("behind", [b"", PADDING], ids=["", "padding"])
@pytest.mark.parametrize(
    ("says", "implicit"), [(uid.ExplicitVRLittleEndian, True), (uid.ImplicitVRLittleEndian, False)]
)
def test_a_vr_that_the_transfer_syntax_does_not_say(tmp_path: Path, says: str, implicit: bool, behind: bytes) -> None:
    values = ramp("uint8")
    path = in_other_vr(tmp_path / "a.dcm", values, says, implicit, behind)
    assert np.array_equal(pydicom.dcmread(path).pixel_array, values)
    assert np.array_equal(decode_dicom(path).pixels, values)


def test_pixels_alone_without_a_vr(tmp_path: Path) -> None:
    """pydicom takes an element without VR in an explicit data set for one, and so do we."""
    values = ramp("uint8")
    content = write(tmp_path / "a.dcm", values).read_bytes()
    (tmp_path / "a.dcm").write_bytes(content.replace(b"\xe0\x7f\x10\0OW\0\0", b"\xe0\x7f\x10\0"))
    assert np.array_equal(pydicom.dcmread(tmp_path / "a.dcm").pixel_array, values)
    assert np.array_equal(decode_dicom(tmp_path / "a.dcm").pixels, values)


def test_compressed_pixels_behind_a_header_without_vr() -> None:
    path = shipped("SC_rgb_jpeg.dcm")
    assert np.array_equal(decode_dicom(path).pixels, pydicom.dcmread(path).pixel_array)
    assert np.array_equal(decode_dicom(path).pixels, decode_dicom(shipped("SC_rgb_jpeg_dcmd.dcm")).pixels)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", ["a.dcm", "IM0001"])
def test_without_preamble(tmp_path: Path, syntax: str, name: str) -> None:
    values = np.arange(400, dtype=np.uint16).reshape(20, 20)
    write(tmp_path / name, values, syntax=syntax, WindowCenter=200, WindowWidth=400)
    whole = decode(tmp_path / name).pixels
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[132:])
    assert is_image(tmp_path / name)
    assert np.array_equal(decode(tmp_path / name).pixels, whole)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", ["a.dcm", "IM0001"])
def test_without_meta_information(tmp_path: Path, syntax: str, name: str) -> None:
    """How it is written shows in the elements; pydicom itself then lacks the transfer syntax."""
    path = tmp_path / name
    write(path, ramp(), syntax=syntax, SpecificCharacterSet="ISO_IR 100", WindowCenter=200, WindowWidth=400)
    whole, content = decode(path).pixels, path.read_bytes()
    path.write_bytes(content[144 + struct.unpack("<I", content[140:144])[0] :])
    assert is_image(path)
    assert np.array_equal(decode(path).pixels, whole)
    assert header(path, SALT).width == 20


def test_without_meta_information_nobody_knows_how_it_is_compressed(tmp_path: Path) -> None:
    content = shipped("SC_rgb_jpeg_dcmtk.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content[144 + struct.unpack("<I", content[140:144])[0] :])
    with pytest.raises(UnreadableImageError, match="^contradicts itself: its pixels are compressed, by its transfer"):
        decode_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    "start",
    [
        b"\x02\0\0\0UL\x04\0\xb0\0\0\0",
        b"\x08\0\x05\0CS\x0a\0ISO_IR 100",
        b"\0\x08\0\x05CS\0\x0aISO_IR 100",
        b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100\x08\0\x12\0",
        b"\x08\0\0\0\x04\0\0\0\x60\x01\0\0\x08\0\x08\0",
        b"\x08\0\x16\0\x1a\0\0\x001.2.840.10008.5.1.4.1.1.7\0\x08\0\x18\0",
    ],
)
def test_the_beginning_of_a_bare_header(start: bytes) -> None:
    assert begins_bare(start)
    assert not begins_bare(b" " + start)  # as pydicom's no_meta.dcm begins


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x08\0\x05\0",
        b"\x08\0\x05\0XX\x0a\0ISO",
        b"\x08\0\x05\0\x04\0\0\0\x01\x02\x03\x04" + bytes(9),
        b"\x02\0\x10\0AB\x04\0" + bytes(30),
        b"\x89PNG\r\n\x1a\n" + bytes(20),
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(20),
        b"II*\0\x08\0\0\0" + bytes(20),
        b"PK\x03\x04" + bytes(30),
        b"a,b\n1,2\n" * 9,
        bytes(64),
    ],
)
def test_the_beginning_of_something_else(start: bytes) -> None:
    assert not begins_bare(start)


def test_what_cannot_be_read_at_the_moment_may_be_dicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code, may_be in ((errno.EIO, True), (errno.ESTALE, True), (errno.EACCES, False), (errno.ENOENT, False)):
        monkeypatch.setattr(Path, "open", failing(code))
        assert is_dicom(tmp_path / "a") is may_be


def failing(code: int) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, "the words of the system")

    return fail


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOMEM])
def test_the_machine_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    path = write(tmp_path / "a.dcm", ramp())
    uses = (lambda: decode_dicom(path), lambda: header(path, SALT), lambda: dicom.frames(path))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", failing(code))
        for use in uses:
            with pytest.raises(UnreachableImageError, match=r"^cannot be read \(the words of the system\)$"):
                use()
    # and in the midst of the pixels
    monkeypatch.setattr("pydicom.pixels.decoders.base.DecodeRunner.get_data", failing(code))
    with pytest.raises(UnreachableImageError, match=r"^cannot be read \(the words of the system\)$"):
        decode_dicom(path)


def test_no_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise MemoryError

    path = write(tmp_path / "a.dcm", ramp())
    monkeypatch.setattr(dicom, "stored_values", fail)
    with pytest.raises(UnreachableImageError, match=r"^cannot be read \(not enough memory\)$"):
        decode_dicom(path)


def test_what_pydicom_says_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", ramp())
    for error in (OSError("No tag to read at file position 7"), OSError(errno.EINVAL, "Invalid argument"), KeyError(1)):

        def fail(*args: object, error: Exception = error, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr(dicom_file, "_pixel_element", fail)
        with pytest.raises(UnreadableImageError, match="^is damaged or cut off$") as caught:
            decode_dicom(path)
        assert not isinstance(caught.value, UnreachableImageError)


def test_a_header_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it again for the pixels took half of the time of a large multi-frame file."""
    path, read, calls = write(tmp_path / "a.dcm", ramp()), pydicom.dcmread, list[int]()

    def counted(*args: Any, **kwargs: Any) -> pydicom.Dataset:
        calls.append(1)
        return read(*args, **kwargs)

    monkeypatch.setattr(pydicom, "dcmread", counted)
    decode_dicom(path)
    assert len(calls) == 1
