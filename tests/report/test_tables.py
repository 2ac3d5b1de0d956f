import math
from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.config import Study, parse_study
from foveate.evaluation.rows import COMPARISON_COLUMNS
from foveate.report import tables
from foveate.runs import StudyFolder, Subject

MRI = Subject("mri", "paper", "mri")


def study(repeats: int = 3) -> Study:
    plain = {
        "name": "s",
        "models": ["resnet18", "resnet18+se"],
        "datasets": {"mri": {"source": "x", "published": "mri"}},
        "policies": ["paper"],
        "repeats": repeats,
    }
    return parse_study(plain)


def results(aucs: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = [("mri", "paper", model, repeat, auc, 0.9, 60.0) for (model, repeat), auc in aucs.items()]
    names = ["dataset", "policy", "model", "repeat", "auc", "accuracy", "seconds"]
    return pd.DataFrame(rows, columns=names)


def comparison(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Rows of comparison.csv: model, delta, interval, p, Holm's p, method."""
    full = [("mri", "paper", model, 0.9, 0.1, *rest) for model, *rest in rows]
    return pd.DataFrame(full, columns=COMPARISON_COLUMNS)


NONE = comparison()
TESTED = comparison(
    ("resnet18", None, None, None, None, None, "baseline"),
    ("resnet18+se", 0.04, -0.005, 0.085, 0.07, 0.0704, "some test"),
)
SIX = {
    ("resnet18", 1): 0.90, ("resnet18", 2): 0.92, ("resnet18", 3): 0.94,
    ("resnet18+se", 1): 0.95, ("resnet18+se", 2): 0.95, ("resnet18+se", 3): 0.98,
}  # fmt: skip


def test_mean_deviation_and_delta_by_hand() -> None:
    baseline, se = tables.auc_table(study(), MRI, results(SIX), TESTED)
    assert baseline.mean == pytest.approx(92)
    assert baseline.deviation == pytest.approx(2)  # of 90, 92, 94 with n - 1
    assert baseline.delta is None
    assert se.mean == pytest.approx(96)
    assert se.delta == pytest.approx(4)
    assert se.deviation == pytest.approx(math.sqrt(3))  # of 95, 95, 98
    assert baseline.published == pytest.approx(93.67)
    assert se.published_delta == pytest.approx(96.02 - 93.67)
    assert se.published_tests == (98.43, 96.29, 93.34)
    assert se.interval == pytest.approx((-0.5, 8.5))
    assert (se.p, se.p_holm, se.method) == (0.07, 0.0704, "some test")
    assert (baseline.interval, baseline.p, baseline.p_holm) == (None, None, None)


def test_one_repeat_has_no_deviation() -> None:
    rows = tables.auc_table(study(1), MRI, results({("resnet18", 1): 0.9, ("resnet18+se", 1): 0.8}), NONE)
    assert [row.deviation for row in rows] == [None, None]
    assert [row.mean for row in rows] == pytest.approx([90, 80])
    assert (rows[1].delta, rows[1].interval, rows[1].p) == (None, None, None)  # nothing is compared yet


def test_missing_runs_and_runs_without_an_auc() -> None:
    table = results({("resnet18", 1): 0.9, ("resnet18", 2): float("nan")})
    baseline, se = tables.auc_table(study(), MRI, table, NONE)
    assert baseline.tests[1:] == (None, None)
    assert baseline.mean == pytest.approx(90)
    assert baseline.runs == 1
    assert (se.mean, se.delta, se.runs) == (None, None, 0)
    missing = tables.missing_runs(study(), table)
    assert [run.key for run in missing] == [
        "mri/resnet18+se/1",
        "mri/resnet18+se/2",
        "mri/resnet18/3",
        "mri/resnet18+se/3",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(1.777, "+1.78"), (-0.4, "−0.40"), (0.001, "0.00"), (-0.001, "0.00"), (None, "")]
)
def test_differences_have_a_sign(value: float | None, text: str) -> None:
    assert tables.signed(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.12, "0.120"), (0.00099, "< 0.001"), (0.0, "< 0.001"), (0.001, "0.001"), (1.0, "1.000"), (None, "")],
)
def test_a_p_value_is_never_0(p: float | None, text: str) -> None:
    assert tables.p_value(p) == text


def test_an_interval_has_signs() -> None:
    assert tables.between((-3.104, 0.4)) == "−3.10 to +0.40"
    assert tables.between(None) == ""
    assert tables.between((-0.0104, 0.0001), 3) == "−0.010 to 0.000"


def test_decimals() -> None:
    assert [tables.decimals(value) for value in (93.284, None, float("nan"), -1e-17)] == ["93.28", "–", "–", "0.00"]


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    plain = {"name": "s", "models": ["1e5", "NA"], "datasets": {"007": {"source": "x"}}, "policies": ["paper"]}
    folder.create(parse_study(plain))
    runs.write_text(
        folder.path / "results.csv",
        "dataset,policy,model,repeat,auc,accuracy,cases,positives,epochs,seconds\n"
        "007,paper,1e5,1,0.5,0.5,4,2,1,1\n007,paper,NA,1,,0.5,4,2,1,1\n",
    )
    subject, results = runs.subjects(folder.study)[0], tables.read_results(folder)
    first, second = tables.auc_table(folder.study, subject, results, tables.read_comparison(folder))
    assert first.tests == (50, None, None)
    assert second.mean is None
