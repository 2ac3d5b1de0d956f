"""Whether readers agree, with each other and with themselves; how they use letters and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.evaluation.agreement import cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha
from foveate.evaluation.choices import exact_multinomial_test
from foveate.evaluation.results import Estimate, Undefined
from foveate.evaluation.thresholds import wilson
from foveate.reading.answers import CANNOT_JUDGE, Answer, models_of

Answers = Sequence[Answer]
Floats = NDArray[np.float64]
Found = Estimate | Undefined

NO_CHOICE = Undefined("no model was chosen")
PAUSE = 300.0  # seconds on one case beyond which the reader was elsewhere
ALL_READERS = None  # in place of a reader's name


@dataclass(frozen=True)
class Between:
    """Agreement of readers on the cases that two or more judged; intervals are bootstraps over cases."""

    readers: int
    cases: int
    raw: float | Undefined  # mean share of a case's pairs of readers that agree
    alpha: Found
    fleiss: Found  # of the cases that all readers judged
    ac1: Found


@dataclass(frozen=True)
class Within:
    """Agreement of a reader's second choices with the first, on the cases that were judged twice."""

    reader: str
    pairs: int
    raw: Found  # with Wilson's interval
    kappa: Found


@dataclass(frozen=True)
class LetterUse:
    """How often each letter was chosen, and whether unevenly: models' places were drawn, so blind readers have none."""

    reader: str | None  # ALL_READERS for all
    counts: tuple[int, ...]  # of A, B, C, ...
    test: Found


@dataclass(frozen=True)
class ReadingTime:
    """Seconds a case, first showings; longer ones than `PAUSE` are taken as `PAUSE`, and counted."""

    reader: str
    cases: int
    quartiles: tuple[float, float, float]  # the median in the middle
    pauses: int


def between_readers(answers: Answers, generator: np.random.Generator | None = None) -> Between:
    """Agreement of several readers on first showings; without a generator the intervals are None."""
    table = ratings_of(answers)
    judged = np.array([[choice is not None for choice in row] for row in table], dtype=bool).reshape(table.shape)
    complete, options = table[:, judged.all(0)], len(models_of(answers)) + 1
    few = Undefined("no case was judged by two readers")
    several = int((judged.sum(0) > 1).sum())
    if not several:
        return Between(len(table), 0, few, few, few, few)
    some = Undefined("no case was judged by all readers")
    return Between(
        len(table),
        several,
        raw_agreement(table),
        krippendorff_alpha(table, generator=generator),
        fleiss_kappa(complete.T, generator=generator) if complete.size else some,
        gwet_ac1(table.T, categories=options, generator=generator),
    )


def within_readers(answers: Answers) -> tuple[Within, ...]:
    """Agreement of each reader's repeats with the first showings."""
    found, none = [], Undefined("no case was judged twice")
    for reader in readers_of(answers):
        pairs = shown_twice(answers, reader)
        alike = sum(first == second for first, second in pairs)
        raw = wilson(alike, len(pairs)) if pairs else none
        kappa = cohen_kappa([first for first, _ in pairs], [second for _, second in pairs]) if pairs else none
        found.append(Within(reader, len(pairs), raw, kappa))
    return tuple(found)


def letter_use(answers: Answers) -> tuple[LetterUse, ...]:
    """Of all readers first, then of each."""
    size, found = len(models_of(answers)), []
    for reader in (ALL_READERS, *readers_of(answers)):
        places = [row.letter for row in firsts(answers) if reader in (ALL_READERS, row.reader)]
        counts = tuple(places.count(place) for place in range(size))
        found.append(LetterUse(reader, counts, exact_multinomial_test(counts) if sum(counts) else NO_CHOICE))
    return tuple(found)


def reading_times(answers: Answers) -> tuple[ReadingTime, ...]:
    """Median and quartiles of each reader."""
    found = []
    for reader in readers_of(answers):
        seconds = np.array([row.seconds for row in firsts(answers) if row.reader == reader])
        if len(seconds):
            low, middle, high = np.quantile(np.minimum(seconds, PAUSE), [0.25, 0.5, 0.75]).tolist()
            found.append(ReadingTime(reader, len(seconds), (low, middle, high), int((seconds > PAUSE).sum())))
    return tuple(found)


def firsts(answers: Answers) -> list[Answer]:
    return [row for row in answers if not row.repeat]


def readers_of(answers: Answers) -> list[str]:
    return sorted({row.reader for row in answers})


def ratings_of(answers: Answers) -> NDArray[np.object_]:
    """(readers, cases) of choices, None where there is no judgement."""
    given = {(row.reader, row.case): row.choice for row in firsts(answers) if row.choice != CANNOT_JUDGE}
    readers, cases = readers_of(answers), sorted({row.case for row in answers})
    table = np.full((len(readers), len(cases)), None, dtype=object)
    for (reader, case), choice in given.items():
        table[readers.index(reader), cases.index(case)] = choice
    return table


def raw_agreement(table: NDArray[np.object_]) -> float | Undefined:
    """Mean share of agreeing pairs of readers, over the cases that two or more judged."""
    shares = []
    for column in table.T:
        counts = Counter(choice for choice in column if choice is not None)
        m = counts.total()
        if m > 1:
            shares.append(sum(count * (count - 1) for count in counts.values()) / (m * (m - 1)))
    return sum(shares) / len(shares) if shares else Undefined("no case was judged by two readers")


def shown_twice(answers: Answers, reader: str) -> list[tuple[str, str]]:
    """First and second choice of the cases that the reader judged twice."""
    own = {(row.case, row.repeat): row.choice for row in answers if row.reader == reader}
    pairs = [(choice, own[case, True]) for (case, again), choice in own.items() if not again and (case, True) in own]
    return [pair for pair in pairs if CANNOT_JUDGE not in pair]
