"""Files that Pillow opens (PNG, JPEG, TIFF, BMP, GIF, WebP, PNM) become pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from foveate.data import bit_depth, orientation, scaling, tiff
from foveate.data.pixels import (
    AS_STORED,
    Decoded,
    UnreadableImageError,
    check_size,
    choose_frame,
    fault,
    too_large,
    without_equal_channels,
)
from foveate.data.truncation import check_whole


def decode_raster(path: Path, frame: int | None, least: int) -> Decoded:
    """One picture of a file, its only one without `frame`; a large JPEG in half its size or less, down to `least`.

    Raises UnreadableImageError for what is no picture or damaged, UnreachableImageError where the disk fails.
    """
    try:
        return _decode(path, frame, least)
    except UnreadableImageError:
        raise
    except UnidentifiedImageError:
        if tiff.is_tiff(path):
            return tiff.decode_tiff(path, frame)
        raise UnreadableImageError("is not an image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(too_large("too many")) from None
    except Exception as error:  # noqa: BLE001 - nobody can list what a damaged header raises
        raise fault(error) from None


def _decode(path: Path, frame: int | None, least: int) -> Decoded:
    with Image.open(path) as image:
        # The further pictures of an MPO are the same scene again, from another eye or smaller.
        alone = image.format == "MPO" and frame is None
        number = choose_frame(1 if alone else getattr(image, "n_frames", 1), frame)
        if number:
            image.seek(number)
        check_size(image.width, image.height)
        check_whole(image, path)
        if tiff.is_beyond_pillow(image):
            return tiff.decode_tiff(path, number)
        mode, file_format, (width, height) = image.mode, image.format or "", image.size
        if file_format == "TIFF":
            image.filename = ""  # else Pillow maps the file into memory, and mixes up the sides of a turned picture
        if file_format == "JPEG":
            image.draft(None, (least, least))
        pixels, said = bit_depth.decode(image, path, number) if bit_depth.is_deep(image) else _pixels(image)
        # Not before: to know the orientation of a PNG, Pillow decodes it. A TIFF it has turned by itself.
        turn = orientation.UPRIGHT if file_format == "TIFF" else orientation.orientation_of(image)
    pixels = without_equal_channels(orientation.upright(pixels, turn))
    if file_format != "JPEG":
        height, width = pixels.shape[:2]
    elif orientation.swaps_sides(turn):
        width, height = height, width
    return Decoded(pixels, width, height, mode, file_format, said)


def _pixels(image: Image.Image) -> tuple[NDArray[np.uint8], str]:
    """(H, W) or (H, W, 3) as stored, and how numbers became 0..255."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return scaling.to_8_bits(tiff.numbers(image), tiff.white_is_zero(image))
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image), AS_STORED
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image)
    if image.mode != "RGB":  # converting makes a copy in any case
        image = image.convert("RGB")
    return np.asarray(image), AS_STORED
