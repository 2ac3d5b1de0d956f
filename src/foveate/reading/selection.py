"""Which cases the readers see: drawn from the validation part by class and by how many models are right, or named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from foveate import runs
from foveate.errors import FoveateError
from foveate.runs import Run, StudyFolder, Subject

STRATA = ("all", "some", "none")  # of the models are right

Repeat = int | Literal["all"]  # whose heat-maps are shown: one repeat's, or in turn those of all


@dataclass(frozen=True)
class Selected:
    """One chosen case."""

    case: str
    truth: str  # its class
    stratum: str  # how many of the models are right about it: all, some or none

    @property
    def pixels(self) -> str:
        """The same for images with the same pixels."""
        return self.case.partition("-")[0]


@dataclass(frozen=True)
class Shown:
    """One case as the readers will see it."""

    subject: Subject
    selected: Selected
    repeat: int  # whose heat-maps stand beside it
    practice: bool  # for warming up: its answers do not count


def select(
    folder: StudyFolder,
    subjects: Sequence[Subject],
    cases: int | Sequence[str],
    repeat: Repeat,
    practice: int,
    seed: int,
    healthy: bool = True,
) -> tuple[Shown, ...]:
    """The cases of a reader study, each data set's in turn, those for practice last.

    cases: how many of each data set are drawn, or the ids of those of the only one. practice: how many more of each
    data set, fewer where there are not as many; of none of them do the readers see the pixels in a case that counts.
    healthy: whether healthy images are drawn as well, where it is known which they are (`diseased`); practice goes by
    the cases where these are named.
    Raises FoveateError where a run is missing, or there are not the cases that are asked for.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < max(len(names), 1):
        raise FoveateError(f"a reader study needs one data set or more, each named once, not {', '.join(names) or 0}.")
    if not isinstance(cases, int) and len(subjects) > 1:
        raise FoveateError(f"cases are named of one data set: choose one of {', '.join(names)} with --dataset.")
    if practice < 0:
        raise FoveateError(f"the number of practice cases must be 0 or more, not {practice}.")
    known = {subject: candidates(folder, subject, repeat) for subject in subjects}
    chosen = {}
    for subject, of in known.items():
        disease = diseased(folder, subject)
        if not isinstance(cases, int):
            chosen[subject] = named(of, cases, subject.name)
            healthy = any(case.truth not in disease for case in chosen[subject])
        if disease and not healthy:
            known[subject] = [case for case in of if case.truth in disease]
        if isinstance(cases, int):
            only = "" if healthy else " or ".join(disease)
            chosen[subject] = draw(known[subject], cases, _generator(seed, "cases", subject), subject.name, only)
    taken = {case.pixels for own in chosen.values() for case in own}
    shown: list[Shown] = []
    for subject in subjects:
        more = others(known[subject], taken, practice, _generator(seed, "practice", subject))
        taken |= {case.pixels for case in more}
        generator = _generator(seed, "repeats", subject)
        for own, warming_up in ((chosen[subject], False), (more, True)):
            dealt = deal(_repeats(folder, repeat), len(own), generator)
            shown += [Shown(subject, case, number, warming_up) for case, number in zip(own, dealt, strict=True)]
    return tuple(shown)


def _generator(seed: int, purpose: str, subject: Subject) -> np.random.Generator:
    """One for each purpose: other practice cases leave the cases as they are."""
    return np.random.default_rng(runs.derive_seed(seed, "reading", purpose, subject.dataset, subject.policy))


def _repeats(folder: StudyFolder, repeat: Repeat) -> range:
    return range(1, folder.study.repeats + 1) if repeat == "all" else range(repeat, repeat + 1)


def diseased(folder: StudyFolder, subject: Subject) -> tuple[str, ...]:
    """The classes that count as disease; none where nobody said so, and no name of a class tells it."""
    path = folder.data(subject) / "audit.json"
    audit = runs.read_json(path) if path.is_file() else {}
    if audit.get("positive_chosen_by") not in ("study", "name"):
        return ()
    classes = list(audit.get("classes", {}))
    return tuple(audit.get("positives", classes[-1:]))


def draw(
    known: Sequence[Selected], count: int, generator: np.random.Generator, name: str, only: str = ""
) -> tuple[Selected, ...]:
    """Draw `count` cases, as evenly from the classes, and in each of them from the strata, as there are images.

    Of images with the same pixels one at most is drawn. Classes that get one more than others are drawn at random.
    Classes come in their order in `known`, cases in the order of drawing. Raises FoveateError, with the data set's
    `name` and the classes that `known` has `only`, where there are too few images.
    """
    if count < 1:
        raise FoveateError(f"a reader study needs at least one case of each data set, not {count}.")
    shuffled = [known[place] for place in generator.permutation(len(known))]
    once = list({case.pixels: case for case in shuffled}.values())
    if len(once) < count:
        what, more = (f" of {only}", ", or for healthy ones too with --healthy") if only else ("", "")
        raise FoveateError(
            f"the validation part of {name} has {len(once)} different images{what}, fewer than the {count} asked for: "
            f"ask for at most {len(once)}{more}."
        )
    classes = [[case for case in once if case.truth == truth] for truth in dict.fromkeys(case.truth for case in known)]
    counts = _shares([len(own) for own in classes], count, generator)
    return tuple(case for own, number in zip(classes, counts, strict=True) for case in _evenly(own, number, generator))


def _shares(sizes: Sequence[int], count: int, generator: np.random.Generator) -> list[int]:
    """How many of the `count` fall to each class of so many images: one more to each in turn, in a drawn order."""
    shares, order = [0] * len(sizes), generator.permutation(len(sizes)).tolist()
    while sum(shares) < count:
        for place in order:
            shares[place] += shares[place] < sizes[place] and sum(shares) < count
    return shares


def _evenly(cases: Sequence[Selected], count: int, generator: np.random.Generator) -> list[Selected]:
    """Take from the strata in turn, in a drawn order of the strata so that what is left over favours none."""
    queues = [[case for case in cases if case.stratum == STRATA[place]] for place in generator.permutation(len(STRATA))]
    chosen: list[Selected] = []
    while len(chosen) < count:
        chosen += [queue.pop(0) for queue in queues if queue]
    return chosen[:count]


def named(known: Sequence[Selected], cases: Sequence[str], name: str) -> tuple[Selected, ...]:
    """The cases with these ids, in the given order.

    Raises FoveateError for none at all, for one that is named twice, and for those that are not among the known ones
    of the data set `name`.
    """
    if not cases:
        raise FoveateError("a reader study needs at least one case.")
    by_id = {case.case: case for case in known}
    unknown = [case for case in cases if case not in by_id]
    if unknown:
        raise FoveateError(f"not in the validation part of {name}: {', '.join(unknown)}.")
    double = [case for case in dict.fromkeys(cases) if list(cases).count(case) > 1]
    if double:
        raise FoveateError(f"named more than once: {', '.join(double)}. Readers see a case again by the schedule.")
    return tuple(by_id[case] for case in cases)


def others(
    known: Sequence[Selected], taken: Collection[str], count: int, generator: np.random.Generator
) -> tuple[Selected, ...]:
    """Up to `count` cases of any class at random, all of different pixels, none of them among the `taken`."""
    shuffled = [known[place] for place in generator.permutation(len(known))]
    free = {case.pixels: case for case in shuffled if case.pixels not in taken}
    return tuple(free.values())[:count]


def deal(repeats: Sequence[int], count: int, generator: np.random.Generator) -> list[int]:
    """Which repeat each of `count` cases shows: each as often as any other or once more, in a random order."""
    dealt = np.resize(generator.permutation(np.array(repeats)), count)
    return [int(repeat) for repeat in generator.permutation(dealt)]


def candidates(folder: StudyFolder, subject: Subject, repeat: Repeat) -> list[Selected]:
    """All cases of the validation part that every model has judged, in the order of the first model.

    In this repeat, or in every one of all: then a stratum is "all" where every model is right in every repeat. A
    model is right where the true class has the highest probability. Raises FoveateError that names the runs which
    are missing or have no heat-maps.
    """
    judges = [Run(subject, model, number) for number in _repeats(folder, repeat) for model in folder.study.models]
    _refuse_unfinished(folder, judges)
    tables = [_predictions(folder, run) for run in judges]
    right = pd.concat([table["right"] for table in tables], axis=1, join="inner").sum(axis=1)
    if right.empty:  # such as where the repeats differ in their split
        raise FoveateError(f"{subject.name}: no image is in the validation part of all runs. Choose one repeat.")
    truths = dict(zip(tables[0].index, tables[0]["label"], strict=True))
    return [
        Selected(str(case), str(truths[case]), "all" if count == len(judges) else "some" if count else "none")
        for case, count in right.items()
    ]


def _refuse_unfinished(folder: StudyFolder, judges: Sequence[Run]) -> None:
    for file, what in (("predictions.csv", "no predictions"), ("heatmaps.npz", "no heat-maps")):
        lacking = [run.key for run in judges if not (folder.run(run) / file).is_file()]
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
