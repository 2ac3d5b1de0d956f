"""How much faster than their textbook forms are the statistics, and does their memory stay linear?

Prints, for the paired DeLong test of 10,000 and 100,000 cases and for the comparison of 8 models x 10 runs x 10,000
cases, how many times as fast as DeLong's formula over all pairs of cases they are; how many bytes a case the paired
test takes at its peak; and for the bootstrap, how many times as fast as a loop that calls scikit-learn's AUC for each
sample it is. The formula is measured twice: as it stands, with its matrix of all pairs, and in blocks that stay in the
processor's cache, which is the best that it can do. The aim is 50 at 10,000 cases; the ratio grows with the cases.
Both forms must agree to 1e-10. It takes a minute and a half.
"""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks import textbook_statistics
from benchmarks.timing import by_turns, conditions, summary
from foveate.evaluation import metrics
from foveate.evaluation.bootstrap import clustered_bootstrap, mean_auc_difference
from foveate.evaluation.delong import delong_test
from foveate.evaluation.multireader import compare_runs
from foveate.evaluation.results import Estimate, Undefined

MODELS, RUNS, CASES, MANY_CASES = 8, 10, 10_000, 100_000
BLOCK = 400_000  # pairs of the textbook's matrix at a time: of 50,000 to 24 million, the fastest here
SAMPLES, PATIENTS, IMAGES = 1_000, 400, 2  # of the bootstrap; images of one patient
TOLERANCE = 1e-10

Floats = NDArray[np.float64]
Result = Estimate | Undefined


def synthetic_scores(shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], Floats]:
    """Labels (cases,), 40 % of them positive, and scores (..., cases): each of a common part and a part of its own."""
    generator = np.random.default_rng(0)
    positive = np.arange(shape[-1]) % 5 < 2
    common = 1.5 * positive + generator.normal(size=shape[-1])
    scores = common + 0.5 * generator.normal(size=shape)
    return positive, scores.astype(np.float32).astype(np.float64)  # a network's scores are float32


def numbers(*results: Result) -> list[float]:
    """Difference, standard error and p of each result."""
    found: list[float] = []
    for result in results:
        assert isinstance(result, Estimate)
        assert isinstance(result.standard_error, float)
        assert isinstance(result.p_value, float)
        found += [result.estimate, result.standard_error, result.p_value]
    return found


def print_ratio(words: str, ours: Callable[[], object], reference: Callable[[], object], rounds: int) -> None:
    """One row. Both give the same numbers, in the same order: AssertionError where they do not."""
    results: dict[str, Floats] = {}

    def kept(name: str, form: Callable[[], object]) -> None:
        results[name] = np.ravel(np.asarray(form(), dtype=np.float64))

    fast, slow = by_turns(partial(kept, "ours", ours), partial(kept, "reference", reference), rounds)
    apart = float(np.abs(results["ours"] - results["reference"]).max())
    assert apart <= TOLERANCE, f"{words}: the two forms differ by {apart:.1e}"
    ratios = [theirs / own for own, theirs in zip(fast, slow, strict=True)]
    seconds = f"{statistics.median(fast):7.4f} against {statistics.median(slow):7.4f} s"
    print(f"{words:64} {seconds}  ratio {summary(ratios):26}  agree to {apart:.0e}", flush=True)


def bench_delong(cases: int, pairs: int | None, rounds: int) -> None:
    positive, (one, other) = synthetic_scores((2, cases))
    print_ratio(
        f"delong_test, {cases:,} cases; {'all pairs at once' if pairs is None else 'pairs in blocks'}",
        lambda: numbers(delong_test(positive, one, other)),
        lambda: textbook_statistics.delong_test(positive, one, other, pairs),
        rounds,
    )


def bench_compare_runs(pairs: int | None, rounds: int) -> None:
    positive, scores = synthetic_scores((MODELS, RUNS, CASES))
    form = "all pairs at once" if pairs is None else "pairs in blocks"
    print_ratio(
        f"compare_runs, {MODELS} x {RUNS} x {CASES:,} cases; {form}",
        lambda: numbers(*compare_runs(positive, scores)),
        lambda: textbook_statistics.compare_runs(positive, scores, pairs),
        rounds,
    )


def print_memory() -> None:
    """The peak of what the paired test allocates, its arguments not counted."""
    for cases in (MANY_CASES // 4, MANY_CASES // 2, MANY_CASES):
        positive, (one, other) = synthetic_scores((2, cases))
        tracemalloc.start()
        delong_test(positive, one, other)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        matrix = 8 * int(positive.sum()) * int((~positive).sum())
        print(
            f"delong_test, {cases:7,} cases: peak {peak / 2**20:5.1f} MiB, {peak / cases:5.1f} bytes a case; "
            f"a matrix of all pairs: {matrix / 2**30:4.1f} GiB"
        )


def scikit_learn_auc(labels: NDArray[np.bool_], scores: Floats) -> float:
    return float(roc_auc_score(labels, scores))


def scikit_learn_difference(labels: NDArray[np.bool_], scores: Floats) -> float:
    first, second = (np.mean([roc_auc_score(labels, run) for run in model]) for model in scores)
    return float(second - first)


def bench_bootstrap(rounds: int) -> None:
    """A statistic that the bootstrap does not know is called sample by sample: the same samples from the same seed."""
    positive, scores = synthetic_scores((2, 3, PATIENTS * IMAGES))
    patients = np.arange(PATIENTS * IMAGES) // IMAGES

    def bootstrap(statistic: Callable[..., float | Undefined], values: Floats) -> list[float]:
        generator = np.random.default_rng(0)
        result = clustered_bootstrap(positive, values, patients, statistic, SAMPLES, generator, null=0.0)
        assert isinstance(result.interval, tuple)
        return [*numbers(result), *result.interval]

    for words, known, plain, values in (
        ("AUC", metrics.auc, scikit_learn_auc, scores[0, 0]),
        ("difference of 2 x 3 runs", mean_auc_difference, scikit_learn_difference, scores),
    ):
        ours, reference = partial(bootstrap, known, values), partial(bootstrap, plain, values)
        print_ratio(f"clustered_bootstrap, {words}; loop over samples", ours, reference, rounds)


def main() -> None:
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}"
    print(f"the statistics against their textbook forms, by turns; {conditions()}, {versions}; BLAS with one thread")
    # Both forms end with one small matrix product. Where others use the machine too, BLAS' second thread makes it wait
    # longer than all the rest takes.
    with threadpool_limits(limits=1, user_api="blas"):
        bench_delong(CASES, None, rounds=9)
        bench_delong(CASES, BLOCK, rounds=9)
        bench_delong(MANY_CASES, BLOCK, rounds=2)
        bench_compare_runs(None, rounds=3)
        bench_compare_runs(BLOCK, rounds=3)
        print_memory()
        print(f"bootstrap of {PATIENTS} patients with {IMAGES} images each, {SAMPLES:,} samples")
        bench_bootstrap(rounds=2)


if __name__ == "__main__":
    main()
