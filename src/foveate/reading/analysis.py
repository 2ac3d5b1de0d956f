"""All that the answers of a reader study say after unblinding, and what can be seen of them before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foveate.evaluation.results import Undefined
from foveate.reading.answers import CANNOT_JUDGE, NONE, models_of
from foveate.reading.consensus import (
    Answers,
    Between,
    Found,
    LetterUse,
    ReadingTime,
    Within,
    between_readers,
    letter_use,
    ratings_of,
    raw_agreement,
    readers_of,
    reading_times,
    shown_twice,
    within_readers,
)
from foveate.reading.design_permutation import Schedule
from foveate.reading.preference import (
    BestChosen,
    Preference,
    TableRow,
    best_chosen,
    choice_table,
    preference,
    rank_agreement,
    scored_by_case,
    smallest_p,
)


@dataclass(frozen=True)
class Analysis:
    table: tuple[TableRow, ...]
    preference: Preference
    between: Between
    within: tuple[Within, ...]
    letters: tuple[LetterUse, ...]
    times: tuple[ReadingTime, ...]
    with_auc: Found  # rank correlation over models, of wins with AUC
    with_localisation: Found  # the same, with the mean score of the cases
    best_chosen: BestChosen | Undefined
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    reader: str
    answered: int  # showings, repeats among them
    planned: int | None
    none: int
    cannot_judge: int
    time: ReadingTime | None  # None before the first answer
    pairs: int  # cases judged twice
    alike: int  # of them


@dataclass(frozen=True)
class LetterFree:
    """What may be seen before unblinding: nothing here depends on which model is which."""

    progress: tuple[Progress, ...]
    letters: tuple[LetterUse, ...]
    raw: float | Undefined  # agreement between readers
    beyond_even: float | Undefined  # the same beyond an even choice among all models and none


def analyse(
    answers: Answers,
    generator: np.random.Generator,
    auc: Mapping[str, float] | None = None,
    localisation: Mapping[str, Mapping[str, float]] | None = None,
    cases: Sequence[str] | None = None,
    repetitions: int = 10_000,
    schedule: Schedule | None = None,
) -> Analysis:
    """Everything at once.

    `auc`: by model; `localisation`: by case and model; `cases`: the order of the columns; `schedule`: as in
    `design_permutation_test`.
    """
    not_given = Undefined("there are no such scores of these cases and models")
    preferred = preference(answers, generator, repetitions, schedule)
    scored = scored_by_case(answers, localisation or {})
    means = {model: float(np.mean([of[model] for of in scored.values()])) for model in models_of(answers) if scored}
    return Analysis(
        choice_table(answers, cases),
        preferred,
        between_readers(answers, generator),
        within_readers(answers),
        letter_use(answers),
        reading_times(answers),
        rank_agreement(answers, auc) if auc else not_given,
        rank_agreement(answers, means) if means else not_given,
        best_chosen(answers, localisation, generator, repetitions) if localisation else not_given,
        notes(answers, preferred),
    )


def letter_free(answers: Answers, planned: Mapping[str, int] | None = None) -> LetterFree:
    """Progress, times and agreement, of numbers that stay the same whichever model is which in each case.

    `planned`: showings by reader, those without an answer among them. Agreement is beyond an even choice: alpha and
    kappa depend on how often each model is chosen, and so would tell.
    """
    time = {found.reader: found for found in reading_times(answers)}
    progress = []
    for reader in sorted({*readers_of(answers), *(planned or {})}):
        own = [row for row in answers if row.reader == reader]
        made, pairs = Counter(row.choice for row in own if not row.repeat), shown_twice(answers, reader)
        alike = sum(first == second for first, second in pairs)
        due = planned.get(reader) if planned else None
        counts = (made[NONE], made[CANNOT_JUDGE])
        progress.append(Progress(reader, len(own), due, *counts, time.get(reader), len(pairs), alike))
    raw, even = raw_agreement(ratings_of(answers)), 1 / (len(models_of(answers)) + 1)
    beyond = raw if isinstance(raw, Undefined) else (raw - even) / (1 - even)
    return LetterFree(tuple(progress), letter_use(answers), raw, beyond)


def notes(answers: Answers, found: Preference) -> tuple[str, ...]:
    """What must be said beside the numbers."""
    readers, said = len(readers_of(answers)), []
    total, models = sum(of.wins for of in found.wins), len(found.wins)
    if readers < 3:
        who = {0: "Nobody has answered yet.", 1: "One reader took part: the results hold for this reader only."}
        said.append(who.get(readers, "Two readers took part: the results hold for these readers only."))
    if readers > 1:
        said.append(
            "The exact test and Wilson's intervals take all choices as independent, the design test all readers; what "
            "several readers choose about one case is not. The within-case permutation counts it together."
        )
    if total and smallest_p(total, models) >= 0.05:
        said.append(
            f"With {total} {'choice' if total == 1 else 'choices'} among {models} models the exact test cannot reach "
            f"p < 0.05, however they fall: its smallest p is {smallest_p(total, models):.3g}."
        )
    if repeats := sum(row.repeat for row in answers):
        one = repeats == 1
        said.append(
            f"{repeats} {'showing was a repeat' if one else 'showings were repeats'}: "
            f"{'it counts' if one else 'they count'} for agreement within a reader only."
        )
    return tuple(said)
