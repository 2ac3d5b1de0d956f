"""Whether a picture file is there to its end: a decoder that meets zeros where data were draws grey, and says nothing.

JPEG ends in a marker and PNG carries checksums. Where nothing is compressed (BMP, PNM, plain TIFF) a tail of zeros is
black pixels, and WebP has no end that could be seen: of these only what is cut off is found, by the decoder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from foveate.data.pixels import UnreadableImageError

CUT_OFF = "is damaged (cut off, or overwritten before its end)"
_ENDING = b"\xff\xd9"
_END, _SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_RESTART = 0xD0  # to 0xD7
# What may stand between scans (ITU-T T.81, B.2): tables, the number of lines, comments, applications' own.
_BETWEEN = {0xC4, 0xCC, _SCAN, 0xDB, 0xDC, _RESTART_INTERVAL, 0xFE, *range(0xE0, 0xF0)}
_JPEG_IN_TIFF, _JPEG_TABLES, _COMPRESSION, _STRIPS, _BYTES, _TILES, _TILE_BYTES = 7, 347, 259, 273, 279, 324, 325


def check_whole(image: Image.Image, path: Path) -> None:
    """Raise UnreadableImageError for a picture, opened but not decoded, whose file breaks off. Raises OSError, too."""
    file = image.fp if isinstance(image, ImageFile.ImageFile) else None
    if file is None:
        return
    if image.format == "JPEG":
        whole = _last_two(file) == _ENDING or jpeg_ends(_read(file, 0))  # most need no look at the whole file
    elif image.format == "MPO":
        whole = jpeg_ends(_read(file, getattr(image, "offset", 0)))
    elif isinstance(image, TiffImageFile) and image.tag_v2.get(_COMPRESSION) == _JPEG_IN_TIFF:
        whole = _strips_end(image.tag_v2, file)
    else:
        whole = True
    if image.format == "PNG":
        with Image.open(path) as again:  # which is closed by verifying
            again.verify()
    if not whole:
        raise UnreadableImageError(CUT_OFF)


def jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG stream's scans go on to its end marker; what follows that does not count.

    Entropy-coded data hold FF only before 00, restart markers where an interval is set, and what may stand between
    scans. Zeros, FF and anything else that is no JPEG run into the end of the file or, all but one time in 250, into a
    marker that has no place there.
    """
    values = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(values[:-1] == 0xFF)
    codes = values[places + 1]
    markers = (codes != 0x00) & (codes != 0xFF)
    places, codes = places[markers], codes[markers]
    if (codes == _RESTART_INTERVAL).any():
        others = (codes & 0xF8) != _RESTART
        places, codes = places[others], codes[others]
    number, in_scans = 1, False  # the first marker is the start of the image
    while number < len(places):
        place, code = int(places[number]), int(codes[number])
        if code == _END:
            return True
        if in_scans and code not in _BETWEEN:
            return False
        in_scans = in_scans or code == _SCAN
        behind = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        number = max(number + 1, int(np.searchsorted(places, behind)))
    return False


def _strips_end(tags: Any, file: IO[bytes]) -> bool:
    """Whether each strip or tile of a TIFF of JPEG streams goes on to its end."""
    starts, lengths = (tags.get(name, ()) for name in ((_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _BYTES)))
    if _JPEG_TABLES in tags and not jpeg_ends(tags[_JPEG_TABLES]):
        return False
    place = file.tell()
    whole = all(jpeg_ends(_read(file, start, length)) for start, length in zip(starts, lengths, strict=False))
    file.seek(place)
    return whole


def _last_two(file: IO[bytes]) -> bytes:
    place = file.tell()
    file.seek(-2, os.SEEK_END)
    last = file.read(2)
    file.seek(place)
    return last


def _read(file: IO[bytes], start: int, length: int = -1) -> bytes:
    place = file.tell()
    file.seek(start)
    data = file.read(length)
    file.seek(place)
    return data
