"""What gives labels away is found, and nothing is found where nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from foveate.data import shortcuts
from foveate.data.shortcuts import Auc, cramers_v, cross_validated_auc, find_shortcuts, most_telling, with_size


def auc_of(features: NDArray[np.float64], outcome: Sequence[str], groups: Sequence[str] | None = None) -> Auc:
    known = np.array(groups if groups is not None else [str(row) for row in range(len(outcome))])
    found = cross_validated_auc(features, np.array(outcome), known)
    assert found is not None
    return found


def test_a_format_that_is_the_label() -> None:
    outcome = ["sick", "well"] * 60
    table = pd.DataFrame({"format": ["PNG" if own == "sick" else "JPEG" for own in outcome], "mode": ["L"] * 120})
    found = find_shortcuts(table, outcome, [""] * 120)
    kind, mode = found.facts
    assert kind.cramers_v == pytest.approx(1)
    assert kind.auc is not None
    assert kind.auc.value > 0.999
    assert kind.auc.low == pytest.approx(1 - 3 / 60)  # 60 of each label: rule of three
    assert kind.auc.value <= kind.auc.high <= 1
    assert kind.telling is not None
    assert (kind.telling.often_share, kind.telling.seldom_share, kind.telling.auc) == (1, 0, 1)
    assert mode.same
    assert mode.auc is None
    assert found.file.auc is not None
    assert found.file.auc.value > 0.999
    assert found.everything is None


@pytest.mark.parametrize("labels", [2, 4])
def test_chance_is_covered_by_the_interval(labels: int) -> None:
    found = []
    for seed in range(8):
        generator = np.random.default_rng(seed)
        outcome = [str(label) for label in generator.integers(0, labels, 200)]
        found.append(auc_of(generator.normal(size=(200, 2)), outcome))
    assert sum(own.low <= 0.5 <= own.high for own in found) >= 6  # 95 % in the long run: benchmarks/bench_audit.py
    assert np.mean([own.value for own in found]) == pytest.approx(0.5, abs=0.05)


def test_the_order_of_rows_tells_nothing() -> None:
    # Rows are sorted by label, as folders are; sizes are drawn from the same hat, and nearly each is the only one.
    generator = np.random.default_rng(1)
    width, height = generator.integers(200, 900, (2, 400))
    table = with_size(pd.DataFrame({"width": width, "height": height}))
    found = find_shortcuts(table, ["a"] * 200 + ["b"] * 200, [""] * 400)
    assert found.file.auc is not None
    assert found.file.auc.low <= 0.5 <= found.file.auc.high
    size = found.facts[0]
    assert size.telling is not None
    assert size.telling.value == "other"
    assert size.cramers_v == 0


def test_one_patient_is_never_in_two_folds() -> None:
    generator = np.random.default_rng(1)
    patient = np.repeat(np.arange(80), 5)
    label = np.array([str(own) for own in generator.integers(0, 2, 80)])[patient]
    features = patient[:, None] + generator.normal(0, 0.01, (400, 1))  # tells the patient, and so the label
    assert auc_of(features, label.tolist()).value > 0.9
    kept = auc_of(features, label.tolist(), [str(own) for own in patient])
    assert kept.low <= 0.5 <= kept.high


def test_of_several_labels_the_clearest_is_named() -> None:
    outcome = ["a", "b", "c"] * 60
    features = np.array([[1.0 if own == "b" else 0.0] for own in outcome])
    found = auc_of(features, outcome)
    assert found.clearest == "b"
    assert found.by_label["b"] == pytest.approx(1)
    assert found.value == pytest.approx(np.mean(list(found.by_label.values())))
    assert auc_of(features[:, :1], ["x", "y", "y"] * 60).by_label == {}


def test_too_few_images() -> None:
    features = np.zeros((6, 1))
    groups = np.array(list("abcdef"))
    assert cross_validated_auc(features, np.array(["x"] * 5 + ["y"]), groups) is None
    assert cross_validated_auc(features, np.array(["x"] * 6), groups) is None
    assert cross_validated_auc(features, np.array(["x", "y"] * 3), np.array(["one"] * 6)) is None


def test_the_auc_of_a_fold_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    outcome = np.array([str(label) for label in generator.integers(0, 3, 90)])
    scores = {label: generator.integers(0, 5, 90).astype(float) for label in "012"}
    for label, auc, influence in shortcuts._one_against_rest(scores, outcome):
        assert auc == pytest.approx(roc_auc_score(outcome == label, scores[label]))
        assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_cramers_v_by_hand() -> None:
    # 30 10 / 10 30: chi2 = 20, phi2 = .25 - 1/79, both margins 2 - 1/79
    values = ["x"] * 40 + ["y"] * 40
    outcome = ["a"] * 30 + ["b"] * 10 + ["a"] * 10 + ["b"] * 30
    assert cramers_v(values, outcome) == pytest.approx(np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79)))
    assert cramers_v(["x", "y"] * 20, ["a", "a", "b", "b"] * 10) == 0
    assert cramers_v(["x"] * 40, ["a", "b"] * 20) == 0
    assert cramers_v([str(row) for row in range(50)], ["a", "b"] * 25) < 0.2  # without the correction it would be 1


def test_what_tells_most() -> None:
    found = most_telling(["x", "x", "y", "x", "y", "y", "y", "z"], ["a"] * 4 + ["b"] * 4)
    assert (found.value, found.often, found.often_share, found.seldom, found.seldom_share) == ("x", "a", 0.75, "b", 0)
    assert found.auc == 0.875


@pytest.mark.shared_data
def test_the_size_of_the_brain_images(shared: Path) -> None:
    table = pd.read_csv(shared / "data" / "mri" / "manifest.csv")
    outcome = ["none" if label == "no_tumor" else "tumour" for label in table["label"]]
    groups = [str(own) for own in table["sha256"]]
    sizes = table[["width", "height"]]
    recorded = most_telling(list(with_size(sizes)["size"]), outcome)
    assert recorded.value == "512 × 512"
    assert recorded.auc == pytest.approx(0.918, abs=5e-4)  # datasets.md: "size != 512" alone
    assert auc_of(sizes.to_numpy(dtype=np.float64), outcome, groups).value > 0.95  # all sizes, not that one alone
    copies = table[["prepared_width", "prepared_height"]].set_axis(["width", "height"], axis=1)
    prepared = most_telling(list(with_size(copies)["size"]), outcome)
    assert prepared.value == "256 × 256"
    assert prepared.auc == pytest.approx(0.885, abs=5e-4)  # datasets.md: of the copies
