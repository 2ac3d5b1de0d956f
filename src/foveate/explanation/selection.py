"""Which images are shown: by rules that anybody can apply again, never by eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foveate.data.pack import Pack
from foveate.explanation import heatmaps
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.localisation.region_table import Regions

_DIGITS = 6  # maps are float32: what is behind that is rounding, and must not break a tie


@dataclass(frozen=True)
class Candidates:
    """The images that every model has a heat-map of, and what the rules rank them by."""

    pack: Pack
    maps: Mapping[str, Heatmaps]  # by model: what the rules rank
    shown: Mapping[str, Heatmaps]  # the same, or another method's: only images that have these too
    seed: int  # of the draw
    regions: Regions | None = None  # with boxes and points beside the pack's masks

    @cached_property
    def rows(self) -> dict[str, dict[str, int]]:
        """Model -> case -> row of its maps."""
        return {model: rows_of(of) for model, of in self.maps.items()}

    @cached_property
    def cases(self) -> list[str]:
        """Those of all models, in the order of the first model's."""
        known = [*self.rows.values(), *map(rows_of, self.shown.values())]
        return [case for case in known[0] if all(case in rows for rows in known)]

    @cached_property
    def labels(self) -> list[int]:
        return [self.pack.index.labels[self.pack.row[case]] for case in self.cases]

    @cached_property
    def has_mask(self) -> list[bool]:
        return [self.marked(case) is not None for case in self.cases]

    def marked(self, case: str) -> NDArray[np.bool_] | None:
        """(side, side) where the lesion is, by mask, boxes or points; None where nothing is marked."""
        if self.regions is None:
            return self.pack.mask(case)
        return self.regions.of(case).mask if self.regions.marks(case) else None

    @property
    def quality_words(self) -> str:
        return "energy in the lesion" if any(self.has_mask) else "probability of the true class"

    @cached_property
    def quality(self) -> NDArray[np.float64]:
        """(n,) what "best" means, mean over the models: energy in the lesion (`localisation.metrics.energy`), where a
        blank map counts 0 and images without a mask are NaN, not ranked; or P(truth) where no image has a mask."""
        score = self._energy if any(self.has_mask) else self._probability
        return np.asarray(np.round(np.mean([score(model) for model in self.maps], axis=0), _DIGITS))

    def _taken(self, model: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of a model's maps or logits in the order of the cases."""
        return values[[self.rows[model][case] for case in self.cases]]

    def _energy(self, model: str) -> NDArray[np.float64]:
        positive = np.maximum(self._taken(model, self.maps[model].raw), 0).astype(np.float64)
        # Enlarging is linear: down @ map @ across.T. So the heat in a mask is the map weighed by the mask made small.
        height, width = positive.shape[1:]
        side = self.pack.index.pixels
        down, across = (heatmaps.enlarge(np.eye(length), side, length) for length in (height, width))
        whole = np.outer(down.sum(0), across.sum(0))
        shares = np.full(len(self.cases), np.nan)
        for row, case in enumerate(self.cases):
            mask = self.marked(case)
            if mask is not None:
                total = float((positive[row] * whole).sum())
                shares[row] = float((positive[row] * (down.T @ mask @ across)).sum()) / total if total > 0 else 0.0
        return shares

    def _probability(self, model: str) -> NDArray[np.float64]:
        return softmax(self._taken(model, self.maps[model].logits))[np.arange(len(self.cases)), self.labels]

    @cached_property
    def agreement(self) -> NDArray[np.float64]:
        """(n,) mean Pearson correlation of the models' raw maps, over all pairs; NaN where no pair has one."""
        maps = [self._taken(model, of.raw) for model, of in self.maps.items()]
        return np.round(mean_correlation(maps), _DIGITS)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., classes) logits -> probabilities."""
    share = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(share / share.sum(axis=-1, keepdims=True))


def mean_correlation(maps: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Pearson's correlation of signed maps, mean over all pairs of models: (n, h, w) each -> (n,).

    Coarser maps are enlarged to the finest. A constant map has no correlation, so its pairs do not count; NaN where
    none is left.
    """
    height, width = (max(of.shape[axis] for of in maps) for axis in (1, 2))
    total, defined = 0.0, np.zeros(len(maps[0]))
    for of in maps:
        values = heatmaps.enlarge(of, height, width).reshape(len(of), -1)
        deviation = values - values.mean(axis=1, keepdims=True)
        # A constant map's deviations are rounding errors: they say nothing, however they correlate.
        varies = np.abs(deviation).max(axis=1) > 1e-9 * np.abs(values).max(axis=1)
        length = np.sqrt((deviation**2).sum(axis=1))
        total = total + deviation / np.where(varies, length, np.inf)[:, None]
        defined += varies
    # Of unit vectors: |sum|^2 is their number and twice the sum of all pairs' products.
    pairs = defined * (defined - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.square(total).sum(axis=1) - defined) / np.where(pairs > 0, pairs, np.nan))


def rows_of(maps: Heatmaps) -> dict[str, int]:
    """Case -> row."""
    return {str(case): row for row, case in enumerate(maps.case)}


def choose_cases(labels: Sequence[int], has_mask: Sequence[bool], count: int, seed: int) -> list[int]:
    """Rows to show, in the order of `shown_order`: classes in turn, rows with a mask first, otherwise a drawn order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    queues = {label: [int(row) for row in order if labels[row] == label] for label in sorted(set(labels))}
    for queue in queues.values():
        queue.sort(key=lambda row: not has_mask[row])
    chosen: list[int] = []
    while len(chosen) < min(count, len(labels)):
        chosen += [queue.pop(0) for queue in queues.values() if queue]
    return sorted(chosen[:count], key=lambda row: shown_order(labels[row], has_mask[row]))


def shown_order(label: int, has_mask: bool) -> tuple[bool, int]:
    """Images with a marked lesion come first, then those of the positive classes, which are the last by number."""
    return not has_mask, -label


def _ranked(candidates: Candidates, values: NDArray[np.float64]) -> list[int]:
    """Rows from the lowest value to the highest, without NaN; ties in the order of the case ids."""
    rows = [row for row in range(len(values)) if values[row] == values[row]]
    return sorted(rows, key=lambda row: (values[row], candidates.cases[row]))


def _random(candidates: Candidates, count: int) -> list[int]:
    return choose_cases(candidates.labels, candidates.has_mask, count, candidates.seed)


def _best(candidates: Candidates, count: int) -> list[int]:
    return _ranked(candidates, -candidates.quality)[:count]


def _worst(candidates: Candidates, count: int) -> list[int]:
    return _ranked(candidates, candidates.quality)[:count]


def _median(candidates: Candidates, count: int) -> list[int]:
    ranked = _ranked(candidates, candidates.quality)
    start = max(0, (len(ranked) - count + 1) // 2)  # as many below as above; the odd one above
    return ranked[start : start + count]


def _disagreement(candidates: Candidates, count: int) -> list[int]:
    return _ranked(candidates, candidates.agreement)[:count]


@dataclass(frozen=True)
class Rule:
    """A rule and its words: in a caption, and beside one image. {quality} stands for what it ranks."""

    choose: Callable[[Candidates, int], list[int]]  # rows, fewer or none where it cannot rank as many
    words: str
    label: str


_TIES = ", ties in the order of the case numbers"
RULES: dict[str, Rule] = {
    "random": Rule(
        _random,
        "the classes in turn, cases with a marked lesion first, otherwise in an order drawn with the study’s seed "
        "({seed})",
        "drawn by the study’s seed",
    ),
    "best": Rule(_best, "those with the highest {quality}" + _TIES, "highest {quality}"),
    "worst": Rule(_worst, "those with the lowest {quality}" + _TIES, "lowest {quality}"),
    "median": Rule(_median, "those in the middle when all are ranked by {quality}" + _TIES, "median {quality}"),
    "disagreement": Rule(
        _disagreement,
        "those where the models’ maps agree least: lowest Pearson correlation of the signed maps, mean over all pairs "
        "of models" + _TIES,
        "least agreement between the models",
    ),
}


def choose(candidates: Candidates, rule: str, count: int) -> list[int]:
    """Rows to show by a rule, in the order of `shown_order` and otherwise in the rule's. Raises KeyError."""
    rows = RULES[rule].choose(candidates, count)
    return sorted(rows, key=lambda row: shown_order(candidates.labels[row], candidates.has_mask[row]))
