"""Files that Pillow opens (PNG, JPEG, TIFF, BMP, GIF, WebP, PNM) become pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from foveate.data.pixels import (
    Decoded,
    UnreadableImageError,
    check_size,
    choose_frame,
    fault,
    too_large,
    without_equal_channels,
)
from foveate.data.scaling import to_8_bits

_ORIENTATION, _TURNED = 0x0112, 5  # the EXIF tag, and the first of its values that swap width and height


def decode_raster(path: Path, frame: int | None, least: int) -> Decoded:
    try:
        with Image.open(path) as image:
            # The further pictures of an MPO are the same scene again, from another eye or smaller.
            alone = image.format == "MPO" and frame is None
            number = choose_frame(1 if alone else getattr(image, "n_frames", 1), frame)
            if number:
                image.seek(number)
            check_size(image.width, image.height)
            mode, file_format, (width, height) = image.mode, image.format or "", image.size
            if file_format == "JPEG":
                image.draft(None, (least, least))
                if image.getexif().get(_ORIENTATION, 1) >= _TURNED:
                    width, height = height, width
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(image)
    except UnidentifiedImageError:
        raise UnreadableImageError("is not an image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(too_large("too many")) from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise fault(error) from None
        raise UnreadableImageError(f"is damaged ({str(error) or type(error).__name__})") from None
    if file_format != "JPEG":
        height, width = pixels.shape[:2]
    return Decoded(pixels, width, height, mode, file_format)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        return to_8_bits(np.asarray(image))
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image)
    if image.mode != "RGB":  # converting makes a copy in any case
        image = image.convert("RGB")
    return without_equal_channels(np.asarray(image))
