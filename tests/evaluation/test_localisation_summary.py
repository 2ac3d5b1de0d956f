"""localisation-summary.csv from rows worked out by hand, on a small study's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from foveate import runs
from foveate.evaluation.localisation_summary import SUMMARY_COLUMNS, summarise
from foveate.evaluation.scores import RunScores, Several
from foveate.evaluation.strata import strata, truth_of
from foveate.runs import StudyFolder
from tests.report import synthetic

MODELS = list(synthetic.MODELS)[:2]  # the baseline and one other; the rest have no maps here
COLUMNS = ["dataset", "policy", "model", "repeat", "case", "metric", "value", "chance"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("summary") / "out", repeats=3, images=20, masks=False)


def cases_of(folder: StudyFolder) -> list[str]:
    """Four of the ten validation images."""
    split = pd.read_csv(folder.path / "data" / "mri" / "split.csv", dtype=str)
    return list(split.loc[split["part"] == "validation", "case"])[:4]


def rows(
    folder: StudyFolder, values: Mapping[tuple[str, int], Sequence[float | None]], chance: float = 0.1
) -> pd.DataFrame:
    found = [
        ("mri", "paper", model, repeat, case, "energy", value, chance)
        for (model, repeat), own in values.items()
        for case, value in zip(cases_of(folder), own, strict=True)
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def line(table: pd.DataFrame, model: str, stratum: str = "all") -> pd.Series:
    (found,) = [row for _, row in table.iterrows() if (row["model"], row["stratum"]) == (model, stratum)]
    return found


def test_means_by_hand(folder: StudyFolder) -> None:
    table = summarise(
        folder,
        rows(
            folder,
            {
                ("resnet18", 1): [0.2, 0.4, 0.6, None],
                ("resnet18", 2): [0.2, 0.2, 0.2, 0.2],
                ("centre_prior", 0): [0.3, 0.3, 0.5, 0.5],
                ("mean_map", 0): [0.1, 0.1, 0.1, 0.5],
            },
        ),
    )
    assert list(table.columns) == SUMMARY_COLUMNS
    own = line(table, "resnet18")
    assert (own["cases"], own["undefined"]) == (4, 1)
    assert own["value"] == pytest.approx(0.3)  # of 0.4 over three images, and 0.2 over four
    assert own["sd_runs"] == pytest.approx(np.std([0.4, 0.2], ddof=1))
    assert own["chance"] == pytest.approx(0.1)
    assert own["lift"] == pytest.approx((2 + 4 + 6 + 4 * 2) / 7)  # mean over maps
    assert own["centre_prior"] == pytest.approx(0.4)
    assert own["mean_map"] == pytest.approx(0.2)
    assert own["method"] == "nothing to compare with"
    assert np.isnan(own["delta"])


def test_a_difference_rests_on_the_images_where_all_runs_have_the_score(folder: StudyFolder) -> None:
    generator = np.random.default_rng(0)
    values = {(model, repeat): generator.random(4).tolist() for model in MODELS for repeat in (1, 2, 3)}
    values[MODELS[1], 2][3] = None
    table = summarise(folder, rows(folder, values))
    own, baseline = line(table, MODELS[1]), line(table, MODELS[0])
    kept = {key: value[:3] for key, value in values.items()}
    expected = np.mean([kept[MODELS[1], r] for r in (1, 2, 3)]) - np.mean([kept[MODELS[0], r] for r in (1, 2, 3)])
    assert own["delta"] == pytest.approx(expected)
    assert own["delta_low"] < expected < own["delta_high"]
    assert own["p"] == own["p_holm"]
    assert own["method"] == (
        "Obuchowski-Rockette, runs as readers, factorial; the 3 of 4 images where all runs have this score"
    )
    assert baseline["method"] == "baseline"
    assert baseline["cases"] == own["cases"] == 4
    assert (baseline["undefined"], own["undefined"]) == (0, 1)


def test_one_run_a_model_is_a_paired_t_test(folder: StudyFolder) -> None:
    first, second = [0.1, 0.4, 0.3, 0.9], [0.3, 0.5, 0.7, 0.8]
    own = line(summarise(folder, rows(folder, {(MODELS[0], 1): first, (MODELS[1], 1): second})), MODELS[1])
    oracle = stats.ttest_rel(second, first)
    assert own["p"] == pytest.approx(oracle.pvalue)
    assert own["method"] == "paired t over cases; one run a model, so these trained networks only"
    assert np.isnan(own["sd_runs"])


def test_repeats_that_some_model_lacks_do_not_enter_a_difference(folder: StudyFolder) -> None:
    values = {(model, repeat): [0.1 * repeat, 0.2, 0.3, 0.4] for model in MODELS for repeat in (1, 2, 3)}
    del values[MODELS[1], 2]
    own = line(summarise(folder, rows(folder, values)), MODELS[1])
    assert own["delta"] == 0
    assert own["method"].endswith(", repeats 1, 3 only")


def test_without_the_baseline_nothing_is_compared(folder: StudyFolder) -> None:
    table = summarise(folder, rows(folder, {(MODELS[1], 1): [0.1, 0.2, 0.3, 0.4]}))
    assert line(table, MODELS[1])["method"] == "nothing to compare with"


def test_holm_adjusts_over_the_models(folder: StudyFolder) -> None:
    generator = np.random.default_rng(1)
    values = {(model, repeat): generator.random(4).tolist() for model in synthetic.MODELS for repeat in (1, 2, 3)}
    table = summarise(folder, rows(folder, values))
    table = table[(table["stratum"] == "all") & (table["model"] != "resnet18")]
    smallest = table["p"].idxmin()
    assert table.loc[smallest, "p_holm"] == pytest.approx(min(1, 3 * table.loc[smallest, "p"]))


def test_patients_are_the_units_where_they_are_known(folder: StudyFolder) -> None:
    first, second = [0.1, 0.4, 0.3, 0.9], [0.3, 0.5, 0.7, 0.8]
    scores = rows(folder, {(MODELS[0], 1): first, (MODELS[1], 1): second})
    manifest = folder.path / "data" / "mri" / "manifest.csv"
    table = pd.DataFrame({"case": cases_of(folder), "patient": ["x", "x", "y", "z"]})
    runs.write_text(manifest, table.to_csv(index=False))
    try:
        own = line(summarise(folder, scores), MODELS[1])
    finally:
        manifest.unlink()
    assert own["method"].startswith("paired t over patients")
    # Differences 0.2, 0.1, 0.4, -0.1 with mean 0.15; patients' sums of deviations: 0, 0.25, -0.25
    error = np.sqrt((0.25**2 + 0.25**2) / 16 * 3 / 2)
    assert own["p"] == pytest.approx(2 * stats.t.sf(0.15 / error, 2))


def test_repeats_with_cases_of_their_own_are_compared_as_resplits(folder: StudyFolder) -> None:
    cases = cases_of(folder)
    found = [
        ("mri", "paper", model, repeat, cases[repeat], "energy", (0.1 + more) * repeat, 0.1)
        for model, more in zip(MODELS, (0, 0.05), strict=True)
        for repeat in (1, 2, 3)
    ]
    own = line(summarise(folder, pd.DataFrame(found, columns=COLUMNS)), MODELS[1])
    assert own["delta"] == pytest.approx(0.1)  # of 0.05, 0.1 and 0.15
    # Ten images to train and ten to validate: variance 0.0025 (1/3 + 1)
    assert own["p"] == pytest.approx(2 * stats.t.sf(0.1 / np.sqrt(0.0025 * (1 / 3 + 1)), 2))
    assert own["method"] == "Nadeau-Bengio corrected t, re-splits"
    assert np.isnan(own["ci_low"])


def test_a_score_that_no_image_has(folder: StudyFolder) -> None:
    nothing: list[float | None] = [None] * 4
    own = line(summarise(folder, rows(folder, {(model, 1): nothing for model in MODELS})), MODELS[1])
    assert own["undefined"] == 4
    assert np.isnan(own["value"])
    assert own["method"] == "undefined: no image has this score in all runs"


def test_no_rows_no_summary(folder: StudyFolder) -> None:
    assert summarise(folder, pd.DataFrame(columns=COLUMNS)).empty


def test_a_whole_study_is_summarised(tmp_path: Path) -> None:
    whole = synthetic.build(tmp_path / "out", repeats=2, images=24)
    table = pd.read_csv(whole.path / "localisation-summary.csv")
    assert list(table.columns) == SUMMARY_COLUMNS
    assert set(table["stratum"]) >= {"all", "p_truth:low", "p_truth:high"}
    scores = pd.read_csv(whole.path / "localisation.csv")
    own = scores[(scores["model"] == "resnet18+se") & (scores["metric"] == "pixel_auprc")]
    (row,) = table[
        (table["model"] == "resnet18+se") & (table["metric"] == "pixel_auprc") & (table["stratum"] == "all")
    ].to_dict("records")
    assert row["value"] == pytest.approx(own["value"].mean())
    prior = scores[(scores["model"] == "mean_map") & (scores["metric"] == "pixel_auprc")]
    assert row["mean_map"] == pytest.approx(prior["value"].mean())
    halves = table[table["stratum"].str.startswith("p_truth") & (table["metric"] == "energy")]
    assert (halves.groupby("model")["cases"].sum() == row["cases"]).all()


def run(probabilities: list[float], labels: list[bool]) -> RunScores:
    cases = np.array([f"c{number}" for number in range(len(labels))])
    return RunScores("m", 1, cases, np.array(labels), np.array(probabilities))


def test_strata_by_hand() -> None:
    truth = truth_of(
        [run([0.9, 0.4, 0.2, 0.6], [True, True, False, False]), run([0.7, 0.8, 0.4, 0.2], [True, True, False, False])]
    )
    assert truth.right == {"c0": True, "c1": False, "c2": True, "c3": False}
    assert [truth.probability[f"c{n}"] for n in range(4)] == pytest.approx([0.8, 0.6, 0.7, 0.6])
    classes = {"c0": "lesion", "c1": "lesion", "c2": "normal", "c3": "normal"}
    assert strata(["c0", "c1", "c2"], truth, classes) == {
        "all": ["c0", "c1", "c2"],
        "all_right": ["c0", "c2"],
        "class:lesion": ["c0", "c1"],
        "class:normal": ["c2"],
        "p_truth:low": ["c1", "c2"],
        "p_truth:high": ["c0"],
    }
    assert list(strata(["c1"], truth, classes)) == ["all", "p_truth:low"]


def test_of_several_classes_the_true_ones_own_probability_counts() -> None:
    several = Several(("a", "b", "c"), np.array([2, 0]), np.array([[0.4, 0.1, 0.5], [0.3, 0.6, 0.1]]))
    one = RunScores("m", 1, np.array(["x", "y"]), np.array([True, False]), np.array([0.6, 0.7]), several=several)
    truth = truth_of([one])
    assert truth.right == {"x": True, "y": False}
    assert truth.probability == {"x": 0.5, "y": 0.3}
