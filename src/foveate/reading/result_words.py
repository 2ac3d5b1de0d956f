"""A table of the reader study as text, how its numbers are written, and the sentence that says what they show."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foveate.evaluation.results import Undefined
from foveate.explanation.charts import model_title
from foveate.reading.analysis import Analysis
from foveate.reading.answers import CANNOT_JUDGE, LETTERS, NONE
from foveate.reading.consensus import Found, firsts
from foveate.reading.results import DatasetResults

MINUS = "−"
ALPHA = 0.05
_COUNTED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_LONE_CAPITAL = re.compile(r"(?<![\w-])([A-Z])(?![\w-]|\.\w)")  # no part of a word, of T-cell, of a name such as J.D.


@dataclass(frozen=True)
class ResultTable:
    """Cells as text; where there is nothing to show, no rows and a note that says why."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numbers: tuple[str, ...] = ()  # the columns that hold numbers, which stand right

    @property
    def labelled(self) -> list[list[tuple[str, str, bool]]]:
        """The rows, each cell behind its column's name, with whether it is a number."""
        return [
            [(column, cell, column in self.numbers) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


def choice_title(choice: str) -> str:
    """A model or one of the two other answers, for people."""
    return {NONE: "None", CANNOT_JUDGE: "Cannot judge"}.get(choice) or model_title(choice)


def letters_named(text: str, letters: tuple[str, ...]) -> str:
    """What the letters in a text stood for: "B is best" -> B = ResNet-18 + CBAM; empty where it names none.

    An A that is an article counts as well: better explained once too often than not at all.
    """
    shown = LETTERS[: len(letters)]
    named = sorted(set(_LONE_CAPITAL.findall(text)) & set(shown))
    return ", ".join(f"{letter} = {model_title(letters[shown.index(letter)])}" for letter in named)


def counted(number: int, noun: str, plural: str = "") -> str:
    """3, "reader" -> three readers"""
    word = _COUNTED[number] if number < len(_COUNTED) else f"{number:,}"
    return f"{word} {noun if number == 1 else plural or noun + 's'}"


def decimals(value: float | Undefined | None, places: int = 2) -> str:
    """-0.404 -> −0.40; a dash where there is no value."""
    if value is None or isinstance(value, Undefined):
        return "–"
    return f"{value:z.{places}f}".replace("-", MINUS)


def percent(share: float | Undefined | None) -> str:
    """0.583 -> 58 %"""
    return "–" if share is None or isinstance(share, Undefined) else f"{100 * share:.0f} %"


def percents(interval: tuple[float, float] | Undefined | None) -> str:
    """(0.388, 0.755) -> 39 to 76 %"""
    known = isinstance(interval, tuple)
    return f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f} %" if known else "–"  # type: ignore[index]


def between(interval: tuple[float, float] | Undefined | None) -> str:
    """(-0.1, 0.44) -> −0.10 to 0.44"""
    known = isinstance(interval, tuple)
    return f"{decimals(interval[0])} to {decimals(interval[1])}" if known else "–"  # type: ignore[index]


def p_value(found: Found | float) -> str:
    """Three decimals, and never 0; a dash where there is none."""
    p = found if isinstance(found, float) else found.p_value
    if p is None or isinstance(p, Undefined):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def reason(*found: object) -> str:
    """Why a value is undefined: a sentence, of all reasons once; empty where every value is there."""
    said = list(dict.fromkeys(of.reason for of in found if isinstance(of, Undefined)))
    return f"Undefined: {'; or '.join(said)}." if said else ""


def headline(results: DatasetResults, found: Analysis) -> str:
    """Which model readers chose, how far that is from an even choice, and what it does and does not show."""
    chosen = found.preference
    total, judged = sum(of.wins for of in chosen.wins), firsts(results.answers)
    if not total:
        return "No reader has chosen a heat-map, so nothing can be said of a preference."
    readers = len({row.reader for row in judged})
    cases = len({row.case for row in judged if row.letter is not None})
    best = max(chosen.wins, key=lambda of: of.wins)
    leaders = [model_title(of.model) for of in chosen.wins if of.wins == best.wins]
    who = counted(readers, "reader").capitalize()
    of = f"{total} {'choice' if total == 1 else 'choices'} over {counted(cases, 'case')}"
    even = f"an even choice would be {percent(1 / len(chosen.wins))}"
    if len(leaders) == 1:
        share = f"{percent(best.share.estimate)}, 95 % interval {percents(best.share.interval)}"
        text = f"{who} chose {leaders[0]} most often, in {best.wins} of {of} ({share}; {even})."
    else:
        most = " and ".join(filter(None, [", ".join(leaders[:-1]), leaders[-1]]))
        text = f"{who} made {of}; {most} were chosen most often, {best.wins} times each ({even})."
    if chosen.none:
        text += f" In {counted(chosen.none, 'further judgement')} no heat-map was good."
    return f"{text} {_meaning(found, readers, cases)}"


def _meaning(found: Analysis, readers: int, cases: int) -> str:
    chosen = found.preference
    p = chosen.permutation.p_value
    if not isinstance(p, float):
        return reason(chosen.permutation)
    says = f"within-case permutation p {p_value(p)}" if p < 0.001 else f"within-case permutation p = {p_value(p)}"
    if p < ALPHA:
        whose = "this reader" if readers == 1 else "these readers"
        return (
            f"Models were chosen more unevenly than chance would bring ({says}). That tells whose heat-maps {whose} "
            "found best, not which network diagnoses best."
        )
    least = float(len(chosen.wins)) ** (1 - cases)
    if least >= ALPHA:
        return (
            f"So few cases cannot show a preference, however the choices fall ({says}): it would take more of them "
            "to tell."
        )
    return (
        f"The choices are no more uneven than chance would bring ({says}), which does not show that the heat-maps are "
        "equally good."
    )
