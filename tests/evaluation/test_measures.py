"""What is said of one run, and where a threshold comes from."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.evaluation.measures import Measure, run_measures
from foveate.evaluation.scores import RunScores

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1], dtype=bool)
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9, 0.05, 0.95])
NAMES = np.array([f"case{number}" for number in range(10)])


def by_column(found: list[Measure]) -> dict[str, Measure]:
    return {measure.column: measure for measure in found}


def test_at_a_half_by_hand() -> None:
    found = by_column(run_measures(RunScores("m", 1, NAMES, LABELS, SCORES)))
    assert found["sensitivity"].value == pytest.approx(4 / 5)  # 0.4 is missed
    assert found["specificity"].value == pytest.approx(4 / 5)  # 0.6 is a false alarm
    assert found["ppv"].value == pytest.approx(4 / 5)
    assert found["accuracy"].value == pytest.approx(0.8)
    assert found["mcc"].value == pytest.approx((16 - 1) / 25)
    assert found["auc"].value == pytest.approx(24 / 25)
    assert found["sensitivity"].low is not None
    assert found["sensitivity"].low == pytest.approx(0.375535, abs=1e-6)  # Wilson, 4 of 5
    assert found["brier"].value == pytest.approx(float(((SCORES - LABELS) ** 2).mean()))


def test_another_prevalence_changes_what_depends_on_it() -> None:
    found = by_column(run_measures(RunScores("m", 1, NAMES, LABELS, SCORES), prevalence=0.1))
    assert found["ppv_at_prevalence"].value == pytest.approx(0.8 * 0.1 / (0.8 * 0.1 + 0.2 * 0.9))
    assert found["npv_at_prevalence"].value == pytest.approx(0.8 * 0.9 / (0.8 * 0.9 + 0.2 * 0.1))
    assert "sensitivity_at_prevalence" not in found
    assert found["brier_at_prevalence"].value != found["brier"].value
    assert "ppv_chosen_at_prevalence" in found


def test_a_threshold_comes_from_the_tuning_part_where_there_is_one() -> None:
    tuning = (np.array([False, False, True, True]), np.array([0.1, 0.85, 0.88, 0.9]))  # Youden: 0.88
    found = by_column(run_measures(RunScores("m", 1, NAMES, LABELS, SCORES, tuning=tuning)))
    assert found["sensitivity_chosen"].value == pytest.approx(2 / 5)  # 0.9 and 0.95
    assert found["specificity_chosen"].value == 1


def test_scores_that_are_no_probabilities_have_no_half_and_no_calibration() -> None:
    found = by_column(run_measures(RunScores("m", 1, NAMES, LABELS, 10 * SCORES, probabilities=False)))
    assert not {"sensitivity", "brier", "log_loss", "calibration_error"} & set(found)
    assert {"auc", "average_precision", "sensitivity_chosen"} <= set(found)


def test_what_does_not_exist_is_empty_with_the_reason() -> None:
    found = by_column(run_measures(RunScores("m", 1, NAMES, np.ones(10, dtype=bool), SCORES)))
    assert found["auc"].value is None
    assert "both classes" in found["auc"].note
    assert found["specificity"].value is None
    assert found["specificity"].note == "no case is healthy"
    assert all(measure.value is None or measure.value == measure.value for measure in found.values())
