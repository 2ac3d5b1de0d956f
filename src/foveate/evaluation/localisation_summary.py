"""Where the models look, compared: localisation.csv, a row a heat-map, becomes means, intervals and tests.

A metric's figure of a model is its mean over images, then over runs. The difference to the baseline is tested as that
of AUCs is, with both runs and images at random.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.data.prepare import pack_of
from foveate.evaluation.compare import Settings
from foveate.evaluation.means import mean_interval, paired_test
from foveate.evaluation.multireader import mean_comparison
from foveate.evaluation.repeats import holm, nadeau_bengio_test
from foveate.evaluation.results import Estimate, Undefined, defined
from foveate.evaluation.score_grid import Floats, ScoreGrid, mean, score_grid
from foveate.evaluation.scores import RunScores, of_study
from foveate.evaluation.strata import strata, truth_of
from foveate.evaluation.study import settings, training_cases
from foveate.runs import StudyFolder, Subject

SUMMARY_COLUMNS = [
    "dataset", "policy", "model", "metric", "stratum", "cases", "undefined", "value", "sd_runs", "ci_low", "ci_high",
    "chance", "lift", "centre_prior", "mean_map", "delta", "delta_low", "delta_high", "p", "p_holm", "method",
]  # fmt: skip
PRIORS = ("centre_prior", "mean_map")  # in localisation.csv's model column


@dataclass(frozen=True)
class Frame:
    """What is the same for all metrics of a data set."""

    models: tuple[str, ...]  # those that are there, the baseline first
    how: Settings
    patients: dict[str, str] | None  # by case
    training: int | None  # images that a run was trained on
    validation: int  # and that it was judged on

    def units(self, cases: Sequence[str], used: NDArray[np.bool_]) -> list[str] | None:
        """The patients of those of the cases that are used; None where they are not known."""
        return None if self.patients is None else [self.patients[case] for case in itertools.compress(cases, used)]


def summarise(folder: StudyFolder, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of localisation-summary.csv: a row a model, metric and stratum, from those of localisation.csv.

    Strata: `all`; `all_right`, the images that every model and run classifies rightly; `class:<label>`, where several
    classes have masks; `p_truth:low` and `p_truth:high`, the halves by the mean probability of the true class over all
    models and runs. `cases` are the stratum's images, `undefined` the model's maps without a value. A difference rests
    on the images where the metric exists in all runs that are compared, and `method` says how many, where not all.
    p_holm adjusts over the models of one metric and stratum.
    """
    rows = [row for subject in runs.subjects(folder.study) for row in _of_subject(folder, subject, scores)]
    numbers = SUMMARY_COLUMNS[SUMMARY_COLUMNS.index("value") : SUMMARY_COLUMNS.index("method")]
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS).astype(dict.fromkeys(numbers, float))


def _of_subject(folder: StudyFolder, subject: Subject, scores: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    own = scores[(scores["dataset"] == subject.dataset) & (scores["policy"] == subject.policy)]
    there = set(zip(own["model"], own["repeat"].astype(int), strict=True))
    used = [run for run in runs.grid(folder.study) if run.subject == subject and (run.model, run.repeat) in there]
    if not used:
        return
    found = of_study(folder, used)
    models = tuple(dict.fromkeys(run.model for run in used))
    validation = round(float(np.mean([len(run.cases) for run in found])))
    frame = Frame(models, settings(folder, used), _patients(found), training_cases(folder, subject), validation)
    index = pack_of(folder, subject).index
    classes = {case: index.classes[label] for case, label in zip(index.cases, index.labels, strict=True)}
    parts = strata(list(dict.fromkeys(own["case"])), truth_of(found), classes)
    for metric, rows in own.groupby("metric", sort=False):
        whole = score_grid(rows)
        for stratum, cases in parts.items():
            for model, *rest in _rows(whole.on(cases), frame, folder.study.baseline):
                yield (subject.dataset, subject.policy, model, metric, stratum, *rest)


def _patients(found: Sequence[RunScores]) -> dict[str, str] | None:
    known: dict[str, str] = {}
    for run in found:
        if run.patients is None:
            return None
        known |= dict(zip(run.cases.tolist(), run.patients.tolist(), strict=True))
    return known


def _rows(scores: ScoreGrid, frame: Frame, baseline: str) -> Iterator[tuple[object, ...]]:
    """Model, and the columns from `cases` on, of one metric in one stratum."""
    priors = [mean(scores.of_model(prior).value) for prior in PRIORS]
    deltas = _deltas(scores, frame) if frame.models[0] == baseline and len(frame.models) > 1 else {}
    raw = {model: p for model, delta in deltas.items() if (p := defined(delta.p_value)) is not None}
    adjusted = dict(zip(raw, holm(list(raw.values())).tolist(), strict=True))
    for model in frame.models:
        own = scores.of_model(model)
        low, high = defined(_interval(own, frame)) or (None, None)
        means = [found for row in own.value if (found := mean(row)) is not None]
        lift = np.divide(own.value, own.chance, out=np.full_like(own.value, np.nan), where=own.chance > 0)
        described = [
            int(own.mapped.any(0).sum()),
            own.undefined,
            float(np.mean(means)) if means else None,
            float(np.std(means, ddof=1)) if len(means) > 1 else None,
        ]
        beside = [low, high, mean(own.chance), mean(lift), *priors]
        tested = [*_tested(deltas.get(model)), adjusted.get(model), _method(model, deltas, frame)]
        yield (model, *described, *beside, *tested)


def _tested(delta: Estimate | Undefined | None) -> tuple[float | None, float | None, float | None, float | None]:
    if delta is None or isinstance(delta, Undefined):
        return None, None, None, None
    low, high = defined(delta.interval) or (None, None)
    return delta.estimate, low, high, defined(delta.p_value)


def _method(model: str, deltas: dict[str, Estimate | Undefined], frame: Frame) -> str:
    """What the test is, or why there is none."""
    delta = deltas.get(model)
    if delta is None:
        return "baseline" if deltas and model == frame.models[0] else "nothing to compare with"
    if isinstance(delta, Undefined):
        return str(delta)
    return str(delta.p_value) if isinstance(delta.p_value, Undefined) else delta.method


def _interval(own: ScoreGrid, frame: Frame) -> tuple[float, float] | Undefined | None:
    if not own.same_cases:
        return Undefined("repeats with cases of their own overlap in what they were trained on")
    used = np.asarray(~np.isnan(own.value).all(0))
    return mean_interval(own.value[:, used], frame.how.confidence, frame.units(own.cases, used)).interval


def _deltas(scores: ScoreGrid, frame: Frame) -> dict[str, Estimate | Undefined]:
    """Each further model against the first, over the repeats that all of them have."""
    repeats = [[repeat for _, repeat in scores.of_model(model).runs] for model in frame.models]
    shared = [repeat for repeat in repeats[0] if all(repeat in own for own in repeats)]
    others = frame.models[1:]
    if not shared:
        return dict.fromkeys(others, Undefined("no repeat has a run of every model"))
    note = "" if all(own == shared for own in repeats) else f", repeats {', '.join(map(str, shared))} only"
    used = scores.of([(model, repeat) for model in frame.models for repeat in shared])
    values = used.value.reshape(len(frame.models), len(shared), len(used.cases))
    if not used.same_cases:
        return {model: _noted(_resplit(values[[0, n]], frame), note) for n, model in enumerate(others, 1)}
    everywhere, every = np.asarray(~np.isnan(used.value).any(0)), int(used.mapped[0].sum())
    count = int(everywhere.sum())
    if not count:
        return dict.fromkeys(others, Undefined("no image has this score in all runs"))
    if count < every:
        note += f"; the {count} of {every} images where all runs have this score"
    values, units = values[:, :, everywhere], frame.units(used.cases, everywhere)
    if len(shared) == 1:
        note += "; one run a model, so these trained networks only"
        tested = [paired_test(values[0, 0], other[0], frame.how.confidence, units) for other in values[1:]]
    else:
        compared = mean_comparison(values, frame.how.design, units)
        if isinstance(compared, Undefined):
            return dict.fromkeys(others, compared)
        tested = [compared.against_baseline(number, frame.how.confidence) for number in range(1, len(values))]
    return {model: _noted(delta, note) for model, delta in zip(others, tested, strict=True)}


def _noted(delta: Estimate | Undefined, note: str) -> Estimate | Undefined:
    return delta if isinstance(delta, Undefined) else replace(delta, method=delta.method + note)


def _resplit(pair: Floats, frame: Frame) -> Estimate | Undefined:
    """(2, repeats, cases) of repeats split anew: paired differences, corrected for the training cases they share."""
    if frame.training is None:
        return Undefined("repeats differ in their cases, and how many cases they were trained on is not known")
    differences = [mean(repeat) for repeat in pair[1] - pair[0]]
    known = [difference for difference in differences if difference is not None]
    if len(known) < len(differences):
        return Undefined("a repeat has no image with this score of both models")
    return nadeau_bengio_test(known, frame.training, frame.validation, frame.how.confidence)
