"""Stored numbers become 0..255 by one rule, and a data set in which several were used is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveate.data import audit_json, audit_words
from foveate.data.audit_page import render
from foveate.data.examine import audit_folder
from foveate.data.pixels import AS_STORED, UnreadableImageError
from foveate.data.scaling import OF_IMAGE, UNIT, robust_range, scale, to_8_bits
from foveate.data.sources import read_source
from tests.data.pictures import picture, save


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (np.array([0, 100, 255], np.uint8), [0, 100, 255], AS_STORED),
        (np.array([0, 100, 255], np.uint16), [0, 100, 255], AS_STORED),
        (np.array([0, 511], np.uint16), [0, 255], "0..511"),
        (np.array([0, 3000, 2048], np.int32), [0, 187, 128], "0..4095"),
        (np.array([0, 65535], np.uint16), [0, 255], "0..65535"),
        (np.array([0.0, 1000.0]), [0, 249], "0..1023"),  # whole numbers, whatever they are stored as
        (np.array([0.0, 0.5, 1.0], np.float32), [0, 128, 255], UNIT),
        (np.array([-0.1, 0.5, 1.1]), [0, 128, 255], UNIT),  # overshoot of resampling
        (np.array([0.2, 0.6]), [51, 153], UNIT),
        (np.array([0.0, 1.0]), [0, 255], UNIT),
        (np.array([0.0, 0.0]), [0, 0], UNIT),
        (np.array([np.nan, 0.2, np.inf]), [0, 51, 255], UNIT),  # what is undefined does not count
    ],
)
def test_the_rule(values: np.ndarray, expected: list[int], said: str) -> None:
    pixels, rule = to_8_bits(values.reshape(1, -1))
    assert (pixels.tolist(), rule) == ([expected], said)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize(
    "values",
    [
        np.arange(-5, 400.0),  # negative
        np.arange(-5, 400),
        np.linspace(0, 1.2, 400),  # beyond what resampling does to 0..1
        np.linspace(-0.2, 1, 400),
        np.linspace(0, 260.5, 400),
        np.linspace(0, 0.003, 400),  # a diffusion coefficient in mm2/s: black as a share of white
        np.linspace(0, 2**16, 400).astype(np.uint32),  # more than 16 bits
    ],
)
def test_measurements_use_their_robust_range(values: np.ndarray) -> None:
    pixels, rule = to_8_bits(values.reshape(1, -1))
    low, high = robust_range(values)
    assert rule == OF_IMAGE
    assert np.array_equal(pixels[0], scale(values, low, high))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_all_channels_together() -> None:
    values = np.zeros((2, 2, 3), np.uint16)
    values[..., 0], values[..., 2] = 255, 1023
    pixels, rule = to_8_bits(values)
    assert rule == "0..1023"
    assert pixels[0, 0].tolist() == [64, 0, 255]


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=9))
def test_one_channel_or_three_whole_or_float(values: list[int]) -> None:
    grey, rule = to_8_bits(np.array([values], np.uint16))
    colour, other = to_8_bits(np.repeat(np.array([values], np.uint16)[..., None], 3, axis=2))
    assert rule == other
    assert all(np.array_equal(colour[..., channel], grey) for channel in range(3))
    if max(values) > 1:
        floats, third = to_8_bits(np.array([values], np.float64))
        assert np.array_equal(floats, grey)
        assert third == rule
    reversed_grey, _ = to_8_bits(np.array([values], np.uint16), white_is_zero=True)
    assert np.array_equal(reversed_grey, 255 - grey)


def test_where_zero_is_white_undefined_values_stay_black() -> None:
    pixels, _ = to_8_bits(np.array([[np.nan, 0.0, 1.0, 0.25]]), white_is_zero=True)
    assert pixels.tolist() == [[0, 255, 0, 191]]


def test_nothing_defined() -> None:
    with pytest.raises(UnreadableImageError, match="no defined values"):
        to_8_bits(np.full((2, 2), np.nan))


def two_scanners(folder: Path, by_label: bool) -> Path:
    """24 pictures of 12 bits and 24 of 11, as labels have it or not."""
    for number in range(48):
        label = ("sick", "well")[number % 2]
        eleven = number % 2 if by_label else number // 2 % 2
        values = np.asarray(picture(number), np.uint16) * (8 if eleven else 16)
        values[0, 0] = 2047 if eleven else 4095
        save(Image.fromarray(values), folder / label / f"{number}.png")
    return folder


@pytest.mark.parametrize("by_label", [False, True])
def test_two_scanners_are_told_of(tmp_path: Path, by_label: bool) -> None:
    audit = audit_folder(read_source(two_scanners(tmp_path / "scans", by_label)))
    (line,) = [line for line in audit_words.headlines(audit) if "different rules" in line.text]
    assert line.grave
    assert "(24 images by 0..4095, 24 images by 0..2047)" in line.text
    assert ("The rule alone tells the label: AUC 100.0 %" in line.text) == by_label
    assert line.text in audit_words.without_names(audit)
    assert audit_json.as_json(audit)["scalings"] == {"0..4095": 24, "0..2047": 24}
    page = render(audit)
    assert "How stored numbers became grey values" in page
    assert ".png" not in line.text


def test_one_rule_is_not_told_of(clean: Path) -> None:
    audit = audit_folder(read_source(clean))
    assert audit_json.as_json(audit)["scalings"] == {AS_STORED: 48}
    assert not any("rules" in line.text for line in audit_words.headlines(audit))
    assert "became grey values" not in render(audit)
