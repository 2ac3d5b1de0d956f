"""Colours and alpha of 16 bits, and PNM whose header says what is white: what Pillow alone would cut down to 8 bits.

Of 16 bits Pillow keeps the more significant byte; told that the bytes lie the other way round, it keeps the other one.
So two passes give all 16.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from foveate.data import scaling
from foveate.data.pixels import UnreadableImageError

_NATIVE = "L" if sys.byteorder == "little" else "B"
_FULL = 65535  # a maxval that says nothing but "16 bits"
Read = tuple[NDArray[np.uint8], str]  # (H, W) or (H, W, 3) on black, and how numbers became 0..255


def is_deep(image: Image.Image) -> bool:
    """Whether an opened picture has 16 bits a colour, or is a PNM whose maxval says what is white."""
    return bool(image.format in ("PNG", "TIFF") and _order(image)) or _maxval(image) is not None


def decode(image: Image.Image, path: Path, number: int) -> Read:
    """The picture with that number of a file, already opened."""
    maxval = _maxval(image)
    if maxval is not None:
        return _pnm(image, path, maxval)
    if _raw_mode(image) == "LA;16B":
        values = _through(image, "RGBA").astype(np.uint16)  # four bytes: two of grey, two of alpha
        return on_black(values[..., ::2] * 256 + values[..., 1::2])
    return on_black(_both_bytes(image, path, number), image.info.get("transparency"))


def on_black(values: NDArray[np.uint16], key: object = None) -> Read:
    """(H, W, 2) grey and alpha, (H, W, 3) colours of which `key` is transparent, or (H, W, 4), in bits as they come.

    Alpha is a share of the largest number of the bits that it uses. What is invisible does not count for the scale.
    """
    if values.shape[-1] == 3:
        return scaling.to_8_bits(without_transparent(values, key))
    colours, alpha = values[..., :-1], values[..., -1:]
    pixels, said = scaling.to_8_bits(np.where(alpha > 0, colours, 0))
    pixels = np.rint(pixels * (alpha / (scaling.white_of(alpha) or 1))).astype(np.uint8)
    return (pixels[..., 0] if pixels.shape[-1] == 1 else pixels), said


def without_transparent(values: NDArray[Any], key: object) -> NDArray[Any]:
    """(H, W) or (H, W, 3) with black in the place of the one transparent value, where there is one (PNG's tRNS)."""
    if not isinstance(key, int | tuple):
        return values
    same = values == np.asarray(key)
    return np.where(same.all(-1, keepdims=True) if values.ndim == 3 else same, 0, values)


def _raw_mode(image: Image.Image) -> str:
    """What a file's bytes are to Pillow: RGB;16B, ..."""
    args: Any = _tiles(image)[0].args if _tiles(image) else ""
    return args if isinstance(args, str) else str(args[0])


def _tiles(image: Image.Image) -> list[ImageFile._Tile]:
    return image.tile if isinstance(image, ImageFile.ImageFile) else []


def _order(image: Image.Image) -> str:
    """L or B, the order of the two bytes of each colour; "" where colours have 8 bits, or for grey."""
    kind, _, bits = _raw_mode(image).partition(";")
    if kind not in ("RGB", "RGBA", "RGBX", "LA") or bits not in ("16L", "16B", "16N"):
        return ""
    return bits[-1].replace("N", _NATIVE)


def _both_bytes(image: Image.Image, path: Path, number: int) -> NDArray[np.uint16]:
    """(H, W, 3 or 4), all 16 bits of each colour."""
    kind, order = _raw_mode(image).partition(";")[0], _order(image)
    with Image.open(path) as again:
        if number:
            again.seek(number)
        low = _through(again, f"{kind};16{'B' if order == 'L' else 'L'}").astype(np.uint16)
    return _through(image, f"{kind};16{order}").astype(np.uint16) * 256 + low


def _through(image: Image.Image, raw_mode: str, decoder: str = "") -> NDArray[Any]:
    """The pixels of a picture that is not decoded yet, its bytes taken for something else."""
    tiles = []
    for tile in _tiles(image):
        args = raw_mode if isinstance(tile.args, str) else (raw_mode, *(tile.args or ())[1:])
        tiles.append(tile._replace(codec_name=decoder or tile.codec_name, args=raw_mode if decoder else args))
    image.tile = tiles  # type: ignore[attr-defined]
    return np.asarray(image)


def _maxval(image: Image.Image) -> int | None:
    """What a PNM's header calls white, where it is not 255, nor the 65535 of a grey one that Pillow reads in full."""
    tiles = _tiles(image) if image.format == "PPM" else []
    named = tiles and tiles[0].codec_name.startswith("ppm") and isinstance(tiles[0].args, tuple)
    return int(tiles[0].args[1]) if named and tiles[0].args else None


def _pnm(image: Image.Image, path: Path, maxval: int) -> Read:
    """Numbers of 0..maxval (netpbm's ppm(5), pgm(5)); those beyond are cut off."""
    text, colour = _tiles(image)[0].codec_name == "ppm_plain", image.mode == "RGB"
    if maxval < 256:
        return np.asarray(image), scaling.up_to(maxval)  # Pillow has scaled them
    if text and colour:
        raise UnreadableImageError("is PPM as text with more than 8 bits a colour: store it as binary PPM or as PNG")
    if text:
        values = np.rint(np.asarray(image) / _FULL * maxval).astype(np.uint16)  # Pillow has scaled them to 0..65535
    elif colour:
        with Image.open(path) as again:
            low = _through(again, "RGB;16L", "raw").astype(np.uint16)
        values = _through(image, "RGB;16B", "raw").astype(np.uint16) * 256 + low
    else:
        values = _through(image, "I;16B", "raw")
    if maxval == _FULL:
        return scaling.to_8_bits(values)
    return scaling.scale(values, 0, maxval), scaling.up_to(maxval)
