"""Augmentation moves pixels about, repeatably, and invents none; masks go where their images go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from foveate.config import STANDARD, Augmentation
from foveate.data.augment import MOVES, TONES, WARPS, adjust_, augment, flip, inverse, shift, vertical_flip, warp

NAMES = (*MOVES, *WARPS, *TONES)
EVERYTHING = (*NAMES, "flip", "rotation")


def images(count: int = 64, side: int = 32, channels: int = 3) -> Tensor:
    """Noise in 0..255, in channels_last as batches are."""
    pixels = torch.rand(count, side, side, channels, generator=generator(0)) * 255
    return pixels.permute(0, 3, 1, 2)


def smooth(count: int, side: int = 64) -> Tensor:
    """(count, 1, side, side) pictures with wide waves, which resampling blurs little."""
    rows, columns = torch.meshgrid(torch.arange(side) / side, torch.arange(side) / side, indexing="ij")
    waves = torch.sin(5 * rows + 1) * torch.cos(7 * columns) + rows
    return (60 * (waves + 2))[None, None].repeat(count, 1, 1, 1)


def generator(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def matrices(count: int, **change: float) -> Tensor:
    names = ("degrees", "growth", "right", "down")
    return inverse(*(torch.full((count,), change.get(name, 0.0)) for name in names))


def test_the_names_of_a_recipe_are_those_there_are() -> None:
    assert {*get_args(Augmentation)} == {*NAMES, "standard"}
    assert {*STANDARD} < {*NAMES}
    with pytest.raises(ValueError, match=r"no augmentation 'mirror': give some of flip, vertical_flip, .*contrast$"):
        augment(images(2), generator(), ("flip", "mirror"))


@pytest.mark.parametrize(("mirror", "axis"), [(flip, 2), (vertical_flip, 1)])
def test_flips_mirror_about_half(mirror: Callable[[Tensor, Generator], Tensor], axis: int) -> None:
    x = images()
    y = mirror(x, generator())
    mirrored = torch.tensor([torch.equal(a, b.flip(axis)) for a, b in zip(x, y, strict=True)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(x, y, strict=True)])
    assert (mirrored ^ same).all()
    assert 20 <= mirrored.sum() <= 44


def test_shift_moves_the_middle_by_whole_pixels() -> None:
    x = images(16)
    y = shift(x, generator())
    moves = set()
    for before, after in zip(x, y, strict=True):
        found = [
            (row, column)
            for row in range(-2, 3)
            for column in range(-2, 3)
            if torch.equal(after[:, 4:-4, 4:-4], before[:, 4 + row : 28 + row, 4 + column : 28 + column])
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) > 5


def as_it_was(x: Tensor, names: Sequence[str], random: Generator) -> Tensor:
    """flip and shift as they were when studies with them were first run."""
    for name in names:
        if name == "flip":
            mirrored = torch.rand(len(x), generator=random).lt(0.5)
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
        else:
            side = x.shape[-1]
            margin = max(1, round(side / 16))
            padded = F.pad(x, (margin,) * 4, mode="reflect")
            moves = torch.randint(0, 2 * margin + 1, (2, len(x), 1), generator=random)
            rows, columns = moves + torch.arange(side)
            one = torch.arange(len(x))[:, None, None]
            x = padded.permute(0, 2, 3, 1)[one, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return x


@pytest.mark.parametrize("names", [("flip",), ("shift",), ("flip", "shift"), ("shift", "flip", "flip")])
@pytest.mark.parametrize("channels", [1, 3])
def test_earlier_studies_stay_as_they_were(names: tuple[str, ...], channels: int) -> None:
    # They were normalised before they were augmented; moving whole pixels is the same either way.
    x, mean, scale = images(channels=channels), 100.3, 1 / torch.tensor(61.7)
    before = as_it_was((x - mean) * scale, names, generator())
    assert torch.equal((augment(x, generator(), names) - mean) * scale, before)


def test_the_generator_decides() -> None:
    x = images()
    for names in (("flip", "shift"), STANDARD):
        assert torch.equal(augment(x, generator(), names), augment(x, generator(), names))
        assert not torch.equal(augment(x, generator(), names), augment(x, generator(2), names))
    assert augment(x, generator(), ()) is x


def test_the_global_state_is_neither_read_nor_changed() -> None:
    state = torch.random.get_rng_state()
    x = augment(images(4), generator(), EVERYTHING)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(augment(images(4), generator(), EVERYTHING), x)


@pytest.mark.parametrize("name", NAMES)
def test_every_image_draws_its_own(name: str) -> None:
    one = images(1).repeat(24, 1, 1, 1)
    results = augment(one, generator(), (name,))
    different = {tuple(result.flatten().tolist()) for result in results}
    least, most = {"flip": (2, 2), "vertical_flip": (2, 2), "shift": (10, 24)}.get(name, (24, 24))
    assert least <= len(different) <= most


@pytest.mark.parametrize("name", ["rotation", "scale", "translation"])
def test_one_name_more_leaves_the_other_draws_as_they_were(name: str) -> None:
    x = smooth(8)
    first, second = generator(), generator()
    augment(x, first, (name,))
    augment(x, second, tuple(WARPS))
    assert torch.equal(first.get_state(), second.get_state())


@pytest.mark.parametrize("channels", [1, 3])
def test_identity(channels: int) -> None:
    x, one = images(4, channels=channels), torch.ones(4)
    assert torch.equal(adjust_(x.clone(), one, one), x)
    assert torch.equal(warp(x, matrices(4)), x)
    # Where the side is no power of two, the positions of pixels are rounded in their seventh digit.
    y = images(2, side=224, channels=channels)
    torch.testing.assert_close(warp(y, matrices(2)), y, rtol=0, atol=0.01)


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns(quarters: int) -> None:
    x = images(3, side=61)
    turned = warp(x, matrices(3, degrees=90.0 * quarters))
    torch.testing.assert_close(turned, torch.rot90(x, quarters, (2, 3)), rtol=0, atol=0.02)


def test_translation_by_whole_pixels() -> None:
    x = images(2, side=32)
    moved = warp(x, matrices(2, right=3 / 32, down=-2 / 32))
    torch.testing.assert_close(moved[:, :, :-2, 3:], x[:, :, 2:, :-3], rtol=0, atol=0.01)
    torch.testing.assert_close(moved[:, :, :, :3], moved[:, :, :, 3:4].expand(-1, -1, -1, 3))  # the edge is repeated


def test_growth_makes_a_square_larger_and_translation_comes_last() -> None:
    x = torch.zeros(1, 1, 80, 80)
    x[..., 30:50, 30:50] = 255
    grown = warp(x, matrices(1, growth=0.5, right=0.1)) > 127
    assert grown.sum() == 30 * 30
    assert grown[0, 0, 25:55, 33:63].all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.lists(st.sampled_from(NAMES), max_size=6), st.sampled_from([1, 3]))
def test_nothing_undefined_or_out_of_range(seed: int, names: list[str], channels: int) -> None:
    x = images(4, side=20, channels=channels)
    y = augment(x, generator(seed), names)
    assert y.shape == x.shape
    assert y.dtype == torch.float32
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.isfinite(y).all()
    assert y.min() >= 0
    assert y.max() <= 255


def test_rows_stay_rows() -> None:
    x = images(4).contiguous()
    for names in (EVERYTHING, ("shift",)):
        y = augment(x, generator(), names)
        assert y.is_contiguous()
        assert torch.equal(y, augment(images(4), generator(), names))


@pytest.mark.parametrize("channels", [1, 3])
def test_autocast_changes_nothing(channels: int) -> None:
    x = images(4, side=224, channels=channels)
    outside = augment(x, generator(), STANDARD)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(x, generator(), STANDARD), outside)


def test_brightness_and_contrast_by_hand() -> None:
    x = torch.tensor([[[[0.0, 100.0], [100.0, 200.0]]]])
    one, half = torch.ones(1), torch.full((1,), 0.5)
    assert adjust_(x.clone(), 1.5 * one, one).flatten().tolist() == [0, 150, 150, 255]  # cut off at white
    assert adjust_(x.clone(), one, half).flatten().tolist() == [50, 100, 100, 150]
    assert adjust_(x.clone(), half, 0 * one).flatten().tolist() == [50] * 4


def test_what_is_drawn_lies_within_its_limits() -> None:
    centre = torch.zeros(400, 1, 65, 65)
    centre[..., 31:34, 31:34] = 255
    where = augment(centre, generator(), ("translation",)).flatten(1).argmax(1)
    for moves in (where // 65 - 32, where % 65 - 32):
        assert moves.min() in (-4, -3)  # 5 % of 65 pixels is 3.25; the square is three pixels wide
        assert moves.max() in (3, 4)
    grey = torch.full((400, 1, 8, 8), 100.0)
    bright = augment(grey, generator(), ("brightness",))[:, 0, 0, 0]
    assert 90 <= bright.min() < 91
    assert 109 < bright.max() <= 110
    torch.testing.assert_close(augment(grey, generator(), ("contrast",)), grey)


def test_mirrors_are_drawn_within_a_resampling_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WARPS, "rotation", (0.0,))  # nothing but mirrors is left
    x = images(64)
    y = augment(x, generator(), ("flip", "vertical_flip", "rotation"))
    counts = [0, 0, 0, 0]
    for before, after in zip(x, y, strict=True):
        results = (before, before.flip(2), before.flip(1), before.flip((1, 2)))
        (found,) = [number for number, result in enumerate(results) if torch.equal(after, result)]
        counts[found] += 1
    assert min(counts) > 6


def test_images_are_not_changed_in_place() -> None:
    x = images(4)
    before = x.clone()
    for name in NAMES:
        augment(x, generator(), (name,))
        assert torch.equal(x, before)


@pytest.mark.parametrize("names", [("flip", "shift"), tuple(WARPS), STANDARD, EVERYTHING])
def test_masks_follow_their_images(names: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    x, masks = torch.full((32, 3, 64, 64), 20.0), torch.zeros(32, 64, 64, dtype=torch.bool)
    for number in range(32):
        row, column = random.integers(0, 48, 2)
        masks[number, row : row + 16, column : column + 10] = True
    x[masks[:, None].expand_as(x)] = 220.0
    moved, followed = augment(x, generator(), names, masks)
    assert followed.dtype == torch.bool
    assert followed.shape == masks.shape
    assert not torch.equal(followed, masks)
    middle = (moved.amin((1, 2, 3)) + moved.amax((1, 2, 3))) / 2
    assert torch.equal(followed, moved[:, 0] >= middle[:, None, None])
    assert torch.equal(moved, augment(x, generator(), names))  # masks change nothing about images


def test_masks_without_augmentation() -> None:
    x, masks = images(3), torch.rand(3, 32, 32, generator=generator()) > 0.5
    same, as_given = augment(x, generator(), (), masks)
    assert torch.equal(same, x)
    assert torch.equal(as_given, masks)
