"""The results of a reader study as tables of text, for the administrator's page and for the report."""

from __future__ import annotations

import math
from dataclasses import replace

from foveate.evaluation.choices import Strengths
from foveate.evaluation.results import Undefined
from foveate.explanation.charts import model_title
from foveate.reading import reader_tables
from foveate.reading.analysis import Analysis, LetterFree
from foveate.reading.answers import CANNOT_JUDGE
from foveate.reading.consensus import Found
from foveate.reading.preference import choice_table
from foveate.reading.result_words import (
    ResultTable,
    choice_title,
    decimals,
    headline,
    letters_named,
    p_value,
    percent,
    percents,
    reason,
)
from foveate.reading.results import DatasetResults

__all__ = ["ResultTable", "blind_tables", "headline", "paper_table", "tables"]


def tables(results: DatasetResults, found: Analysis) -> list[ResultTable]:
    """All of them, the most asked for first; those without anything to say are left out."""
    every = [
        choices_table(results),
        wins_table(results, found),
        tests_table(found),
        reader_tables.between_table(found),
        reader_tables.within_table(found),
        reader_tables.summaries_table(results),
        strengths_table(results, found),
        scores_table(found),
        reader_tables.ratings_table(results),
        reader_tables.letters_table(found.letters),
        reader_tables.times_table(found.times),
        reader_tables.readers_table(results),
    ]
    return [table for table in every if table.rows or table.note]


def paper_table(results: DatasetResults) -> ResultTable:
    """Column, best model, description, as in the paper's tables 2 and 4; and who read where there are several readers.

    Where a description speaks of letters, what they stood for in that showing follows in square brackets.
    """
    rows = choice_table(results.answers, results.cases)
    several = len({row.reader for row in rows}) > 1
    lines = []
    for row in rows:
        named = letters_named(row.description, row.letters)
        words = f"{row.description} [{named}]" if named else row.description
        who = (row.reader,) if several else ()
        lines.append((str(row.column), *who, choice_title(row.best_model), words))
    columns = ("Column", *(("Reader",) if several else ()), "Best model", "Description")
    note = "The form of tables 2 and 4 of the paper (arXiv 2109.01486), which calls a case a column."
    if any("[" in line[-1] for line in lines):
        note += (
            " In square brackets stands which model a letter was in that showing; letters change from one to the next."
        )
    return ResultTable("Best model and its description", columns, tuple(lines), note)


def choices_table(results: DatasetResults) -> ResultTable:
    """The same for people's pages, where a row is a case: the paper's figures have a case in each column."""
    table = paper_table(results)
    note = "Cases have the same numbers for all readers; readers saw them in other orders."
    return replace(table, columns=("Case", *table.columns[1:]), note=f"{note} {table.note}")


def wins_table(results: DatasetResults, found: Analysis) -> ResultTable:
    """Choices of each model, in the study's order, then those of none, and no judgement."""
    chosen = found.preference
    wins = sorted(chosen.wins, key=lambda of: results.models.index(of.model))
    rows = [
        (model_title(of.model), str(of.wins), percent(of.share.estimate), percents(of.share.interval)) for of in wins
    ]
    rows += [("None of them", str(chosen.none), "", ""), ("Cannot judge", str(chosen.cannot_judge), "", "")]
    columns = ("Answer", "Times", "Share of choices", "95 % interval")
    note = "Share of all choices of a model, with Wilson’s interval."
    if wins:
        note += f" An even choice would give each {percent(1 / len(wins))}."
    return ResultTable("How often each model was chosen", columns, tuple(rows), note, columns[1:])


def tests_table(found: Analysis) -> ResultTable:
    """The three tests of an uneven choice, and the smallest p that the exact one can reach."""
    of = found.preference
    total = sum(one.wins for one in of.wins)
    least = p_value(of.smallest_p) if isinstance(of.smallest_p, float) else "–"
    rows = (
        ("Within-case permutation", "In each case one model is as good as another; its readers count together",
         p_value(of.permutation), _method(of.permutation)),
        ("Design: letters drawn anew", "Nobody goes by the heat-maps: letters would be the same whatever stood there",
         p_value(of.design), _method(of.design)),
        ("Exact multinomial", "All choices are independent, and each model is as likely as the others",
         p_value(of.exact), _method(of.exact)),
        ("Smallest p of the exact test", f"All {total} choices fall on one model", least, ""),
    )  # fmt: skip
    note = (
        "The first test is the one to quote. The second is exact whatever letters a reader favours, but readers who "
        "agree on a case count each for themselves: its small p says that they went by the heat-maps of these cases, "
        "not that a model would be preferred in others. In small studies its p cannot fall as low as the others’."
    )
    columns = ("Test", "What it supposes", "p", "Method")
    return ResultTable("Whether models are chosen unevenly", columns, rows, note, ("p",))


def _method(found: Found) -> str:
    return reason(found) if isinstance(found, Undefined) else found.method


def strengths_table(results: DatasetResults, found: Analysis) -> ResultTable:
    """Bradley-Terry strengths; with half a win added to every pair where they would be infinite."""
    title, columns = "Bradley-Terry strengths", ("Model", "Log strength", "Standard error", "Share")
    models = [of.model for of in found.preference.wins]
    strengths, mended = found.preference.strengths, found.preference.strengths_with_prior
    shown = strengths if isinstance(strengths, Strengths) else mended
    if not isinstance(shown, Strengths):
        return ResultTable(title, columns, (), reason(shown))
    numbers = zip(shown.log_strength, shown.standard_error, shown.share, strict=True)
    of = {
        model: (decimals(log), decimals(error), percent(share))
        for model, (log, error, share) in zip(models, numbers, strict=True)
    }
    of[models[0]] = (of[models[0]][0], "–", of[models[0]][2])  # the others are measured against it
    note = f"Each choice is a win over every other model. Differences to {model_title(models[0])}; shares sum to 100 %."
    if isinstance(strengths, Undefined):
        note = f"{reason(strengths)} Shown with half a win added to both sides of every pair. {note}"
    rows = tuple((model_title(model), *of[model]) for model in results.models)
    return ResultTable(title, columns, rows, note, columns[1:])


def scores_table(found: Analysis) -> ResultTable:
    """Whether choices go with what was measured of the heat-maps and the networks."""
    ranks = {
        "Models: times chosen and mean AUC (rank correlation)": found.with_auc,
        "Models: times chosen and mean energy in the lesion (rank correlation)": found.with_localisation,
    }
    rows = [(name, decimals(of.estimate), p_value(of), _method(of)) for name, of in ranks.items()]
    best, name = found.best_chosen, "Choices of the heat-map with most energy in the lesion"
    if isinstance(best, Undefined):
        rows.append((name, "–", "–", reason(best)))
    else:
        value = f"{percent(best.share.estimate)} ({percents(best.share.interval)})"
        method = (
            f"of {best.choices} choices in {best.cases} cases; {percent(best.chance)} by chance; {best.share.method}"
        )
        rows.append((name, value, p_value(best.share), method))
    models = len(found.preference.wins)
    note = "Energy is the share of a heat-map that lies in the marked lesion."
    if 2 <= models <= 5:  # beyond, there are orders enough
        least = decimals(2 / math.factorial(models), 3)
        note += f" The rank correlation of {models} models says little: p cannot be smaller than {least}."
    columns = ("What is compared", "Value", "p", "Method")
    return ResultTable("Choices beside AUC and localisation", columns, tuple(rows), note, ("Value", "p"))


def blind_tables(found: LetterFree) -> list[ResultTable]:
    """What may be seen before unblinding: nothing here names a model or tells which is which."""
    columns = ("Reader", "Answered", "Planned", "None", choice_title(CANNOT_JUDGE), "Judged twice", "Same answer")
    rows = tuple(
        (of.reader, str(of.answered), "–" if of.planned is None else str(of.planned), str(of.none),
         str(of.cannot_judge), str(of.pairs), str(of.alike))
        for of in found.progress
    )  # fmt: skip
    progress = ResultTable("Progress", columns, rows, "" if rows else "Nobody has read yet.", columns[1:])
    times = reader_tables.times_table([of.time for of in found.progress if of.time is not None])
    agreement = ResultTable(
        "Agreement between readers",
        ("Measure", "Value"),
        ()
        if isinstance(found.raw, Undefined)
        else (
            ("Pairs of readers who agree", percent(found.raw)),
            ("Beyond an even choice (0: none, 1: full agreement)", decimals(found.beyond_even)),
        ),
        reason(found.raw),
        ("Value",),
    )
    return [
        table
        for table in (progress, times, reader_tables.letters_table(found.letters), agreement)
        if table.rows or table.note
    ]
