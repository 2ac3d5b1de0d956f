"""The answers for other programs: long CSV by model after unblinding, CSV by letter before it, JSON, codebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from foveate.reading.answers import CANNOT_JUDGE, LETTERS, NONE, checked, clean
from foveate.reading.results import DatasetResults
from foveate.spreadsheets import GUARD, csv_text

LONG_MEANING = {
    "study": "Which study: the same wherever images, cases and questions are the same.",
    "dataset": "The data set's name in files.",
    "reader": "The reader's pseudonym.",
    "case": "The case: one image with the heat-maps of all models.",
    "order_index": "Which showing it was in this reader's order: 1, 2, ...",
    "repeat": "1 where the reader saw the case a second time, else 0. Repeats serve agreement within a reader only.",
    "slot": "The letter at which the heat-map of this row stood: A, B, C, ...",
    "model": "The model whose heat-map stood there.",
    "chosen": "1 where the reader chose this heat-map, else 0.",
    "choice": f"The model that was chosen at this showing; {NONE}: no heat-map is good; {CANNOT_JUDGE}: no judgement.",
    "description": "The reader's words on the showing, on one line.",
    "ms_active": "Milliseconds that the reader spent with the showing in view.",
    "ts_utc": "When the answer was saved last, ISO 8601, UTC; empty where not known.",
}
BLIND_MEANING = {
    **{name: LONG_MEANING[name] for name in ("reader", "case", "order_index", "repeat")},
    "choice_letter": f"The letter that was chosen; {NONE}: no heat-map is good; {CANNOT_JUDGE}: no judgement. "
    "Letters stand for other models at every showing.",
    **{name: LONG_MEANING[name] for name in ("description", "ms_active", "ts_utc")},
}


@dataclass(frozen=True)
class BlindRow:
    """One answered showing as the reader saw it: by letter."""

    reader: str
    case: str  # its opaque name, the same for all readers
    order_index: int
    repeat: bool
    choice_letter: str  # A, B, C, ..., NONE or CANNOT_JUDGE
    description: str
    ms_active: int
    ts_utc: str


def long_csv(results: DatasetResults, study: str) -> str:
    """One row for every reader, showing and slot, with the model that stood there.

    Raises FoveateError where an answer cannot be one of the study.
    """
    lines: list[Sequence[object]] = []
    for row in checked(results.answers, results.models):
        before = (study, results.name, row.reader, row.case, row.showing, int(row.repeat))
        saved = results.saved_at.get((row.reader, row.showing), "")
        after = (row.choice, clean(row.description), round(1000 * row.seconds), saved)
        for letter, model in zip(LETTERS, row.letters, strict=False):
            lines.append((*before, letter, model, int(model == row.choice), *after))
    return csv_text([list(LONG_MEANING), *lines])


def blind_csv(rows: Iterable[BlindRow]) -> str:
    """One row for every answered showing, by letter: no model, no name of a heat-map.

    Raises ValueError where a choice is no letter, as it would be if a model's name had come here.
    """
    lines: list[Sequence[object]] = []
    for row in rows:
        if row.choice_letter not in (*LETTERS, NONE, CANNOT_JUDGE):
            raise ValueError(f"a choice that is no letter must not leave a blind study: showing {row.order_index}")
        shown = (row.reader, row.case, row.order_index, int(row.repeat), row.choice_letter)
        lines.append((*shown, clean(row.description), row.ms_active, row.ts_utc))
    return csv_text([list(BLIND_MEANING), *lines])


def as_json(results: DatasetResults) -> str:
    """Everything that is known of one data set's reading, as JSON; scores and times as lists of objects."""
    content = asdict(results) | {
        "scores": [{"case": case, "model": model, **of} for (case, model), of in results.scores.items()],
        "saved_at": [{"reader": who, "showing": number, "at": at} for (who, number), at in results.saved_at.items()],
        "schedule": [{"reader": who, "firsts": list(firsts)} for who, firsts in results.schedule.items()],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def long_codebook(models: Sequence[str]) -> str:
    """What each column of `long_csv` means, in Markdown."""
    names = ", ".join(f"`{model}`" for model in models)
    return f"One row for every reader, showing and slot. Models: {names}.\n\n{_table(LONG_MEANING)}"


def blind_codebook() -> str:
    """What each column of `blind_csv` means, in Markdown."""
    head = "One row for every answered showing. The study is blind: no model is named."
    return f"{head}\n\n{_table(BLIND_MEANING)}\n{GUARD}"


def _table(meaning: dict[str, str]) -> str:
    rows = [f"| `{name}` | {text} |" for name, text in meaning.items()]
    return "\n".join(["| column | meaning |", "|---|---|", *rows, ""])
