"""The decoded pixels of a data set in one memory-mapped file, with its classes, parts and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from foveate import runs

_EXACT = 256  # values up to 255, squared and summed, stay below 2**24


class Normalisation(BaseModel):
    """Mean and standard deviation of the training part's pixels, a value a channel, in units of 0..255."""

    mean: list[float]
    std: list[float]


class PackIndex(BaseModel):
    """pack/index.json: what the rows of pixels.npy are."""

    cases: list[str]  # case id of each row
    labels: list[int]  # class index of each row
    classes: list[str]  # names, the positive ones (disease) last
    positives: int = 1  # how many of them are positive
    pixels: int  # side of the square images
    fit: str
    channels: int  # what the network sees; a grey pack (one channel on disk) is repeated to it
    normalisation: dict[str, Normalisation]  # by split file: "split.csv", and "split-2.csv" ... where repeats differ
    masks: dict[str, int]  # case -> row of masks.npy
    fingerprint: str  # of pixels, labels and split


@dataclass(frozen=True)
class Pack:
    """A data set's packed pixels, read without being loaded."""

    folder: Path

    @cached_property
    def index(self) -> PackIndex:
        return PackIndex.model_validate(runs.read_json(self.folder / "index.json"))

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(n, side, side, 1 or 3) uint8, memory-mapped."""
        array: NDArray[np.uint8] = np.load(self.folder / "pixels.npy", mmap_mode="r")
        return array

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """(m, side, side) bool, memory-mapped; rows as `index.masks` says."""
        array: NDArray[np.bool_] = np.load(self.folder / "masks.npy", mmap_mode="r")
        return array

    @cached_property
    def row(self) -> dict[str, int]:
        return {case: row for row, case in enumerate(self.index.cases)}

    def image(self, case: str) -> NDArray[np.uint8]:
        """(side, side, 3) RGB uint8 of a case. Raises KeyError for an unknown one."""
        pixels = self.pixels[self.row[case]]
        return np.array(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))

    def mask(self, case: str) -> NDArray[np.bool_] | None:
        """(side, side) lesion mask of a case, or None where there is none."""
        row = self.index.masks.get(case)
        return None if row is None else np.array(self.masks[row])


def normalisation(pixels: NDArray[np.uint8], rows: Sequence[int], channels: int) -> Normalisation:
    """Mean and standard deviation of each channel over some rows of (n, side, side, 1 or 3), for a network that sees
    `channels`: those of grey are repeated. A channel of one value gets the standard deviation 1."""
    side, own = pixels.shape[1], pixels.shape[-1]
    sums, squares, total = np.zeros(own), np.zeros(own), len(rows) * side * side
    for row in rows:
        for start in range(0, side, _EXACT):  # sums of integers, in parts that float32 holds exactly
            lines = pixels[row, start : start + _EXACT].reshape(-1, side * own).astype(np.float32)
            sums += lines.sum(0).reshape(side, own).sum(0, dtype=np.float64)
            squares += np.einsum("ij,ij->j", lines, lines).reshape(side, own).sum(0, dtype=np.float64)
    mean = sums / total
    std = np.sqrt(np.maximum(squares / total - mean**2, 0))
    std = np.where(std > 0, std, 1.0)
    repeat = channels // pixels.shape[-1]
    return Normalisation(mean=[*map(float, mean)] * repeat, std=[*map(float, std)] * repeat)
