"""What a reader study says of its readers: agreement, letters, time, ratings, their own words."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from foveate.evaluation.results import Undefined
from foveate.explanation.charts import model_title
from foveate.reading.analysis import Analysis
from foveate.reading.answers import LETTERS
from foveate.reading.consensus import PAUSE, LetterUse, ReadingTime
from foveate.reading.result_words import ResultTable, between, counted, decimals, p_value, percent, percents, reason
from foveate.reading.results import DatasetResults

EVERYONE = "All readers"
IN_TRAINING = "in training"  # for no years of practice


def summaries_table(results: DatasetResults) -> ResultTable:
    """What readers said at the end, over all cases."""
    rows = tuple((reader, " ".join(text.split())) for reader, text in sorted(results.summaries.items()))
    return ResultTable("What readers saw over all cases", ("Reader", "Summary"), rows)


def ratings_table(results: DatasetResults) -> ResultTable:
    """Mean rating of each question and model; first showings."""
    columns = ("Question", "Heat-map", "Mean", "SD", "Ratings")
    values: dict[tuple[str, str], list[float]] = {}
    for of in results.ratings:
        if not of.repeat:
            values.setdefault((of.question, of.model), []).append(of.value)
    questions = list(dict.fromkeys(question for question, _ in values))
    order = [(question, model) for question in questions for model in (*results.models, "")]
    rows = tuple(
        (
            question,
            model_title(model) if model else "the case",
            decimals(fmean(own)),
            decimals(stdev(own)) if len(own) > 1 else "–",
            str(len(own)),
        )
        for question, model in order
        if (own := values.get((question, model)))
    )
    return ResultTable("Ratings", columns, rows, "SD: between ratings." if rows else "", columns[2:])


def between_table(found: Analysis) -> ResultTable:
    """Agreement of readers about the same cases."""
    of, columns = found.between, ("Measure", "Value", "95 % interval")
    title = "Agreement between readers"
    if isinstance(of.raw, Undefined):
        return ResultTable(title, columns, (), reason(of.raw))
    measures = {"Krippendorff’s alpha": of.alpha, "Fleiss’ kappa": of.fleiss, "Gwet’s AC1": of.ac1}
    rows = [("Pairs of readers who agree", percent(of.raw), "")]
    rows += [(name, decimals(value.estimate), between(value.interval)) for name, value in measures.items()]
    note = (
        f"{counted(of.readers, 'reader').capitalize()}; {counted(of.cases, 'case')} that two or more of them judged. "
        "0 is chance, 1 is full agreement. Where one answer is far the commonest, alpha and kappa stay near 0 however "
        "often readers agree; AC1 does not. Intervals by bootstrap over cases, which few cases make rough."
    )
    note = " ".join(filter(None, [note, reason(*measures.values())]))
    return ResultTable(title, columns, tuple(rows), note, columns[1:])


def within_table(found: Analysis) -> ResultTable:
    """Agreement of each reader with themself, on the cases that were shown twice."""
    columns = ("Reader", "Judged twice", "Same answer", "95 % interval", "Cohen’s kappa")
    title = "Agreement of readers with themselves"
    if not any(of.pairs for of in found.within):
        return ResultTable(title, columns, (), reason(*(of.raw for of in found.within)))
    rows = tuple(
        (of.reader, str(of.pairs), percent(of.raw.estimate), percents(of.raw.interval), decimals(of.kappa.estimate))
        for of in found.within
    )
    why = reason(*(of.kappa for of in found.within))
    note = "Of the cases that were shown twice, with other letters. Kappa takes off what chance alone brings."
    return ResultTable(
        title,
        columns,
        rows,
        f"{note} Dashes are undefined{why.removeprefix('Undefined')}" if why else note,
        columns[1:],
    )


def letters_table(found: Sequence[LetterUse]) -> ResultTable:
    """How often each letter was chosen."""
    letters = tuple(LETTERS[: len(found[0].counts)]) if found else ()
    columns = ("Reader", *letters, "p")
    rows = tuple((of.reader or EVERYONE, *map(str, of.counts), p_value(of.test)) for of in found if sum(of.counts))
    note = (
        "Models stand at random letters, so letters are chosen evenly unless a reader favours a place. "
        "p: exact multinomial test."
    )
    why = "" if rows else reason(*(of.test for of in found))
    return ResultTable("Letters that were chosen", columns, rows, note if rows else why, columns[1:])


def times_table(found: Sequence[ReadingTime]) -> ResultTable:
    """Seconds a case."""
    columns = ("Reader", "Cases", "Median (s)", "Quartiles (s)", f"Over {PAUSE / 60:g} min")
    rows = tuple(
        (
            of.reader,
            str(of.cases),
            f"{of.quartiles[1]:.0f}",
            f"{of.quartiles[0]:.0f} to {of.quartiles[2]:.0f}",
            str(of.pauses),
        )
        for of in found
    )
    note = (
        f"Time with the page in view, first showings; longer than {PAUSE / 60:g} minutes counts as that."
        if rows
        else ""
    )
    return ResultTable("Reading time", columns, rows, note, columns[1:])


def readers_table(results: DatasetResults) -> ResultTable:
    """Who read, and how much of it."""
    rows = tuple(
        (
            of.reader,
            of.speciality or "–",
            IN_TRAINING if of.years == "0" else of.years or "–",
            str(sum(row.reader == of.reader for row in results.answers)),
            str(of.planned),
            "withdrew" if of.withdrawn else "finished" if of.finished else "did not finish",
        )
        for of in results.readers
    )
    columns = ("Reader", "Speciality", "Years of practice", "Answered", "Planned", "State")
    note = "Answered and planned: showings, repeats among them." if rows else "Nobody has read."
    return ResultTable("The readers", columns, rows, note, ("Answered", "Planned"))
