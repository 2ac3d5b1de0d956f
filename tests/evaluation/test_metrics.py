"""AUC and probabilities, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.evaluation.metrics import auc, softmax


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),  # 3 of 4 pairs in order
        ([0, 1], [0.3, 0.3], 0.5),  # a tie is a half
        ([0, 0, 1], [0.1, 0.2, 0.3], 1.0),
        ([1, 1, 0], [0.1, 0.2, 0.3], 0.0),  # never flipped
        # Hanley and McNeil 1982: 58 normal, 51 abnormal on a scale of five.
        (
            [0] * 58 + [1] * 51,
            np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33]),
            0.8931710615,
        ),
    ],
)
def test_auc(labels: list[int], scores: list[float], expected: float) -> None:
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-9)


def test_auc_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="both classes"):
        auc([1, 1], [0.2, 0.3])


@given(st.lists(st.tuples(st.booleans(), st.integers(-50, 50)), min_size=4, max_size=40))
def test_auc_sees_order_only(cases: list[tuple[bool, int]]) -> None:
    labels = [True, False, *(label for label, _ in cases)]
    scores = np.array([0, 1, *(score for _, score in cases)], dtype=float)
    assert auc(labels, scores) == pytest.approx(auc(labels, np.arctan(scores / 7) * 3 + 1))
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))


def test_softmax() -> None:
    np.testing.assert_allclose(softmax([[0.0, np.log(3.0)]]), [[0.25, 0.75]])
    assert np.isfinite(softmax([[1e4, -1e4]])).all()
