"""A made-up reader study: readers who choose one model with a given chance, as the application writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from foveate.reading.answers import CANNOT_JUDGE, LETTERS, NONE, Answer
from foveate.reading.blinding import Showing, reader_schedule
from foveate.reading.results import DatasetResults, Rating, ReaderRow

MODELS = ("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc")
PREFERRED = "resnet18+cbam"
CASES = tuple(f"{index:016x}" for index in range(30, 42))  # of synthetic's validation part
UNBLINDED_AT = "2026-05-04T09:30:00+00:00"
_START = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
_WORDS = (
    "{letter} covers the greatest area of the actual lesion",
    "Heat map focuses on the irregularly raised area as well as irregularly pigmented segments",
    "{letter} and {other} both reach the border, {letter} without the normal parenchyma",
    "Best ratio of lesion vs. surrounding tissue",
)


def simulated(
    win: float,
    seed: int = 1,
    readers: int = 5,
    cases: Sequence[str] = CASES,
    name: str = "mri",
    models: Sequence[str] = MODELS,
    repeat_share: float = 0.1,
) -> DatasetResults:
    """Readers who choose PREFERRED with chance `win`, else the others evenly; now and then none, or no judgement."""
    random = np.random.default_rng(seed)
    answers, ratings, saved, rows, schedule = [], [], {}, [], {}
    for number in range(1, readers + 1):
        reader = f"reader {number}"
        shown = reader_schedule(seed.to_bytes(32), reader, len(cases), len(models), repeat_share)
        schedule[reader] = tuple(place for place, of in enumerate(shown, start=1) if not of.repeat)
        for place, showing in enumerate(shown, start=1):
            answers.append(_answer(random, reader, place, showing, win, cases, models))
            saved[reader, place] = (_START + timedelta(days=number, minutes=place)).isoformat(timespec="seconds")
            where = (reader, cases[showing.case], place, showing.repeat, "quality")
            ratings += [Rating(*where, model, float(random.integers(1, 6))) for model in models]
        years = ("1-4", "5-9", "10-19", "20+", "0")[number % 5]
        rows.append(ReaderRow(reader, ("radiology", "neuroradiology")[number % 2], years, True, False, len(shown)))
    summaries = {"reader 1": "Attention follows the rim of the lesion.\nTwo cases showed the skull instead."}
    return DatasetResults(
        name=name,
        title="Brain MRI",
        models=tuple(models),
        cases=tuple(cases),
        repeat=1,
        show_truth=True,
        readers=tuple(rows),
        answers=tuple(answers),
        summaries={reader: text for reader, text in summaries.items() if readers},
        ratings=tuple(ratings),
        scores=_scores(random, cases, models),
        saved_at=saved,
        schedule=schedule,
    )


def _answer(
    random: np.random.Generator,
    reader: str,
    place: int,
    showing: Showing,
    win: float,
    cases: Sequence[str],
    models: Sequence[str],
) -> Answer:
    letters = tuple(models[model] for model in showing.order)
    others = [model for model in models if model != PREFERRED]
    chances = [win, *[(0.96 - win) / len(others)] * len(others), 0.03, 0.01]
    options = [PREFERRED, *others, NONE, CANNOT_JUDGE]
    choice = options[int(random.choice(len(options), p=chances))]
    words = "No heat-map lies on the lesion"
    if choice in letters:
        other = LETTERS[(letters.index(choice) + 1) % len(letters)]
        words = _WORDS[int(random.integers(len(_WORDS)))].format(letter=LETTERS[letters.index(choice)], other=other)
    seconds = round(float(random.lognormal(3.6, 0.6)), 1)
    return Answer(reader, cases[showing.case], place, showing.repeat, letters, choice, seconds, words)


def _scores(
    random: np.random.Generator, cases: Sequence[str], models: Sequence[str]
) -> dict[tuple[str, str], dict[str, float]]:
    """AUC by model, energy of every second case, as where only lesions have masks."""
    auc = dict(zip(models, np.linspace(0.9, 0.96, len(models)).tolist(), strict=True))
    return {
        (case, model): {"auc": auc[model]}
        | ({"energy": float(random.random()), "pixel_auprc": float(random.random())} if number % 2 else {})
        for number, case in enumerate(cases)
        for model in models
    }
