"""ROC, precision-recall, calibration and forest charts: the lines they draw, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from foveate import runs
from foveate.explanation import charts, score_charts
from foveate.explanation.charts import Series
from tests.report import synthetic


def series(folder: Path, *runs_scores: list[float], labels: str = "nnpp") -> Series:
    """A model whose runs scored cases that are n(ormal) or p(ositive)."""
    places = []
    for number, scores in enumerate(runs_scores):
        place = folder / str(number)
        place.mkdir(parents=True)
        named = ["normal" if label == "n" else "ill" for label in labels]
        table = {"case": list("abcdefgh")[: len(scores)], "part": "validation", "label": named}
        pd.DataFrame({**table, "p_normal": 1 - np.array(scores), "p_ill": scores}).to_csv(
            place / "predictions.csv", index=False
        )
        (place / "metrics.json").write_text('{"auc": 0.75}', encoding="utf-8")
        places.append(place)
    return Series("m", "#000000", "-", "o", tuple(places))


def test_the_roc_line_is_the_mean_over_runs(tmp_path: Path) -> None:
    # Run 1 ranks all right (curve at 1 throughout), run 2 misplaces one positive: 0.5 up to 50 %, then 1.
    of = series(tmp_path, [0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4])
    with charts.style():
        (axes,) = score_charts.roc_chart([of]).axes
    line = axes.lines[-1].get_xydata()
    assert isinstance(line, np.ndarray)
    curve = dict(np.round(line, 6).tolist())
    assert curve[0.0] == pytest.approx(75)
    assert curve[25.0] == pytest.approx(75)
    assert curve[75.0] == pytest.approx(100)
    assert len(axes.collections) == 1  # the band


def test_the_area_under_the_drawn_roc_is_the_auc_with_ties(tmp_path: Path) -> None:
    scores = [0.1, 0.4, 0.4, 0.8, 0.4, 0.2]
    of = series(tmp_path, scores, labels="nnppnp")
    with charts.style():
        (axes,) = score_charts.roc_chart([of]).axes
    line = np.asarray(axes.lines[-1].get_xydata()) / 100
    drawn = np.trapezoid(line[:, 1], line[:, 0])
    assert drawn == pytest.approx(roc_auc_score([0, 0, 1, 1, 0, 1], scores), abs=0.005)
    assert not axes.collections  # one run has no band


def test_precision_at_each_recall_and_chance(tmp_path: Path) -> None:
    of = series(tmp_path, [0.1, 0.3, 0.2, 0.4])  # first positive at rank 1, second at rank 3
    with charts.style():
        (axes,) = score_charts.precision_recall_chart([of]).axes
    chance, line = axes.lines
    assert np.asarray(chance.get_ydata()).tolist() == [50, 50]
    curve = dict(np.round(np.asarray(line.get_xydata()), 6).tolist())
    assert curve[50.0] == pytest.approx(100)
    assert curve[75.0] == pytest.approx(200 / 3)


def test_a_run_of_one_class_is_left_out_of_every_chart(tmp_path: Path) -> None:
    of = series(tmp_path, [0.1, 0.2], labels="nn")
    with charts.style():
        for draw in score_charts.CHARTS.values():
            (axes,) = draw([of]).axes
            assert all(len(np.asarray(line.get_xdata())) in (0, 2) for line in axes.lines)  # the diagonal at most


def test_all_positive_classes_are_disease(tmp_path: Path) -> None:
    """As in the AUC that stands in the legend: the positive classes come last, and their probabilities are added."""
    table = {"case": list("abc"), "part": "validation", "label": ["ok", "benign", "cancer"]}
    chances = {"p_ok": [0.7, 0.2, 0.3], "p_benign": [0.2, 0.5, 0.1], "p_cancer": [0.1, 0.3, 0.6]}
    pd.DataFrame({**table, **chances}).to_csv(tmp_path / "predictions.csv", index=False)
    (tmp_path / "run.json").write_text('{"input": {"positives": 2}}', encoding="utf-8")
    ((diseased, scores),) = Series("m", "#000000", "-", "o", (tmp_path,)).scores
    assert diseased.tolist() == [False, True, True]
    np.testing.assert_allclose(scores, [0.3, 0.8, 0.7])


def test_calibration_on_the_diagonal(tmp_path: Path) -> None:
    of = series(tmp_path, [0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0], labels="nnnpnppp")
    with charts.style():
        (axes,) = score_charts.calibration_chart([of]).axes
    points = np.asarray(axes.lines[-1].get_xydata())
    assert np.allclose(points[:, 0], points[:, 1])
    assert set(points[:, 0]) == {0, 50, 100}


def test_the_forest_shows_what_comparison_csv_says(tmp_path: Path) -> None:
    folder = synthetic.build(
        tmp_path / "out", datasets=("mri", "ct"), repeats=2, images=30, missing=("ct/resnet18+gc/1",)
    )
    found = score_charts.differences(folder)
    table = pd.read_csv(folder.path / "comparison.csv").dropna(subset="delta")
    assert [100 * delta for delta in table["delta"]] == pytest.approx([row.delta for row in found])
    assert [row.colour for row in found[:3]] == list(charts.COLOURS[1:4])
    with charts.style():
        (axes,) = score_charts.forest_chart(found, "resnet18").axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[0] == "mri"
    assert names[1] == "ResNet-18 + SE"
    assert names.count("ResNet-18 + SE") == 2


def test_no_comparison_no_forest(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=20, missing=[f"mri/{m}/1" for m in synthetic.MODELS])
    assert runs.grid(folder.study)
    assert score_charts.differences(folder) == []
