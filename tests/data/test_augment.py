"""Augmentation moves pixels about, repeatably, and invents none."""

from __future__ import annotations

import torch

from foveate.data.augment import augment, flip, shift


def images(count: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_flip_mirrors_about_half() -> None:
    x = images()
    y = flip(x, generator())
    mirrored = torch.tensor([torch.equal(a, b.flip(2)) for a, b in zip(x, y, strict=True)])
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


def test_the_generator_decides() -> None:
    x = images()
    assert torch.equal(augment(x, ("flip", "shift"), generator()), augment(x, ("flip", "shift"), generator()))
    assert not torch.equal(augment(x, ("flip", "shift"), generator()), augment(x, ("flip", "shift"), generator(2)))
    assert augment(x, (), generator()) is x
