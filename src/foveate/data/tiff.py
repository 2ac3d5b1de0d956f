"""TIFF that Pillow does not know, or reads only by half: by tifffile.

Pillow reads the usual kinds, also what is compressed by LZW or JPEG. What it has no mode for comes here: white-is-zero
of 16 bits in big-endian files, 64-bit and 16-bit floats, floats in colour, 8-bit numbers with a sign, grey of 16 bits
with alpha, colours that are already multiplied by their alpha, and 16-bit channels that are stored one after the other.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.data import bit_depth, orientation, scaling
from foveate.data.pixels import (
    Decoded,
    UnreadableImageError,
    check_size,
    choose_frame,
    fault,
    without_equal_channels,
)

if TYPE_CHECKING:
    from tifffile import TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF (TIFF 6.0, section 2)
_REMEDY = "grey or RGB of 8 or 16 bits, or of 32-bit floats"
_COMPRESSED = "is TIFF in a compression that needs pip install imagecodecs: or store it without"
_UNCOMPRESSED = 1
_BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR, _EXTRA, _FORMAT = 258, 262, 274, 277, 284, 338, 339
_UNSIGNED, _SIGNED = 1, 2  # values of _FORMAT
_CHANNELS = {0: 1, 1: 1, 2: 3}  # photometric interpretation: white is zero, black is zero, RGB -> channels
_WHITE_IS_ZERO = 0
_PREMULTIPLIED, _ALPHA = 1, 2  # kinds of extra samples (TIFF 6.0, section 18)


def is_tiff(path: Path) -> bool:
    """Whether a file begins as TIFF or BigTIFF do."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def is_beyond_pillow(image: Image.Image) -> bool:
    """Whether Pillow opened a TIFF whose numbers it takes for others."""
    if image.format != "TIFF":
        return False
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    bits, kind = _first(tags.get(_BITS, 1)), _first(tags.get(_FORMAT, _UNSIGNED))
    planes = tags.get(_PLANAR, 1) == 2 and tags.get(_SAMPLES, 1) > 1
    premultiplied = _PREMULTIPLIED in np.atleast_1d(tags.get(_EXTRA, 0))
    return (bits > 8 and (planes or premultiplied)) or (bits == 8 and kind == _SIGNED)


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, tuple) and values else values


def white_is_zero(image: Image.Image) -> bool:
    """Whether small numbers are bright in a TIFF of more than 8 bits, which Pillow leaves as they are."""
    return image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO  # type: ignore[attr-defined]


def numbers(image: Image.Image) -> NDArray[Any]:
    """(H, W) grey of more than 8 bits as Pillow read it; 32 bits without a sign are told from those that have one."""
    values = np.asarray(image)
    if image.format == "TIFF" and image.mode == "I":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        if _first(tags.get(_FORMAT, _UNSIGNED)) == _UNSIGNED:
            values = values.view(np.uint32)
    return bit_depth.without_transparent(values, image.info.get("transparency"))


def decode_tiff(path: Path, frame: int | None) -> Decoded:
    """A picture in 8 bits. Raises UnreadableImageError that says what this TIFF is, and what would be right."""
    tifffile = importlib.import_module("tifffile")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # for good: it complains of damage, as we do
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[choose_frame(len(file.pages), frame)]
            _check(page, path.stat().st_size)
            values = page.asarray()
            pixels, said = _on_black(np.moveaxis(values, 0, -1) if page.axes == "SYX" else values, page)
            turn = page.tags.valueof(_ORIENTATION)
            mode = _kind(page)
    except UnreadableImageError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody can list what a damaged header raises
        raise fault(error, _COMPRESSED if "imagecodecs" in str(error) else "") from None
    pixels = orientation.upright(pixels, orientation.known(turn))
    return Decoded(without_equal_channels(pixels), pixels.shape[1], pixels.shape[0], mode, "TIFF", said)


def _check(page: TiffPage, file_size: int) -> None:
    """Raises UnreadableImageError for what is no grey or RGB picture of a fit size, or breaks off."""
    channels = _CHANNELS.get(int(page.photometric))
    if page.dtype is None or page.dtype.kind not in "uif" or page.imagedepth != 1 or channels is None:
        raise UnreadableImageError(f"is TIFF of a kind that is not read ({_kind(page)}): {_REMEDY} is needed")
    if page.samplesperpixel - channels not in (0, 1):
        raise UnreadableImageError(f"is TIFF of {_kind(page)}, and {_REMEDY} is needed")
    check_size(page.imagewidth, page.imagelength)
    ends = [start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=True)]
    needed = page.imagewidth * page.imagelength * page.samplesperpixel * page.bitspersample // 8
    stored = sum(page.databytecounts) if page.compression == _UNCOMPRESSED else needed
    if stored < needed or not all(page.dataoffsets) or max(ends, default=0) > file_size:
        raise UnreadableImageError("is damaged (cut off)")


def _kind(page: TiffPage) -> str:
    """What a TIFF holds, in words for people: 5 channels of 16 bits, 64-bit float, ..."""
    names = {"u": "", "i": " with a sign", "f": ", floats", "c": ", complex numbers"}
    number = names.get(page.dtype.kind, "") if page.dtype is not None else ""
    channels = "1 channel" if page.samplesperpixel == 1 else f"{page.samplesperpixel} channels"
    return f"{channels} of {page.bitspersample} bits{number}"


def _on_black(values: NDArray[Any], page: TiffPage) -> bit_depth.Read:
    """(H, W) or (H, W, S) as stored -> (H, W) or (H, W, 3) in 8 bits."""
    extra = page.samplesperpixel - _CHANNELS[int(page.photometric)]
    if extra and page.extrasamples[0] == _ALPHA and values.dtype.kind == "u" and page.photometric != _WHITE_IS_ZERO:
        return bit_depth.on_black(values)
    if extra:  # colours that are multiplied by their alpha lie on black already; other samples say nothing of colour
        values = values[..., :-1]
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    return scaling.to_8_bits(values, page.photometric == _WHITE_IS_ZERO)
