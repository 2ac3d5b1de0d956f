"""A MedMNIST file: arrays of pictures and labels for train, val and test in one .npz.

The pictures are not written out: `name.npz#train/17` is the 18th of the array train_images. The .npz, which is a zip,
is unpacked into the cache once, so that its arrays are read in place and may be larger than the memory.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.data.pixels import Decoded, UnreachableImageError, check_size, fault, without_equal_channels
from foveate.data.sources.archives import unpacked
from foveate.data.sources.source import Source, SourceImage
from foveate.errors import FoveateError

_PARTS = ("train", "val", "test")
MEMBER = re.compile(rf"(?<=\.npz)#({'|'.join(_PARTS)})/\d+$", re.IGNORECASE)  # the end of the path of every picture


def from_medmnist(file: Path) -> Source:
    """The pictures of a MedMNIST .npz of any size, grey (n, h, w) or RGB (n, h, w, 3), with labels (n, 1) or (n,).

    Labels are the numbers as text. Raises FoveateError for other arrays and for several labels a picture.
    """
    images = []
    parts = [part for part in _PARTS if _array(file, f"{part}_images") is not None]
    if not parts:
        raise FoveateError(f"{file} is no MedMNIST file: it has no array train_images, val_images or test_images.")
    for part in parts:
        pictures, labels = _array(file, f"{part}_images"), _array(file, f"{part}_labels")
        assert pictures is not None
        if labels is None or len(labels) != len(pictures):
            count = "none" if labels is None else f"{len(labels):,}"
            raise FoveateError(f"{file}: {part}_labels must hold {len(pictures):,} labels, one a picture, not {count}.")
        if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
            raise FoveateError(
                f"{file}: {part}_labels is {labels.shape}, several labels a picture; one is needed, (n, 1)."
            )
        if labels.dtype.kind not in "iu":
            raise FoveateError(f"{file}: {part}_labels holds {labels.dtype}, whole numbers are needed.")
        _check(file, f"{part}_images", pictures)
        images += [
            SourceImage(f"{file.name}#{part}/{row}", str(label), split=part, member=f"#{part}/{row}")
            for row, label in enumerate(labels.reshape(-1).tolist())
        ]
    return Source(file.parent, images)


def _check(file: Path, name: str, pictures: NDArray[Any]) -> None:
    colour = pictures.ndim == 4 and pictures.shape[-1] in (1, 3)
    if pictures.ndim != 3 and not colour:
        raise FoveateError(f"{file}: {name} is {pictures.shape}; (n, h, w) grey or (n, h, w, 3) RGB is needed.")
    if pictures.dtype != np.uint8:
        raise FoveateError(f"{file}: {name} holds {pictures.dtype}, uint8 is needed.")


def decode_medmnist(folder: Path, path: str) -> Decoded:
    """One picture by its path `name.npz#train/17`. Raises UnreadableImageError where it is too small."""
    name, _, place = path.rpartition("#")
    part, _, row = place.partition("/")
    pictures = _array(folder / name, f"{part}_images")
    assert pictures is not None  # `from_medmnist` listed it
    pixels: NDArray[np.uint8] = np.array(pictures[int(row)])
    check_size(pixels.shape[1], pixels.shape[0])
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    mode = "L" if pixels.ndim == 2 else "RGB"
    pixels = without_equal_channels(pixels)
    return Decoded(pixels, pixels.shape[1], pixels.shape[0], mode, "NPZ")


def _array(file: Path, name: str) -> NDArray[Any] | None:
    """An array of the file, memory-mapped; None where it has none of this name. Raises FoveateError."""
    return _mapped(unpacked(file) / f"{name}.npy", str(file))


@functools.lru_cache(maxsize=16)
def _mapped(array: Path, file: str) -> NDArray[Any] | None:
    if not array.is_file():
        return None
    try:
        with np.errstate(over="ignore"):  # sizes that a damaged header makes up
            mapped: NDArray[Any] = np.load(array, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damage raises anything; Python objects, which could run code, a ValueError
        found = fault(error)
        if isinstance(found, UnreachableImageError):
            raise FoveateError(f"{file} {found}. Once it can be, start the same command again.") from error
        raise FoveateError(f"{file}: {array.stem} is no array of numbers: {error}.") from error
    return mapped
