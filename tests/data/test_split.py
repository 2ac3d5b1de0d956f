"""The split: stratified, repeatable, by patient where asked, and the archive's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.data.split import grouped_hold_out, hold_out, shipped
from foveate.errors import FoveateError


@given(
    counts=st.lists(st.integers(2, 200), min_size=2, max_size=4),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 2**62),
)
@settings(max_examples=50, deadline=None)
def test_hold_out_is_stratified_and_repeatable(counts: list[int], fraction: float, seed: int) -> None:
    labels = [str(label) for label, count in enumerate(counts) for _ in range(count)]
    parts = hold_out(labels, fraction, seed)
    assert parts == hold_out(labels, fraction, seed)
    for label, count in enumerate(counts):
        held = sum(part == "validation" and own == str(label) for part, own in zip(parts, labels, strict=True))
        assert held == min(max(1, round(fraction * count)), count - 1)


def test_another_seed_gives_another_split() -> None:
    labels = ["a", "b"] * 50
    assert hold_out(labels, 0.2, 1) != hold_out(labels, 0.2, 2)


def test_one_image_is_too_few() -> None:
    with pytest.raises(FoveateError, match="class b has one image only"):
        hold_out(["a", "a", "b"], 0.2, 0)


@given(seed=st.integers(0, 2**62))
@settings(max_examples=20, deadline=None)
def test_no_patient_stands_on_both_sides(seed: int) -> None:
    patients = [f"P{number // 3}" for number in range(120)] + [""] * 30
    labels = ["sick" if number % 2 else "well" for number in range(150)]
    parts = grouped_hold_out(labels, patients, 0.2, seed)
    sides = {part: {p for p, own in zip(patients, parts, strict=True) if p and own == part} for part in set(parts)}
    assert not sides["train"] & sides["validation"]
    assert 15 <= parts.count("validation") <= 45
    assert parts == grouped_hold_out(labels, patients, 0.2, seed)


def test_too_few_patients() -> None:
    with pytest.raises(FoveateError, match="images of 2 patients only"):
        grouped_hold_out(["a", "a", "b", "b"] * 5, ["1", "2", "3", "4"] * 5, 0.2, 0)


def test_shipped() -> None:
    labels = ["a", "b"] * 3
    both = ["train", "train", "test", "test", "train", "test"]
    assert shipped(both, labels) == ["train", "train", "validation", "validation", "train", "validation"]
    three = ["train", "train", "test", "test", "val", "val"]
    assert shipped(three, labels) == ["train", "train", "validation", "validation", "tuning", "tuning"]
    no_test = ["train", "train", "train", "train", "val", "val"]
    assert shipped(no_test, labels) == ["train"] * 4 + ["validation"] * 2
    with pytest.raises(FoveateError, match="1 of 6 images have no split"):
        shipped([*both[:5], ""], labels)
    with pytest.raises(FoveateError, match="validation part has no image of the class a"):
        shipped(["train", "train", "train", "test", "train", "test"], labels)
