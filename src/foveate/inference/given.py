"""Pictures that a program has at hand, arrays and Pillow's images, as if they had been read from files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.data.decoders import ENOUGH, decode
from foveate.data.pixels import Decoded, UnreadableImageError, check_size, quiet_pillow, without_equal_channels
from foveate.errors import FoveateError, UsageError
from foveate.inference.images import ImagePath, list_images, pictures_in

Given = str | Path | Image.Image | NDArray[np.uint8]
_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # modes that PNG keeps as they are
_TIFF = ("CMYK", "F", "I")


def picture_of(image: Given, number: int) -> ImagePath:
    """What a program calls an image, as one picture; `number`, from 0, tells those without a name apart.

    Raises UsageError for what is no image, a folder, and a file of several pictures, FoveateError where it cannot be
    read.
    """
    shown = f"image {number}"
    try:
        if isinstance(image, (str, Path)):
            shown = str(image)
            return _only_picture(Path(image))
        return ImagePath(shown, Path(), shown, shown, _decoded(image, shown))
    except UnreadableImageError as error:
        raise FoveateError(f"{shown}: {error}.") from error


def _only_picture(path: Path) -> ImagePath:
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give its images one by one, in a list.")
    pictures = [own for file in list_images([path])[0] for own in pictures_in(file)]
    if len(pictures) > 1:
        raise UsageError(f"{path} holds {len(pictures)} pictures: name one, such as {pictures[0].shown}.")
    return pictures[0]


def _decoded(image: object, shown: str) -> Decoded:
    if isinstance(image, Image.Image):
        return _of_pillow(image, shown)
    if not isinstance(image, np.ndarray):
        raise UsageError(f"{shown} is a {type(image).__name__}: give a path, a PIL image, or a NumPy array.")
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise UsageError(
            f"{shown} is an array of {image.dtype} {image.shape}: it must be of uint8, 0 to 255, (H, W) or (H, W, 3)."
        )
    check_size(image.shape[1], image.shape[0])
    pixels = without_equal_channels(np.ascontiguousarray(image))
    return Decoded(pixels, image.shape[1], image.shape[0], "L" if image.ndim == 2 else "RGB", "array")


def _of_pillow(image: Image.Image, shown: str) -> Decoded:
    """By way of a file without losses: alpha, palettes, orientation and 16 bits are then treated as in any file."""
    if image.mode not in (*_PNG, *_TIFF):
        raise UsageError(f"{shown} is a PIL image of mode {image.mode}: convert it to L or RGB first.")
    with tempfile.TemporaryDirectory() as folder, quiet_pillow():
        file = Path(folder) / ("image.png" if image.mode in _PNG else "image.tif")
        check_size(image.width, image.height)
        image.save(file, exif=image.getexif(), compress_level=0)
        return decode(file, None, ENOUGH)
