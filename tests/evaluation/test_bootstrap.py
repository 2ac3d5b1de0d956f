"""The bootstrap over patients: its samples, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from foveate.evaluation import bootstrap
from foveate.evaluation.bootstrap import Statistic, clustered_bootstrap, mean_auc_difference
from foveate.evaluation.delong import auc_interval
from foveate.evaluation.metrics import auc
from foveate.evaluation.results import Estimate, Undefined

Floats = NDArray[np.float64]
LABELS = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 1])
SCORES = np.array([1.0, 3, 2, 2, 4, 2, 3, 5, 0, 1])
PATIENTS = ["a", "a", "b", "c", "c", "d", "d", "e", "f", "f"]  # a and f: both; b, d: healthy; c, e: diseased


class Recorder:
    """A statistic that keeps the samples it is given and its values of them; the data themselves come first."""

    def __init__(self, statistic: Statistic = auc, undefined_every: int = 0) -> None:
        self.statistic, self.every = statistic, undefined_every
        self.samples: list[Floats] = []
        self.values: list[float] = []

    def __call__(self, labels: NDArray[np.bool_], scores: Floats) -> float | Undefined:
        self.samples.append(scores)
        if self.every and len(self.samples) > 1 and len(self.samples) % self.every == 0:
            return Undefined("now and then")
        value = self.statistic(labels, scores)
        assert not isinstance(value, Undefined)
        self.values.append(value)
        return value


def numbers(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(0, 5)), max_size=20),
    seed=st.integers(0, 1000),
    alone=st.booleans(),
)
def test_all_samples_at_once_are_the_samples_one_by_one(
    rows: list[tuple[bool, int, int]], seed: int, alone: bool
) -> None:
    rows = [(False, 0, 0), (True, 1, 1), (True, 0, 2), *rows]
    labels, scores, patients = (np.array(column) for column in zip(*rows, strict=True))
    generators = [np.random.default_rng(seed) for _ in range(2)]
    fast, slow = (
        clustered_bootstrap(labels, scores, None if alone else patients, statistic, 20, generator, null=0.5)
        for statistic, generator in zip((auc, lambda y, s: auc(y, s)), generators, strict=True)
    )
    fast, slow = numbers(fast), numbers(slow)
    assert fast.interval == pytest.approx(slow.interval, abs=1e-12)
    assert fast.standard_error == pytest.approx(slow.standard_error, abs=1e-12)
    assert fast.estimate == slow.estimate == auc(labels, scores)


@pytest.mark.parametrize("cells", [2**22, 50])
def test_differences_all_at_once_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(bootstrap, "_CELLS", cells)  # some samples at a time
    scores = np.random.default_rng(3).integers(5, size=(2, 3, 10)) + LABELS
    fast, slow = (
        numbers(clustered_bootstrap(LABELS, scores, PATIENTS, statistic, 48, np.random.default_rng(1)))
        for statistic in (mean_auc_difference, lambda y, s: mean_auc_difference(y, s))
    )
    assert fast.interval == pytest.approx(slow.interval, abs=1e-12)
    assert fast.standard_error == pytest.approx(slow.standard_error, abs=1e-12)
    means = [np.mean([float(auc(LABELS, run)) for run in model]) for model in scores]  # type: ignore[arg-type]
    assert fast.estimate == pytest.approx(means[1] - means[0], abs=1e-14)


def test_patients_are_drawn_whole_and_within_their_kind() -> None:
    recorder = Recorder()
    clustered_bootstrap(LABELS, np.arange(10.0), PATIENTS, recorder, 200, np.random.default_rng(0))
    counts = np.array([np.bincount(sample.astype(int), minlength=10) for sample in recorder.samples[1:]])
    assert counts.shape == (200, 10)
    of = {name: counts[:, [place for place, own in enumerate(PATIENTS) if own == name]] for name in "abcdef"}
    for times in of.values():
        assert (times == times[:, :1]).all()
    for kind in ("af", "bd", "ce"):
        drawn = sum(of[name][:, 0] for name in kind)
        assert (drawn == 2).all()
        assert of[kind[0]][:, 0].std() > 0.5  # 0, 1 or 2 times: a standard deviation of 0.71


def test_the_result_is_made_of_the_samples() -> None:
    recorder = Recorder()
    found = numbers(
        clustered_bootstrap(LABELS, SCORES, None, recorder, 99, np.random.default_rng(0), confidence=0.8, null=0.6)
    )
    samples = np.array(recorder.values[1:])
    assert found.interval == pytest.approx(tuple(np.quantile(samples, [0.1, 0.9])))
    assert found.standard_error == pytest.approx(samples.std(ddof=1))
    least = min((samples <= 0.6).sum(), (samples >= 0.6).sum())
    assert found.p_value == pytest.approx(2 * (1 + least) / 100)
    assert found.estimate == auc(LABELS, SCORES)


@pytest.mark.parametrize(("null", "p"), [(0.0, 2 / 100), (2.0, 2 / 100), (1.0, 1.0)])
def test_the_p_value_is_never_0_nor_above_1(null: float, p: float) -> None:
    found = numbers(clustered_bootstrap([0, 0, 1, 1], [1, 2, 3, 4], None, auc, 99, np.random.default_rng(0), null=null))
    assert found.p_value == pytest.approx(p)
    assert (found.standard_error, found.interval) == (0, (1, 1))


def test_the_standard_error_is_scipys_and_nearly_delongs() -> None:
    generator = np.random.default_rng(5)
    labels = np.arange(120) % 2
    scores = generator.normal(size=120) + labels
    found = numbers(clustered_bootstrap(labels, scores, None, auc, 4000, generator)).standard_error

    def statistic(ill: Floats, well: Floats, axis: int = -1) -> Floats:
        return np.asarray((ill[..., :, None] > well[..., None, :]).mean((-1, -2)))

    scipys = stats.bootstrap(
        (scores[labels == 1], scores[labels == 0]),
        statistic,
        n_resamples=4000,
        vectorized=True,
        rng=generator,
        method="percentile",
        batch=200,
    )
    # Two standard deviations of 4000 samples: each within 1.1 %, so that 5 % is over three standard errors.
    assert found == pytest.approx(float(scipys.standard_error), rel=0.05)
    assert found == pytest.approx(numbers(auc_interval(labels, scores)).standard_error, rel=0.06)


def test_images_that_say_the_same_twice_add_nothing() -> None:
    labels = np.arange(40) % 2
    scores = np.random.default_rng(2).normal(size=40) + labels
    once, clustered, naive = (
        numbers(clustered_bootstrap(np.tile(labels, n), np.tile(scores, n), who, auc, 500, np.random.default_rng(0)))
        for n, who in ((1, None), (2, np.tile(np.arange(40), 2)), (2, None))
    )
    assert clustered.interval == pytest.approx(once.interval, abs=1e-12)
    assert clustered.standard_error == pytest.approx(once.standard_error, abs=1e-12)
    assert isinstance(once.standard_error, float)
    assert naive.standard_error == pytest.approx(once.standard_error / math.sqrt(2), rel=0.15)


def test_the_generator_decides_the_result() -> None:
    first, second, other = (
        clustered_bootstrap(LABELS, SCORES, PATIENTS, auc, 50, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_a_few_samples_without_a_value_are_left_out_and_many_leave_no_result() -> None:
    few, many = Recorder(undefined_every=20), Recorder(undefined_every=5)
    found = numbers(clustered_bootstrap(LABELS, SCORES, None, few, 100, np.random.default_rng(0)))
    assert len(few.values) == 96
    assert found.standard_error == pytest.approx(np.std(few.values[1:], ddof=1))
    assert isinstance(clustered_bootstrap(LABELS, SCORES, None, many, 100, np.random.default_rng(0)), Undefined)


def test_one_class_is_undefined() -> None:
    generator = np.random.default_rng(0)
    assert isinstance(clustered_bootstrap([1, 1], [1, 2], None, auc, 10, generator), Undefined)
    assert isinstance(clustered_bootstrap([], [], None, auc, 10, generator), Undefined)
    found = clustered_bootstrap([0, 0], np.ones((2, 3, 2)), None, mean_auc_difference, 10, generator)
    assert isinstance(found, Undefined)


def test_one_case_of_each_class_or_one_sample_does_not_vary() -> None:
    found = numbers(clustered_bootstrap([0, 1], [1, 2], None, auc, 10, np.random.default_rng(0)))
    assert (found.standard_error, found.interval) == (0, (1, 1))
    single = numbers(clustered_bootstrap(LABELS, SCORES, None, auc, 1, np.random.default_rng(0)))
    assert isinstance(single.standard_error, Undefined)


def test_infinite_scores_rank_like_any_others() -> None:
    wide = np.where(SCORES >= 4, math.inf, np.where(SCORES <= 1, -math.inf, SCORES))
    found, known = (
        clustered_bootstrap(LABELS, scores, None, auc, 50, np.random.default_rng(0))
        for scores in (wide, np.clip(SCORES, 1, 4))
    )
    assert found == known


@pytest.mark.parametrize(
    ("labels", "scores", "patients", "repetitions", "message"),
    [
        (LABELS, SCORES, None, 0, "at least 1"),
        (LABELS, SCORES[:9], None, 5, "do not fit"),
        (LABELS, SCORES, PATIENTS[:9], 5, "patients"),
        (LABELS, SCORES * math.nan, None, 5, "NaN"),
        (LABELS + 1, SCORES, None, 5, "0 or 1"),
    ],
)
def test_wrong_input_is_refused(labels: Any, scores: Any, patients: Any, repetitions: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clustered_bootstrap(labels, scores, patients, auc, repetitions, np.random.default_rng(0))
