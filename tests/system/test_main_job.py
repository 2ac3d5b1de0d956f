"""The program as a person uses it: whole studies, stages, kills, and going on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from foveate import load_model, runs
from foveate.evaluation import choose_threshold
from foveate.explanation import heatmaps
from foveate.explanation.localisation.metrics import METRICS
from tests.conftest import MakeImages

SMALL = ["--pixels", "40", "--epochs", "3", "--repeats", "2", "--models", "resnet18,resnet18+se", "--device", "cpu"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "foveate", *map(str, arguments)]


def foveate(*arguments: object, status: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "OMP_WAIT_POLICY": "PASSIVE"}
    ended = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=300, cwd=cwd, env=environment, check=False
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


def weights(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("weights.safetensors"))}


@pytest.fixture
def images(make_images: MakeImages) -> Path:
    return make_images(normal=20, sick=20)


def test_three_classes_to_their_report(make_images: MakeImages, tmp_path: Path) -> None:
    """A probability for each of them; the models are compared by disease; each class has its AUC and heat-maps."""
    images = make_images(normal=20, mass=20, nodule=20)
    foveate("run", "--data", images, "--each-class", *SMALL[:-2], "--device", "cpu", cwd=tmp_path)
    out = tmp_path / "foveate-images"
    table = pd.read_csv(out / "runs" / "images" / "resnet18" / "1" / "predictions.csv")
    names = ["normal", "mass", "nodule"]
    assert [name for name in table.columns if name.startswith("p_")] == [f"p_{name}" for name in names]
    assert table[[f"p_{name}" for name in names]].sum(axis=1).tolist() == pytest.approx([1] * len(table))
    results = pd.read_csv(out / "results.csv").to_dict("records")[0]
    assert (results["model"], results["repeat"]) == ("resnet18", 1)
    sick = table["label"] != "normal"
    assert results["positives"] == sick.sum()
    assert results["auc"] == pytest.approx(roc_auc_score(sick, table["p_mass"] + table["p_nodule"]))
    single = [roc_auc_score(table["label"] == name, table[f"p_{name}"]) for name in names]
    assert results["auc_one_vs_rest"] == pytest.approx(sum(single) / 3)
    assert [results[f"auc_of_{name}"] for name in names] == pytest.approx(single)
    top = [names[place] for place in table[[f"p_{name}" for name in names]].to_numpy().argmax(axis=1)]
    right = [one == other for one, other in zip(top, table["label"], strict=True)]
    assert results["accuracy_of_classes"] == pytest.approx(sum(right) / len(right))
    maps = heatmaps.load(out / "runs" / "images" / "resnet18" / "1" / "heatmaps.npz")
    assert [names[target] for target in maps.target] == table["label"].tolist()
    page = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert "The networks tell 3 classes apart" in page
    assert "mass or nodule" in page
    assert load_model(out / "runs" / "images" / "resnet18" / "1").classes == tuple(names)


def test_a_folder_to_its_report(images: Path, tmp_path: Path) -> None:
    (images / "notes.txt").write_text("scanner 3")
    ended = foveate("run", "--data", images, *SMALL, cwd=tmp_path)
    out = tmp_path / "foveate-images"
    means, chance, *warned, report = ended.stdout.strip().splitlines()
    assert means.startswith("images: mean AUC in per cent: ResNet-18 ")
    assert "Runs of one and the same model were up to" in chance
    assert report == f"report: {Path('foveate-images/report/index.html')}"
    assert "notes.txt" in ended.stderr
    told, _, worked = ended.stderr.partition("images/resnet18/1")
    for sentence in ("chosen by the names of the classes: sick.", "The patients are not known", "have 2 × 2 values"):
        assert sentence in told  # before the first training
        assert sentence not in worked
    assert re.match(r"\d+ warnings, the weightiest first", warned[0])  # and once more at the end
    stored = runs.read_json(out / "warnings.json")["warnings"]
    assert {"positive_by_name", "patients_unknown", "few_images", "coarse_maps"} <= {own["key"] for own in stored}
    results = pd.read_csv(out / "results.csv")
    assert len(results) == 4
    assert results["auc"].between(0, 1).all()
    comparison = pd.read_csv(out / "comparison.csv")
    assert list(comparison["model"]) == ["resnet18", "resnet18+se"]
    for run in runs.grid(runs.StudyFolder(out).study):
        place = runs.StudyFolder(out).run(run)
        predictions = pd.read_csv(place / "predictions.csv", dtype={"case": str})
        assert list(predictions.columns) == ["case", "part", "label", "p_normal", "p_sick"]
        maps = heatmaps.load(place / "heatmaps.npz")
        assert maps.case.tolist() == predictions["case"].tolist()
        assert not (place / "checkpoint.pt").exists()
        assert len(pd.read_csv(place / "history.csv")) == 3
        trained = load_model(place)
        assert trained.classes == ("normal", "sick")
        assert trained.network(torch.zeros(1, 3, 40, 40)).shape == (1, 2)
    assert (out / "report" / "index.html").stat().st_size > 10_000
    assert not list(out.rglob("*.new"))

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != ".lock"}
    for verb in ("train", "evaluate", "explain", "report"):
        foveate(verb, out)
    foveate("run", "--data", images, *SMALL, cwd=tmp_path)
    foveate("run", out)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != ".lock"}
    assert before == after  # what is done is not done again


def test_killed_in_the_middle_and_started_again_ends_with_the_same_bits(images: Path, tmp_path: Path) -> None:
    options = ["--data", images, "--pixels", 40, "--epochs", 30, "--repeats", 1, "--models", "resnet18,resnet18+gc"]
    foveate("run", *options, "--out", tmp_path / "whole", "--quiet")
    out = tmp_path / "killed"
    for ending in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command("run", *options, "--out", out), stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("images/"):  # a run begins
                break
        time.sleep(1.0)  # some epochs
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors
        if ending in (signal.SIGINT, signal.SIGTERM) and process.returncode:
            assert process.returncode == 1
            assert re.search(rf"stopped; what is done is kept\. Go on with: foveate run {out}", errors)
    foveate("run", out, "--quiet")
    assert weights(out) == weights(tmp_path / "whole")
    columns = ["dataset", "policy", "model", "repeat", "auc", "accuracy"]
    ours, theirs = (pd.read_csv(folder / "results.csv")[columns] for folder in (out, tmp_path / "whole"))
    pd.testing.assert_frame_equal(ours, theirs)
    for name in ("history.csv", "predictions.csv"):
        killed, whole = (sorted(folder.rglob(name)) for folder in (out, tmp_path / "whole"))
        assert [path.read_text() for path in killed] == [path.read_text() for path in whole]


def test_a_run_does_not_depend_on_the_runs_beside_it(images: Path, tmp_path: Path) -> None:
    alone = ["--data", images, "--pixels", 40, "--epochs", 2, "--repeats", 1, "--quiet"]
    foveate("run", *alone, "--models", "resnet18,resnet18+cbam", "--out", tmp_path / "two")
    foveate("run", *alone, "--models", "resnet18+cbam", "--out", tmp_path / "one")
    name = "runs/images/resnet18+cbam/1/weights.safetensors"
    assert weights(tmp_path / "two")[name] == weights(tmp_path / "one")[name]


def test_stages_in_the_wrong_order_are_said(images: Path, tmp_path: Path) -> None:
    from foveate.overrides import Overrides, assemble

    folder = runs.StudyFolder(tmp_path / "out")
    folder.create(assemble(None, Overrides(data=[str(images)], pixels=40, epochs=1, repeats=1)))
    assert f"foveate run {folder.path}" in foveate("train", folder.path, status=1).stderr
    assert f"foveate train {folder.path}" in foveate("evaluate", folder.path, status=1).stderr
    assert f"foveate evaluate {folder.path}" in foveate("explain", folder.path, status=1).stderr
    assert f"foveate evaluate {folder.path}" in foveate("report", folder.path, status=1).stderr


def test_the_phantom_as_a_folder_of_ones_own(tmp_path: Path) -> None:
    foveate("data", "phantom", tmp_path / "phantom", "--images", 40)
    out = tmp_path / "out"
    options = ["--pixels", "100", "--epochs", "1", "--repeats", "1", "--models", "resnet18", "--quiet"]
    foveate("run", "--data", tmp_path / "phantom", "--out", out, *options)
    scores = pd.read_csv(out / "localisation.csv")
    assert set(scores["model"]) == {"resnet18", "centre_prior", "mean_map"}
    assert set(scores["metric"]) == set(METRICS)
    assert scores.loc[scores["metric"] == "energy", "chance"].between(0.001, 0.2).all()
    summary = pd.read_csv(out / "localisation-summary.csv")
    assert set(summary["model"]) == {"resnet18"}
    foveate("data", "phantom", tmp_path / "phantom", status=2)


def test_a_presets_name_means_the_preset_whatever_lies_here(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "study.yaml").write_text("models: [resnet18]\ndatasets: {d: {source: nowhere}}\n")
    assert "study demo: phantom" in foveate("run", "demo", "--dry-run", cwd=tmp_path).stdout


def test_dry_run_writes_nothing(images: Path, tmp_path: Path) -> None:
    ended = foveate("run", "--data", images, *SMALL, "--dry-run", cwd=tmp_path)
    assert "4 runs = 2 models x 2 repeats" in ended.stdout
    assert "images through a network" in ended.stdout
    assert "warning: images: The patients are not known" in ended.stdout
    assert "warning: The heat-maps have 2 × 2 values" in ended.stdout
    assert not (tmp_path / "foveate-images").exists()
    ended = foveate("run", "--data", images, *SMALL, "--policy", "paper,shipped", "--dry-run", cwd=tmp_path, status=1)
    assert "have no split of their own" in ended.stderr  # before an image is decoded


def test_help_and_version() -> None:
    assert "run" in foveate("--help").stdout
    assert "--epochs" in foveate("run", "--help").stdout
    assert foveate("--version").stdout.startswith("foveate 0.")
    table = foveate("models", "--models", "resnet18,resnet18+se", "--pixels", "64", "--no-time").stdout
    assert "11,177,538" in table
    assert "+0.80%" in table


def test_a_threshold_comes_from_an_archives_val_part(make_images: MakeImages, tmp_path: Path) -> None:
    for part, count in (("train", 16), ("val", 6), ("test", 8)):
        make_images(name=f"archive/{part}", normal=count, sick=count)
    brighter = tmp_path / "archive"
    for number, path in enumerate(sorted(brighter.rglob("*.png"))):  # no picture twice
        with Image.open(path) as image:
            image.putpixel((0, 0), number % 256)
            image.save(path)
    out = tmp_path / "out"
    once = ["--pixels", "40", "--epochs", "1", "--repeats", "1", "--models", "resnet18", "--device", "cpu"]
    foveate("run", "--data", brighter, "--policy", "shipped", "--out", out, *once)
    (place,) = out.glob("runs/*/resnet18/1")
    tuning, judged = (pd.read_csv(place / name, dtype={"case": str}) for name in ("tuning.csv", "predictions.csv"))
    assert (len(tuning), len(judged)) == (12, 16)
    assert not set(tuning["case"]) & set(judged["case"])
    threshold = choose_threshold(tuning["label"] == "sick", tuning["p_sick"])
    assert isinstance(threshold, float)
    sick = judged[judged["label"] == "sick"]
    found = pd.read_csv(out / "results.csv")["sensitivity_chosen"][0]
    assert found == pytest.approx((sick["p_sick"] >= threshold).mean())
