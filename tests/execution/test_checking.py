"""What a study needs before it is read, and does without once it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from foveate import pipeline, runs
from foveate.config import Study, parse_study
from foveate.errors import FoveateError, UsageError
from foveate.execution import worker
from foveate.execution.checking import check
from foveate.execution.preparing import prepare_data
from foveate.execution.progress import Silent
from foveate.models import create_model
from foveate.runs import StudyFolder
from tests.conftest import MakeImages


def study_of(sources: dict[str, Path], **more: Any) -> Study:
    datasets = {name: {"source": str(source)} for name, source in sources.items()}
    return parse_study(
        {"name": "s", "models": ["resnet18"], "images": {"pixels": 40}, "repeats": 1, "datasets": datasets, **more}
    )


def prepared(out: Path, study: Study) -> StudyFolder:
    folder = StudyFolder(out)
    folder.create(study)
    prepare_data(folder, Silent())
    return folder


def go_on(folder: StudyFolder) -> list[str]:
    """The notes of a study that goes on until it would train."""
    said = Silent()
    check(folder.study, folder)
    prepare_data(folder, said)
    return said.notes


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "a folder that fails"])
def test_a_study_whose_pixels_are_packed_goes_on_without_its_source(
    make_images: MakeImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    images = make_images(a=10, b=10)
    folder = prepared(tmp_path / "out", study_of({"mri": images}, policies=["clean", "paper"]))
    assert go_on(folder) == []
    if left == "a folder that fails":

        def fail(_: Path) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Path, "iterdir", fail)
    else:
        images.rename(tmp_path / "gone")
        if left == "an empty folder":
            images.mkdir()
    assert go_on(folder) == [f"not compared with what the study has read, which it goes on with: {images} is not there"]
    monkeypatch.undo()
    shutil.rmtree(images, ignore_errors=True)
    with pytest.raises(FoveateError, match=f"{images} does not exist"):
        check(folder.study, StudyFolder(tmp_path / "other"))


def test_a_source_that_is_still_needed_is_named(make_images: MakeImages, tmp_path: Path) -> None:
    here, away = make_images("here", a=10, b=10), make_images("away", a=10, b=10)
    study = study_of({"mri": here, "ct": away})
    folder = StudyFolder(tmp_path / "out")
    folder.create(study)
    alone = study_of({"mri": here})
    other = prepared(tmp_path / "alone", alone)
    shutil.copytree(other.path / "data", folder.path / "data")
    shutil.rmtree(here)
    check(study, folder)
    shutil.rmtree(away)
    with pytest.raises(FoveateError, match=f"{away} does not exist"):
        check(study, folder)


def test_a_changed_source_is_refused_as_ever(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10)
    folder = prepared(tmp_path / "out", study_of({"mri": images}))
    (images / "a/0.png").unlink()
    with pytest.raises(FoveateError, match="a/0.png was removed since"):
        go_on(folder)


def test_weights_are_needed_until_their_runs_are_begun(make_images: MakeImages, tmp_path: Path) -> None:
    file = tmp_path / "start.safetensors"
    save_file({k: v.contiguous() for k, v in create_model("resnet18").state_dict().items()}, file)
    study = study_of({"mri": make_images(a=10, b=10)}, models={"resnet18": {"weights": str(file)}})
    folder = prepared(tmp_path / "out", study)
    file.unlink()
    with pytest.raises(UsageError, match="start.safetensors"):
        check(study, folder)
    (run,) = runs.grid(study)
    folder.run(run).mkdir(parents=True)
    (folder.run(run) / "checkpoint.pt").write_bytes(b"")
    check(study, folder)
    worker.new_model(folder, run)


def test_regions_are_needed_until_they_are_adopted(make_images: MakeImages, tmp_path: Path) -> None:
    images, table = make_images(a=10, b=10), tmp_path / "boxes.csv"
    table.write_text("path,x0,y0,x1,y1\nb/0.png,2,2,9,9\n")
    study = study_of({"mri": images})
    (dataset,) = study.datasets.values()
    study = study.model_copy(update={"datasets": {"mri": dataset.model_copy(update={"regions": str(table)})}})
    folder = prepared(tmp_path / "out", study)
    table.unlink()
    assert go_on(folder) == []


def test_masks_and_tables_are_needed_until_they_are_read(make_images: MakeImages, tmp_path: Path) -> None:
    images, masks = make_images(a=10, b=10), tmp_path / "masks"
    shutil.copytree(images / "b", masks / "b")
    study = study_of({"mri": images})
    (dataset,) = study.datasets.values()
    study = study.model_copy(update={"datasets": {"mri": dataset.model_copy(update={"masks": str(masks)})}})
    folder = prepared(tmp_path / "out", study)
    assert go_on(folder) == []
    shutil.rmtree(masks)
    assert go_on(folder) == [f"not compared with what the study has read, which it goes on with: {masks} is not there"]


def test_a_last_batch_of_one_is_refused_once_it_is_certain(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=40, b=41)  # 65 to train on
    models = ["resnet18", "resnet18+bam"]
    told = "65 training images of mri leave one for the last batch of 64, and resnet18.bam cannot train"
    with pytest.raises(FoveateError, match=told):
        check(study_of({"mri": images}, models=models, policies=["paper"]))
    study = study_of({"mri": images}, models=models)
    assert "such as 63" in check(study)  # no certainty: duplicates may be left out
    folder = prepared(tmp_path / "out", study)
    with pytest.raises(FoveateError, match=f"{told}.*out/study.yaml"):
        pipeline.train(folder, torch.device("cpu"), Silent())
    assert not list(folder.path.rglob("run.json"))
    shutil.copy(images / "a/0.png", images / "a/twin.png")
    shutil.copy(images / "a/1.png", images / "a/other.png")
    assert check(study) == ""
