"""The stored values of a DICOM picture (PS3.3 C.7.6.3, C.7.6.24; PS3.5 8): decompressed, and freed of what is no value.

A value lies in the Bits Stored bits below and with the High Bit; overlays and whatever else lies in the other bits of
its word are masked off, and signed values are extended to the word. pydicom decompresses, shapes, and turns YBR into
RGB.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from foveate.data.dicom_codestream import check_codestream
from foveate.data.dicom_elements import count_frames, number
from foveate.data.dicom_file import UNDEFINED, Opened
from foveate.data.pixels import UnreadableImageError

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[Any]
_FLOAT = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}  # bits of a value


def stored_values(path: Path, found: Opened, photometric: str, frame: int) -> Values:
    """(H, W), or (H, W, 3) with YBR turned into RGB; integers, or floating point numbers.

    Raises UnreadableImageError where the file contradicts itself, or nothing here can decompress it.
    """
    facts = found.facts
    syntax = facts.file_meta.TransferSyntaxUID
    _check_decoder(syntax, int(number(facts, "BitsStored") or 0))
    keyword = found.keyword or _inflated_keyword(path, syntax)
    options = _options(facts, keyword, found.vr, photometric)
    _check_bits(options, photometric)
    misplaced = _high_bit(facts, options, syntax)
    options["correct_unused_bits"] = misplaced is None
    words = _decoded(path, found, options, frame)
    return words if misplaced is None else _lowered(words, int(options["bits_stored"]), misplaced)


def _options(facts: Dataset, keyword: str, vr: str, photometric: str) -> dict[str, Any]:
    """What pydicom's decoders want to know."""
    from pydicom.pixels.utils import as_pixel_options

    options = as_pixel_options(facts, pixel_keyword=keyword, photometric_interpretation=photometric)
    options["transfer_syntax_uid"] = facts.file_meta.TransferSyntaxUID
    if vr:
        options["pixel_vr"] = vr
    if keyword in _FLOAT:
        options["bits_allocated"] = _FLOAT[keyword]
    return options


def _decoded(path: Path, found: Opened, options: dict[str, Any], frame: int) -> Values:
    """The words of a frame. A file is read up to the frame that is wanted, unless it is deflated as a whole."""
    from pydicom import dcmread
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    if not found.keyword:
        kept = {name: options[name] for name in ("photometric_interpretation", "correct_unused_bits")}
        return pixel_array(dcmread(path), index=frame, **kept)
    decoder = get_decoder(options["transfer_syntax_uid"])
    _check_length(found, options)
    if options["transfer_syntax_uid"].is_encapsulated:
        alone = _alone(found.file, frame, options)
        return decoder.as_array(alone, index=0, **(options | {"number_of_frames": 1}))[0]
    return decoder.as_array(found.file, index=frame, **options)[0]


def _alone(file: BinaryIO, frame: int, options: dict[str, Any]) -> bytes:
    """One compressed frame, looked at before it is decompressed, as pixels of their own."""
    from pydicom.encaps import encapsulate, get_frame

    count, offsets = options["number_of_frames"], options.pop("extended_offsets", None)
    stream = get_frame(file, frame, number_of_frames=count, extended_offsets=offsets)
    check_codestream(stream, options["columns"], options["rows"])
    return encapsulate([stream])


def _inflated_keyword(path: Path, syntax: Any) -> str:
    """Of a file that is deflated as a whole, the pixels lie in memory alone."""
    from pydicom import uid

    if syntax != uid.DeflatedExplicitVRLittleEndian:
        raise UnreadableImageError("is DICOM, but holds no picture")
    return "PixelData"


def _check_bits(options: dict[str, Any], photometric: str) -> None:
    """Raise UnreadableImageError for what is decoded in no way or, by pydicom, in a wrong one."""
    allocated, samples = options.get("bits_allocated"), options.get("samples_per_pixel")
    if allocated != 1 and allocated not in (8, 16, 32, 64):
        raise UnreadableImageError("holds its pixels in words that cannot be read (Bits Allocated)")
    if samples not in (1, 3):
        raise UnreadableImageError("holds its colours in a way that cannot be read")
    if samples == 3 and options.get("planar_configuration") is None:
        raise UnreadableImageError("does not say how its channels lie (Planar Configuration)")
    if samples == 3 and options.get("pixel_representation"):
        raise UnreadableImageError("holds colours as signed numbers (Pixel Representation)")
    if photometric in ("YBR_FULL", "YBR_FULL_422") and allocated != 8:
        raise UnreadableImageError(f"holds its colours as {photometric} in more than 8 bits, which cannot be read")


def _check_length(found: Opened, options: dict[str, Any]) -> None:
    """Raise UnreadableImageError where there are fewer or more pixels than the header says."""
    compressed = options["transfer_syntax_uid"].is_encapsulated
    if compressed != (found.length == UNDEFINED):
        really, says = ("", "not ") if found.length == UNDEFINED else ("not ", "")
        raise UnreadableImageError(
            f"contradicts itself: its pixels are {really}compressed, by its transfer syntax they are {says}compressed"
        )
    if compressed:
        return
    pixels = options["rows"] * options["columns"] * options["samples_per_pixel"]
    halved = options["photometric_interpretation"] == "YBR_FULL_422"
    frame = pixels * options["bits_allocated"] / (12 if halved else 8)  # bytes
    needed = math.ceil(count_frames(found.facts) * frame)
    if found.length < needed:
        raise UnreadableImageError("is damaged or cut off")
    if found.length - needed >= (frame / 2 if halved else frame):
        raise UnreadableImageError("holds more pixels than its header says")


def _high_bit(facts: Dataset, options: dict[str, Any], syntax: Any) -> int | None:
    """The High Bit, where values do not lie in the lowest bits of their words; None where they do.

    In a codestream there are no words. One that is too low for Bits Stored says nothing.
    """
    from pydicom import uid

    allocated, stored = options["bits_allocated"], options.get("bits_stored")
    high = number(facts, "HighBit")
    if high is None or stored is None or (syntax.is_encapsulated and syntax != uid.RLELossless):
        return None
    if options["pixel_keyword"] != "PixelData" or stored >= allocated or high < stored:
        return None
    if high >= allocated:
        raise UnreadableImageError("contradicts itself in its High Bit")
    return int(high)


def _lowered(words: Values, stored: int, high: int) -> Values:
    """Words whose values end at the bit `high` -> those values."""
    allocated = 8 * words.dtype.itemsize
    unused = allocated - stored
    lowest = (words << unused) >> unused
    if np.array_equal(lowest, words) and (words & ((1 << (high + 1 - stored)) - 1)).any():
        raise UnreadableImageError("contradicts itself in its High Bit")  # values would fit into the lowest bits
    return np.asarray((words << (allocated - 1 - high)) >> unused)


def _check_decoder(syntax: Any, bits: int) -> None:
    """Raise UnreadableImageError that says what to install where nothing here can decompress."""
    from pydicom import uid
    from pydicom.pixels.decoders.base import get_decoder

    if syntax not in uid.AllTransferSyntaxes:
        raise UnreadableImageError("is compressed in a way that nothing is known of")
    name = re.split(r",| \(", syntax.name)[0]
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnreadableImageError(f"is compressed as {name}, which cannot be read") from None
    if syntax == uid.JPEGExtended12Bit and bits > 8 and "pylibjpeg" not in decoder.available_plugins:
        raise UnreadableImageError(f"is compressed as {name} with {bits} bits: decompress it first")
    if not decoder.is_available:
        lossless = syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1)
        needed = "python-gdcm" if lossless else "'foveate[dicom]'"
        raise UnreadableImageError(f"is compressed as {name}, which needs pip install {needed}")
