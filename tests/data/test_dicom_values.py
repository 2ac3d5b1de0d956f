"""Stored values become grey as the standard says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_windowing

from foveate.data.dicom import decode_dicom, header
from foveate.data.dicom_values import window
from foveate.data.pixels import UnreadableImageError
from tests.data.dicom_files import SALT, in_window, item, native, ramp, shipped, write

# From a file to grey


def test_ct_without_a_window_is_seen_through_that_of_soft_tissue() -> None:
    image = decode_dicom(shipped("CT_small.dcm"))
    hounsfield = native("CT_small.dcm", "<i2", (128, 128)).astype(float) - 1024
    assert np.array_equal(image.pixels, in_window(hounsfield, 40, 400))
    assert (image.width, image.height, image.mode, image.format) == (128, 128, "MONOCHROME2", "DICOM")


@pytest.mark.parametrize(
    "name",
    ["", "_RLE", "_bigendian", "_expb", "_implicit", "_jp2klossless", "_jpeg_ls_lossless", "_padded"],
)
def test_a_window_and_every_lossless_way_to_store_the_same_slice(name: str) -> None:
    values = native("MR_small.dcm", "<i2", (64, 64)).astype(float)
    assert np.array_equal(decode_dicom(shipped(f"MR_small{name}.dcm")).pixels, in_window(values, 600, 1600))


def test_the_first_of_several_windows() -> None:
    values = native("examples_overlay.dcm", "<u2", (300, 484)).astype(float)
    assert np.array_equal(decode_dicom(shipped("examples_overlay.dcm")).pixels, in_window(values, 450, 790))


def test_deflated_and_eight_bits_are_taken_as_they_are() -> None:
    facts = pydicom.dcmread(shipped("image_dfl.dcm"))
    expected = np.frombuffer(facts.PixelData, np.uint8).reshape(512, 512)
    assert np.array_equal(decode_dicom(shipped("image_dfl.dcm")).pixels, expected)


def test_one_bit_is_black_and_white() -> None:
    bits = np.unpackbits(native("liver_1frame.dcm", "u1", (512 * 512 // 8,)), bitorder="little")
    assert np.array_equal(decode_dicom(shipped("liver_1frame.dcm")).pixels, 255 * bits.reshape(512, 512))


def test_sixteen_bits_without_a_window_use_their_robust_range(tmp_path: Path) -> None:
    values = ramp("int16", -100)
    values[0, 0] = 32000  # one hot pixel must not make all else black
    pixels = decode_dicom(write(tmp_path / "a.dcm", values)).pixels
    low, high = np.percentile(np.delete(values.ravel(), values.argmin()), (0.5, 99.5))
    assert np.array_equal(pixels, np.round(np.clip((values - low) / (high - low), 0, 1) * 255))
    assert pixels[10, 0] in (126, 127)


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_what_is_rescaled_but_no_ct_uses_its_robust_range(tmp_path: Path, dtype: str) -> None:
    values = (ramp() // 4 + 20).astype(dtype)
    path = write(tmp_path / "a.dcm", values, RescaleSlope=2, RescaleIntercept=-5, Modality="PT")
    measured = 2.0 * values - 5
    low, high = np.percentile(measured[measured > measured.min()], (0.5, 99.5))
    expected = np.round(np.clip((measured - low) / (high - low), 0, 1) * 255)
    assert np.array_equal(decode_dicom(path).pixels, expected)


@pytest.mark.parametrize("elements", [{}, {"RescaleSlope": 1, "RescaleIntercept": 0, "Modality": "CT"}])
def test_eight_bits_that_nothing_is_done_to(tmp_path: Path, elements: dict[str, Any]) -> None:
    values = (ramp() // 4 + 20).astype(np.uint8)
    assert np.array_equal(decode_dicom(write(tmp_path / "a.dcm", values, **elements)).pixels, values)
    low = write(tmp_path / "b.dcm", values // 8, BitsStored=4, HighBit=3, **elements)
    assert np.array_equal(decode_dicom(low).pixels, np.round(values // 8 % 16 * 17))


def test_constant_picture_is_black(tmp_path: Path) -> None:
    assert not decode_dicom(write(tmp_path / "a.dcm", np.full((20, 20), 700, np.uint16))).pixels.any()


def test_forbidden_widths_count_as_no_window(tmp_path: Path) -> None:
    plain = decode_dicom(write(tmp_path / "a.dcm", ramp())).pixels
    none = decode_dicom(write(tmp_path / "b.dcm", ramp(), WindowCenter=40, WindowWidth=0)).pixels
    assert np.array_equal(plain, none)


def test_float_values_and_undefined_ones(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[3, 3] = np.nan
    path = write(tmp_path / "a.dcm", values, WindowCenter=0.5, WindowWidth=0.5, VOILUTFunction="LINEAR_EXACT")
    pixels = decode_dicom(path).pixels
    assert pixels[3, 3] == 0
    assert np.array_equal(pixels[10:], np.round(np.clip((values[10:].astype(float) - 0.25) / 0.5, 0, 1) * 255))


def test_padding_is_black_and_does_not_count(tmp_path: Path) -> None:
    values = ramp("int16")
    values[:5] = -2000
    values[5:7] = -1999
    low, high = np.percentile(values[7:].ravel()[1:], (0.5, 99.5))
    for first, last in ((-2000, -1990), (-1990, -2000)):  # the standard allows the limit on either side
        path = write(tmp_path / "a.dcm", values, PixelPaddingValue=first, PixelPaddingRangeLimit=last)
        pixels = decode_dicom(path).pixels
        assert not pixels[:7].any()
        assert np.array_equal(pixels[7:], np.round(np.clip((values[7:] - low) / (high - low), 0, 1) * 255))
    inverted = write(tmp_path / "b.dcm", values, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1")
    assert not decode_dicom(inverted).pixels[:5].any()


def test_a_picture_of_padding_alone_is_black(tmp_path: Path) -> None:
    values = np.full((20, 20), -5, np.int16)
    assert not decode_dicom(write(tmp_path / "a.dcm", values, PixelPaddingValue=-5)).pixels.any()


def test_falling_slope_keeps_the_window_upright(tmp_path: Path) -> None:
    """pydicom's own windowing is upside down here: the range that it maps to falls as well."""
    path = write(tmp_path / "a.dcm", ramp(), RescaleSlope=-1, RescaleIntercept=0, WindowCenter=-200, WindowWidth=101)
    assert np.array_equal(decode_dicom(path).pixels, in_window(-ramp("int16").astype(float), -200, 101))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), centre=st.integers(-500, 500), width=st.integers(1, 900), windowed=st.booleans())
def test_monochrome1_is_the_inverse(
    tmp_path_factory: pytest.TempPathFactory, seed: int, centre: int, width: int, windowed: bool
) -> None:
    folder = tmp_path_factory.mktemp("inverse")
    values = np.random.default_rng(seed).integers(-600, 600, (16, 16), dtype=np.int16)
    elements: dict[str, Any] = {"WindowCenter": centre, "WindowWidth": width} if windowed else {}
    right = decode_dicom(write(folder / "a.dcm", values, **elements)).pixels
    # What a digital radiograph says of itself: INVERSE is no second inversion.
    elements |= {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    inverse = decode_dicom(write(folder / "b.dcm", values, **elements)).pixels
    assert np.array_equal(inverse, 255 - right)


# The window


def test_window_by_hand() -> None:
    values = np.array([-1, 0, 1, 2, 3, 4])
    # LINEAR with centre 2 and width 4: black up to 0, white above 3, and thirds between
    assert np.allclose(window(values, 2, 4), [0, 0, 1 / 3, 2 / 3, 1, 1])
    assert np.allclose(window(values, 2, 4, "LINEAR_EXACT"), [0, 0, 0.25, 0.5, 0.75, 1])
    sigmoid = 1 / (1 + np.exp(-(values - 2.0)))
    assert np.allclose(window(values, 2, 4, "SIGMOID"), sigmoid)
    assert window(values, 2, 1).tolist() == [0, 0, 0, 1, 1, 1]  # a threshold


@settings(deadline=None)
@given(
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    centre=st.floats(-1e4, 1e4),
    width=st.floats(1, 1e5),
    values=st.lists(st.integers(-40000, 40000), min_size=2, max_size=40),
)
def test_window_is_monotone_and_agrees_with_pydicom(
    function: str, centre: float, width: float, values: list[int]
) -> None:
    numbers = np.sort(np.array(values))
    grey = window(numbers, centre, width, function)
    assert (np.diff(grey) >= 0).all()
    assert grey.min() >= 0
    assert grey.max() <= 1
    facts = item(PhotometricInterpretation="MONOCHROME2", BitsStored=16, PixelRepresentation=0)
    facts.VOILUTFunction, facts.WindowCenter, facts.WindowWidth = function, round(centre, 3), round(width, 3)
    with np.errstate(over="ignore"):
        theirs = apply_windowing(numbers, facts) / 65535
    assert np.allclose(window(numbers, round(centre, 3), round(width, 3), function), theirs, atol=1e-9)


RGB = ("Red", "Green", "Blue")


# Enhanced objects


def test_functional_groups_of_each_frame(tmp_path: Path) -> None:
    """C.7.6.16: rescale shared, a window and a place for each frame."""
    values = np.stack([ramp(), ramp()])
    shared = item(
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-100, RescaleType="US")],
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25])],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    own = [
        item(
            FrameVOILUTSequence=[item(WindowCenter=centre, WindowWidth=200)],
            PlanePositionSequence=[item(ImagePositionPatient=[5, 6, height])],
        )
        for centre, height in ((100, 7), (500, 9.5))
    ]
    groups = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": own}
    path = write(tmp_path / "a.dcm", values, WindowCenter=1, WindowWidth=1, **groups)
    for frame, centre in ((0, 100), (1, 500)):
        assert np.array_equal(decode_dicom(path, frame).pixels, in_window(2.0 * ramp() - 100, centre, 200))
    facts = header(path, SALT, 1)
    assert (facts.frames, facts.position, facts.spacing) == (2, 9.5, (0.5, 0.25))


# What numbers are scaled by


def robust(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values[values > values.min()], (0.5, 99.5))
    return np.asarray(np.round(np.clip((values - low) / (high - low), 0, 1) * 255))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("factor", [1, 3000, 1e-3])
@pytest.mark.parametrize("bits", [{}, {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}])
def test_floating_point_numbers_are_measurements(
    tmp_path: Path, dtype: str, factor: float, bits: dict[str, Any]
) -> None:
    """They have no Bits Stored, and are no display values of 8 bits (C.7.6.24)."""
    values = (np.linspace(0, 1, 400).reshape(20, 20) * factor).astype(dtype)
    image = decode_dicom(write(tmp_path / "a.dcm", values, **bits))
    assert np.abs(image.pixels - robust(values.astype(float))).max() <= 1
    assert image.scaling == "percentiles of the image"
    own = {"WindowCenter": 0.5 * factor, "WindowWidth": 0.5 * factor, "VOILUTFunction": "LINEAR_EXACT"}
    image = decode_dicom(write(tmp_path / "b.dcm", values, **own, **bits))
    expected = np.clip((values.astype(float) / factor - 0.25) / 0.5, 0, 1) * 255
    assert np.abs(image.pixels - expected).max() <= 0.51
    assert image.scaling == "window of the file"


@pytest.mark.parametrize(("dtype", "name"), [("float32", "Float"), ("float64", "DoubleFloat")])
def test_padding_of_floating_point_numbers(tmp_path: Path, dtype: str, name: str) -> None:
    values = np.linspace(1, 2, 400).reshape(20, 20).astype(dtype)
    values[:5], values[5:7] = -1000.1, -999.9
    elements = {f"{name}PixelPaddingValue": float(values[0, 0]), f"{name}PixelPaddingRangeLimit": float(values[5, 0])}
    for more in ({}, {"PhotometricInterpretation": "MONOCHROME1"}):
        pixels = decode_dicom(write(tmp_path / "a.dcm", values, **elements, **more)).pixels
        assert not pixels[:7].any()
    assert pixels[7, 1] == 255
    # an element of integers says nothing of them
    assert decode_dicom(write(tmp_path / "b.dcm", values + 2000, PixelPaddingValue=0)).pixels.any()


@pytest.mark.parametrize(("padding", "limit"), [(63536, None), (63536, 63546), (-2000, 0), (0, -2000)])
def test_padding_below_zero_and_a_limit_of_zero(tmp_path: Path, padding: int, limit: int | None) -> None:
    """Explicit VR has US where SS would be right: 63536 is -2000 in a word of 16 bits."""
    values = ramp("int16", 1)
    values[:5] = -2000
    elements = {"PixelPaddingValue": padding, "PixelPaddingRangeLimit": limit}
    path = tmp_path / "a.dcm"
    write(path, values)
    facts = pydicom.dcmread(path)
    for name, value in elements.items():
        if value is not None:
            facts.add_new(name, "US" if value > 2**15 else "SS", value)
    facts.save_as(path)
    pixels = decode_dicom(path).pixels
    assert not pixels[:5].any()
    assert np.array_equal(pixels[5:], robust(values[5:].astype(float)))


@pytest.mark.parametrize(
    ("unit", "by"),
    [
        ("HU", "CT window 40/400"),
        (None, "CT window 40/400"),
        ("HU_MOD", "CT window 40/400"),
        ("Z_EFF", "percentiles of the image"),
        ("US", "percentiles of the image"),
    ],
)
def test_only_hounsfield_units_are_seen_through_the_window_of_ct(tmp_path: Path, unit: str | None, by: str) -> None:
    elements = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -200, "RescaleType": unit}
    assert decode_dicom(write(tmp_path / "a.dcm", ramp(), **elements)).scaling == by


def test_bits_are_named_by_their_largest_value(tmp_path: Path) -> None:
    assert decode_dicom(write(tmp_path / "a.dcm", ramp("uint8"))).scaling == "0..255 as stored"
    low = write(tmp_path / "b.dcm", ramp("uint8") // 16, BitsStored=4, HighBit=3)
    assert decode_dicom(low).scaling == "0..15"


def test_slope_of_zero(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ramp(), RescaleSlope=0, RescaleIntercept=5)
    with pytest.raises(UnreadableImageError, match="^has a Rescale Slope of 0"):
        decode_dicom(path)


def test_what_is_ignored_changes_nothing(tmp_path: Path) -> None:
    """docs/data.md says why."""
    values = ramp()
    plain = decode_dicom(write(tmp_path / "a.dcm", values, WindowCenter=200, WindowWidth=300)).pixels
    mapping = item(RealWorldValueSlope=7.0, RealWorldValueIntercept=3.0, RealWorldValueFirstValueMapped=0)
    ignored: dict[str, Any] = {
        "PixelAspectRatio": [2, 1],
        "PixelSpacing": [2, 1],
        "PresentationLUTShape": "INVERSE",
        "RealWorldValueMappingSequence": [mapping],
        "PixelIntensityRelationship": "LOG",
        "SmallestImagePixelValue": 100,
        "LargestImagePixelValue": 200,
        "ShutterShape": "RECTANGULAR",
        "ShutterLeftVerticalEdge": 5,
        "WindowCenterWidthExplanation": "LUNG",
        "LossyImageCompression": "01",
    }
    facts = pydicom.dcmread(write(tmp_path / "b.dcm", values, WindowCenter=200, WindowWidth=300, **ignored))
    facts.add_new(0x60000010, "US", 20)  # an overlay of its own, rows and columns
    facts.add_new(0x60000011, "US", 20)
    facts.add_new(0x60000100, "US", 1)
    facts.add_new(0x60003000, "OW", b"\xff" * 50)
    facts.save_as(tmp_path / "b.dcm")
    assert np.array_equal(decode_dicom(tmp_path / "b.dcm").pixels, plain)
