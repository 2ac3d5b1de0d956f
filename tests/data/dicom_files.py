"""DICOM files to test with: pydicom's own, and some written here."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset, uid
from pydicom.data import get_testdata_file

SALT = "a secret of this study"


NAME = "Zwingenberger^Adelheid"


def shipped(name: str) -> Path:
    """One of the files that pydicom's wheel brings."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def native(name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The stored values of an explicit little-endian file, read without pydicom."""
    content, length = shipped(name).read_bytes(), int(np.prod(shape)) * np.dtype(dtype).itemsize
    (found,) = re.finditer(rb"\xe0\x7f\x10\x00O[BW]\0\0" + re.escape(struct.pack("<I", length)), content)
    return np.frombuffer(content, dtype, int(np.prod(shape)), found.end()).reshape(shape)


def write(path: Path, pixels: np.ndarray, **elements: Any) -> Path:
    """A small grey or RGB DICOM file; (F, H, W) has F frames. Keywords are elements, None leaves one out."""
    facts = Dataset()
    facts.file_meta = pydicom.dataset.FileMetaDataset()
    facts.file_meta.TransferSyntaxUID = elements.pop("syntax", uid.ExplicitVRLittleEndian)
    facts.SOPClassUID, facts.SOPInstanceUID = uid.SecondaryCaptureImageStorage, "1.2.3.4"
    facts.PhotometricInterpretation = "RGB" if pixels.ndim == 3 and pixels.shape[-1] == 3 else "MONOCHROME2"
    facts.SamplesPerPixel = 3 if facts.PhotometricInterpretation == "RGB" else 1
    if facts.SamplesPerPixel == 3:
        facts.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        facts.NumberOfFrames = pixels.shape[0]
    facts.Rows, facts.Columns = (
        pixels.shape[1:] if pixels.ndim == 3 and facts.SamplesPerPixel == 1 else pixels.shape[:2]
    )
    facts.BitsAllocated = facts.BitsStored = 8 * pixels.itemsize
    facts.HighBit = facts.BitsStored - 1
    facts.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.dtype.kind == "f":
        setattr(facts, "FloatPixelData" if pixels.itemsize == 4 else "DoubleFloatPixelData", pixels.tobytes())
    else:
        facts.PixelData = pixels.tobytes()
        facts["PixelData"].VR = "OW"
    for name, value in elements.items():
        if value is not None:
            setattr(facts, name, value)
        elif name in facts:
            delattr(facts, name)
    facts.save_as(path, enforce_file_format=True)
    return path


def item(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def lut(entries: list[int], first: int, bits: int, kind: str = "US") -> Dataset:
    made = item(LUTDescriptor=[len(entries), first, bits])
    data: Any = struct.pack(f"<{len(entries)}{'B' if bits == 8 else 'H'}", *entries) if kind == "OW" else entries
    made.add_new("LUTData", kind, data)
    return made


def ramp(dtype: str = "uint16", low: int = 0, step: int = 1) -> np.ndarray:
    return (low + step * np.arange(400)).astype(dtype).reshape(20, 20)


def in_window(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """C.11.2.1.2.1 as the standard writes it, with 0 and 255 for the ends."""
    grey = ((values - (centre - 0.5)) / (width - 1) + 0.5) * 255
    grey = np.where(values <= centre - 0.5 - (width - 1) / 2, 0, grey)
    return np.round(np.where(values > centre - 0.5 + (width - 1) / 2, 255, grey)).astype(np.uint8)
