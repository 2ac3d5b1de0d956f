"""Originals and heat-maps as PNG files that tell nothing but their pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from foveate.data.decoders import WHOLE
from foveate.data.pixels import UnreadableImageError, quiet_pillow
from foveate.data.sources import open_path
from foveate.errors import FoveateError
from foveate.explanation.overlays import INFERNO

TILE = 420  # pixels: the side of an image on the contact sheet, so that burned-in names can be read
_COLUMNS = 5
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> the PNG's colour type: grey, RGB, RGBA
_LEVELS = np.concatenate([INFERNO, np.arange(256, dtype=np.uint8)[:, None]], axis=1)  # (256, 4): value -> RGBA


def original(folder: Path, path: str, pixel_hash: str) -> NDArray[np.uint8]:
    """The pixels of an image by its path in a manifest: (H, W) or (H, W, 3), upright, opaque, in full resolution.

    Raises FoveateError where the file cannot be read or holds other pixels than those that the models saw.
    """
    try:
        with quiet_pillow():
            decoded = open_path(folder, path)  # as the models saw it
            whole = open_path(folder, path, WHOLE) if decoded.is_reduced else decoded
    except UnreadableImageError as error:
        raise FoveateError(f"{folder / path} {error}.") from error
    if decoded.pixel_hash != pixel_hash:
        file = folder / path
        raise FoveateError(f"{file} is not the image that the models saw: it has changed since the study read it.")
    return whole.pixels


def layer(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A heat-map as a picture to lay over its image: (H, W) in [0, 1] -> (H, W, 4) RGBA.

    The colour is inferno's and as opaque as the value is high, as in `overlays.overlay`. A blank map is transparent
    everywhere. Raises ValueError for values outside [0, 1].
    """
    if heat.size and not (heat.min() >= 0 and heat.max() <= 1):
        raise ValueError("a heat-map's values lie between 0 and 1")
    picture: NDArray[np.uint8] = _LEVELS[np.rint(heat * 255).astype(np.uint8)]
    return picture


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA: 8 bits, lossless, one IHDR, IDAT and IEND each.

    Written here and not by Pillow, which adds what it remembers of the picture's source and cuts the data into as
    many chunks as they happen to fill. Raises ValueError for another shape or an empty picture.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if pixels.ndim not in (2, 3) or pixels.dtype != np.uint8 or channels not in _COLOUR_TYPES or not pixels.size:
        raise ValueError(f"cannot write {pixels.dtype} pixels of shape {pixels.shape} as PNG")
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, width * channels)
    lines = np.full((height, 1 + width * channels), 2, dtype=np.uint8)  # filter 2: less the pixel above
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])  # modulo 256, as the format wants it
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = (("IHDR", header), ("IDAT", zlib.compress(lines.tobytes(), 6)), ("IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name.encode(), data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image brought to fit into a tile of the contact sheet: (H, W[, 3]) -> (h, w, 3), TILE pixels at the most."""
    image = ImageOps.contain(Image.fromarray(pixels).convert("RGB"), (TILE, TILE), Image.Resampling.BICUBIC)
    return np.asarray(image)


def contact_sheet(thumbnails: Sequence[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Thumbnails side by side with their names below: -> (H, W, 3). A person looks here for names in the images."""
    margin, line = 10, 20
    columns = min(_COLUMNS, len(thumbnails))
    rows = -(-len(thumbnails) // columns)
    size = (margin + columns * (TILE + margin), margin + rows * (TILE + line + margin))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, (name, pixels) in enumerate(thumbnails):
        left = margin + number % columns * (TILE + margin)
        top = margin + number // columns * (TILE + line + margin)
        sheet.paste(Image.fromarray(pixels), (left, top))
        pen.text((left, top + TILE + 2), name, fill="black", font=font)
    return np.asarray(sheet)
