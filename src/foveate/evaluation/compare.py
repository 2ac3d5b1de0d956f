"""Runs side by side: each model's mean with its test against the baseline, and all the tests behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate.errors import FoveateError
from foveate.evaluation import bootstrap, multireader, repeats
from foveate.evaluation.delong import components, delong_test
from foveate.evaluation.measures import Measure, run_measures
from foveate.evaluation.multireader import Design
from foveate.evaluation.results import Estimate, Undefined, defined
from foveate.evaluation.scores import RunScores, same_cases, stacked
from foveate.evaluation.thresholds import Rule


@dataclass(frozen=True)
class Settings:
    """How runs are judged and compared."""

    design: Design = "nested"
    confidence: float = 0.95
    rule: Rule = "youden"
    prevalence: float | None = None
    repetitions: int = 2000  # of the bootstrap over patients; 0 leaves it out
    seed: int = 0


@dataclass(frozen=True)
class Finding:
    """One row of tests.csv: an estimate, and what it is of."""

    model: str
    repeat: int | None
    quantity: str
    result: Estimate | Undefined
    note: str = ""


@dataclass(frozen=True)
class ModelComparison:
    """One model's means over its runs, and the headline test of its difference to the baseline."""

    model: str
    aucs: dict[int, float | Undefined]  # by repeat
    delta: Estimate | Undefined | None = None  # None for the baseline
    p_holm: float | None = None

    @property
    def values(self) -> list[float]:
        return [value for value in self.aucs.values() if not isinstance(value, Undefined)]

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.values)) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation between runs."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Compared:
    """The models of one data set, the baseline first, with every test that was made."""

    models: tuple[ModelComparison, ...]
    tests: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())  # what a reader must know: runs left out, designs that fell back


def compare(
    found: Sequence[RunScores], models: Sequence[str], settings: Settings, training_cases: int | None = None
) -> Compared:
    """Compare the runs of one data set; `models` in order, the first the baseline.

    The headline is Obuchowski-Rockette with runs as readers, as many of each model (see `_chosen`). Where repeats were
    split anew, and so have other cases, it is Nadeau and Bengio's test, which needs the number of training cases. With
    one run of each model it falls back to DeLong's test and says so. Holm adjusts over the models. No p-value decides
    which test is used. Raises FoveateError where models of one repeat have scored different cases.
    """
    by_model = {m: {run.repeat: run for run in found if run.model == m} for m in models}
    present = [model for model in models if by_model[model]]
    rows = [ModelComparison(m, {r: _auc(run) for r, run in sorted(by_model[m].items())}) for m in present]
    if len(present) < 2 or present[0] != models[0]:
        return Compared(tuple(rows), tuple(_means(by_model, present, settings)))
    shared = sorted(set.intersection(*(set(by_model[model]) for model in present)))
    chosen, left_out = _chosen(by_model, present, shared, settings.design)
    notes = [left_out] if left_out else []
    used = [run for model in present for run in chosen[model]]
    if not used:
        deltas: list[Estimate | Undefined] = [Undefined("no repeat has a run of every model")] * (len(present) - 1)
        overall: Estimate | Undefined = deltas[0]
    elif not same_cases(used):
        deltas, overall = _resplit(by_model, present, shared, settings, training_cases)
        notes.append("repeats have splits of their own: compared by Nadeau and Bengio's corrected t-test")
    elif len(chosen[present[0]]) == 1:
        (first,) = chosen[present[0]]
        deltas = [_single(first, chosen[model][0], settings) for model in present[1:]]
        overall = Undefined("one run a model cannot show how far runs lie apart")
        notes.append("one run of each model: DeLong's test speaks of these trained networks only, not of the models")
    else:
        scores = np.array([[run.scores for run in chosen[model]] for model in present])
        reference = used[0]
        comparison = multireader.comparison(reference.labels, scores, settings.design, reference.patients)
        if isinstance(comparison, Undefined):
            deltas, overall = [comparison] * (len(present) - 1), comparison
        else:
            deltas = [comparison.against_baseline(n, settings.confidence) for n in range(1, len(present))]
            overall = comparison.overall()
    if left_out:
        which = {model: ", ".join(str(run.repeat) for run in chosen[model]) for model in present}
        deltas = [_over(delta, which[present[0]], which[m]) for delta, m in zip(deltas, present[1:], strict=True)]
    adjusted = _holm(deltas)
    rows[1:] = [replace(row, delta=delta, p_holm=p) for row, delta, p in zip(rows[1:], deltas, adjusted, strict=True)]
    tests = [Finding("", None, "any difference between the models", overall)]
    tests += [
        Finding(row.model, None, "difference of means", delta) for row, delta in zip(rows[1:], deltas, strict=True)
    ]
    tests += _means(by_model, present, settings)
    if shared:
        tests += _secondary(by_model, present, shared, settings)
    return Compared(tuple(rows), tuple(tests), tuple(notes))


def _auc(run: RunScores) -> float | Undefined:
    found = components(run.labels, run.scores[None])
    return found if isinstance(found, Undefined) else float(found.aucs[0])


def _chosen(
    by_model: dict[str, dict[int, RunScores]], present: Sequence[str], shared: Sequence[int], design: Design
) -> tuple[dict[str, list[RunScores]], str]:
    """The runs of each model that are compared, as many of one as of another, and what that leaves out.

    Crossed runs, and runs over cases of their own, need partners of the same repeat; nested ones over the same cases
    do not: the first of each model's runs will do. Raises FoveateError where models of one repeat have other cases.
    """
    for repeat in shared:
        of_repeat = [by_model[model][repeat] for model in present]
        if not same_cases(of_repeat):
            raise FoveateError(f"the models of repeat {repeat} have scored different cases: they cannot be compared.")
    every = {model: [run for _, run in sorted(by_model[model].items())] for model in present}
    repeats_of = {model: list(map(str, by_model[model])) for model in present}
    if all(list(by_model[model]) == list(by_model[present[0]]) for model in present):
        return every, ""
    named = "; ".join(f"{model}: {', '.join(sorted(numbers, key=int))}" for model, numbers in repeats_of.items())
    if design == "nested" and same_cases([run for runs in every.values() for run in runs]):
        fewest = min(map(len, every.values()))
        left = f"models have different runs ({named}): runs need no partners, so the first {fewest} of each are tested"
        return {model: runs[:fewest] for model, runs in every.items()}, left
    kept = ", ".join(map(str, shared)) or "none"
    left = f"some repeats are missing ({named}): the tests use the repeats that all models have ({kept})"
    return {model: [by_model[model][repeat] for repeat in shared] for model in present}, left


def _over(delta: Estimate | Undefined, of_baseline: str, of_model: str) -> Estimate | Undefined:
    """The result with the repeats that it rests on in its method."""
    if isinstance(delta, Undefined):
        return delta
    which = of_model if of_model == of_baseline else f"{of_model} against {of_baseline}"
    return replace(delta, method=f"{delta.method}, repeats {which} only")


def _single(first: RunScores, other: RunScores, settings: Settings) -> Estimate | Undefined:
    result = delong_test(first.labels, first.scores, other.scores, settings.confidence, first.patients)
    if isinstance(result, Undefined):
        return result
    return replace(result, method=f"{result.method}; one run a model, so these trained networks only")


def _resplit(
    by_model: dict[str, dict[int, RunScores]],
    present: Sequence[str],
    shared: Sequence[int],
    settings: Settings,
    training_cases: int | None,
) -> tuple[list[Estimate | Undefined], Estimate | Undefined]:
    none = Undefined("Nadeau and Bengio's test is for pairs of models")
    if training_cases is None:
        missing = Undefined("repeats differ in their cases, and how many cases they were trained on is not known")
        return [missing] * (len(present) - 1), missing
    baseline = by_model[present[0]]
    deltas: list[Estimate | Undefined] = []
    for model in present[1:]:
        pairs = [(_auc(by_model[model][repeat]), _auc(baseline[repeat])) for repeat in shared]
        values = [a - b for a, b in pairs if not isinstance(a, Undefined) and not isinstance(b, Undefined)]
        if len(values) < len(pairs):
            deltas.append(Undefined("a repeat has no AUC"))
            continue
        cases = round(float(np.mean([len(baseline[repeat].cases) for repeat in shared])))
        deltas.append(repeats.nadeau_bengio_test(values, training_cases, cases, settings.confidence))
    return deltas, none


def _holm(deltas: Sequence[Estimate | Undefined]) -> list[float | None]:
    """Adjusted p of each; the family is all comparisons that have one."""
    raw = [defined(delta.p_value) for delta in deltas]
    adjusted = iter(repeats.holm([p for p in raw if p is not None]).tolist())
    return [None if p is None else float(next(adjusted)) for p in raw]


def _means(by_model: dict[str, dict[int, RunScores]], present: Sequence[str], settings: Settings) -> list[Finding]:
    tests = []
    for model in present:
        own = list(by_model[model].values())
        if same_cases(own):
            scores = np.array([run.scores for run in own])
            result = multireader.mean_auc_interval(own[0].labels, scores, settings.confidence, own[0].patients)
            tests.append(Finding(model, None, "mean AUC", result))
    return tests


def _secondary(
    by_model: dict[str, dict[int, RunScores]], present: Sequence[str], shared: Sequence[int], settings: Settings
) -> list[Finding]:
    """DeLong for each run, the bootstrap over patients, P(A > B), and how small a p exact tests can reach."""
    tests, baseline = [], by_model[present[0]]
    paired = settings.design == "factorial"
    for model in present[1:]:
        own = by_model[model]
        for repeat in shared:
            first, other = baseline[repeat], own[repeat]
            result = delong_test(first.labels, first.scores, other.scores, settings.confidence, first.patients)
            tests.append(Finding(model, repeat, "difference in one run", result, "these two trained networks only"))
        reference = baseline[shared[0]]
        used = [by_model[name][repeat] for name in (present[0], model) for repeat in shared]
        if reference.patients is not None and settings.repetitions and same_cases(used):
            result = bootstrap.clustered_bootstrap(
                reference.labels,
                stacked(used, (present[0], model), shared),
                reference.patients,
                bootstrap.mean_auc_difference,
                settings.repetitions,
                np.random.default_rng(settings.seed),
                settings.confidence,
                null=0.0,
            )
            tests.append(Finding(model, None, "difference of means, runs fixed", result, "patients resampled"))
        if len(shared) > 1:
            ours, theirs = ([_auc(runs[repeat]) for repeat in shared] for runs in (own, baseline))
            if not any(isinstance(value, Undefined) for value in (*ours, *theirs)):
                improved = repeats.probability_of_improvement(
                    _floats(theirs), _floats(ours), paired, np.random.default_rng(settings.seed)
                )
                tests.append(Finding(model, None, "probability that a run beats one of the baseline", improved))
    for test, name in (("mann_whitney", "Mann-Whitney"), ("wilcoxon", "Wilcoxon signed-rank")):
        least = Estimate(repeats.smallest_p(test, len(shared)), method=f"exact {name}")
        tests.append(Finding("", None, "smallest p that a test of the runs alone can reach", least))
    return tests


def over_datasets(means: pd.DataFrame) -> list[Finding]:
    """Mean ranks over data sets, 1 the best, with Friedman's test; `means` (data sets, models), without gaps.

    Few data sets cannot give a small p, whatever they show: the least that they can stands beside it.
    """
    ranks = repeats.mean_ranks(means.to_numpy())
    tests = [
        Finding(str(model), None, "mean rank over data sets", Estimate(float(rank), method=f"{len(means)} data sets"))
        for model, rank in zip(means.columns, ranks, strict=True)
    ]
    if means.shape[1] > 2:
        tests.append(Finding("", None, "greatest difference of mean ranks", repeats.friedman_test(means.to_numpy())))
        least = Estimate(repeats.smallest_p("friedman", *means.shape), method="exact Friedman")
        tests.append(Finding("", None, "smallest p that a test of the ranks can reach", least))
    return tests


def _floats(values: Sequence[float | Undefined]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def measures_of(found: Sequence[RunScores], settings: Settings) -> list[list[Measure]]:
    """The measures of each run."""
    return [run_measures(run, settings.rule, settings.prevalence, settings.confidence) for run in found]
