"""`foveate evaluate --predictions` and `--plan`: what is printed and written, and what is refused."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foveate import scores as program
from foveate.commands import study as commands
from foveate.evaluation import compare_runs
from foveate.evaluation.compare import Settings
from foveate.evaluation.planning import Power
from foveate.runs import StudyFolder
from tests.formulas import formulas
from tests.report import synthetic

CASES = 90
NUMBER = re.compile(r"-[0-9.e-]+")  # a negative one is no formula
LABELS = np.arange(CASES) % 2
SKILL = {"plain": 1.0, "[ours]": 2.0, "other": 1.1}


def evaluate(study: Path | None = None, predictions: Path | None = None, **options: Any) -> None:
    given: dict[str, Any] = {"baseline": None, "positive": None, "design": None, "out": None, "plan": None, **options}
    commands.evaluate(study, predictions, **given, device="cpu", quiet=True)


def scores() -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
    random = np.random.default_rng(3)
    shared = random.normal(size=CASES)
    runs = [[s * LABELS + shared + 0.5 * random.normal(size=CASES) for _ in range(3)] for s in SKILL.values()]
    return np.array(runs)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        (f"case{case:03}", LABELS[case], model, repeat, value)
        for model, of in zip(SKILL, scores(), strict=True)
        for repeat, run in enumerate(of, 1)
        for case, value in enumerate(run)
    ]
    frame = pd.DataFrame(rows, columns=["case", "label", "model", "repeat", "score"])
    frame.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


def test_the_comparison_is_printed_and_written(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.parent / "out"
    evaluate(predictions=table, out=out)
    text = capsys.readouterr().out
    assert "[ours]" in text
    assert "On mine (90 cases), [ours] reached a mean AUC-ROC of" in text
    assert "More than chance explains" in text
    assert f"tables: {out}" in text
    assert f"report: {out / 'report' / 'index.html'}" in text
    expected, _ = compare_runs(LABELS, scores())
    row = pd.read_csv(out / "comparison.csv").set_index("model").loc["[ours]"]
    assert row["delta"] == pytest.approx(expected.estimate)
    assert row["p"] == pytest.approx(expected.p_value)
    assert {path.name for path in out.rglob("*.*")} == {
        "results.csv", "measures.csv", "comparison.csv", "tests.csv", "mine.csv", "mine.md", "mine.tex", "mine.html",
        "index.html",
        *(f"{name}.{ending}" for name in ("mine-runs", "mine-roc", "mine-precision-recall", "forest")
          for ending in ("png", "svg", "pdf")),
    }  # fmt: skip


def test_models_with_names_like_formulas_stay_text_in_every_table(table: Path) -> None:
    text = table.read_text(encoding="utf-8").replace("[ours]", "\"x;=cmd|' /C calc'!A1\"").replace("plain", "=1+1")
    other = table.with_name("=mine.csv")
    other.write_text(text, encoding="utf-8")
    out = table.parent / "out"
    evaluate(predictions=other, out=out)
    written = {path.name: path.read_text(encoding="utf-8") for path in out.rglob("*.csv")}
    assert set(written) == {"results.csv", "measures.csv", "comparison.csv", "tests.csv", "=mine.csv"}
    for own in written.values():
        rows = [row for row in csv.reader(io.StringIO(own)) if row]
        assert "'=1+1" in {cell for row in rows for cell in row}
        assert [cell for cell in formulas(own) if not NUMBER.fullmatch(cell)] == []
    page = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert "=1 + 1" in page
    assert not {mark for mark in ("&#39;=1", "'=1", "&#39;=cmd", "'=cmd") if mark in page}


def test_few_cases_and_their_patients_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(n, n % 2, model, 1, n / 30, f"p{n // 2}") for model in "ab" for n in range(30)]
    frame = pd.DataFrame(rows, columns=["case", "label", "model", "repeat", "score", "patient"])
    frame.to_csv(tmp_path / "few.csv", index=False)
    evaluate(predictions=tmp_path / "few.csv", out=tmp_path / "out")
    text = capsys.readouterr().out
    assert "30 cases of 15 patients" in text
    assert "note: few cases (15 diseased and 15 healthy): an AUC of fewer than 20 of a kind says little" in text
    assert "few cases (15 diseased" in (tmp_path / "out" / "report" / "index.html").read_text().lower()


def test_without_out_nothing_is_written(table: Path) -> None:
    before = sorted(table.parent.rglob("*"))
    evaluate(predictions=table)
    assert sorted(table.parent.rglob("*")) == before


def test_the_baseline_and_the_design_can_be_chosen(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(predictions=table, baseline="other", design="factorial")
    text = capsys.readouterr().out
    assert "for other: a difference of" in text
    assert "factorial" in text


def test_a_plan_from_a_table(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(predictions=table, plan=3.0)
    text = capsys.readouterr().out
    assert "a true difference of 3 points in mean AUC to plain" in text
    assert "Holm’s first step for 2 comparisons" in text
    lines = [line.split() for line in text.splitlines() if line[:2].strip().isdigit()]
    assert {"3", "5", "10", "20"} <= {line[0] for line in lines}
    runs = [int(line[0]) for line in lines]
    assert runs == sorted(runs)
    chances = np.array([[int(line[column]) for column in (1, 3, 5, 7)] for line in lines])
    assert (np.diff(chances, axis=0) >= 0).all()  # more runs, more power
    assert (np.diff(chances, axis=1) >= 0).all()


def known(run: float, run_and_case: float, case: float) -> Power:
    return Power(run, run_and_case, case, 100, 2, "nested")


def planned(monkeypatch: pytest.MonkeyPatch, power: Power, points: float) -> str:
    monkeypatch.setattr(program, "power_of_runs", lambda *_: power)
    return program.plan("mine", [], ["plain", "ours"], Settings(), points)


def test_a_plan_says_how_many_runs_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    power = known(1e-4, 1e-4, 1e-6)
    text = planned(monkeypatch, power, 1.0)
    needed = power.runs_needed(0.01, 100)
    assert needed is not None
    assert needed > 20
    assert f"With the 100 cases that there are, {needed} runs of each model give 80 %." in text
    assert f"\n{needed} " in text  # a row of the table
    assert (
        "With 10 runs of each model or fewer no number of cases gives a chance of 80 %: the runs are too few." in text
    )


def test_a_plan_says_that_cases_are_too_few_and_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    power = known(1e-5, 1e-4, 1e-4)
    text = planned(monkeypatch, power, 2.0)
    both = power.least_of_both(0.02)
    assert both is not None
    assert "not even 1,000 runs of each model give 80 %: the cases are too few." in text
    assert f"{both[0]:,} runs of each model and {both[1]:,} cases do" in text
    assert "runs are too few" not in text


def test_a_plan_for_next_to_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    text = planned(monkeypatch, known(1e-2, 1e-2, 1e-2), 0.001)
    assert "this difference is too small for a study" in text
    assert text.count("none") == 4


def test_lines_of_a_plan_fit_into_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    power = Power(1e-5, 1e-4, 1e-4, 100_000, 2, "nested")
    lines = planned(monkeypatch, power, 0.05).splitlines()
    rows = [line for line in lines if line[:2].strip().isdigit() or line.startswith("runs ")]
    assert len({len(row) for row in rows}) == 1
    assert len(rows[0]) <= 80


def test_a_plan_from_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = synthetic.build(tmp_path / "out", datasets=("mri", "ct"), repeats=2, images=40)
    evaluate(folder.path, plan=2.0)
    text = capsys.readouterr().out
    assert text.startswith("mri: the chance to show a true difference of 2 points in mean AUC to ResNet-18")
    assert "\nct: the chance" in text
    assert "factorial runs" in text  # as the runs' records say


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ({}, 2, "one of the two"),
        ({"predictions": "t", "study": "s"}, 2, "one of the two"),
        ({"study": "s", "baseline": "plain"}, 2, "--baseline goes with --predictions"),
        ({"study": "s", "out": Path("x")}, 2, "--out goes with --predictions"),
        ({"predictions": "t", "design": "crossed"}, 2, "must be nested or factorial"),
        ({"predictions": "t", "baseline": "nobody"}, 2, "has no such model; it has plain, [ours], other"),
        ({"study": "s", "positive": "1"}, 2, "--positive goes with --predictions only"),
        ({"predictions": "t", "plan": 1.0, "out": Path("x")}, 2, "leave out --out"),
        ({"predictions": "t", "out": Path("x" * 300)}, 1, "File name too long"),
        ({"predictions": "t", "plan": 0.0}, 2, "--plan must be a difference of AUC in per cent"),
        ({"predictions": "t", "plan": float("nan")}, 2, "--plan must be"),
        ({"predictions": "nowhere"}, 1, "nowhere.csv does not exist"),
        ({"study": "s", "plan": 1.0}, 1, "no run of"),
    ],
)
def test_what_is_refused(
    table: Path, options: dict[str, Any], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = StudyFolder(table.parent / "s")
    study.create(synthetic.build(table.parent / "whole", repeats=1, images=20).study)
    places = {"t": table, "nowhere": table.parent / "nowhere.csv", "s": study.path}
    given = {key: places.get(value, value) if key != "plan" else value for key, value in options.items()}
    with pytest.raises(SystemExit) as ended:
        evaluate(**given)
    assert ended.value.code == status
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_which_label_is_disease_is_said_or_asked(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = pd.read_csv(table)
    words["label"] = words["label"].map({0: "normal", 1: "cancer"})  # the alphabet would take the healthy ones
    words.to_csv(table.parent / "words.csv", index=False)
    commands.evaluate(None, table.parent / "words.csv", None, None, None, None, None, "cpu", quiet=False)
    text = capsys.readouterr().out
    assert text.startswith("diseased: cancer")
    assert "below 50 %" not in text
    evaluate(predictions=table.parent / "words.csv", positive="normal")
    assert "most AUCs are below 50 %" in capsys.readouterr().out
    words["label"] = words["label"].map({"normal": "left", "cancer": "right"})
    words.to_csv(table.parent / "sides.csv", index=False)
    with pytest.raises(SystemExit):
        evaluate(predictions=table.parent / "sides.csv")
    assert "say --positive right, or --positive left" in capsys.readouterr().err


def test_a_full_folder_is_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate(predictions=table, out=table.parent)
    assert "exists and is not empty" in capsys.readouterr().err
