"""Agreement of raters, against published tables, scikit-learn and statsmodels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from foveate.evaluation.agreement import (
    Level,
    cohen_kappa,
    fleiss_kappa,
    fleiss_kappa_by_category,
    gwet_ac1,
    kappa_of_table,
    krippendorff_alpha,
    randolph_kappa,
)
from foveate.evaluation.results import Estimate, Undefined

Weights = Literal["linear", "quadratic"] | None

# Fleiss 1971: 30 patients, 6 psychiatrists, 5 diagnoses.
FLEISS = np.array(
    list(
        "444444222555233335555555222444113333333355113334114444555555"
        "144444124444222333144444224445333335111455111112224444133555"
        "555555244444224555114444144445222224111155224444133333555555"
    ),
    dtype=int,
).reshape(30, 6)
# Wikipedia, Fleiss' kappa: 10 subjects, 14 raters, 5 categories; counts.
WIKIPEDIA = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def with_gaps(*raters: str) -> list[list[int | None]]:
    return [[None if mark == "*" else int(mark) for mark in rater] for rater in raters]


KRIPPENDORFF_3 = with_gaps("*****34121133*3", "1*213343*******", "**21344*21133*4")
KRIPPENDORFF_4 = with_gaps("123321412***", "1233224125*3", "*3332342251*", "12332441251*")

RATINGS = st.integers(2, 5).flatmap(
    lambda raters: st.lists(
        st.lists(st.integers(0, 3), min_size=raters, max_size=raters), min_size=2, max_size=12
    ).filter(lambda rows: len({value for row in rows for value in row}) > 1)
)


def value(result: Estimate | Undefined) -> float:
    assert isinstance(result, Estimate)
    return result.estimate


def test_fleiss_psychiatrists() -> None:
    found = fleiss_kappa(FLEISS)
    assert value(found) == pytest.approx(0.43024452006014074, abs=1e-12)
    assert found.standard_error == pytest.approx(0.024373932, abs=5e-10)
    assert found.statistic == pytest.approx(17.65183, abs=5e-6)
    assert isinstance(found.p_value, float)
    assert found.p_value < 1e-60
    assert fleiss_kappa_by_category(FLEISS) == pytest.approx([0.245, 0.245, 0.520, 0.471, 0.566], abs=5e-4)
    assert randolph_kappa(FLEISS) == pytest.approx(0.4444444, abs=5e-8)
    assert value(gwet_ac1(FLEISS)) == pytest.approx(0.447885, abs=5e-7)
    assert value(krippendorff_alpha(FLEISS.T)) == pytest.approx(0.4334098, abs=5e-8)


def test_wikipedias_subjects_and_randolphs_calculator() -> None:
    assert value(fleiss_kappa(WIKIPEDIA, counts=True)) == pytest.approx(0.20993070442195522, abs=1e-12)
    assert value(fleiss_kappa([[7, 1], [3, 5]], counts=True)) == pytest.approx(0.161905, abs=5e-7)
    assert randolph_kappa([[7, 1], [3, 5]], counts=True) == pytest.approx(0.214286, abs=5e-7)


@pytest.mark.parametrize(
    ("weights", "kappa", "error", "interval", "z"),
    [(None, 0.4842, 0.1380, (0.2137, 0.7547), 3.2626), ("linear", 0.4701, 0.1457, (0.1845, 0.7558), 3.2971)],
)
def test_cohens_kappa_as_sas_prints_it(
    weights: Weights, kappa: float, error: float, interval: tuple[float, float], z: float
) -> None:
    found = kappa_of_table([[0, 4, 1], [0, 8, 0], [0, 1, 5]], weights)
    assert value(found) == pytest.approx(kappa, abs=5e-5)
    assert found.standard_error == pytest.approx(error, abs=5e-5)
    assert found.interval == pytest.approx(interval, abs=6e-5)
    assert found.statistic == pytest.approx(z, abs=6e-5)
    assert value(kappa_of_table([[20, 5], [10, 15]])) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("ratings", "level", "alpha", "digits"),
    [
        (KRIPPENDORFF_3, "nominal", 0.691358, 6),
        (KRIPPENDORFF_3, "interval", 0.810845, 6),
        (KRIPPENDORFF_4, "nominal", 0.743, 3),
        (KRIPPENDORFF_4, "ordinal", 0.815, 3),
        (KRIPPENDORFF_4, "interval", 0.849, 3),
        (KRIPPENDORFF_4, "ratio", 0.797, 3),
    ],
)
def test_krippendorffs_examples(ratings: Any, level: Level, alpha: float, digits: int) -> None:
    assert value(krippendorff_alpha(ratings, level)) == pytest.approx(alpha, abs=0.5 * 10**-digits)
    assert krippendorff_alpha(np.array(ratings, dtype=float), level) == krippendorff_alpha(ratings, level)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=25))
@example(pairs=[(0, 2), (0, 3), (1, 1)])  # with linear weights no variance, but for rounding
@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohens_kappa_is_scikit_learns_and_statsmodels(weights: Weights, pairs: list[tuple[int, int]]) -> None:
    first, second = (list(column) for column in zip(*pairs, strict=True))
    assume(len(set(first)) > 1 and len(set(second)) > 1)
    found = cohen_kappa(first, second, weights)
    # scikit-learn and this code both number the categories that occur; statsmodels gets their table.
    assert value(found) == pytest.approx(cohen_kappa_score(first, second, weights=weights), abs=1e-12)
    names = sorted({*first, *second})
    table = [[sum(pair == (a, b) for pair in pairs) for b in names] for a in names]
    with np.errstate(all="ignore"):
        theirs = inter_rater.cohens_kappa(table, wt=weights)
    assert found.standard_error == pytest.approx(math.sqrt(max(theirs.var_kappa, 0)), abs=1e-7)
    if theirs.var_kappa0 > 1e-12:
        assert found.p_value == pytest.approx(theirs.pvalue_two_sided, abs=1e-9)
    else:
        assert isinstance(found.p_value, Undefined)


@settings(deadline=None)
@given(RATINGS)
def test_the_kappas_of_many_raters_are_statsmodels_and_alpha_follows_from_fleiss(rows: list[list[int]]) -> None:
    table, _ = inter_rater.aggregate_raters(np.array(rows))
    assert value(fleiss_kappa(rows)) == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
    assert fleiss_kappa(rows) == fleiss_kappa(table, counts=True)
    assert randolph_kappa(rows) == pytest.approx(inter_rater.fleiss_kappa(table, method="randolph"), abs=1e-12)
    # Without gaps, alpha is Fleiss' kappa with a correction for small samples.
    kappa, ratings = value(fleiss_kappa(rows)), len(rows) * len(rows[0])
    assert value(krippendorff_alpha(np.transpose(rows))) == pytest.approx(kappa + (1 - kappa) / ratings, abs=1e-12)


@settings(deadline=None)
@given(RATINGS)
def test_kappa_is_the_mean_of_its_categories_and_they_see_one_against_the_rest(rows: list[list[int]]) -> None:
    names = sorted({value for row in rows for value in row})
    by_category = fleiss_kappa_by_category(rows)
    assert len(by_category) == len(names)
    share = np.array([np.mean(np.array(rows) == name) for name in names])
    for name, found in zip(names, by_category, strict=True):
        assert found == pytest.approx(value(fleiss_kappa(np.array(rows) == name)), abs=1e-12)
    weights = share * (1 - share)
    means = np.average(np.array(by_category, dtype=float), weights=weights)
    assert value(fleiss_kappa(rows)) == pytest.approx(means, abs=1e-12)


NOMINAL: tuple[Callable[[Any], float], ...] = (
    lambda rows: value(fleiss_kappa(rows)),
    lambda rows: value(gwet_ac1(rows)),
    lambda rows: value(krippendorff_alpha(np.array(rows, dtype=object).T)),
    lambda rows: float(randolph_kappa(rows)),  # type: ignore[arg-type]
    lambda rows: value(cohen_kappa([row[0] for row in rows], [row[1] for row in rows])),
)


@pytest.mark.parametrize("measure", NOMINAL, ids=["fleiss", "ac1", "alpha", "randolph", "cohen"])
def test_names_and_order_of_categories_cases_and_raters_do_not_matter(measure: Callable[[Any], float]) -> None:
    rows = np.random.default_rng(0).integers(4, size=(20, 3))
    known = measure(rows.tolist())
    words = np.array(["pear", "fig", "apple", "date"])[rows]
    assert measure(words.tolist()) == pytest.approx(known, abs=1e-12)
    assert measure(rows[::-1].tolist()) == pytest.approx(known, abs=1e-12)
    assert measure(rows[:, [1, 0, 2]].tolist()) == pytest.approx(known, abs=1e-12)
    changed = rows.copy()
    changed[0] = 3 - changed[0, 0]
    assert measure(changed.tolist()) != pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize(
    ("level", "same", "other"),
    [
        ("ordinal", lambda x: x**3, lambda x: 1 / x),
        ("interval", lambda x: 7 - 2 * x, lambda x: x**3),
        ("ratio", lambda x: 5 * x, lambda x: x + 1),
    ],
)
def test_alpha_knows_what_its_level_of_measurement_knows(
    level: Level, same: Callable[[Any], Any], other: Callable[[Any], Any]
) -> None:
    ratings = np.array(KRIPPENDORFF_4, dtype=float)
    known = value(krippendorff_alpha(ratings, level))
    assert value(krippendorff_alpha(same(ratings), level)) == pytest.approx(known, abs=1e-12)
    if level == "ordinal":  # ranks from above are ranks too
        assert value(krippendorff_alpha(other(ratings), level)) == pytest.approx(known, abs=1e-12)
    else:
        assert value(krippendorff_alpha(other(ratings), level)) != pytest.approx(known, abs=1e-3)


def test_where_one_category_is_far_the_commonest_kappa_collapses_and_ac1_does_not() -> None:
    table = [[2, 0]] * 118 + [[1, 1]] * 7
    assert value(fleiss_kappa(table, counts=True)) < 0
    assert value(gwet_ac1(table, counts=True)) > 0.93


def test_gwets_ac1_by_hand_with_gaps() -> None:
    ratings: Any = [["a", "a"], ["a", "b"], ["a", None], [math.nan, None]]
    # Agreement over the two cases with two ratings: (1 + 0) / 2; shares over all: a (1 + 1/2 + 1) / 3, b the rest.
    found = gwet_ac1(ratings)
    chance = 2 * (5 / 6) * (1 / 6)
    assert value(found) == pytest.approx((0.5 - chance) / (1 - chance))


def test_intervals_are_percentiles_over_drawn_cases() -> None:
    found = fleiss_kappa(FLEISS, generator=np.random.default_rng(7), repetitions=200, confidence=0.9)
    generator = np.random.default_rng(7)
    table, _ = inter_rater.aggregate_raters(FLEISS)
    drawn = [inter_rater.fleiss_kappa(table[generator.integers(30, size=30)]) for _ in range(200)]
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])), abs=1e-12)
    for measure, ratings in ((gwet_ac1, FLEISS), (krippendorff_alpha, FLEISS.T)):
        results = [measure(ratings, generator=np.random.default_rng(7), repetitions=200) for _ in range(2)]
        assert results[0] == results[1]
        assert isinstance(results[0].interval, tuple)
        assert results[0].interval[0] < value(results[0]) < results[0].interval[1]
        assert measure(ratings).interval is None


def test_ac1_has_an_interval_where_many_samples_are_unanimous() -> None:
    # A third of the samples lack the one case of doubt: their AC1 is 1, which is what AC1 is for.
    ratings = [["a", "a", "a"]] * 19 + [["a", "a", "b"]]
    found = gwet_ac1(ratings, categories=2, generator=np.random.default_rng(0), repetitions=300)
    assert isinstance(found.interval, tuple)
    assert found.interval[0] < value(found) < found.interval[1] == 1


def test_samples_without_a_case_rated_twice_are_left_out() -> None:
    ratings: Any = [["a", "b"], ["a", "a"], ["b", "b"], *[["a", None]] * 3, *[["b", None]] * 3]
    found = gwet_ac1(ratings, generator=np.random.default_rng(0), repetitions=500)
    assert isinstance(found.interval, tuple)


@pytest.mark.parametrize("rows", [[["a", "a"], ["a", "a"]], [[1, 1, 1]]])
def test_unanimous_raters_show_no_agreement_beyond_chance(rows: list[list[Any]]) -> None:
    for found in (
        cohen_kappa(rows[0], rows[0]),
        fleiss_kappa(rows),
        fleiss_kappa(rows, generator=np.random.default_rng(0)),
        gwet_ac1(rows),
        krippendorff_alpha(rows),
        randolph_kappa(rows),
        *fleiss_kappa_by_category(rows),
    ):
        assert isinstance(found, Undefined)
    assert value(gwet_ac1(rows, categories=2)) == 1


def test_full_agreement_on_several_categories_is_1() -> None:
    rows = [["a"] * 3, ["b"] * 3, ["c"] * 3]
    assert [measure(rows) for measure in NOMINAL] == pytest.approx([1] * 5)


@pytest.mark.parametrize(("first", "second"), [("aaaa", "abaa"), ("aaa", "bbb")])
@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_a_rater_who_always_says_the_same_agrees_by_chance_alone(first: str, second: str, weights: Weights) -> None:
    found = cohen_kappa(list(first), list(second), weights)
    assert value(found) == pytest.approx(0, abs=1e-12)
    assert isinstance(found.p_value, Undefined)


def test_nothing_to_rate_is_undefined() -> None:
    assert isinstance(cohen_kappa([], []), Undefined)
    for rows in (np.empty((0, 3)), [["a"], ["b"]]):
        for found in (fleiss_kappa(rows), gwet_ac1(rows), krippendorff_alpha(np.transpose(rows))):
            assert isinstance(found, Undefined)
            assert found.interval is found
    gaps: Any = [[1, None], [None, 2]]
    assert isinstance(krippendorff_alpha(gaps), Undefined)
    assert isinstance(gwet_ac1(gaps), Undefined)


@pytest.mark.parametrize("rows", [np.empty((0, 3)), [["a"], ["b"]]])
def test_the_other_kappas_of_nothing_to_rate_are_undefined_too(rows: Any) -> None:
    assert isinstance(randolph_kappa(rows), Undefined)
    assert all(isinstance(found, Undefined) for found in fleiss_kappa_by_category(rows))


@pytest.mark.parametrize("measure", [fleiss_kappa, randolph_kappa, fleiss_kappa_by_category])
def test_gaps_are_refused_where_every_case_must_have_as_many_ratings(measure: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match="same number"):
        measure([["a", "b"], ["b", None], ["a", "a"]])


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        cohen_kappa([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="square"):
        kappa_of_table([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match="two dimensions"):
        fleiss_kappa([1, 2, 3])
    with pytest.raises(ValueError, match="negative"):
        fleiss_kappa([[3, -1], [1, 1]], counts=True)
    with pytest.raises(ValueError, match="categories"):
        gwet_ac1([["a", "b"], ["c", "c"]], categories=2)
    with pytest.raises(ValueError, match="nominal, ordinal, interval or ratio"):
        krippendorff_alpha(KRIPPENDORFF_4, "cardinal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be numbers"):
        krippendorff_alpha([["a", "b"], ["a", "a"]], "interval")


def test_perfect_agreement_is_no_certainty() -> None:
    found = cohen_kappa([0, 1, 0, 1], [0, 1, 0, 1])
    assert isinstance(found, Estimate)
    assert found.estimate == 1
    assert isinstance(found.interval, Undefined)


def test_gaps_and_mixed_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="see krippendorff_alpha"):
        cohen_kappa([0.0, float("nan")], [0.0, 1.0])
    with pytest.raises(ValueError, match="all numbers or all words"):
        krippendorff_alpha(np.array([["a", 1], ["a", 2]], dtype=object))
