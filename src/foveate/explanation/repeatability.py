"""Do two trainings of one model look at the same place, and two models? Correlations of raw maps. Numpy only.

Arun et al. (Radiology: Artificial Intelligence 2021; 3: e200267) call the first repeatability and the second
reproducibility. Where runs of one model disagree, a difference between single maps of two models means little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from foveate.explanation import heatmaps
from foveate.explanation.heatmaps import Heatmaps
from foveate.runs import StudyFolder, Subject, derive_seed, grid, subjects

REPEATS, MODELS = "repeats", "models"  # kinds of rows
COEFFICIENTS = ("pearson", "spearman")
COLUMNS = [
    "dataset", "policy", "kind", "model", "other", "coefficient", "pairs", "cases", "undefined", "correlation",
    "ci_low", "ci_high", "other_cases",
]  # fmt: skip

Floats = NDArray[np.float64]


def correlation(first: NDArray[np.floating], second: NDArray[np.floating], coefficient: str = "pearson") -> Floats:
    """Correlation of maps (..., h, w), pair by pair: (...). NaN where one of the two is constant.

    `coefficient`: pearson, or spearman, which is Pearson's of the ranks, ties at their mean rank.
    """
    return _clipped((standardised(first, coefficient) * standardised(second, coefficient)).sum(-1))


def standardised(maps: NDArray[np.floating], coefficient: str = "pearson") -> Floats:
    """Maps (..., h, w) as vectors (..., h * w) whose dot product is their correlation; NaN for a constant map."""
    flat = np.asarray(maps, dtype=np.float64).reshape(*maps.shape[:-2], -1)
    constant = flat.max(-1, keepdims=True) == flat.min(-1, keepdims=True)
    flat = rankdata(flat, axis=-1) if coefficient == "spearman" else flat
    centred = flat - flat.mean(-1, keepdims=True)
    length = np.sqrt((centred**2).sum(-1, keepdims=True))
    return np.asarray(np.divide(centred, length, out=np.full_like(centred, np.nan), where=~constant & (length > 0)))


def repeatability(folder: StudyFolder, variant: str = "") -> pd.DataFrame:
    """Correlations of the signed raw maps between runs, from the files of `variant` (`heatmaps.file_name`).

    Of every data set, a row a model (kind "repeats": all pairs of its runs) and a row a pair of models ("models": all
    pairs of a run of one and a run of the other), for Pearson's and Spearman's coefficient. Maps of the same case are
    correlated; a case's value is the mean over the `pairs` of runs that have it, and `correlation` is the mean over
    cases, with a percentile interval over resampled patients (the study's confidence and number of samples).
    `undefined`: cases not counted, as one of the maps was constant in every pair. `other_cases`: the same correlation
    between maps of different cases, that is of what maps share that say nothing of the image. NaN where there is
    nothing to average.
    """
    rows: list[tuple[object, ...]] = []
    for subject in subjects(folder.study):
        maps = _maps(folder, subject, variant)
        patients = _patients(folder.data(subject) / "manifest.csv")
        for coefficient in COEFFICIENTS:
            ready = {model: [_Vectors.of(one, coefficient) for one in own] for model, own in maps.items()}
            for kind, model, other in [
                *((REPEATS, model, model) for model in ready),
                *((MODELS, *both) for both in combinations(ready, 2)),
            ]:
                pairs = list(combinations(ready[model], 2) if kind == REPEATS else product(ready[model], ready[other]))
                by_case, others = _by_case(pairs)
                defined = by_case.dropna()
                seed = derive_seed(folder.study.seed, subject.name, model, other, coefficient, "repeatability")
                interval = mean_interval(
                    np.asarray(defined, dtype=np.float64),
                    [patients.get(case, case) for case in map(str, defined.index)],
                    folder.study.evaluation.bootstrap,
                    folder.study.evaluation.confidence,
                    np.random.default_rng(seed),
                )
                counted = (len(pairs), len(defined), len(by_case) - len(defined))
                mean = float(defined.mean()) if len(defined) else float("nan")
                names = (subject.dataset, subject.policy, kind, model, other, coefficient)
                rows.append((*names, *counted, mean, *interval, others))
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_interval(
    values: Floats, patients: Sequence[str], repetitions: int, confidence: float, generator: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of the mean of values (n,) over resampled patients, all values of one drawn together.

    NaN for fewer than two patients or no repetitions.
    """
    _, of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    count = int(of.max(initial=-1)) + 1
    if count < 2 or repetitions < 1:
        return float("nan"), float("nan")
    times = generator.multinomial(count, np.full(count, 1 / count), size=repetitions)  # (repetitions, patients)
    means = (times @ np.bincount(of, values)) / (times @ np.bincount(of))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class _Vectors:
    """One run's maps, ready to be correlated."""

    row: Mapping[str, int]  # case -> row
    vectors: Floats  # (n, h * w), see `standardised`

    @staticmethod
    def of(maps: Heatmaps, coefficient: str) -> _Vectors:
        return _Vectors({str(case): row for row, case in enumerate(maps.case)}, standardised(maps.raw, coefficient))


def _by_case(pairs: Sequence[tuple[_Vectors, _Vectors]]) -> tuple[pd.Series[float], float]:
    """Each shared case's mean correlation over the pairs, NaN where none is defined; and that of different cases."""
    columns, others = [], []
    for first, second in pairs:
        shared = [case for case in first.row if case in second.row]
        one, two = (of.vectors[[of.row[case] for case in shared]] for of in (first, second))
        own = _clipped((one * two).sum(-1))
        columns.append(pd.Series(own, index=shared, dtype=np.float64))
        defined = ~np.isnan(own)
        count = int(defined.sum())
        if count > 1:  # all pairs of cases at once: the product of the sums, less the pairs of a case with itself
            total = one[defined].sum(0) @ two[defined].sum(0) - own[defined].sum()
            others.append(float(total) / (count * (count - 1)))
    by_case = pd.concat(columns, axis=1).mean(axis=1) if columns else pd.Series(dtype=np.float64)
    return by_case, float(np.mean(others)) if others else float("nan")


def _maps(folder: StudyFolder, subject: Subject, variant: str) -> dict[str, list[Heatmaps]]:
    """Model -> the maps of each of its runs that has the file, in the study's order."""
    found: dict[str, list[Heatmaps]] = {}
    for run in grid(folder.study):
        file = folder.run(run) / heatmaps.file_name(variant)
        if run.subject == subject and file.is_file():
            found.setdefault(run.model, []).append(heatmaps.load(file))
    return {model: found[model] for model in folder.study.models if model in found}


def _patients(manifest: Path) -> dict[str, str]:
    """Case -> patient, of the cases whose patient is known; every other case is its own."""
    if not manifest.is_file():
        return {}
    table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    if "patient" not in table:
        return {}
    known = table[table["patient"] != ""]
    return {case: f"patient {patient}" for case, patient in zip(known["case"], known["patient"], strict=True)}


def _clipped(values: Floats) -> Floats:
    """Correlations, back between -1 and 1 where rounding went beyond."""
    return np.asarray(np.clip(values, -1.0, 1.0))
