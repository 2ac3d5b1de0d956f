"""The split: stratified, repeatable, by patient where asked, and the archive's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.data.split import folds, grouped_hold_out, hold_out, shipped, sites
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


@given(count=st.integers(2, 6), seed=st.integers(0, 2**62))
@settings(max_examples=20, deadline=None)
def test_in_folds_every_image_validates_once(count: int, seed: int) -> None:
    labels = ["a"] * 31 + ["b"] * 17
    found = folds(labels, None, count, seed)
    assert len(found) == count
    for row in range(48):
        assert [parts[row] for parts in found].count("validation") == 1
    for parts in found:
        for label, size in (("a", 31), ("b", 17)):
            held = sum(own == label and part == "validation" for own, part in zip(labels, parts, strict=True))
            assert held in (size // count, size // count + 1)
    assert found == folds(labels, None, count, seed)


def test_folds_keep_patients_together() -> None:
    patients = [f"P{number // 4}" for number in range(80)]
    labels = ["a" if number // 4 % 2 else "b" for number in range(80)]
    for parts in folds(labels, patients, 5, 1):
        sides = {part: {p for p, own in zip(patients, parts, strict=True) if own == part} for part in set(parts)}
        assert not sides["train"] & sides["validation"]
    with pytest.raises(FoveateError, match=r"the class a has 10 patients: 11 folds need at least 11"):
        folds(labels, patients, 11, 1)
    with pytest.raises(FoveateError, match=r"the class b has 2 images: 3 folds need"):
        folds(["a", "a", "a", "b", "b"], None, 3, 1)


def test_sites_are_left_out_one_by_one() -> None:
    labels = ["a", "b"] * 4
    assert sites(labels, ["x", "x", "y", "y", "x", "x", "z", "z"], 3) == [
        ["validation", "validation", "train", "train", "validation", "validation", "train", "train"],
        ["train", "train", "validation", "validation", "train", "train", "train", "train"],
        ["train", "train", "train", "train", "train", "train", "validation", "validation"],
    ]


@pytest.mark.parametrize(
    ("site", "count", "says"),
    [
        (["x", "", "y", "y"], 2, "1 of 4 images have no site"),
        (["x", "x", "y", "y"], 3, r"there are 2 sites \(x, y\).*--repeats 2, not 3"),
        (["x", "x", "x", "x"], 2, "all images are of one site"),
        (["x", "y", "x", "y"], 2, "without the site x there is no image of the class a"),
    ],
)
def test_sites_that_cannot_be_left_out(site: list[str], count: int, says: str) -> None:
    with pytest.raises(FoveateError, match=says):
        sites(["a", "b", "a", "b"], site, count)
