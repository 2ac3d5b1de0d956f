"""Policies side by side: the numbers of one model on one data set stand in one row."""

from __future__ import annotations

from pathlib import Path

from foveate import runs
from foveate.report import tables
from foveate.report.html import write_report
from foveate.report.policy_table import policy_csv, policy_table
from foveate.report.table_files import write_all
from tests.report import synthetic


def test_each_policy_has_a_column(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", policies=("paper", "clean"), repeats=2, images=24)
    results, comparison = tables.read_results(folder), tables.read_comparison(folder)
    subjects = runs.subjects(folder.study)
    rows = {subject: tables.auc_table(folder.study, subject, results, comparison) for subject in subjects}
    table = policy_table(folder.study, rows)
    assert table is not None
    assert table.head == ("Data set and model", "Split as in the paper", "Clean split", "Published")
    assert [line[0].partition(", ")[2] for line in table.rows] == [row.title for row in rows[subjects[0]]]
    lines = policy_csv(table)
    for place, line in enumerate(lines[1:]):
        for cell, subject in zip(line[1:3], subjects, strict=True):
            own = results[(results["policy"] == subject.policy) & (results["model"] == rows[subject][place].model)]
            assert str(cell) == f"{100 * own['auc'].mean():.2f}"
    written = {path.name for path in write_all(folder)}
    assert {"policies.csv", "policies.md", "policies.tex", "policies.html"} <= written
    assert "What the split does" in write_report(folder).read_text(encoding="utf-8")


def test_one_policy_needs_no_such_table(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=24)
    assert policy_table(folder.study, {}) is None
    assert not {path for path in write_all(folder) if path.name.startswith("policies")}
    assert "What the split does" not in write_report(folder).read_text(encoding="utf-8")
