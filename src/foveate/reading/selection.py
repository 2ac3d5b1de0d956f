"""Which cases the readers see: drawn from the validation part by class and by how many models are right, or named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from foveate import runs
from foveate.errors import FoveateError
from foveate.runs import Run, StudyFolder, Subject

STRATA = ("all", "some", "none")  # of the models are right


@dataclass(frozen=True)
class Selected:
    """One chosen case."""

    case: str
    truth: str  # its class
    stratum: str  # how many of the models are right about it: all, some or none


def draw(folder: StudyFolder, subject: Subject, repeat: int, per_class: int, seed: int) -> tuple[Selected, ...]:
    """Draw `per_class` cases of each class, as evenly from the three strata as there are images.

    Of images with the same pixels one at most is drawn. A model is right where the true class has the highest
    probability. Classes come in their order in predictions.csv, cases in the order of drawing. Raises FoveateError
    where a run is missing or a class has too few images.
    """
    if per_class < 1:
        raise FoveateError(f"a reader study needs at least one case of each class, not {per_class}.")
    known = candidates(folder, subject, repeat)
    generator = np.random.default_rng(runs.derive_seed(seed, "reading", "cases", subject.dataset, subject.policy))
    shuffled = [known[place] for place in generator.permutation(len(known))]
    once = list({case.case.partition("-")[0]: case for case in shuffled}.values())
    chosen: list[Selected] = []
    for truth in dict.fromkeys(case.truth for case in known):
        own = [case for case in once if case.truth == truth]
        if len(own) < per_class:
            raise FoveateError(
                f"the validation part of {subject.name} has {len(own)} different images of the class {truth}, "
                f"fewer than the {per_class} asked for: ask for at most {len(own)} a class."
            )
        chosen += _evenly(own, per_class, generator)
    return tuple(chosen)


def _evenly(cases: Sequence[Selected], count: int, generator: np.random.Generator) -> list[Selected]:
    """Take from the strata in turn, in a drawn order of the strata so that what is left over favours none."""
    queues = [[case for case in cases if case.stratum == STRATA[place]] for place in generator.permutation(len(STRATA))]
    chosen: list[Selected] = []
    while len(chosen) < count:
        chosen += [queue.pop(0) for queue in queues if queue]
    return chosen[:count]


def named(folder: StudyFolder, subject: Subject, repeat: int, cases: Sequence[str]) -> tuple[Selected, ...]:
    """The cases with these ids, in the given order.

    Raises FoveateError for none at all, for one that is named twice, and for those that are not in the validation part.
    """
    if not cases:
        raise FoveateError("a reader study needs at least one case.")
    known = {case.case: case for case in candidates(folder, subject, repeat)}
    unknown = [case for case in cases if case not in known]
    if unknown:
        raise FoveateError(f"not in the validation part of {subject.name}, repeat {repeat}: {', '.join(unknown)}.")
    double = [case for case in dict.fromkeys(cases) if list(cases).count(case) > 1]
    if double:
        raise FoveateError(f"named more than once: {', '.join(double)}. Readers see a case again by the schedule.")
    return tuple(known[case] for case in cases)


def candidates(folder: StudyFolder, subject: Subject, repeat: int) -> list[Selected]:
    """All cases of the validation part that every model has judged in this repeat, in the order of the first model.

    Raises FoveateError that names the runs which are missing or have no heat-maps.
    """
    models = [Run(subject, model, repeat) for model in folder.study.models]
    _refuse_unfinished(folder, models)
    tables = [_predictions(folder, run) for run in models]
    right = pd.concat([table["right"] for table in tables], axis=1, join="inner").sum(axis=1)
    truths = dict(zip(tables[0].index, tables[0]["label"], strict=True))
    return [
        Selected(str(case), str(truths[case]), "all" if count == len(models) else "some" if count else "none")
        for case, count in right.items()
    ]


def _refuse_unfinished(folder: StudyFolder, models: Sequence[Run]) -> None:
    for file, what in (("predictions.csv", "no predictions"), ("heatmaps.npz", "no heat-maps")):
        lacking = [run.key for run in models if not (folder.run(run) / file).is_file()]
        if lacking:
            raise FoveateError(
                f"{what} of {', '.join(lacking)}: readers compare all models of a study. "
                f"Finish it with `foveate run {folder.path}` or choose another repeat."
            )


def _predictions(folder: StudyFolder, run: Run) -> pd.DataFrame:
    """By case: label, and whether the class with the highest probability is the right one; validation part only."""
    path = folder.run(run) / "predictions.csv"
    try:
        table = pd.read_csv(path, dtype={"case": str, "label": str}, keep_default_na=False).set_index("case")
        table = table[table["part"] == "validation"]
        classes = [str(name) for name in table.columns if str(name).startswith("p_")]
        highest = table[classes].to_numpy(dtype=np.float64).argmax(axis=1)
        right = table["label"].to_numpy(dtype=str) == np.array([name.removeprefix("p_") for name in classes])[highest]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise FoveateError(f"cannot read {path}: {error}. Remove the run's metrics.json and evaluate again.") from error
    return pd.DataFrame({"label": table["label"], "right": right}, index=table.index)
