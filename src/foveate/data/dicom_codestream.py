"""The size that a compressed frame says it has itself: a damaged one would be decompressed into all of the memory."""

from __future__ import annotations

import struct

from foveate.data.pixels import UnreadableImageError

_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # JPEG's start of frame (SOF), and JPEG-LS's
_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length
_JPEG_LS = b"\xff\xf7"  # its start of frame, which occurs in no other JPEG's first kilobyte but by chance
_SIZ = b"\xff\x4f\xff\x51"  # begins a codestream of JPEG 2000, which may lie in boxes


def check_codestream(frame: bytes, width: int, height: int) -> None:
    """Raise UnreadableImageError where a frame (JPEG, JPEG-LS, JPEG 2000) says another size than the header, and where
    JPEG-LS does not end: its decoder then takes half a minute, and gigabytes, to notice.
    """
    if frame.startswith(b"\xff\xd8") and _JPEG_LS in frame[:1024] and b"\xff\xd9" not in frame[-1024:]:
        raise UnreadableImageError("is damaged or cut off")
    size = _jpeg_size(frame) if frame.startswith(b"\xff\xd8") else _jpeg_2000_size(frame)
    if size is not None and size != (width, height):
        raise UnreadableImageError("contradicts itself in its size")


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height); None where it does not say, as with a height of 0, which is written at the end."""
    place = 2
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", frame, place + 5)
            return (width, height) if height else None
        if marker in (0xFF, *_ALONE):  # a fill byte is one long
            place += 1 if marker == 0xFF else 2
            continue
        place += 2 + int(struct.unpack_from(">H", frame, place + 2)[0])
    return None


def _jpeg_2000_size(frame: bytes) -> tuple[int, int] | None:
    place = frame.find(_SIZ)
    if place < 0 or len(frame) < place + 24:
        return None
    right, bottom, left, above = struct.unpack_from(">4I", frame, place + 8)
    return right - left, bottom - above
