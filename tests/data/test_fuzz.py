"""Whatever a file holds, a decoder gives pixels or a reason: no other exception, no warning, no hang.

20,000 files in all: small ones of every kind, with bytes flipped, numbers of the header made extreme, cut off, filled
up.
"""

from __future__ import annotations

import gzip
import signal
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import nibabel
import numpy as np
import pytest
from pydicom import dcmread, uid

from foveate.data.decoders import decode
from foveate.data.nifti import foreground_slices
from foveate.data.pixels import UnreachableImageError, UnreadableImageError, quiet_pillow
from foveate.data.sources import open_image, read_source
from foveate.errors import FoveateError
from tests.data import dicom_files
from tests.data.picture_files import chunk, noise, pictures

SECONDS = 10  # of a processor that one file may take; it takes a thousandth of one
COUNTS = {
    ".png": 3000, ".jpg": 3500, ".tif": 4500, ".bmp": 1500, ".gif": 1500, ".webp": 1000, ".ppm": 1500,
    ".nii": 1000, ".nii.gz": 1000, ".dcm": 1100, ".npz": 400,
}  # fmt: skip
PARTS = 2  # tests a format, so that several processes share the work
EXTREMES = [0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000]


class HangError(BaseException):
    """No Exception, which a decoder would take for damage."""


def test_it_is_20_000_files() -> None:
    assert sum(COUNTS.values()) == 20_000


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A file with one to three faults, most of them in its first 300 bytes or its last."""
    made = bytearray(data)
    for _ in range(random.integers(1, 4)):
        kind, size = random.integers(0, 8), len(made)
        near = int(random.choice([min(size, 300), size]))
        place = int(random.integers(0, near)) if random.random() < 0.8 else size - 1 - int(random.integers(0, near))
        if kind < 3:
            made[place] ^= 1 << int(random.integers(0, 8))
        elif kind < 5:
            number = struct.pack(f"{random.choice(['<', '>'])}I", int(random.choice(EXTREMES)))
            width = int(random.choice([1, 2, 4]))
            made[place : place + width] = number[:width]
        elif kind == 5:
            del made[place:]
        elif kind == 6:
            made[place:] = bytes([int(random.choice([0, 255]))]) * (size - place)
        else:
            other = int(random.integers(0, size))
            made[place:place] = made[other : other + int(random.integers(1, 40))]
        if not made:
            return b"\0"
    return bytes(made)


def with_checksums(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that its header is believed."""
    made, place = data[:8], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        made += chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return made


def seeds(ending: str, folder: Path) -> list[bytes]:
    if ending.startswith(".nii"):
        volume = nibabel.Nifti1Image(
            np.random.default_rng(0).integers(0, 999, (17, 18, 16)).astype(np.int16), np.eye(4)
        )
        return [volume.to_bytes(), nibabel.Nifti2Image(volume.dataobj, np.eye(4)).to_bytes()]
    if ending == ".dcm":
        return list(dicoms(folder))
    if ending == ".npz":
        np.savez(folder / "a.npz", train_images=np.stack([noise()] * 2), train_labels=np.array([[0], [1]]))
        return [(folder / "a.npz").read_bytes()]
    return pictures()[ending]


def dicoms(folder: Path) -> Iterator[bytes]:
    """Native, and in each compression that can be written here."""
    grey, colour = dicom_files.ramp("uint16"), noise(3)[:, :18]
    for values, elements in (
        (grey, {"WindowCenter": 200, "WindowWidth": 300}),
        (grey, {"VOILUTSequence": [dicom_files.lut([*range(256)], 0, 16)]}),
        (np.stack([grey] * 2), {}),
        (colour, {}),
        (grey.astype("float32"), {}),
    ):
        yield dicom_files.write(folder / "a.dcm", values, **elements).read_bytes()
    for syntax in (uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless):
        facts = dcmread(dicom_files.write(folder / "a.dcm", np.tile(grey, (2, 2))))  # JPEG 2000 wants 32 pixels
        facts.compress(syntax)
        facts.save_as(folder / "a.dcm")
        yield (folder / "a.dcm").read_bytes()


def use(path: Path, frame: int | None) -> None:
    if path.suffix == ".npz":
        source = read_source(path)
        assert open_image(source, source.images[0]).pixels.dtype == np.uint8
        return
    assert decode(path, frame).pixels.dtype == np.uint8
    if ".nii" in path.name:
        foreground_slices(path, 0.1)


def alarm(number: int, frame: FrameType | None) -> None:
    raise HangError


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("ending", COUNTS)
def test_pixels_or_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, part: int) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng([part, *ending.encode()])
    originals = seeds(ending, tmp_path)
    read, path = 0, tmp_path / f"fuzz{ending}"
    signal.signal(signal.SIGPROF, alarm)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet_pillow():
            for number in range(COUNTS[ending] // PARTS):
                data = mutated(originals[number % len(originals)], random)
                if ending == ".png" and number % 3:
                    data = with_checksums(data)
                if ending == ".nii.gz":
                    data = gzip.compress(data, 1, mtime=0) if number % 3 else mutated(gzip.compress(data, 1), random)
                path.write_bytes(data)
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                try:
                    use(path, 0 if number % 2 else None)
                    read += 1
                except UnreachableImageError as error:
                    raise AssertionError(f"{number}: {error}, but the disk is well") from error
                except (UnreadableImageError, FoveateError):
                    pass
                except (Exception, HangError) as error:
                    raise AssertionError(f"file {number} fails otherwise: {error!r}") from error
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
    assert [f"{one.filename}:{one.lineno} {one.message}" for one in heard] == []
    assert 0 < read < COUNTS[ending] // PARTS  # some are well, some are not: it did try
