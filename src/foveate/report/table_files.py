"""The result tables as files: CSV for programs, Markdown, LaTeX and HTML for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

from foveate import runs
from foveate.reading.preference import choice_table
from foveate.reading.result_tables import paper_table
from foveate.reading.result_words import letters_named
from foveate.reading.results import DatasetResults
from foveate.report import reading_section
from foveate.report.latex import Table
from foveate.report.localisation_tables import (
    SHOWN,
    Localisation,
    Score,
    localisation_table,
    read_summary,
    score_table,
)
from foveate.report.policy_table import policy_csv, policy_table
from foveate.report.published import PUBLISHED
from foveate.report.tables import (
    ModelResult,
    auc_table,
    between,
    decimals,
    p_value,
    read_comparison,
    read_results,
    with_delta,
)
from foveate.runs import StudyFolder
from foveate.spreadsheets import csv_text


def write_all(folder: StudyFolder) -> list[Path]:
    """Write OUT/tables/<data set>.csv, .md, .tex and .html; <data set>-localisation.* where there are masks;

    policies.*, the policies side by side, where there are several;
    <data set>-readers.*, the paper's tables 2 and 4, where a reader study is unblinded.
    """
    study, results, comparison = folder.study, read_results(folder), read_comparison(folder)
    summary = read_summary(folder)
    readings = reading_section.readings(folder)
    texts: dict[str, str] = {}
    every = {subject: auc_table(study, subject, results, comparison) for subject in runs.subjects(study)}
    policies = policy_table(study, every)
    if policies:
        texts |= table_files("policies", csv_text(policy_csv(policies)), policies)
    for subject, rows in every.items():
        paper = PUBLISHED.get(study.datasets[subject.dataset].published or "")
        title = study.datasets[subject.dataset].title or subject.name
        display = auc_display(rows, _caption(title, rows), paper.number if paper else None, study.evaluation.confidence)
        texts |= table_files(subject.name, auc_csv(rows), display)
        located = localisation_table(study, subject, summary)
        if located:
            display = score_table(located, f"Whether the heat-maps are on the lesions of {title}, over all runs.")
            texts |= table_files(f"{subject.name}-localisation", localisation_csv(located), display)
        if reading := readings.get(subject.name):
            texts |= table_files(f"{subject.name}-readers", readers_csv(reading), readers_display(reading, title))
    for name, text in texts.items():
        runs.write_text(folder.tables / name, text)
    return [folder.tables / name for name in texts]


def _caption(title: str, rows: Sequence[ModelResult]) -> str:
    text = f"AUC-ROC in per cent on {title}. In brackets the difference to {rows[0].title}; SD between runs."
    method = next((row.method for row in rows if row.p is not None), "")
    return f"{text} Intervals of single differences, p after Holm ({method})." if method else text


def table_files(name: str, as_csv: str, display: Table) -> dict[str, str]:
    """A table's files, the text by the name."""
    kinds = {"csv": as_csv, "md": display.markdown(), "tex": display.latex(name), "html": display.html()}
    return {f"{name}.{ending}": text for ending, text in kinds.items()}


def auc_csv(rows: Sequence[ModelResult]) -> str:
    """The result table as CSV: per cent, two decimals, p-values in full, empty where there is no value."""
    head = [f"test_{repeat}" for repeat in range(1, len(rows[0].tests) + 1)]
    columns = ["mean_auc", "delta", "sd_auc", "ci_low", "ci_high", "p", "p_holm", "published_mean_auc"]
    paper = max(len(row.published_tests) for row in rows)
    published = [f"published_test_{number}" for number in range(1, paper + 1)]
    lines: list[Sequence[object]] = [["model", *head, *columns, "published_delta", *published]]
    for row in rows:
        low, high = row.interval or (None, None)
        cells = [_two(value) for value in (*row.tests, row.mean, row.delta, row.deviation, low, high)]
        cells += ["" if p is None else Decimal(f"{p:.6g}") for p in (row.p, row.p_holm)]
        cells += [_two(value) for value in (row.published, row.published_delta, *row.published_tests)]
        lines.append([row.model, *cells, *[""] * (paper - len(row.published_tests))])
    return csv_text(lines)


def _two(value: float | None) -> Decimal | str:
    return "" if value is None else Decimal(f"{value:.2f}")


def auc_display(rows: Sequence[ModelResult], caption: str, table: int | None, confidence: float = 0.95) -> Table:
    """The result table for people, laid out as in the paper; `table` is its number there, if it has one."""
    head = ["Model", *(f"Test {repeat}" for repeat in range(1, len(rows[0].tests) + 1)), "Mean AUC-ROC", "SD"]
    lines = [
        [row.title, *map(decimals, row.tests), with_delta(row.mean, row.delta), decimals(row.deviation)] for row in rows
    ]
    if len(rows) > 1:
        head += [f"Difference, {100 * confidence:g} % CI", "p (Holm)"]
        lines = [[*line, between(row.interval), p_value(row.p_holm)] for line, row in zip(lines, rows, strict=True)]
    if table is not None:
        paper = max(len(row.published_tests) for row in rows)
        head += [*(f"Published {number}" for number in range(1, paper + 1)), f"Published mean (table {table})"]
        for line, row in zip(lines, rows, strict=True):
            line += [decimals(value) for value in row.published_tests or [None] * paper]
            line.append(with_delta(row.published, row.published_delta))
    return Table(caption, tuple(head), tuple(map(tuple, lines)))


def localisation_csv(rows: Sequence[Localisation]) -> str:
    """The localisation table as CSV, with the differences to the baseline; all values but lift are fractions of 1."""
    kinds = [field.name for field in fields(Score) if field.name not in ("value", "own", "interval", "method")]
    names = ("mean", "mean_low", "mean_high", *kinds, "delta_low", "delta_high")
    head = [f"{metric}_{kind}" for metric in SHOWN for kind in names]
    lines: list[Sequence[object]] = [["model", "images", "blank_maps", *head]]
    for row in rows:
        values: list[float | None] = []
        for score in (row.scores[metric] for metric in SHOWN):
            values += [score.value, *(score.own or (None, None)), *(getattr(score, kind) for kind in kinds)]
            values += score.interval or (None, None)
        numbers = ["" if value is None else Decimal(f"{value:.6g}") for value in values]
        lines.append([row.model, row.images, row.blank, *numbers])
    return csv_text(lines)


def readers_csv(results: DatasetResults) -> str:
    """Which model each reader chose of each case, and why: names as in files."""
    lines: list[Sequence[object]] = [["column", "case", "reader", "best_model", "description", "letters"]]
    for row in choice_table(results.answers, results.cases):
        letters = letters_named(row.description, row.letters)
        lines.append([row.column, row.case, row.reader, row.best_model, row.description, letters])
    return csv_text(lines)


def readers_display(results: DatasetResults, title: str) -> Table:
    """The same for people, as the paper's tables 2 and 4."""
    table = paper_table(results)
    return Table(f"{title}: the heat-map that readers found best. {table.note}", table.columns, table.rows, prose=True)
