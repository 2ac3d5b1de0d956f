"""Does the test of several training runs a model hold its level, and what can it show?

Simulates studies whose truth is known, runs five tests on each, and counts how often they find a difference at 0.05.
Runs of a model differ (training is random) and cases are a sample: a test that forgets one of the two is wrong where
that one matters. The score of case c by run j of model i (binormal, within a class a variance of 1):

    (separation_i + shift_ij) * diseased_c + case_c + model_case_ic + run_case_ijc

where the shift makes the true AUC of a run vary with a standard deviation of 0.004 or 0.013, and case, model_case and
run_case have 80, 10 and 10 % of the variance. Runs are `nested`: all shifts are drawn apart; or `factorial`: run j of
every model shares half the variance of its shift, as where it shares the split. 150 diseased and 250 healthy cases,
3 runs a model, AUC 0.90; 2 models, or 4 of which three are held against the first with Holm's correction, where a
single rejection counts. All tests see the same studies.

Takes three minutes on two cores; prints a table and writes docs/comparison-test.csv and docs/comparison-test.png.
Columns: design (how the runs were made), run_sd (of the true AUC, between runs), models, difference (true, of model 1
less model 0), test, repetitions, rejected (share of them), low and high (its exact 95 % binomial interval),
mean_difference and observed_sd (of the AUCs as measured: mean of model 1 less 0; between runs of one model).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray
from scipy import stats

from foveate.evaluation.delong import delong_test
from foveate.evaluation.multireader import Comparison, Design, comparison
from foveate.evaluation.results import Estimate
from foveate.explanation.charts import COLOURS, DASHES, FAINT, MARKERS, style

DISEASED, HEALTHY, RUNS, AUC, ALPHA = 150, 250, 3, 0.90, 0.05
CASE, MODEL_CASE, RUN_CASE = 0.8, 0.1, 0.1  # shares of the variance within a class
SHARED = 0.5  # of the shift's variance, between run j of all models of a factorial design
RUN_SDS = {0.004: "small", 0.013: "large"}
DESIGNS: tuple[Design, ...] = ("nested", "factorial")
DIFFERENCES = (0.01, 0.02, 0.03, 0.04)
CHUNK = 125  # repetitions of one task of a process
TESTS = (
    "Obuchowski-Rockette, nested",
    "Obuchowski-Rockette, factorial",
    "DeLong, one run each",
    "cases only, runs fixed",
    "Welch, runs only",
)
LABELS = np.arange(DISEASED + HEALTHY) < DISEASED

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    design: Design
    run_sd: float
    models: int
    difference: float


def settings() -> Iterator[Setting]:
    """All that is simulated: no difference with 2 and 4 models, then true differences of two models."""
    for design in DESIGNS:
        for run_sd in RUN_SDS:
            yield from (Setting(design, run_sd, models, 0.0) for models in (2, 4))
            yield from (Setting(design, run_sd, 2, difference) for difference in DIFFERENCES)


def simulated_scores(setting: Setting, generator: np.random.Generator) -> Floats:
    """(models, runs, cases)."""
    shape = (setting.models, RUNS)
    auc = np.full((setting.models, 1), AUC)
    auc[1] += setting.difference
    quantile = stats.norm.ppf(auc)
    # Of the AUC's derivative by the separation: a shift of this SD moves the AUC by run_sd, whatever the model.
    shift_sd = setting.run_sd * math.sqrt(2) / stats.norm.pdf(quantile)
    shared = SHARED if setting.design == "factorial" else 0.0
    shift = math.sqrt(1 - shared) * generator.normal(size=shape)
    shift += math.sqrt(shared) * generator.normal(size=(1, RUNS))
    separation = quantile * np.sqrt(2 + shift_sd**2) + shift_sd * shift  # the mean over shifts is the AUC exactly
    scores = separation[:, :, None] * LABELS
    scores += math.sqrt(CASE) * generator.normal(size=LABELS.size)
    scores += math.sqrt(MODEL_CASE) * generator.normal(size=(setting.models, 1, LABELS.size))
    scores += math.sqrt(RUN_CASE) * generator.normal(size=(*shape, LABELS.size))
    return np.asarray(scores)


def p_values(scores: Floats) -> tuple[list[list[float]], Floats]:
    """p of each test for each of models 1, 2, ... against model 0, and the AUCs (models, runs)."""
    others = range(1, len(scores))
    nested, factorial = (compared(scores, design) for design in DESIGNS)
    pairs = [compared(scores[[0, model]], "factorial") for model in others]  # all four covariances, for fixed runs
    welch = stats.ttest_ind(nested.aucs[1:], nested.aucs[0], axis=1, equal_var=False).pvalue
    found = [
        [p_of(nested.against_baseline(model)) for model in others],
        [p_of(factorial.against_baseline(model)) for model in others],
        [p_of(delong_test(LABELS, scores[0, 0], scores[model, 0])) for model in others],
        [p_of(pair.runs_fixed()) for pair in pairs],
        [float(p) for p in welch],
    ]
    return found, nested.aucs


def compared(scores: Floats, design: Design) -> Comparison:
    found = comparison(LABELS, scores, design)
    assert isinstance(found, Comparison)
    return found


def p_of(result: object) -> float:
    assert isinstance(result, Estimate)
    assert isinstance(result.p_value, float)
    return result.p_value


def counts(setting: Setting, repetitions: int, seed: Sequence[int]) -> Floats:
    """How many repetitions each test rejects; then sums of the difference and of the variance between runs."""
    generator = np.random.default_rng(seed)
    total = np.zeros(len(TESTS) + 2)
    for _ in range(repetitions):
        found, aucs = p_values(simulated_scores(setting, generator))
        total[: len(TESTS)] += [min(p) * len(p) < ALPHA for p in found]  # Holm's first step: does it reject any
        total[len(TESTS) :] += aucs[1].mean() - aucs[0].mean(), aucs.var(axis=1, ddof=1).mean()
    return total


def simulate(repetitions: int) -> pd.DataFrame:
    """One row a setting and test. The seeds do not depend on the number of processes."""
    tasks = []
    for number, setting in enumerate(settings()):
        wanted = repetitions if setting.difference == 0 else max(1, repetitions // 2)
        for chunk, start in enumerate(range(0, wanted, CHUNK)):
            tasks.append((setting, min(CHUNK, wanted - start), (number, chunk)))
    totals: dict[Setting, Floats] = {}
    done: dict[Setting, int] = {}
    with ProcessPoolExecutor(2) as pool:
        for (setting, size, _), total in zip(tasks, pool.map(counts, *zip(*tasks, strict=True)), strict=True):
            totals[setting] = totals.get(setting, 0.0) + total
            done[setting] = done.get(setting, 0) + size
    rows = []
    for setting, total in totals.items():
        n, (difference, variance) = done[setting], total[len(TESTS) :] / done[setting]
        for test, rejected in zip(TESTS, total, strict=False):
            interval = stats.binomtest(int(rejected), n).proportion_ci(method="exact")
            rates = (rejected / n, interval.low, interval.high, difference, math.sqrt(variance))
            rows.append((*vars(setting).values(), test, n, *(round(float(rate), 4) for rate in rates)))
    columns = ["design", "run_sd", "models", "difference", "test", "repetitions", "rejected", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "mean_difference", "observed_sd"])


def draw(table: pd.DataFrame) -> Figure:
    """Left, what the tests find where there is nothing; right, where there is something. A colour is a test in both."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.15, 1)})
    _draw_level(left, table[table["difference"] == 0])
    _draw_power(right, table[(table["design"] == "nested") & (table["models"] == 2)])
    for number, (run_sd, words) in enumerate(RUN_SDS.items()):
        label = f"{words} run noise: true AUCs of runs have an SD of {run_sd}"
        left.plot([], [], MARKERS[number], linestyle=DASHES[2 * number], color=FAINT, markersize=4.5, label=label)
    left.plot([], [], "o", color=FAINT, markerfacecolor="white", markersize=4.5, label="hollow: 4 models, Holm")
    left.plot([], [], color=FAINT, linewidth=0.8, label="thin: does not hold its level there")
    figure.legend(loc="outside lower center", ncols=2, columnspacing=3)
    return figure


def _draw_level(axes: Axes, table: pd.DataFrame) -> None:
    """Rows are tests, below the design of the studies; each has both run noises, with 2 and with 4 models."""
    axes.axvspan(0.03, 0.07, color=FAINT, alpha=0.25, linewidth=0)
    axes.axvline(ALPHA, color=FAINT, linewidth=0.8)
    rows = {(design, test): 6.2 * d + t + 1 for d, design in enumerate(DESIGNS) for t, test in enumerate(TESTS)}
    for _, found in table.iterrows():
        large, many = found["run_sd"] == max(RUN_SDS), found["models"] > 2
        place = rows[found["design"], found["test"]] + (-0.3, -0.1, 0.1, 0.3)[2 * large + many]
        colour = COLOURS[TESTS.index(found["test"])]
        axes.plot([found["low"], found["high"]], [place, place], color=colour, linewidth=1)
        face = "white" if many else colour
        axes.plot(found["rejected"], place, MARKERS[int(large)], color=colour, markerfacecolor=face, markersize=4)
    axes.set_yticks(list(rows.values()), [test for _, test in rows])
    for number, words in enumerate(("runs made apart (nested)", "run j of all models alike (factorial)")):
        axes.text(0.0135, 6.2 * number + 0.2, words, fontweight="bold", va="center")
    axes.set(xscale="log", xlim=(0.0125, 0.6), ylim=(11.8, -0.2), xlabel="false positives at 0.05 (%), no difference")
    axes.xaxis.set_major_locator(FixedLocator([0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.5]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", length=0)


def _draw_power(axes: Axes, table: pd.DataFrame) -> None:
    """A test that does not hold its level at a run noise is drawn thin there: it would find nothing as well."""
    axes.axhspan(3, 7, color=FAINT, alpha=0.25, linewidth=0)
    # A label and how far above the end of its curve; the factorial form is not for these studies.
    ends = (("Obuchowski-\nRockette", 0), None, ("DeLong", 0), ("cases only", -1.5), ("Welch", 0))
    for test, end, colour in zip(TESTS, ends, COLOURS, strict=False):
        for number, run_sd in enumerate(RUN_SDS if end else ()):
            curve = table[(table["test"] == test) & (table["run_sd"] == run_sd)].sort_values("difference")
            x, y = curve["difference"].to_numpy(dtype=np.float64), 100 * curve["rejected"].to_numpy(dtype=np.float64)
            width = 1.8 if y[0] <= 7 else 0.8
            axes.plot(
                x, y, MARKERS[number], linestyle=DASHES[2 * number], color=colour,
                linewidth=width, markersize=2.5 * width,
            )  # fmt: skip
        if end:
            axes.text(0.0415, y[-1] + end[1], end[0], color=colour, va="center")
    axes.text(-0.0005, 106, "runs made apart (nested), 2 models", fontweight="bold", va="center")
    axes.text(0.0415, 100, "small noise: all", va="center")
    axes.set(xlabel="true difference of AUC", ylabel="found at 0.05 (%)", xlim=(-0.0015, 0.057), ylim=(0, 109))
    axes.set_xticks([0.0, *DIFFERENCES])
    axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=4000, help="studies without a difference; half with one")
    table = simulate(parser.parse_args().repetitions)
    print(table.to_string(index=False))
    docs = Path(__file__).parents[1] / "docs"
    table.to_csv(docs / "comparison-test.csv", index=False)
    with style():
        draw(table).savefig(docs / "comparison-test.png", dpi=200)


if __name__ == "__main__":
    main()
