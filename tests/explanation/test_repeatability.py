"""Correlations of maps between runs: by hand, against scipy, and over a study's files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from foveate import runs
from foveate.explanation import heatmaps
from foveate.explanation.repeatability import COLUMNS, correlation, mean_interval, repeatability
from foveate.runs import Run, StudyFolder
from tests.report import synthetic

MODELS = ("resnet18", "resnet18+se")


@pytest.mark.parametrize(("coefficient", "oracle"), [("pearson", stats.pearsonr), ("spearman", stats.spearmanr)])
def test_equals_scipy(coefficient: str, oracle: object) -> None:
    generator = np.random.default_rng(0)
    first, second = (np.round(generator.normal(size=(4, 3, 5)), 1).astype(np.float32) for _ in range(2))  # with ties
    assert callable(oracle)
    theirs = [oracle(one.ravel(), other.ravel())[0] for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(correlation(first, second, coefficient), theirs, atol=1e-6)


def test_by_hand() -> None:
    # Ranks 1 2 3 4 and 2 1 4 3: covariance 3, variances 5 -> 0.6. A monotone change leaves the ranks.
    first, second = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 1.0], [4.0, 3.0]])
    assert correlation(first, second) == pytest.approx(0.6)
    assert correlation(np.exp(5 * first), second, "spearman") == pytest.approx(0.6)
    assert correlation(first, -3 * first + 7) == pytest.approx(-1)


def test_a_constant_map_and_one_pixel_have_no_correlation() -> None:
    first = np.stack([np.full((2, 2), 0.1), np.arange(4.0).reshape(2, 2)])
    found = correlation(first, np.ones((2, 2, 2)) * np.arange(4.0).reshape(2, 2))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)
    assert np.isnan(correlation(np.ones((1, 1)), np.ones((1, 1)), "spearman"))


def test_maps_of_any_scale() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 4, 4)) * 1e-20
    assert correlation(maps, 1e30 * maps) == pytest.approx([1, 1])


def test_the_interval_draws_patients() -> None:
    generator = np.random.default_rng(0)
    values = np.repeat([0.0, 1.0], 50)
    by_case = mean_interval(values, [str(number) for number in range(100)], 4000, 0.95, generator)
    assert by_case == pytest.approx((0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05), abs=0.012)  # sd of a mean of 100: 0.05
    assert mean_interval(values, ["a"] * 50 + ["b"] * 50, 4000, 0.95, generator) == (0, 1)  # two patients
    assert np.isnan(mean_interval(values, ["a"] * 100, 4000, 0.95, generator)).all()
    assert np.isnan(mean_interval(np.empty(0), [], 4000, 0.95, generator)).all()
    assert np.isnan(mean_interval(values, [str(n) for n in range(100)], 0, 0.95, generator)).all()


def with_maps(folder: StudyFolder, run: Run, raw: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    file = folder.run(run) / "heatmaps.npz"
    replace(heatmaps.load(file), raw=raw.astype(np.float32)).save(file)


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """Two runs of two models on 20 cases, all maps alike but for what a test changes."""
    others = [f"mri/{model}/{repeat}" for model in synthetic.MODELS[2:] for repeat in (1, 2)]
    folder = synthetic.build(tmp_path / "out", repeats=2, images=40, missing=others)
    raw = np.random.default_rng(0).normal(size=(20, 4, 4))
    for run in runs.grid(folder.study):
        if run.model in MODELS:
            with_maps(folder, run, raw)
    return folder


def row(table: pd.DataFrame, model: str, other: str, coefficient: str = "pearson") -> dict[str, float]:
    (found,) = table[
        (table["model"] == model) & (table["other"] == other) & (table["coefficient"] == coefficient)
    ].to_dict("records")
    return {str(key): value for key, value in found.items()}


def test_a_study_of_equal_maps(study: StudyFolder) -> None:
    table = repeatability(study)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * 3
    assert table["correlation"].to_numpy() == pytest.approx(1)
    assert table["ci_low"].to_numpy() == pytest.approx(1)
    assert (table["other_cases"].abs() < 0.2).all()
    assert list(table["pairs"]) == [1, 1, 4] * 2
    assert list(table["kind"]) == ["repeats", "repeats", "models"] * 2


def test_the_mean_is_over_pairs_then_cases(study: StudyFolder) -> None:
    first, second = (run for run in runs.grid(study.study) if run.model == "resnet18+se")
    raw = heatmaps.load(study.run(first) / "heatmaps.npz").raw.astype(np.float64)
    changed = raw.copy()
    changed[:5] = -raw[:5]  # correlation -1
    changed[5:8] = 0.3  # constant: none
    with_maps(study, second, changed)
    table = repeatability(study)
    own = row(table, "resnet18+se", "resnet18+se")
    assert (own["cases"], own["undefined"]) == (17, 3)
    assert own["correlation"] == pytest.approx((12 - 5) / 17)
    assert own["ci_low"] < own["correlation"] < own["ci_high"]
    # With each run of the baseline: 1 and -1 for five cases, 1 alone for three, 1 and 1 for the others.
    across = row(table, "resnet18", "resnet18+se")
    assert (across["cases"], across["undefined"]) == (20, 0)
    assert across["correlation"] == pytest.approx(15 / 20)


def test_the_correlation_of_other_cases_is_that_of_all_pairs_of_cases(study: StudyFolder) -> None:
    raw = heatmaps.load(study.run(next(iter(runs.grid(study.study)))) / "heatmaps.npz").raw
    pairs = [correlation(raw[i], raw[j]) for i in range(20) for j in range(20) if i != j]
    assert row(repeatability(study), "resnet18", "resnet18")["other_cases"] == pytest.approx(float(np.mean(pairs)))


def test_runs_of_other_cases_share_none(study: StudyFolder) -> None:
    second = next(run for run in runs.grid(study.study) if run.model == "resnet18" and run.repeat == 2)
    file = study.run(second) / "heatmaps.npz"
    maps = heatmaps.load(file)
    replace(maps, case=np.array([f"other{number}" for number in range(20)])).save(file)
    own = row(repeatability(study), "resnet18", "resnet18")
    assert own["cases"] == 0
    assert np.isnan(own["correlation"])
    assert np.isnan(own["ci_low"])


def test_another_variant_has_its_own_files(study: StudyFolder) -> None:
    assert repeatability(study, "hires_cam").empty
    run = next(iter(runs.grid(study.study)))
    heatmaps.load(study.run(run) / "heatmaps.npz").save(study.run(run) / heatmaps.file_name("hires_cam"))
    table = repeatability(study, "hires_cam")
    assert len(table) == 2  # one model, no second run: a row that says so
    assert (table["pairs"] == 0).all()
    assert table["correlation"].isna().all()
