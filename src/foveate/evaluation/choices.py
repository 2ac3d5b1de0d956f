"""Which model is chosen: tests and strengths for choices among models, as readers of heat-maps make them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special, stats

from foveate.evaluation.results import Estimate, Undefined

Floats = NDArray[np.float64]

_ENUMERABLE = 2_000_000  # outcomes beyond which the exact multinomial test gives way to chi-square


@dataclass(frozen=True)
class Strengths:
    """Bradley-Terry: how strongly each model is preferred."""

    log_strength: Floats  # (k,), 0 for the reference
    standard_error: Floats  # (k,), of the difference to the reference
    share: Floats  # (k,), strengths scaled to a sum of 1


def bradley_terry(wins: ArrayLike, reference: int = 0, prior: float = 0.0) -> Strengths | Undefined:
    """Strengths from pairs: P(i beats j) = s_i / (s_i + s_j), by maximum likelihood (Bradley and Terry 1952).

    `wins` (k, k): how often the row beat the column. `prior` adds that many wins to both sides of every pair.
    Undefined where some models never lost to, or never won against, the rest: then a strength is infinite, which a
    prior above 0 (say 0.5) mends. Raises ValueError for a table that is not square or has negative entries.
    """
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or (table < 0).any():
        raise ValueError("wins must be a square table of numbers of at least 0")
    if not 0 <= reference < len(table) or prior < 0:
        raise ValueError(f"reference must be one of {len(table)} models and prior at least 0: {reference}, {prior}")
    table = table + prior
    np.fill_diagonal(table, 0)
    if sparse.csgraph.connected_components(table > 0, connection="strong")[0] > 1:
        return Undefined(
            "some models never lost to (or never beat) the others: their strength is infinite; use a prior"
        )
    k, games = len(table), table + table.T
    beta = np.zeros(k)
    others = np.arange(k) != reference
    for _ in range(100):  # Newton: the likelihood is concave
        p = special.expit(np.subtract.outer(beta, beta))
        slope = table.sum(1) - (games * p).sum(1)
        curve = -games * p * (1 - p)
        curve[np.diag_indices(k)] = -curve.sum(1) + np.diag(curve)
        step = np.linalg.solve(curve[np.ix_(others, others)], slope[others])
        beta[others] += np.clip(step, -2, 2)
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    error = np.zeros(k)
    error[others] = np.sqrt(np.diag(np.linalg.inv(curve[np.ix_(others, others)])))
    return Strengths(beta, error, special.softmax(beta))


def exact_multinomial_test(counts: ArrayLike, probabilities: ArrayLike | None = None) -> Estimate | Undefined:
    """Whether choices (k,) come from these probabilities (even ones if None): p over all outcomes no more likely.

    The statistic is chi-square; the estimate is the greatest count's share. Beyond two million outcomes the p-value is
    chi-square's, and `method` says so. Raises ValueError for negative counts or probabilities that do not sum to 1.
    """
    seen = np.asarray(counts, dtype=np.int64)
    if seen.ndim != 1 or (seen < 0).any() or not np.array_equal(seen, np.asarray(counts)):
        raise ValueError("counts must be whole numbers of at least 0")
    k, n = len(seen), int(seen.sum())
    if n == 0 or k < 2:
        return Undefined("no choice among two models was made")
    expected = np.full(k, 1 / k) if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    if expected.shape != seen.shape or (expected <= 0).any() or abs(expected.sum() - 1) > 1e-9:
        raise ValueError(f"probabilities must be {k} positive numbers that sum to 1")
    chi2 = float(((seen - n * expected) ** 2 / (n * expected)).sum())
    share, freedom = float(seen.max() / n), float(k - 1)
    if math.comb(n + k - 1, k - 1) > _ENUMERABLE:
        p = float(stats.chi2.sf(chi2, freedom))
        return Estimate(share, None, None, chi2, freedom, p, "multinomial, by chi-square: too many outcomes to count")
    ours = float(stats.multinomial.logpmf(seen, n, expected))
    p = 0.0
    for outcomes in _outcomes(n, k):
        logs = stats.multinomial.logpmf(outcomes, n, expected)
        p += float(np.exp(logs[logs <= ours + 1e-7]).sum())
    return Estimate(share, None, None, chi2, freedom, min(p, 1.0), "exact multinomial")


def _outcomes(n: int, k: int) -> Iterator[NDArray[np.int64]]:
    """All ways to share n among k, in blocks (m, k)."""
    if k == 1:
        yield np.array([[n]])
    elif k == 2:
        first = np.arange(n + 1)
        yield np.stack([first, n - first], axis=1)
    else:
        for one in range(n + 1):
            for rest in _outcomes(n - one, k - 1):
                yield np.concatenate([np.full((len(rest), 1), one), rest], axis=1)


def within_case_permutation_test(
    choices: Sequence[int | None] | NDArray[np.int64],
    models: int,
    cases: ArrayLike | None = None,
    repetitions: int = 10_000,
    generator: np.random.Generator | None = None,
) -> Estimate | Undefined:
    """Whether models are chosen unevenly: the models' places within a case are exchangeable, since they were drawn.

    `choices` (n,): the model chosen, 0 to models - 1, or None or -1 for none; `cases` (n,): which case each choice is
    about, one each if None. The statistic is chi-square of the numbers of wins; under no preference the models'
    labels of a case may be permuted, for all its readers alike, so readers who agree count once. p counts the data
    as one permutation; `generator` defaults to one of seed 0. Raises ValueError for a choice that is no model.
    """
    chosen = np.array([-1 if choice is None else int(choice) for choice in choices], dtype=np.int64)
    if (chosen >= models).any() or (chosen < -1).any():
        raise ValueError(f"a choice must be a model, 0 to {models - 1}, or None")
    names = np.arange(len(chosen)) if cases is None else np.asarray(cases)
    if names.shape != chosen.shape:
        raise ValueError(f"{len(names)} cases do not fit {len(chosen)} choices")
    made = chosen >= 0
    if not made.any() or models < 2:
        return Undefined("no choice among two models was made")
    _, of = np.unique(names[made], return_inverse=True)
    wins = np.zeros((of.max() + 1, models))  # of each model in each case
    np.add.at(wins, (of, chosen[made]), 1)
    random = generator or np.random.default_rng(0)
    even = wins.sum() / models

    def statistic(total: Floats) -> Floats:
        return np.asarray(((total - even) ** 2 / even).sum(-1))

    observed = float(statistic(wins.sum(0)))
    beyond, step = 0, max(1, 2**21 // wins.size)
    for start in range(0, repetitions, step):
        block = np.broadcast_to(wins, (min(step, repetitions - start), *wins.shape))
        beyond += int((statistic(random.permuted(block, axis=2).sum(1)) >= observed - 1e-9).sum())
    p = (1 + beyond) / (1 + repetitions)
    method = f"within-case permutation, {repetitions:,} permutations"
    share = float(wins.sum(0).max() / wins.sum())
    return Estimate(share, None, None, observed, None, p, method)


def cochran_q(chosen: ArrayLike) -> Estimate | Undefined:
    """Whether k columns of yes and no, (cases, k), have equal shares of yes (Cochran 1950).

    With exactly one yes a row it is the chi-square of the columns' sums against even ones.
    """
    table = np.asarray(chosen, dtype=np.float64)
    if table.ndim != 2 or not np.isin(table, (0, 1)).all():
        raise ValueError("the table must be (cases, models) of 0 and 1")
    k, columns, rows = table.shape[1], table.sum(0), table.sum(1)
    within = float((rows * (k - rows)).sum())
    if k < 2 or within == 0:
        return Undefined("no row tells the columns apart")
    q = float((k - 1) * k * ((columns - columns.mean()) ** 2).sum() / within)
    share = float(columns.max() / len(table))
    return Estimate(share, None, None, q, float(k - 1), float(stats.chi2.sf(q, k - 1)), "Cochran's Q")
