"""The faithfulness of a study's runs: the same cases for all, controls beside, no score out of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate import runs
from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.explanation.faithfulness import curves, of_study, order, road
from foveate.explanation.faithfulness.of_study import MEANS, SCORES, chosen_cases, faithfulness_of_study
from foveate.models import load_model
from foveate.runs import StudyFolder
from tests.explanation.trained import give_weights, narrow
from tests.report import synthetic

SIDE = 40
CPU = torch.device("cpu")
MODELS = ("resnet18", "resnet18+se")


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with narrow():
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """One run of two models with weights; the first case's map of the baseline is blank."""
    folder = synthetic.build(tmp_path_factory.mktemp("study") / "out", repeats=1, images=12, side=SIDE)
    evaluated = [run for run in runs.grid(folder.study) if run.model in MODELS]
    for run in evaluated:
        give_weights(folder, run)
    file = folder.run(evaluated[0]) / "heatmaps.npz"
    maps = heatmaps.load(file)
    raw = np.abs(maps.raw)
    raw[0] = -1
    replace(maps, raw=raw).save(file)
    return folder


@pytest.fixture(scope="module")
def measured(study: StudyFolder) -> of_study.Faithfulness:
    done: list[int] = []
    evaluated = [run for run in runs.grid(study.study) if run.model in MODELS]
    found = faithfulness_of_study(study, evaluated, CPU, images=3, advance=done.append)
    assert done == [3, 3]
    return found


def test_the_tables(study: StudyFolder, measured: of_study.Faithfulness) -> None:
    scores, means = measured.scores, measured.curves
    assert list(scores.columns) == SCORES
    assert list(means.columns) == MEANS
    assert len(scores) == 2 * 3 * 4
    assert len(means) == 2 * 3 * (2 * 21 + 2 * len(road.SHARES))
    cases = [set(own["case"]) for _, own in scores.groupby("model")]
    assert cases[0] == cases[1]
    assert scores[["value", "control_random", "control_centre"]].notna().all(axis=None)
    areas = scores[scores["metric"].isin(["deletion", "insertion"])]
    assert areas["value"].between(0, 1).all()
    first = str(heatmaps.load(study.run(next(iter(runs.grid(study.study)))) / "heatmaps.npz").case[0])
    blank = scores[scores["blank"] & (scores["model"] == "resnet18")]
    assert set(blank["case"]) <= {first}


def test_the_scores_are_those_of_the_functions(study: StudyFolder, measured: of_study.Faithfulness) -> None:
    """One case of one run, computed anew with the network as it is and without the controls."""
    run = next(iter(runs.grid(study.study)))
    maps, network = heatmaps.load(study.run(run) / "heatmaps.npz"), load_model(study.run(run)).network
    sample = of_study.sample_of(study, run, maps, CPU, 3)
    case = sample.rows[1]
    heat = torch.from_numpy(heatmaps.heat(maps.raw[case], SIDE, SIDE))[None]
    target = torch.from_numpy(maps.target[case : case + 1])
    own = measured.scores[(measured.scores["model"] == run.model) & (measured.scores["case"] == str(maps.case[case]))]
    by_metric = own.set_index("metric")["value"]
    for name in ("deletion", "insertion"):
        found = curves.curves(network, sample.images[1:2], heat, target, name)
        assert by_metric[name] == pytest.approx(curves.area(curves.fractions(SIDE * SIDE), found)[0], abs=1e-5)
    whole = torch.from_numpy(np.stack([heatmaps.heat(maps.raw[row], SIDE, SIDE) for row in sample.rows]))
    generator = torch.Generator().manual_seed(sample.noise)
    changed = road.made_up(sample.images, order.ranks(whole), generator)
    assert by_metric["road"] == pytest.approx(road.road(network, changed[1:2], target).score[0], abs=1e-5)


def test_the_mean_curve_ends_where_its_areas_do(measured: of_study.Faithfulness) -> None:
    own = measured.curves[(measured.curves["model"] == "resnet18") & (measured.curves["metric"] == "deletion")]
    ends = own[own["fraction"].isin([0.0, 1.0])].groupby("fraction")["probability"]
    assert ends.nunique().tolist() == [1, 1] or ends.std().max() < 1e-6  # whatever the order
    scores = measured.scores[(measured.scores["model"] == "resnet18") & (measured.scores["metric"] == "deletion")]
    drawn = own[own["order"] == "heat"].sort_values("fraction")
    area = np.trapezoid(drawn["probability"].to_numpy(), drawn["fraction"].to_numpy())
    assert area == pytest.approx(scores["value"].mean())


def test_cases_are_drawn_by_seed_and_of_every_class(study: StudyFolder) -> None:
    maps = heatmaps.load(study.run(next(iter(runs.grid(study.study)))) / "heatmaps.npz")
    maps = replace(maps, case=np.arange(100).astype(str), target=(np.arange(100) % 10 == 0).astype(np.int64))
    one = chosen_cases(maps, 12, seed=1)
    assert one == chosen_cases(maps, 12, seed=1) == sorted(one)
    assert one != chosen_cases(maps, 12, seed=2)
    assert sum(maps.target[row] for row in one) == 6
    assert sum(maps.target[row] for row in chosen_cases(maps, 40, seed=1)) == 10  # all there are
    assert chosen_cases(maps, 1000, seed=1) == list(range(100))


def test_a_run_without_weights_is_named(study: StudyFolder) -> None:
    run = next(run for run in runs.grid(study.study) if run.model == "resnet18+gc")
    with pytest.raises(FoveateError, match=r"resnet18\+gc/1 holds no trained model"):
        faithfulness_of_study(study, [run], CPU, images=1, of=())
