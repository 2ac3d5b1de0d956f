"""What the page carries for the viewer of heat-maps."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveate import runs
from foveate.explanation import heatmaps, panels
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.overlays import lesion_contour
from foveate.report import viewer
from foveate.runs import StudyFolder
from tests.report import synthetic
from tests.report.viewer_study import build, content_of, levels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return build(tmp_path_factory.mktemp("viewer") / "out")


def test_maps_are_kept_in_255ths_of_their_maximum() -> None:
    raw = np.array([[[-5.0, 0.0], [1.0, 4.0]], [[-1.0, -2.0], [-3.0, 0.0]], [[0.5, 0.25], [0.0, 0.5]]])
    maps = Heatmaps(
        np.array(["a", "b", "c"]), np.zeros(3, int), raw.astype(np.float32), np.zeros((3, 2), np.float32), "pooling"
    )
    packed = viewer.packed_maps(maps, ["c", "x", "a", "b"])
    assert packed["lows"] == [0.0, None, 0.0, 0.0]
    assert packed["peaks"] == [0.5, None, 4.0, 0.0]
    # 255 * 0.5 = 127.5 and 255 / 4 = 63.75, rounded (to even)
    assert levels(packed).tolist() == [[[255, 128], [0, 255]], [[0, 0], [0, 0]], [[0, 0], [64, 255]], [[0, 0], [0, 0]]]


def test_attention_maps_are_kept_from_their_lowest_value() -> None:
    raw = np.array([[[0.4, 0.5], [0.45, 0.6]], [[0.503, 0.503], [0.503, 0.503]]], dtype=np.float32)
    maps = Heatmaps(
        np.array(["a", "b"]), np.zeros(2, int), raw, np.zeros((2, 2), np.float32), "last block", "attention", ""
    )
    packed = viewer.packed_maps(maps, ["a", "b"])
    assert (packed["lows"], packed["peaks"]) == ([0.4, 0.503], [0.6, 0.503])
    assert levels(packed)[0].tolist() == [[0, 127], [64, 255]]  # 255 * 0.5 just below, in float32
    assert levels(packed)[1].tolist() == [[0, 0], [0, 0]]


def test_a_border_is_a_path_of_joined_steps() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[1, 1:4] = True
    assert viewer.contour_path(mask) == "M1 1h3M1 2h3M1 1v1M4 1v1"
    mask[1, 2] = False  # two pixels: the level lines are no longer one
    assert viewer.contour_path(mask) == "M1 1h1M3 1h1M1 2h1M3 2h1M1 1v1M2 1v1M3 1v1M4 1v1"
    ragged = np.random.default_rng(0).random((20, 20)) < 0.4
    lengths = [int(part.split("hv"["v" in part])[1]) for part in viewer.contour_path(ragged).split("M")[1:]]
    assert sum(lengths) == len(lesion_contour(ragged))


def test_images_are_few_and_each_says_why(folder: StudyFolder) -> None:
    content = content_of(folder)
    images = content["images"]
    assert 10 < len(images) <= viewer.IMAGES
    reasons = [reason for image in images for reason in image["why"]]
    for start in ("drawn by", "highest energy", "lowest energy", "median energy", "least agreement"):
        assert sum(reason.startswith(start) for reason in reasons) >= 4
    assert all(image["why"] for image in images)
    (subject,) = runs.subjects(folder.study)
    grid = panels.panel(folder, subject)
    assert grid is not None
    assert sum("drawn by the study’s seed" in image["why"] for image in images) == len(grid.columns)
    best = next(image for image in images if any("highest energy" in reason for reason in image["why"]))
    assert best["truth"] == "lesion"
    assert best["contour"]
    marked = [bool(image["contour"]) for image in images]
    assert marked == sorted(marked, reverse=True)  # lesions first
    assert not all(marked)


def test_methods_are_those_that_any_model_has(folder: StudyFolder) -> None:
    content = content_of(folder)
    titles = ["Grad-CAM", "Attention map", "HiResCAM, layer3", "LayerCAM"]
    assert [method["title"] for method in content["methods"]] == titles
    assert [method["from_zero"] for method in content["methods"]] == [True, False, True, True]
    assert [one is not None for one in content["methods"][1]["models"]] == [False, False, True, True]
    assert [one is not None for one in content["methods"][3]["models"]] == [False, True, False, False]
    content["methods"].pop(1)
    fine = content["methods"][1]["models"]
    assert [(one["height"], one["width"]) for one in fine] == [(9, 7)] * 4
    missing = [peak is None for peak in fine[0]["peaks"]]
    assert any(missing)
    assert not all(missing)
    assert not any(peak is None for of in content["methods"][0]["models"] for peak in of["peaks"])


def test_nothing_tells_a_file_or_a_case(folder: StudyFolder) -> None:
    text = viewer.content(folder, runs.subjects(folder.study)[0])
    assert "Jane" not in text
    assert ".npz" not in text
    assert "00000000000000" not in text


def test_images_that_do_not_fit_are_left_out(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = content_of(folder)
    assert len(json.dumps(whole)) < viewer.BUDGET / 10
    monkeypatch.setattr(viewer, "BUDGET", 30_000)
    small = content_of(folder)
    assert 1 <= len(small["images"]) < len(whole["images"])
    assert len(json.dumps(small)) < 30_000
    assert len({image["rule"] for image in small["images"]}) > 2  # the rules take turns


def test_methods_that_do_not_fit_are_named(
    folder: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = StudyFolder(shutil.copytree(folder.path, tmp_path / "out"))
    for run in runs.grid(fine.study):
        file = fine.run(run) / "heatmaps-hires_cam@layer3.npz"
        maps = heatmaps.load(file)
        replace(maps, raw=heatmaps.enlarge(maps.raw, 64, 64).astype(np.float32)).save(file)
    for budget, left_out in ((viewer.BUDGET, []), (200_000, ["HiResCAM, layer3"])):
        monkeypatch.setattr(viewer, "BUDGET", budget)
        assert content_of(fine)["without"] == left_out
    monkeypatch.setattr(viewer, "BUDGET", 10)  # less than anything: one image, one method
    assert [len(content_of(fine)[part]) for part in ("images", "methods", "without")] == [1, 1, 3]


def test_no_heat_maps_no_viewer(tmp_path: Path) -> None:
    every = {f"mri/{model}/1" for model in synthetic.MODELS}
    empty = synthetic.build(tmp_path / "out", repeats=1, missing=every, images=12)
    assert viewer.content(empty, runs.subjects(empty.study)[0]) == ""
