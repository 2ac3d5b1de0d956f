"""Slices of a NIfTI volume become pixels like any other image file.

The volume is turned as its header says (sform, else qform, else as scanners lie) until its axes run towards the
patient's right, front and head. Its slices then lie as radiologists see them: the patient's right on the left, or the
front on the left in sagittal slices, and front or head at the top, so that an axial slice is the DICOM picture that it
was made from. One window serves the whole volume, its robust range (`scaling.robust_range`), so that slices can be
compared. Voxels are not resampled: a coronal slice of thick axial ones is as flat as they are few.
"""

from __future__ import annotations

import functools
import gzip
import importlib
import logging
import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from foveate.data import scaling
from foveate.data.pixels import (
    Decoded,
    UnreachableImageError,
    UnreadableImageError,
    check_size,
    choose_frame,
    fault,
)

T = TypeVar("T")

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}  # the axis of the turned volume along which the slices follow
LARGEST = 1_000_000_000  # voxels a volume; reading takes 4 bytes each
FOREGROUND = 26  # of 255: what is darker than a tenth of the window is taken for air
_LOCK = threading.Lock()
_NO_ORIENTATION = "cannot be turned upright: the orientation in its header is none; set a valid sform or qform"
_OF_NIBABEL = {  # words of its messages -> what we say; the voxels are whole
    "w2 should be positive": _NO_ORIENTATION,
    "invalid intercept": "cannot be scaled: scl_inter in its header is no number",
}
_DEFLATE = 1032  # times that gzip makes a file smaller, at most
_TRAILER = 1 << 24  # bytes behind the voxels that are read for the checksum; more are not waited for


@dataclass(frozen=True)
class Volume:
    """A volume and what its file says of it."""

    voxels: NDArray[np.uint8]  # (X, Y, Z), towards the patient's right, front, head; read-only
    spacing: tuple[float, float, float]  # mm between voxels along X, Y, Z
    orientation: str  # of the axes in the file: RAS, LPS, ...
    mode: str  # the numbers in the file: int16, float32, ...

    @property
    def shape(self) -> tuple[int, ...]:
        return self.voxels.shape


def slices(path: Path, axis: str = "axial") -> int:
    """How many slices a NIfTI file holds along one of AXES, read from its header alone.

    Raises UnreadableImageError, and KeyError where the axis is none of AXES.
    """
    wanted = AXES[axis]

    def count(nibabel: Any, image: Any) -> int:
        shape = _shape(image)
        return shape[nibabel.io_orientation(image.affine)[:, 0].tolist().index(wanted)]

    return _with_image(path, count)


def decode_slice(path: Path, index: int | None, axis: str = "axial") -> Decoded:
    """The slice number `index`, from 0 at the patient's left, back or feet; None for the one of a file that holds one.

    Raises UnreadableImageError that says why, and KeyError where the axis is none of AXES.
    """
    volume = read_volume(path)
    number = choose_frame(volume.shape[AXES[axis]], index)
    # (a, b), a from left or from back to front -> (rows from the top, columns from the patient's right or front)
    pixels = np.ascontiguousarray(np.take(volume.voxels, number, AXES[axis])[::-1, ::-1].T)
    height, width = pixels.shape
    check_size(width, height)
    return Decoded(pixels, width, height, volume.mode, "NIfTI", scaling.OF_VOLUME)


def foreground_slices(path: Path, share: float, axis: str = "axial") -> list[int]:
    """Numbers of the slices of which at least this share (0..1) is no air: brighter than a tenth of the window.

    Where no slice has as much, the one that has most, so that no volume is lost. How many there are in all, `slices`
    says.
    """
    voxels = np.moveaxis(read_volume(path).voxels, AXES[axis], 0)
    shares = [float(np.mean(plane >= FOREGROUND)) for plane in voxels]
    return [number for number, own in enumerate(shares) if own >= share] or [int(np.argmax(shares))]


def read_volume(path: Path) -> Volume:
    """A NIfTI-1 or -2 file (.nii, .nii.gz) in 8 bits. The last two are kept: their slices are asked for one by one.

    Voxels without a defined value become black. Raises UnreadableImageError where the file is damaged, holds
    no volume or several of them, or colours.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise UnreachableImageError(error) from None
    with _LOCK:  # the threads that want slices of one volume wait for the first of them to read it
        return _read_volume(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=2)
def _read_volume(path: Path, modified: int, size: int) -> Volume:
    return _with_image(path, functools.partial(_turned, path))


def _with_image(path: Path, work: Callable[[Any, Any], T]) -> T:
    """What work(nibabel, image) returns, voxels not yet read; its errors are ours: nibabel's quote the header."""
    try:
        nibabel = importlib.import_module("nibabel")
    except ImportError:
        raise UnreadableImageError("is NIfTI, which needs pip install 'foveate[nifti]'") from None
    # For good and for the whole process, as with pydicom.
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"nibabel\.")
    try:
        path.stat()  # whose error says more than nibabel's
        image = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Image):  # NIfTI-2 is a kind of it, CIFTI is not
            raise UnreadableImageError("is NIfTI, but holds no volume")
        return work(nibabel, image)
    except UnreadableImageError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - nobody can list what a damaged header raises
        failure = fault(error, _reason(error))
    raise failure


def _reason(error: Exception) -> str:
    """Why a file cannot be used, in our words: nibabel's quote the header, in which names may stand."""
    if type(error).__name__ == "ImageFileError":
        return "is not NIfTI, whatever its name says"
    known = (reason for words, reason in _OF_NIBABEL.items() if words in str(error))
    return next(known, "is damaged or cut off")


def _shape(image: Any) -> tuple[int, int, int]:
    """(X, Y, Z) as in the file, a single slice being one deep. Raises UnreadableImageError for what is no volume."""
    shape = (*map(int, image.shape), 1, 1)[: max(3, len(image.shape))]
    if min(shape) < 1:
        raise UnreadableImageError("is damaged or cut off")
    volumes = math.prod(shape[3:])
    if volumes > 1:
        raise UnreadableImageError(f"is {len(shape)}-D: {volumes} volumes, one a file is needed")
    if image.header.get_data_dtype().kind not in "iuf":
        raise UnreadableImageError("holds colours or complex numbers, one number a voxel is needed")
    if not np.isfinite(image.affine).all() or np.linalg.matrix_rank(image.affine[:3, :3]) < 3:
        raise UnreadableImageError(_NO_ORIENTATION)
    if math.prod(shape) > LARGEST:
        raise UnreadableImageError(f"holds more than {LARGEST // 1_000_000} million voxels: make it smaller")
    return shape[0], shape[1], shape[2]


def _turned(path: Path, nibabel: Any, image: Any) -> Volume:
    shape, codes = _shape(image), nibabel.aff2axcodes(image.affine)
    values = _values(path, image).reshape(shape)
    turned = nibabel.as_closest_canonical(nibabel.Nifti1Image(values, image.affine))
    numbers = np.asarray(turned.dataobj)
    x, y, z = nibabel.affines.voxel_sizes(turned.affine).tolist()
    voxels = scaling.scale(numbers, *scaling.robust_range(numbers))
    voxels.setflags(write=False)  # it is kept for whoever asks next
    return Volume(voxels, (x, y, z), "".join(codes), image.header.get_data_dtype().name)


def _values(path: Path, image: Any) -> NDArray[np.float32]:
    """The numbers of an image, scaled as its header says; of what is compressed, the checksum as well is compared."""
    compressed = path.suffix.lower() == ".gz"
    stored = math.prod(map(int, image.shape)) * image.header.get_data_dtype().itemsize
    if stored > path.stat().st_size * (_DEFLATE if compressed else 1):  # no memory for what cannot be there
        raise EOFError
    if not compressed:
        return _numbers(image)
    with gzip.open(path) as stream:
        values = _numbers(type(image).from_stream(stream))
        _check_end(stream)
    return values


def _numbers(image: Any) -> NDArray[np.float32]:
    return np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))


def _check_end(stream: gzip.GzipFile) -> None:
    """Read to where gzip's checksum stands. Raises gzip.BadGzipFile where it is wrong, EOFError where it is missing."""
    try:
        left = _TRAILER
        while left > 0 and (more := stream.read(min(left, 1 << 16))):
            left -= len(more)
    except gzip.BadGzipFile as error:
        if not str(error).startswith("Not a gzipped file"):  # else something follows that is no gzip: harmless
            raise
