"""Which test a comparison uses, over which runs, and what it says of what it left out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from foveate.errors import FoveateError
from foveate.evaluation import compare_runs, delong_test, holm, overall_test
from foveate.evaluation.compare import Compared, Finding, Settings, compare, over_datasets
from foveate.evaluation.results import Estimate, Undefined
from foveate.evaluation.rows import comparison_rows, finding_rows
from foveate.evaluation.scores import RunScores

MODELS = ("plain", "ours", "other")
SKILL = {"plain": 1.0, "ours": 1.6, "other": 1.1}
CASES = 120
LABELS = np.arange(CASES) % 3 == 0


def run(model: str, repeat: int, patients: bool = False, labels: NDArray[np.bool_] = LABELS) -> RunScores:
    random = np.random.default_rng([MODELS.index(model), repeat])
    shared = np.random.default_rng(99).normal(size=len(labels))
    scores = 1 / (1 + np.exp(-(SKILL[model] * labels + shared + 0.5 * random.normal(size=len(labels)))))
    names = np.array([f"case{number}" for number in range(len(labels))])
    of = np.array([f"patient{number // 3}" for number in range(len(labels))]) if patients else None
    return RunScores(model, repeat, names, labels, scores, of)


def runs(repeats: Iterable[int] = (1, 2, 3), patients: bool = False) -> list[RunScores]:
    return [run(model, repeat, patients) for repeat in repeats for model in MODELS]


def stacked(found: list[RunScores], repeats: Iterable[int]) -> NDArray[np.float64]:
    by_run = {(of.model, of.repeat): of.scores for of in found}
    return np.array([[by_run[model, repeat] for repeat in repeats] for model in MODELS])


def named(compared: Compared, quantity: str, model: str = "") -> list[Finding]:
    return [test for test in compared.tests if test.quantity == quantity and test.model == model]


@pytest.mark.parametrize("design", ["nested", "factorial"])
def test_the_headline_is_obuchowski_rockette_with_holm_over_the_models(design: str) -> None:
    found = runs()
    compared = compare(found, MODELS, Settings(design=design))  # type: ignore[arg-type]
    expected = compare_runs(LABELS, stacked(found, (1, 2, 3)), design)  # type: ignore[arg-type]
    assert tuple(row.delta for row in compared.models[1:]) == expected
    assert [row.p_holm for row in compared.models[1:]] == pytest.approx(
        holm([float(str(of.p_value)) for of in expected])
    )
    assert named(compared, "any difference between the models")[0].result == overall_test(
        LABELS,
        stacked(found, (1, 2, 3)),
        design,  # type: ignore[arg-type]
    )
    assert compared.models[0].delta is None
    assert compared.notes == ()


def test_means_and_spread_by_hand() -> None:
    labels = np.array([False, False, True, True])
    scores = {1: [0.1, 0.2, 0.3, 0.4], 2: [0.1, 0.3, 0.2, 0.4], 3: [0.4, 0.3, 0.2, 0.1]}  # AUC 1, 0.75, 0
    names = np.array(["a", "b", "c", "d"])
    found = [RunScores("plain", repeat, names, labels, np.array(of)) for repeat, of in scores.items()]
    (row,) = compare(found, ["plain"], Settings()).models
    assert row.values == [1.0, 0.75, 0.0]
    assert row.mean == pytest.approx(1.75 / 3)
    assert row.deviation == pytest.approx(0.52041650)  # squares of 5/12, 1/6, -7/12, over n - 1 = 2


def test_delong_of_each_run_stands_beside_it() -> None:
    found = runs()
    tests = named(compare(found, MODELS, Settings()), "difference in one run", "ours")
    assert [test.repeat for test in tests] == [1, 2, 3]
    assert tests[1].result == delong_test(LABELS, run("plain", 2).scores, run("ours", 2).scores)


def test_crossed_runs_need_partners_so_a_missing_one_is_said_and_the_shared_repeats_are_used() -> None:
    found = [of for of in runs() if (of.model, of.repeat) != ("other", 2)]
    compared = compare(found, MODELS, Settings(design="factorial"))
    (note,) = compared.notes
    assert "plain: 1, 2, 3; ours: 1, 2, 3; other: 1, 3" in note
    assert "the repeats that all models have (1, 3)" in note
    (expected, _) = compare_runs(LABELS, stacked(runs(), (1, 3)), "factorial")
    delta = compared.models[1].delta
    assert isinstance(delta, Estimate)
    assert isinstance(expected, Estimate)
    assert delta.estimate == expected.estimate
    assert delta.p_value == expected.p_value
    assert delta.method.endswith("repeats 1, 3 only")
    assert len(compared.models[1].values) == 3  # all of a model's own runs count in its mean


def test_nested_runs_need_none_so_the_first_of_each_are_used() -> None:
    found = [run("plain", 1), run("plain", 2), run("plain", 3), run("ours", 4), run("ours", 5)]
    compared = compare(found, MODELS[:2], Settings())
    scores = np.array([[found[0].scores, found[1].scores], [found[3].scores, found[4].scores]])
    (expected,) = compare_runs(LABELS, scores)
    delta = compared.models[1].delta
    assert isinstance(delta, Estimate)
    assert isinstance(expected, Estimate)
    assert (delta.estimate, delta.p_value) == (expected.estimate, expected.p_value)
    assert delta.method.endswith("repeats 4, 5 against 1, 2 only")
    assert "the first 2 of each are tested" in compared.notes[0]


def test_no_common_repeat_refuses_with_the_reason() -> None:
    compared = compare([run("plain", 1), run("ours", 2)], MODELS[:2], Settings(design="factorial"))
    assert compared.models[1].delta == Undefined("no repeat has a run of every model")
    table = comparison_rows("d", "clean", compared)
    assert table["p"].isna().all()
    assert table["method"].tolist() == ["baseline", "undefined: no repeat has a run of every model"]


def test_models_of_one_repeat_over_other_cases_are_refused() -> None:
    cut = run("ours", 1)
    cut = RunScores("ours", 1, cut.cases[:-2], cut.labels[:-2], cut.scores[:-2])
    with pytest.raises(FoveateError, match="models of repeat 1 have scored different cases"):
        compare([run("plain", 1), cut], MODELS[:2], Settings())


def test_one_run_a_model_falls_back_to_delong_and_says_so() -> None:
    found = runs((1,))
    compared = compare(found, MODELS, Settings())
    delta = compared.models[1].delta
    expected = delong_test(LABELS, run("plain", 1).scores, run("ours", 1).scores)
    assert isinstance(delta, Estimate)
    assert isinstance(expected, Estimate)
    assert (delta.p_value, delta.interval) == (expected.p_value, expected.interval)
    assert "trained networks only" in delta.method
    assert "one run of each model" in compared.notes[0]
    overall = named(compared, "any difference between the models")[0].result
    assert isinstance(overall, Undefined)


def test_patients_widen_the_interval_and_bring_the_bootstrap() -> None:
    without, with_patients = (compare(runs(patients=known), MODELS, Settings()) for known in (False, True))
    fixed = named(with_patients, "difference of means, runs fixed", "ours")
    assert len(fixed) == 1
    assert not named(without, "difference of means, runs fixed", "ours")
    assert named(compare(runs(patients=True), MODELS, Settings(repetitions=0)), "difference of means, runs fixed") == []
    expected = compare_runs(LABELS, stacked(runs(), (1, 2, 3)), patients=run("plain", 1, True).patients)
    assert with_patients.models[1].delta == expected[0]


def test_re_splits_are_compared_by_nadeau_and_bengio() -> None:
    found = []
    for repeat in (1, 2, 3):
        for model in MODELS[:2]:
            one = run(model, repeat)
            other = np.array([f"split{repeat}-{name}" for name in one.cases.tolist()])
            found.append(RunScores(model, repeat, other, one.labels, one.scores))
    compared = compare(found, MODELS[:2], Settings(), training_cases=480)
    delta = compared.models[1].delta
    assert isinstance(delta, Estimate)
    assert "Nadeau-Bengio" in delta.method
    differences = np.array([a - b for a, b in zip(compared.models[1].values, compared.models[0].values, strict=True)])
    assert delta.estimate == pytest.approx(differences.mean())
    assert delta.standard_error == pytest.approx(np.sqrt(differences.var(ddof=1) * (1 / 3 + 120 / 480)))
    unknown = compare(found, MODELS[:2], Settings()).models[1].delta
    assert isinstance(unknown, Undefined)


def test_one_class_is_undefined_everywhere_and_never_nan() -> None:
    labels = np.ones(CASES, dtype=bool)
    found = [run(model, repeat, labels=labels) for repeat in (1, 2) for model in MODELS]
    compared = compare(found, MODELS, Settings())
    assert all(row.mean is None for row in compared.models)
    table = comparison_rows("d", "clean", compared)
    assert table[["mean_auc", "delta", "p"]].isna().all(axis=None)
    assert "both classes" in table["method"][1]
    assert "both classes" in finding_rows("d", "clean", compared)["note"].iloc[0]


def test_a_lone_model_and_a_missing_baseline_have_nothing_to_compare() -> None:
    alone = comparison_rows("d", "clean", compare([run("plain", 1)], MODELS, Settings()))
    assert alone["method"].tolist() == ["nothing to compare with"]
    without = comparison_rows("d", "clean", compare([run("ours", 1), run("other", 1)], MODELS, Settings()))
    assert without["method"].tolist() == ["nothing to compare with"] * 2


def test_the_p_that_runs_alone_can_reach_stands_in_the_table() -> None:
    table = finding_rows("d", "clean", compare(runs(), MODELS, Settings()))
    least = table[table["quantity"].str.startswith("smallest p")].set_index("method")["estimate"]
    assert least["exact Mann-Whitney"] == pytest.approx(0.1)  # 2 of the 20 orders of three against three
    assert least["exact Wilcoxon signed-rank"] == pytest.approx(0.25)
    assert (table["dataset"] == "d").all()


def test_ranks_over_data_sets_by_hand() -> None:
    means = pd.DataFrame({"plain": [0.8, 0.9, 0.7], "ours": [0.9, 0.95, 0.6], "other": [0.7, 0.8, 0.5]})
    ranks = {test.model: test.result for test in over_datasets(means) if test.quantity == "mean rank over data sets"}
    assert {model: of.estimate for model, of in ranks.items()} == pytest.approx(
        {"plain": 5 / 3, "ours": 4 / 3, "other": 3}
    )
    friedman = next(
        test.result for test in over_datasets(means) if test.quantity == "greatest difference of mean ranks"
    )
    # 12 n / (k (k + 1)) times the sum of squares of mean ranks about (k + 1) / 2: 3 * ((1/3)^2 + (2/3)^2 + 1)
    assert friedman.statistic == pytest.approx(3 * (1 / 9 + 4 / 9 + 1))
    least = next(test.result for test in over_datasets(means) if "smallest p" in test.quantity)
    assert least.estimate == pytest.approx(6 / 6**3)
