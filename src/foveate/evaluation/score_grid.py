"""Scores of runs on cases as one matrix: from rows of localisation.csv to what statistics take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreGrid:
    """One metric: a row a run, a column a case."""

    runs: tuple[tuple[str, int], ...]  # model and repeat of each row
    cases: tuple[str, ...]
    value: Floats  # (runs, cases) NaN where the score does not exist, or the run has no map of the case
    chance: Floats  # (runs, cases) NaN where the run has no map of the case

    def on(self, cases: Sequence[str]) -> ScoreGrid:
        """Some of the cases; those that are not there are left out."""
        column = {case: number for number, case in enumerate(self.cases)}
        kept = [column[case] for case in cases if case in column]
        names = tuple(self.cases[number] for number in kept)
        return ScoreGrid(self.runs, names, self.value[:, kept], self.chance[:, kept])

    def of(self, runs: Sequence[tuple[str, int]]) -> ScoreGrid:
        """Some of the runs, in the given order."""
        rows = [self.runs.index(run) for run in runs]
        return ScoreGrid(tuple(runs), self.cases, self.value[rows], self.chance[rows])

    def of_model(self, model: str) -> ScoreGrid:
        return self.of([run for run in self.runs if run[0] == model])

    @property
    def mapped(self) -> NDArray[np.bool_]:
        """(runs, cases) whether the run has a map of the case."""
        return ~np.isnan(self.chance)

    @property
    def same_cases(self) -> bool:
        """Whether all runs have maps of the same cases."""
        return bool((self.mapped == self.mapped[:1]).all())

    @property
    def undefined(self) -> int:
        """Maps that the score does not exist for."""
        return int((self.mapped & np.isnan(self.value)).sum())


def score_grid(rows: pd.DataFrame) -> ScoreGrid:
    """Rows of one metric of one data set: model, repeat, case, value, chance; runs and cases in their order."""
    runs = list(zip(map(str, rows["model"]), map(int, rows["repeat"]), strict=True))
    cases = list(map(str, rows["case"]))
    row_of = {run: number for number, run in enumerate(dict.fromkeys(runs))}
    column_of = {case: number for number, case in enumerate(dict.fromkeys(cases))}
    place = [row_of[run] for run in runs], [column_of[case] for case in cases]
    value, chance = (np.full((len(row_of), len(column_of)), np.nan) for _ in range(2))
    value[place], chance[place] = (rows[name].to_numpy(dtype=np.float64) for name in ("value", "chance"))
    return ScoreGrid(tuple(row_of), tuple(column_of), value, chance)


def mean(values: Floats) -> float | None:
    """The mean of what is there; None where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
