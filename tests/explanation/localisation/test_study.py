"""The rows of localisation.csv: every run's maps where something is marked, then the priors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foveate.errors import FoveateError
from foveate.explanation.localisation import COLUMNS, METRICS, adopt, centre_prior, score_study
from foveate.explanation.localisation.priors import MeanMap
from tests.explanation.localisation.small import SUBJECT, build, quarter, save

UPPER_LEFT, LOWER_RIGHT, BLANK = [[1, 0], [0, 0]], [[0, 0], [0, 1]], [[-1, -1], [-1, -1]]


def values(scores: pd.DataFrame, metric: str) -> dict[tuple[str, int, str], float]:
    own = scores[scores["metric"] == metric]
    return dict(zip(zip(own["model"], own["repeat"], own["case"], strict=True), own["value"], strict=True))


def test_rows_of_runs_and_priors(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {"a": quarter(0, 0), "b": quarter(1, 1)})
    save(folder, "resnet18", 1, {"a": UPPER_LEFT, "b": UPPER_LEFT, "c": UPPER_LEFT})
    save(folder, "resnet18+se", 1, {"a": BLANK, "b": LOWER_RIGHT})
    scores = score_study(folder)
    assert list(scores.columns) == COLUMNS
    assert set(scores["metric"]) == set(METRICS)
    runs = [("resnet18", 1), ("resnet18+se", 1), ("centre_prior", 0), ("mean_map", 0)]
    assert list(dict.fromkeys(zip(scores["model"], scores["repeat"], strict=True))) == runs
    hits = values(scores, "hit_rate")
    assert hits == {
        ("resnet18", 1, "a"): 1, ("resnet18", 1, "b"): 0,  # c has no mask
        ("resnet18+se", 1, "a"): 0, ("resnet18+se", 1, "b"): 1,
        ("centre_prior", 0, "a"): 1, ("centre_prior", 0, "b"): 0,  # of the four middle pixels the first counts
        # Three scored maps that are not blank: two hot in the upper left, one in the lower right
        ("mean_map", 0, "a"): 1, ("mean_map", 0, "b"): 0,
    }  # fmt: skip
    energies = values(scores, "energy")
    assert np.isnan(energies["resnet18+se", 1, "a"])
    assert energies["centre_prior", 0, "a"] == pytest.approx(0.25)  # a centred blob lies evenly on the quarters
    assert set(scores.loc[scores["metric"] == "energy", "chance"]) == {0.25}


def test_another_variants_file_is_scored(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {"a": quarter(0, 0)})
    save(folder, "resnet18", 1, {"a": UPPER_LEFT})
    save(folder, "resnet18", 1, {"a": LOWER_RIGHT}, variant="hires_cam")
    assert values(score_study(folder), "hit_rate")["resnet18", 1, "a"] == 1
    assert values(score_study(folder, "hires_cam"), "hit_rate")["resnet18", 1, "a"] == 0
    assert score_study(folder, "no_cam").empty


def test_nothing_marked_is_no_row(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {})
    save(folder, "resnet18", 1, {"a": UPPER_LEFT})
    scores = score_study(folder)
    assert scores.empty
    assert list(scores.columns) == COLUMNS


def test_maps_of_images_that_are_not_there_are_named(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {"a": quarter(0, 0)})
    save(folder, "resnet18", 1, {"x": UPPER_LEFT})
    with pytest.raises(FoveateError, match=r"heatmaps.npz has a map of x, which d does not hold: remove the file"):
        score_study(folder)


def test_a_prior_has_every_case_that_any_run_has(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {"a": quarter(0, 0), "b": quarter(1, 1)}, repeats=2)
    save(folder, "resnet18", 1, {"a": UPPER_LEFT})  # as in two folds
    save(folder, "resnet18", 2, {"b": LOWER_RIGHT})
    cases = {(model, case) for model, _, case in values(score_study(folder), "energy")}
    assert {("centre_prior", "a"), ("centre_prior", "b"), ("mean_map", "a"), ("mean_map", "b")} <= cases


def test_boxes_and_points_are_scored_where_there_is_no_mask(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {"a": quarter(0, 0)}, size=(16, 16))
    table = tmp_path / "regions.csv"
    table.write_text("case,x0,y0,x1,y1,x,y\na,8,8,16,16,,\nb,8,8,16,16,,\nc,,,,,12,12\nc,,,,,2,2\n")
    adopt(folder, SUBJECT, table)
    save(folder, "resnet18", 1, dict.fromkeys("abcd", LOWER_RIGHT))
    scores = score_study(folder)
    assert values(scores, "hit_rate") == {
        ("resnet18", 1, "a"): 0,  # its mask counts, not its box
        ("resnet18", 1, "b"): 1,
        ("centre_prior", 0, "a"): 1, ("centre_prior", 0, "b"): 0,
        ("mean_map", 0, "a"): 0, ("mean_map", 0, "b"): 1,
    }  # fmt: skip
    of_points = scores[scores["case"] == "c"]
    assert set(of_points["metric"]) == {"pointing"}
    # At a side of 8 less than 0.54 px is near: the two points' own pixels
    assert of_points["chance"].tolist() == pytest.approx([2 / 64] * 3)
    # The map's plateau in its corner is 2 x 2 pixels large, and a point lies on one of them
    assert of_points["value"].tolist()[0] == 0.25


def test_centre_prior() -> None:
    prior = centre_prior(5)
    assert prior.argmax() == 12
    assert prior[2, 2] == 1.0
    assert prior[0, 2] == pytest.approx(np.exp(-0.5 * (0.4 / 0.25) ** 2))
    assert np.array_equal(prior, prior.T)


def test_the_mean_map_has_maximum_1_and_is_blank_where_all_maps_are() -> None:
    mean = MeanMap(2)
    assert not mean.heat().any()
    mean.add(np.array([[1.0, 0.5], [0.0, 0.0]]))
    mean.add(np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert mean.heat().tolist() == [[1.0, 0.25], [0.0, 0.0]]
