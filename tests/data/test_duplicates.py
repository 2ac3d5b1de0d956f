"""Duplicates are found whatever was done to the file, and other pictures are left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from foveate.data.duplicates import (
    LOOSE,
    NEAR,
    Tally,
    Twins,
    Union,
    candidate_pairs,
    difference,
    find_twins,
    group_by,
    nearly_identical,
    seen_before,
    tally,
)
from foveate.data.image_facts import ImageFacts, gradient_hash, grey_copy, perceptual_hash, thumbnail
from tests.data.pictures import measure, picture, save

Change = Callable[[Image.Image], Image.Image]


def brighter(image: Image.Image) -> Image.Image:
    return image.point([min(255, value + 3) for value in range(256)])


def resized(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * 1.02), round(image.height * 1.02)), Image.Resampling.LANCZOS)


def cropped(image: Image.Image) -> Image.Image:
    return ImageOps.crop(image, (image.width // 20, image.height // 20) * 2)


def same(image: Image.Image) -> Image.Image:
    return image


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("change", "name", "found"),
    [
        (same, "copy.png", True),
        (same, "copy.bmp", True),
        (same, "copy.jpg", True),
        (resized, "resized.png", True),
        (brighter, "brighter.png", True),
        (ImageOps.mirror, "mirrored.png", False),
        (cropped, "cropped.png", False),
    ],
)
def test_what_is_done_to_a_copy(tmp_path: Path, seed: int, change: Change, name: str, found: bool) -> None:
    original = picture(seed)
    files = [
        save(original, tmp_path / "original.png"),
        save(picture(seed + 100), tmp_path / "other.png"),
        save(change(original), tmp_path / name),
    ]
    facts, grey = zip(*map(measure, files), strict=True)
    twins = find_twins(facts, grey.__getitem__)
    assert twins.near == ([[0, 2]] if found else [])
    assert twins.pixels == ([[0, 2]] if name in ("copy.png", "copy.bmp") else [])
    assert twins.files == ([[0, 2]] if name == "copy.png" else [])


def test_hashes_of_pictures_known_by_hand() -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    assert gradient_hash(ramp) == 2**64 - 1
    assert gradient_hash(ramp[:, ::-1].copy()) == 0
    small = thumbnail(np.asarray(picture(1)))
    assert perceptual_hash(small).bit_count() == 32  # the median lies in the middle
    assert perceptual_hash(255 - small) == 2**64 - 1 - perceptual_hash(small)


def test_grey_copies_are_square_and_of_the_luma() -> None:
    colour = np.zeros((30, 50, 3), dtype=np.uint8)
    colour[..., 1] = 200
    copy = grey_copy(colour)
    assert copy.shape == (256, 256)
    assert copy.dtype == np.uint8
    assert set(copy.ravel().tolist()) == {117}  # 0.587 x 200


@given(st.integers(0, 2**32), st.integers(2, 120))
@settings(max_examples=40, deadline=None)
def test_candidates_are_those_of_comparing_each_with_each(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    hashes = generator.integers(0, 2**64, (2, count), dtype=np.uint64)
    for row in range(1, count, 2):  # every second one lies near the one before it, in 0 to 10 bits of each hash
        for own in hashes:
            bits = generator.choice(64, generator.integers(0, 11), replace=False)
            own[row] = own[row - 1] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    perceptual, gradient = hashes
    expected = set()
    for first in range(count):
        for second in range(first + 1, count):
            one = int(perceptual[first] ^ perceptual[second]).bit_count()
            other = int(gradient[first] ^ gradient[second]).bit_count()
            if one <= NEAR or (other <= NEAR and one <= LOOSE):
                expected.add((first, second))
    found = candidate_pairs(perceptual, gradient)
    assert {(int(first), int(second)) for first, second in found} == expected
    assert len(found) == len(expected)


def test_no_candidates_among_none_and_one() -> None:
    for count in (0, 1):
        assert candidate_pairs(*np.zeros((2, count), dtype=np.uint64)).shape == (0, 2)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ImageFacts], list[NDArray[np.uint8]]]:
    """12 pictures: of three of them copies that were changed once and twice."""
    place = tmp_path_factory.mktemp("crowd")
    images = [picture(seed) for seed in range(6)]
    images += [brighter(images[0]), resized(images[0]), brighter(images[1]), brighter(brighter(images[1])), images[2]]
    images.append(ImageOps.mirror(images[3]))
    measured = [measure(save(image, place / f"{number}.png")) for number, image in enumerate(images)]
    return [facts for facts, _ in measured], [grey for _, grey in measured]


@given(st.permutations(range(12)))
@settings(max_examples=30, deadline=None)
def test_clusters_do_not_depend_on_the_order(
    crowd: tuple[list[ImageFacts], list[NDArray[np.uint8]]], order: list[int]
) -> None:
    facts, grey = crowd
    twins = find_twins([facts[row] for row in order], lambda row: grey[order[row]])
    found = {frozenset(order[row] for row in cluster) for cluster in twins.near}
    assert found == {frozenset({0, 6, 7}), frozenset({1, 8, 9}), frozenset({2, 10})}


def test_the_relation_is_symmetric(crowd: tuple[list[ImageFacts], list[NDArray[np.uint8]]]) -> None:
    _, grey = crowd
    for first in grey:
        assert nearly_identical(*difference(first, first))
        for second in grey:
            one, other = difference(first, second), difference(second, first)
            assert one == pytest.approx(other, abs=1e-6)
            assert nearly_identical(*one) == nearly_identical(*other)


def test_two_dark_pictures_are_two() -> None:
    dark = [(grey_copy(np.asarray(picture(seed))) // 32) for seed in (1, 2)]
    mean, correlation = difference(*dark)
    assert mean < 4  # a mean difference alone would take them for one
    assert not nearly_identical(mean, correlation)


def test_constant_pictures_are_near_none_but_identical_to_themselves(tmp_path: Path) -> None:
    shades = [(10, 60), (10, 60), (11, 60), (10, 80)]
    files = [
        save(Image.new("L", (side, side), shade), tmp_path / f"{row}.png") for row, (shade, side) in enumerate(shades)
    ]
    facts, grey = zip(*map(measure, files), strict=True)
    assert all(own.constant for own in facts)
    assert find_twins(facts, grey.__getitem__).near == [[0, 1]]


def test_pictures_in_one_file_are_not_the_same_file(tmp_path: Path) -> None:
    facts, grey = measure(save(picture(1), tmp_path / "volume.png"))
    slices = [facts, replace(facts, pixel_hash="another", perceptual=0, gradient=0)]
    assert find_twins(slices, [grey, grey].__getitem__).files == []


def test_only_candidates_are_asked_for(crowd: tuple[list[ImageFacts], list[NDArray[np.uint8]]]) -> None:
    facts, grey = crowd
    asked: list[int] = []

    def give(row: int) -> NDArray[np.uint8]:
        asked.append(row)
        return grey[row]

    find_twins(facts, give)
    assert sorted(asked) == [0, 1, 6, 7, 8, 9]  # 10 is identical to 2, which needs no look


def test_a_tally_counted_by_hand() -> None:
    clusters = [[0, 1, 2], [3, 4]]
    splits = ["train", "train", "test", "train", ""]
    labels = ["a", "b", "a", "a", "a"]
    patients = ["p", "", "q", "p", "p"]
    assert tally(clusters, splits, labels, patients) == Tally(
        clusters=2,
        images=5,
        surplus=3,
        pairs=4,
        pairs_across_splits=2,
        pairs_across_labels=2,
        pairs_across_patients=1,
        clusters_across_splits=1,
        clusters_across_labels=1,
    )
    assert seen_before(clusters, splits, "test", "train") == [2]
    assert seen_before(clusters, splits, "train", "test") == [0, 1]
    assert seen_before(clusters, splits, "train", "val") == []


def test_groups_join_copies_and_patients() -> None:
    twins = Twins([], [], [[0, 1], [3, 4]])
    assert twins.groups(["p", "", "p", "q", "", ""]) == ["0", "0", "0", "3", "3", "5"]


def test_sets_and_groups() -> None:
    assert group_by(["x", "y", "x", "", ""], leave_out="") == [[0, 2]]
    joined = Union(5)
    for pair in ((4, 2), (3, 0), (2, 3)):
        joined.join(*pair)
    assert [joined.root(row) for row in range(5)] == [0, 1, 0, 0, 0]
    assert joined.clusters() == [[0, 2, 3, 4]]
