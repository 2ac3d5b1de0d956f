"""A run's maps by any method: made once, kept whole, added to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from foveate import runs
from foveate.config import parse_study
from foveate.data.batches import Batches
from foveate.data.prepare import pack_of
from foveate.errors import FoveateError, UsageError
from foveate.explanation import heatmaps
from foveate.explanation.cam import TAP, explain, grad_cam, of_run
from foveate.explanation.cam.of_run import maps_of_run
from foveate.explanation.heatmaps import Heatmaps
from foveate.models import load_model, model_of
from foveate.runs import Run, StudyFolder, grid
from tests.data.test_batches import write_pack
from tests.explanation.cam.networks import narrow

CPU = torch.device("cpu")
CASES = [f"c{row}" for row in range(3, 9)]  # the validation part


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[StudyFolder, Run]]:
    """A study of one run of a narrow network that was never trained, evaluated."""
    model = "resnet18+cbam"
    folder = StudyFolder(tmp_path / "out")
    folder.create(
        parse_study(
            {"name": "s", "models": [model], "repeats": 1, "datasets": {"a": {"source": "x"}}, "precision": "float32"}
        )
    )
    (run,) = grid(folder.study)
    folder.data(run.subject).mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (9, 64, 64, 1), dtype=np.uint8)
    pack = write_pack(folder.data(run.subject) / "pack", pixels, 3)
    parts = ["train"] * 3 + ["validation"] * 6
    pd.DataFrame({"case": pack.index.cases, "part": parts}).to_csv(folder.data(run.subject) / "split.csv", index=False)
    place, spec = folder.run(run), folder.study.models[model]
    inputs = {
        "classes": ["a", "b"],
        "pixels": 64,
        "fit": "stretch",
        "channels": 3,
        "mean": [10.0] * 3,
        "std": [2.0] * 3,
    }
    with narrow():
        network = model_of(spec, 64, 3, 2, torch.Generator().manual_seed(0)).eval()
        runs.write_json(place / "run.json", {"model_configuration": spec.model_dump(mode="json"), "input": inputs})
        safetensors.torch.save_file(network.state_dict(), place / "weights.safetensors")
        images, labels = Batches(pack, CASES, "split.csv", CPU).gather(torch.arange(6))
        with torch.inference_mode():
            features = network.forward_features(images)
            raw, logits = grad_cam(features, network.fc.weight, labels), network.forward_head(features)
        Heatmaps(np.array(CASES), labels.numpy(), raw.numpy(), logits.numpy(), TAP).save(place / "heatmaps.npz")
        yield folder, run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of explain had; batches of four."""
    counted: list[int] = []

    def counting(network: object, images: torch.Tensor, *rest: object) -> object:
        counted.append(len(images))
        return explain(network, images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(of_run, "explain", counting)
    monkeypatch.setattr(of_run, "BATCH", 4)
    return counted


def test_all_validation_cases_once(run: tuple[StudyFolder, Run], calls: list[int]) -> None:
    folder, one = run
    done: list[int] = []
    path = maps_of_run(folder, one, "hires_cam", advance=done.append)
    assert path == folder.run(one) / "heatmaps-hires_cam.npz"
    assert calls == done == [4, 2]
    assert maps_of_run(folder, one, "hires_cam") == path
    assert maps_of_run(folder, one, "hires_cam", cases=CASES[2:4]) == path
    assert calls == [4, 2]  # nothing was done again
    maps, evaluated = heatmaps.load(path), heatmaps.load(folder.run(one) / "heatmaps.npz")
    assert maps.case.tolist() == CASES
    np.testing.assert_array_equal(maps.target, evaluated.target)
    np.testing.assert_allclose(maps.raw, evaluated.raw, rtol=1e-4, atol=1e-7)  # HiResCAM is Grad-CAM here
    np.testing.assert_allclose(maps.logits, evaluated.logits, rtol=1e-5, atol=1e-6)
    assert (maps.method, maps.tap, maps.target_words) == ("hires_cam", TAP, "truth")
    assert maps.raw.dtype == np.float32


def test_grad_cam_of_the_truth_is_the_evaluations(run: tuple[StudyFolder, Run], calls: list[int]) -> None:
    folder, one = run
    assert maps_of_run(folder, one, cases=CASES[:1]) == folder.run(one) / "heatmaps.npz"
    assert calls == []


def test_cases_are_added_to_those_there_are(run: tuple[StudyFolder, Run], calls: list[int]) -> None:
    folder, one = run
    path = maps_of_run(folder, one, "layer_cam", "layer3", cases=["c5", "c3", "c5"])
    first = heatmaps.load(path)
    assert first.case.tolist() == ["c5", "c3"]
    assert first.raw.shape == (2, 4, 4)
    maps_of_run(folder, one, "layer_cam", "layer3", cases=["c3", "c8"])
    both = heatmaps.load(path)
    assert (both.case.tolist(), calls) == (["c5", "c3", "c8"], [2, 1])
    np.testing.assert_array_equal(both.raw[:2], first.raw)
    assert len(both.target) == len(both.logits) == 3
    assert (both.method, both.tap) == ("layer_cam", "layer3")


def test_targets_have_files_of_their_own(run: tuple[StudyFolder, Run]) -> None:
    folder, one = run
    maps = {words: heatmaps.load(maps_of_run(folder, one, target=words)) for words in ("predicted", "a", '"b":a')}
    names = sorted(path.name for path in folder.run(one).glob("heatmaps-*"))
    assert names == ["heatmaps-grad_cam-a.npz", "heatmaps-grad_cam-b%3Aa.npz", "heatmaps-grad_cam-predicted.npz"]
    assert [of.target_words for of in maps.values()] == ["predicted", "a", "b:a"]
    np.testing.assert_array_equal(maps["predicted"].target, maps["predicted"].logits.argmax(1))
    assert (maps["a"].target == 0).all()
    assert (maps['"b":a'].target == 1).all()
    bias = load_model(folder.run(one)).network.fc.bias.detach().numpy()
    contrast = maps['"b":a']
    expected = (contrast.logits - bias) @ np.array([-1, 1])
    np.testing.assert_allclose(contrast.raw.sum((1, 2)), expected, rtol=1e-4, atol=1e-5)


def test_a_class_free_method_has_no_target(run: tuple[StudyFolder, Run]) -> None:
    folder, one = run
    path = maps_of_run(folder, one, "attention", target="a")
    maps = heatmaps.load(path)
    assert path.name == "heatmaps-attention.npz"
    assert (maps.target_words, maps.raw.shape) == ("", (6, 4, 4))
    assert maps.tap.startswith("last attention block")
    np.testing.assert_array_equal(maps.target, heatmaps.load(folder.run(one) / "heatmaps.npz").target)


def test_a_file_of_another_target_is_made_anew(run: tuple[StudyFolder, Run], calls: list[int]) -> None:
    folder, one = run
    path = maps_of_run(folder, one, target="a")  # as on a disk that takes A for a
    replace(heatmaps.load(path), target_words="A").save(path)
    maps_of_run(folder, one, target="a", cases=CASES[:1])
    assert (heatmaps.load(path).target_words, heatmaps.load(path).case.tolist()) == ("a", CASES[:1])
    assert calls == [4, 2, 1]


def test_what_is_refused(run: tuple[StudyFolder, Run]) -> None:
    folder, one = run
    with pytest.raises(UsageError, match=r"'c0' is not among the validation cases.*: 6 were evaluated, such as c3"):
        maps_of_run(folder, one, "hires_cam", cases=["c4", "c0"])
    with pytest.raises(UsageError, match="no case is asked for"):
        maps_of_run(folder, one, "hires_cam", cases=[])
    with pytest.raises(UsageError, match="no heat-map method 'cam'"):
        maps_of_run(folder, one, "cam")
    with pytest.raises(UsageError, match="no tap 'layer9'"):
        maps_of_run(folder, one, "layer_cam", "layer9")
    with pytest.raises(UsageError, match="nothing called 'c' to explain.*classes a, b"):
        maps_of_run(folder, one, target="c")
    assert [path.name for path in folder.run(one).glob("heatmaps*")] == ["heatmaps.npz"]
    (folder.run(one) / "heatmaps.npz").unlink()
    with pytest.raises(FoveateError, match="is not evaluated yet"):
        maps_of_run(folder, one)


def test_an_interrupted_run_leaves_no_file(run: tuple[StudyFolder, Run], calls: list[int]) -> None:
    folder, one = run

    def stop(images: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maps_of_run(folder, one, "eigen_cam", advance=stop)
    assert not list(folder.run(one).glob("*eigen*"))
    assert pack_of(folder, one.subject).index.cases[3] == CASES[0]
