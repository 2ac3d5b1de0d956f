"""Whether networks have learned, by hand-made intervals."""

from __future__ import annotations

import pandas as pd
import pytest

from foveate.config import parse_study
from foveate.report import learning
from foveate.report.learning import Learning
from foveate.runs import Subject

MRI = Subject("mri", "clean", "mri")
STUDY = parse_study(
    {"name": "s", "models": ["resnet18", "resnet18+se"], "datasets": {"mri": {"source": "phantom"}}, "repeats": 2}
)
COLUMNS = ["dataset", "policy", "model", "repeat", "auc", "auc_low", "auc_high"]


def results(*rows: tuple[str, int, float, float | None, float | None]) -> pd.DataFrame:
    return pd.DataFrame([("mri", "clean", *row) for row in rows], columns=COLUMNS)


@pytest.mark.parametrize(
    ("auc", "low", "high", "state"),
    [
        (51, 44, 58, "not_learned"),
        (72, 48, 90, "learning_unsure"),  # few images: nobody can tell
        (60, 50, 70, "not_learned"),  # the interval's end is chance itself
        (51, 21, 80, "learning_unsure"),  # however near the AUC itself is to chance
        (60.5, 49, 70.1, "learning_unsure"),
        (55, 50.1, 60, "learned"),
        (30, 20, 41, "worse_than_chance"),
    ],
)
def test_the_state_follows_the_interval(auc: float, low: float, high: float, state: str) -> None:
    assert Learning("resnet18", auc, low, high).state == state


def test_one_run_has_its_own_interval_and_several_the_mean_of_both_ends() -> None:
    table = results(
        ("resnet18", 1, 0.52, 0.42, 0.62), ("resnet18", 2, 0.50, 0.40, 0.60), ("resnet18+se", 1, 0.9, 0.8, 0.95)
    )
    first, second = learning.learnings(STUDY, MRI, table)
    assert (first.model, first.runs, first.stuck, first.state) == ("resnet18", 2, (1, 2), "not_learned")
    assert (first.auc, first.low, first.high) == pytest.approx((51, 41, 61))
    assert (second.auc, second.low, second.high) == pytest.approx((90, 80, 95))
    assert second.state == "learned"


def test_far_apart_runs_that_have_each_learned_have_learned() -> None:
    """Of two runs, an interval for new runs reaches from 0 to 100 and says nothing of these networks."""
    table = results(("resnet18", 1, 0.99, 0.97, 1.0), ("resnet18", 2, 0.75, 0.66, 0.83))
    (found,) = learning.learnings(STUDY, MRI, table)
    assert found.state == "learned"
    assert learning.stuck_sentence(found) == ""


def test_a_run_that_is_stuck_is_told_of_behind_a_good_mean() -> None:
    table = results(("resnet18", 1, 0.99, 0.97, 1.0), ("resnet18", 2, 0.5, 0.4, 0.6))
    (found,) = learning.learnings(STUDY, MRI, table)
    assert found.state == "learned"
    assert learning.stuck_sentence(found) == (
        "One of the two runs of ResNet-18 (run 2) did not learn: the mean over the runs hides that."
    )


def test_without_intervals_nothing_is_said() -> None:
    assert learning.learnings(STUDY, MRI, results(("resnet18", 1, 0.5, None, None))) == []
    older = results(("resnet18", 1, 0.5, 0.4, 0.6)).drop(columns=["auc_low", "auc_high"])
    assert learning.learnings(STUDY, MRI, older) == []


def test_the_sentence_names_each_network_with_its_interval() -> None:
    pair = [Learning("resnet18", 51, 44, 58), Learning("resnet18+se", 49.04, 41, 57)]
    assert learning.sentence("not_learned", pair, 0.95) == (
        "ResNet-18 (AUC 51.0 %, 95 % CI for new images 44.0 to 58.0) and ResNet-18 + SE (AUC 49.0 %, 95 % CI for new "
        "images 41.0 to 57.0) have not learned to tell diseased from healthy: the interval includes 50 %, chance."
    )
    many = [Learning(f"resnet18+{name}", 50 + n, 40, 60) for n, name in enumerate(("se", "gc", "eca", "bam", "cbam"))]
    assert learning.sentence("not_learned", many, 0.95).startswith(
        "5 models (AUC between 50.0 % (ResNet-18 + SE) and 54.0 % (ResNet-18 + CBAM)) have not learned"
    )


def test_a_comparison_of_networks_that_have_not_learned_says_nothing() -> None:
    chance, good = Learning("resnet18", 51, 44, 58), Learning("resnet18+se", 90, 85, 95)
    assert learning.unlearned({"MRI": [good, good]}, 0.95) == ""
    assert learning.unlearned({"MRI": [chance]}, 0.95).endswith("includes 50 %, chance.")  # one model: no comparison
    both = learning.unlearned({"MRI": [chance, chance]}, 0.95)
    assert both.endswith("A comparison of networks that are not above chance says nothing about attention.")
    one = learning.unlearned({"MRI": [chance, good], "CT": [good, good]}, 0.95)
    assert one.startswith("On MRI, ResNet-18 (AUC 51.0 %")
    assert one.endswith("A comparison with a network that is not above chance says nothing about attention.")
    assert "CT" not in one
