"""Whether readers go by the heat-maps at all: the letters of the study drawn again and again under the same clicks.

Two permutation tests ask whether models are chosen unevenly. They suppose different things, and speak of different
things where p is small:

- `foveate.evaluation.choices.within_case_permutation_test` supposes that in every case each model is as good as the
  others: the models of a case may change places, for all its readers together. What readers agree on in one case counts
  once, however many they are, so a small p speaks of the models from case to case: it is the test to quote. It takes
  cases as independent of each other, which they are not to a reader with a habit, since the Latin squares tie the
  letters of several cases: p is too large where a reader mostly takes A, and too small where one takes A, B, C in turn.
- `design_permutation_test`, here, supposes that every reader would have given the same letters whatever stood behind
  them. Under that the study's own drawing of the letters is all that is random, so p is exact, whatever habits with
  letters a reader has, whether an image draws the eye to a letter, and however early a reader stopped. But it supposes
  that nobody looks: readers who agree on a case because one of its heat-maps is plainly the best break with it, and
  each of them counts. So a small p says that these readers went by the heat-maps of these cases, not that a model
  would be preferred in further cases. And since it takes the clicked letters as they are, it asks more of small
  studies: who chooses the same of four models through one square clicks four different letters, which fall on one model
  in one of six drawings, where the exact multinomial test says one of 64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.evaluation.results import Estimate, Undefined
from foveate.reading.answers import Answer, models_of
from foveate.reading.consensus import NO_CHOICE, Answers, Found, firsts

Integers = NDArray[np.int64]
Schedule = Mapping[str, Sequence[int]]  # by reader: the showings that are first ones, answered or not, in order

_CELLS = 2**21  # of a block of drawn squares: bounds the memory


@dataclass(frozen=True)
class _Clicks:
    """Where in its reader's Latin squares each choice of a model stands; arrays (choices,)."""

    squares: int  # of all readers
    square: Integers
    row: Integers
    letter: Integers
    model: Integers


def design_permutation_test(
    answers: Answers, generator: np.random.Generator, repetitions: int = 10_000, schedule: Schedule | None = None
) -> Found:
    """Whether the letters that were chosen depend on which models stand there.

    Every reader's letters are drawn again as `blinding.schedule` draws them, one Latin square after the other over the
    first showings; the chosen letters stay, and the wins are counted anew. The statistic is chi-square of the wins,
    p counts the study itself as one drawing. `schedule`: for readers who left a showing without an answer; without it
    the first showings are those with an answer. Undefined where no model was chosen, or where the letters are no Latin
    squares in that order: then they were not drawn so.
    """
    models = models_of(answers)
    clicks = _clicks(answers, models, schedule or {})
    if isinstance(clicks, Undefined):
        return clicks
    wins = np.bincount(clicks.model, minlength=len(models))
    total = int(wins.sum())
    observed = _unevenness(wins)
    beyond, step = 0, max(1, _CELLS // (clicks.squares * len(models)))
    for start in range(0, repetitions, step):
        drawn = _redrawn_wins(clicks, len(models), min(step, repetitions - start), generator)
        beyond += int((_unevenness(drawn) >= observed).sum())
    chi_square = float(observed) / (len(models) * total)
    p = (1 + beyond) / (1 + repetitions)
    method = f"letters of the design drawn anew, {repetitions:,} drawings"
    return Estimate(float(wins.max()) / total, None, None, chi_square, None, p, method)


def _clicks(answers: Answers, models: Sequence[str], schedule: Schedule) -> _Clicks | Undefined:
    placed = _placed(answers, schedule)
    side, squares, found = len(models), 0, []
    for reader, rows in placed.items():
        if not _are_latin_squares(rows, side):
            return Undefined(
                f"the letters of {reader} are no Latin squares in the order of showing: "
                "they were drawn otherwise, or answers are missing"
            )
        found += [
            (squares + place // side, place % side, row.letter, models.index(row.choice))
            for place, row in rows.items()
            if row.letter is not None
        ]
        squares += max(rows, default=-1) // side + 1
    if not found:
        return NO_CHOICE
    square, row, letter, model = np.array(found, dtype=np.int64).T
    return _Clicks(squares, square, row, letter, model)


def _placed(answers: Answers, schedule: Schedule) -> dict[str, dict[int, Answer]]:
    """By reader: the first showings by their place among the reader's first showings, from 0."""
    by_reader: dict[str, dict[int, Answer]] = {}
    for row in firsts(answers):
        by_reader.setdefault(row.reader, {})[row.showing] = row
    placed = {}
    for reader, rows in sorted(by_reader.items()):
        order = list(schedule.get(reader, ())) or sorted(rows)
        placed[reader] = {order.index(showing): row for showing, row in rows.items()}
    return placed


def _are_latin_squares(rows: Mapping[int, Answer], side: int) -> bool:
    """Whether in every `side` showings one after the other no model stands at the same letter twice."""
    cells = [(place // side, letter, model) for place, row in rows.items() for letter, model in enumerate(row.letters)]
    return len(set(cells)) == len(cells)


def _redrawn_wins(clicks: _Clicks, side: int, repetitions: int, generator: np.random.Generator) -> Integers:
    """Wins (repetitions, models) of the same clicks under new letters."""
    sorted_sides = np.broadcast_to(np.arange(side), (repetitions, clicks.squares, side))
    rows, columns, symbols = (generator.permuted(sorted_sides, axis=2) for _ in range(3))  # as blinding.letters does
    row, column = rows[:, clicks.square, clicks.row], columns[:, clicks.square, clicks.letter]
    models = np.take_along_axis(
        symbols.reshape(repetitions, -1), clicks.square * side + (row + column) % side, axis=1
    )  # (repetitions, choices)
    return np.stack([(models == model).sum(1) for model in range(side)], axis=1)


def _unevenness(wins: Integers) -> Integers:
    """Squared deviations from an even share, summed over the models and times models², which keeps whole numbers."""
    side = wins.shape[-1]
    found: Integers = ((side * wins - wins.sum(-1, keepdims=True)) ** 2).sum(-1)
    return found
