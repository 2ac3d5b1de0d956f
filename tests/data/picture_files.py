"""Small files of every picture format to test with, some written byte by byte as their standard says."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 18, 22
ORDERS: tuple[Literal["<"], Literal[">"]] = ("<", ">")


def noise(channels: int = 0, top: int = 255, dtype: str = "uint8") -> np.ndarray:
    """(HEIGHT, WIDTH) or (HEIGHT, WIDTH, channels), from 0 to top."""
    shape = (HEIGHT, WIDTH, channels) if channels else (HEIGHT, WIDTH)
    values = np.random.default_rng(channels).integers(0, top + 1, shape)
    values.flat[:2] = 0, top
    return values.astype(dtype)


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def png16(values: np.ndarray, key: tuple[int, ...] = ()) -> bytes:
    """A PNG of 16 bits (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), of which one value may be transparent."""
    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    colour = kinds[values.shape[2] if values.ndim == 3 else 1]
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))]
    chunks += [(b"tRNS", struct.pack(f">{len(key)}H", *key))] if key else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(
    values: np.ndarray,
    photometric: int | None = None,
    order: Literal["<", ">"] = "<",
    planar: int = 1,
    extra: tuple[int, ...] = (),
    **others: tuple[int, int],
) -> bytes:
    """An uncompressed TIFF (TIFF 6.0) of (H, W) or (H, W, S), its numbers of any type.

    `others` are further tags, or other values of these: t274=(3, 6) is tag 274, of type 3 (SHORT), with the value 6.
    """
    samples = values.shape[2] if values.ndim == 3 else 1
    height, width = values.shape[:2]
    colour = photometric if photometric is not None else (2 if samples >= 3 else 1)
    stored = np.moveaxis(values, -1, 0) if planar == 2 else values
    data = stored.astype(values.dtype.newbyteorder(">" if order == ">" else "<")).tobytes()
    data += b"\0" * (len(data) % 2)
    plane = len(data) // (samples if planar == 2 else 1)
    strips = range(8, 8 + len(data), plane)
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8 * values.itemsize] * samples), 259: (3, [1]),
        262: (3, [colour]), 273: (4, [*strips]), 277: (3, [samples]), 278: (4, [height]),
        279: (4, [plane] * len(strips)), 284: (3, [planar]), 339: (3, [kind] * samples),
    }  # fmt: skip
    if extra:
        tags[338] = (3, list(extra))
    tags |= {int(name[1:]): (kind_of_tag, [value]) for name, (kind_of_tag, value) in others.items()}
    start = 8 + len(data)
    behind, directory, more = start + 2 + 12 * len(tags) + 4, b"", b""
    for tag in sorted(tags):
        type_, entries = tags[tag]
        raw = struct.pack(f"{order}{len(entries)}{ {2: 'B', 3: 'H', 4: 'I'}[type_] }", *entries)
        if len(raw) > 4:
            raw, more = struct.pack(f"{order}I", behind + len(more)), more + raw
        directory += struct.pack(f"{order}HHI", tag, type_, len(entries)) + raw.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + data + struct.pack(f"{order}H", len(tags)) + directory + b"\0\0\0\0" + more


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of (tag, type, count, value of at most 4 bytes), little-endian (TIFF 6.0, section 2)."""
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, count, value in entries:
        block += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return block + b"\0\0\0\0"


ORIENTED = exif((0x112, 3, 1, struct.pack("<H", 6)), (0x11A, 2, 3, b"72\0"))


def pictures() -> dict[str, list[bytes]]:
    """Ending -> files."""
    grey, colour, clear = noise(), noise(3), noise(4)
    deep = {channels: noise(channels, 4095, "uint16") for channels in (0, 2, 3, 4)}
    kinds = ("uint16", "int16", "uint32", "int32", "float32", "float64", "float16", "int8")
    return {
        ".png": [
            encoded(grey, "PNG"), encoded(colour, "PNG", exif=ORIENTED[6:]), encoded(clear, "PNG"),
            encoded(grey, "PNG", "P", transparency=3), encoded(grey, "PNG", "1"), encoded(grey, "PNG", transparency=9),
            *map(png16, deep.values()), png16(deep[0], (7,)), png16(deep[3], (7, 8, 9)),
        ],
        ".jpg": [
            encoded(grey, "JPEG"), encoded(colour, "JPEG", exif=ORIENTED), encoded(colour, "JPEG", progressive=True),
            encoded(colour, "JPEG", "CMYK"), encoded(colour, "JPEG", restart_marker_blocks=1),
            encoded(colour, "MPO", save_all=True, append_images=[Image.fromarray(colour)]),
        ],
        ".tif": [
            *(encoded(colour, "TIFF", compression=own) for own in ("tiff_lzw", "packbits", "jpeg")),
            encoded(grey, "TIFF", compression="tiff_adobe_deflate"),
            encoded(grey, "TIFF", "1", compression="group4"), encoded(grey, "TIFF", "P"), encoded(clear, "TIFF"),
            encoded(grey, "TIFF", save_all=True, append_images=[Image.fromarray(grey)]),
            *(tiff(noise(0, 100, kind), order=order) for kind in kinds for order in ORDERS),
            tiff(deep[0], 0, ">"), tiff(deep[3]), tiff(deep[3], planar=2), tiff(deep[2], extra=(2,)),
            tiff(deep[4], extra=(1,)), tiff(colour, planar=2), tiff(grey, t274=(3, 6)), tiff(noise(5, 99, "uint16"), 1),
        ],
        ".bmp": [encoded(grey, "BMP"), encoded(colour, "BMP"), encoded(grey, "BMP", "1")],
        ".gif": [encoded(grey, "GIF"), encoded(colour, "GIF", "P", transparency=0)],
        ".webp": [encoded(colour, "WEBP", exif=ORIENTED), encoded(clear, "WEBP", lossless=True)],
        ".ppm": [
            encoded(grey, "PPM"), encoded(colour, "PPM"), encoded(grey, "PPM", "1"), pnm(b"P5", deep[0], 4095),
            pnm(b"P6", deep[3], 4095), pnm(b"P5", grey, 100), plain(b"P2", deep[0], 4095), plain(b"P3", colour, 255),
            b"Pf\n22 18\n-1.0\n" + noise(0, 100, "float32").tobytes(),
        ],
    }  # fmt: skip


def pnm(magic: bytes, values: np.ndarray, maxval: int) -> bytes:
    """A binary PGM (P5) or PPM (P6)."""
    head = b"%s\n%d %d\n%d\n" % (magic, values.shape[1], values.shape[0], maxval)
    return head + values.astype(">u2" if maxval > 255 else "u1").tobytes()


def plain(magic: bytes, values: np.ndarray, maxval: int) -> bytes:
    """The same as text (P2, P3)."""
    head = b"%s\n%d %d\n%d\n" % (magic, values.shape[1], values.shape[0], maxval)
    return head + " ".join(map(str, values.ravel().tolist())).encode() + b"\n"
