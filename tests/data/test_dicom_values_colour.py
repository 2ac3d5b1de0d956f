"""Stored colours become RGB of 8 bits as the standard says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import get_frame

from foveate.data.dicom import decode_dicom, frames
from foveate.data.pixels import UnreadableImageError
from tests.data.dicom_files import native, ramp, shipped, write


def test_rgb_as_stored() -> None:
    expected = native("examples_rgb_color.dcm", "u1", (240, 320, 3))
    image = decode_dicom(shipped("examples_rgb_color.dcm"))
    assert np.array_equal(image.pixels, expected)
    assert image.mode == "RGB"


@pytest.mark.parametrize("bits", ["", "_16bit", "_32bit"])
def test_rgb_in_run_lengths_of_any_depth(bits: str) -> None:
    pixels = decode_dicom(shipped(f"SC_rgb_rle{bits}.dcm")).pixels
    # the bands of the test picture: red, green, blue, cyan, magenta, yellow, and greys below
    assert pixels[5, 50].tolist() == [255, 0, 0]
    assert pixels[15, 50].tolist() == [255, 128, 128]
    assert pixels[25, 50].tolist() == [0, 255, 0]
    assert pixels[45, 50].tolist() == [0, 0, 255]
    assert pixels[95, 50].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["SC_rgb_jls_lossy_line", "SC_rgb_jls_lossy_sample"])
def test_jpeg_ls_in_colour_is_nearly_lossless(name: str) -> None:
    expected = decode_dicom(shipped("SC_rgb_rle.dcm")).pixels.astype(int)
    assert np.abs(decode_dicom(shipped(f"{name}.dcm")).pixels - expected).max() <= 3


def by_pillow(name: str, frame: int = 0) -> np.ndarray:
    """What Pillow alone makes of the compressed stream of a frame."""
    facts = pydicom.dcmread(shipped(name))
    stream = get_frame(facts.PixelData, frame, number_of_frames=int(facts.get("NumberOfFrames", 1)))
    return np.asarray(Image.open(io.BytesIO(stream)).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_dcmtk", "SC_rgb_dcmtk_+eb+cy+n1", "SC_rgb_dcmtk_+eb+cy+np", "SC_rgb_jpeg_lossy_gdcm"]
)
def test_jpeg_is_what_pillow_makes_of_the_same_stream(name: str) -> None:
    pixels = decode_dicom(shipped(f"{name}.dcm")).pixels
    assert np.abs(pixels - by_pillow(f"{name}.dcm")).max() <= 2  # they round at other places


@pytest.mark.parametrize("name", ["examples_jpeg2k", "SC_rgb_gdcm_KY"])
def test_jpeg_2000_is_what_pillow_makes_of_the_same_stream(name: str) -> None:
    pixels = decode_dicom(shipped(f"{name}.dcm")).pixels
    assert np.array_equal(pixels, by_pillow(f"{name}.dcm"))


def test_frames_of_a_cine_loop() -> None:
    path = shipped("examples_ybr_color.dcm")
    assert frames(path) == 30
    image = decode_dicom(path, 29)
    assert np.abs(image.pixels - by_pillow(path.name, 29)).max() <= 2
    assert image.mode == "YBR_FULL_422"
    with pytest.raises(UnreadableImageError, match="holds 30 pictures, one a file is needed"):
        decode_dicom(path, None)
    for outside in (30, -1):
        with pytest.raises(UnreadableImageError, match=f"holds 30 pictures, none with the number {outside}"):
            decode_dicom(path, outside)


def test_ybr_422_that_is_not_compressed() -> None:
    stored = native("SC_ybr_full_422_uncompressed.dcm", "u1", (100, 50, 4)).astype(float)  # Y Y Cb Cr, C.7.6.3.1.3
    luma = stored[..., :2].reshape(100, 100)
    blue, red = (np.repeat(stored[..., place], 2, axis=1) - 128 for place in (2, 3))
    expected = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1)
    pixels = decode_dicom(shipped("SC_ybr_full_422_uncompressed.dcm")).pixels
    assert np.abs(pixels - np.clip(expected, 0, 255)).max() <= 0.51


def test_equal_channels_become_grey(tmp_path: Path) -> None:
    grey = ramp("uint8")
    image = decode_dicom(write(tmp_path / "a.dcm", np.stack([grey] * 3, axis=-1)))
    assert np.array_equal(image.pixels, grey)
    assert image.mode == "RGB"


def test_colours_of_twelve_bits(tmp_path: Path) -> None:
    values = np.stack([10 * ramp(), 5 * ramp(), 4095 - ramp()], axis=-1)
    for bits in (12, 16):  # 16 is the word's, not the colours': the bits in use are 12
        image = decode_dicom(write(tmp_path / "a.dcm", values, BitsStored=bits, HighBit=bits - 1))
        assert np.array_equal(image.pixels, np.round(values / 4095 * 255))
        assert image.scaling == "0..4095"
    image = decode_dicom(write(tmp_path / "b.dcm", values * 16))
    assert np.array_equal(image.pixels, np.round(values * 16 / 65535 * 255))
    assert image.scaling == "0..65535"
