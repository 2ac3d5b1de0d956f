"""The page of scores from a table: what it says is true of probabilities and others, one model and several."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foveate import scores
from foveate.evaluation.compare import Settings
from foveate.explanation import figures


@pytest.fixture(autouse=True)
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FORMATS", {"svg": {"Date": None}})


def page(folder: Path, models: list[str], repeats: int = 2, **choice: object) -> str:
    """The page of made-up scores of 40 cases."""
    random, labels = np.random.default_rng(1), np.arange(40) % 2
    rows = []
    for model in models:
        for repeat in range(1, repeats + 1):
            values = labels + random.normal(size=40)
            values = 1 / (1 + np.exp(-values)) if choice.get("probabilities") else values
            rows += [(f"c{case}", labels[case], model, repeat, values[case], f"p{case // 2}") for case in range(40)]
    table = pd.DataFrame(rows, columns=["case", "label", "model", "repeat", "score", "patient"])
    if not choice.get("patients"):
        table = table.drop(columns="patient")
    table.to_csv(folder / "mine.csv", index=False)
    found, names, diseased = scores.read(folder / "mine.csv", None)
    how = Settings(design="factorial" if choice.get("factorial") else "nested")
    scores.compare_predictions(folder / "mine.csv", found, names, how, folder / "out", diseased)
    return (folder / "out" / "report" / "index.html").read_text(encoding="utf-8").replace("\xa0", " ")


def charts_of(text: str) -> list[str]:
    return re.findall(r'<figure class="chart (\w+)">', text)


def test_two_models_with_scores_that_are_no_probabilities(tmp_path: Path) -> None:
    text = page(tmp_path, ["plain", "<ours>"])
    assert charts_of(text) == ["runs", "forest", "roc", "pr"]
    assert "The scores are no probabilities" in text
    assert "calibration</summary>" not in text
    assert "40 cases, of which 20 are diseased (label 1)." in text
    assert "Which cases belong to one patient is not known" in text
    assert "for new training runs and new cases" in text
    assert "validation part" not in text
    assert "&lt;ours&gt;" in text
    assert "<ours>" not in text
    drawn = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {"mine-runs.svg", "mine-roc.svg", "mine-precision-recall.svg", "forest.svg"}


def test_probabilities_with_patients_and_crossed_runs(tmp_path: Path) -> None:
    text = page(tmp_path, ["plain", "ours"], probabilities=True, patients=True, factorial=True)
    assert charts_of(text) == ["runs", "forest", "roc", "pr", "calibration"]
    assert "The cases are of 20 patients." in text
    assert "At a threshold, and calibration" in text
    assert "factorial" in text
    assert (tmp_path / "out" / "figures" / "mine-calibration.svg").is_file()


def test_one_model_is_compared_with_nothing(tmp_path: Path) -> None:
    text = page(tmp_path, ["lonely"], repeats=1, probabilities=True)
    assert charts_of(text) == ["runs", "roc", "pr", "calibration"]
    assert "How well does this model tell the classes apart?" in text
    assert "higher" not in re.findall(r'<div class="answer">.*?</div>', text, re.DOTALL)[0]


def test_it_needs_nothing_from_elsewhere_and_claims_nothing_of_images(tmp_path: Path) -> None:
    text = page(tmp_path, ["plain", "ours"])
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "Where the networks look" not in text
    assert "holds no file’s name" not in text  # it is titled by the table's
