"""One small study for the tests of prediction: trained for an epoch, on PNG and DICOM, wide and high, padded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.config import parse_study
from foveate.data.prepare import prepare, source_of
from foveate.execution.worker import evaluate_run, train_run
from foveate.runs import StudyFolder, grid, subjects
from tests.data.dicom_files import write


@dataclass(frozen=True)
class SmallStudy:
    """A study's folder, the images that it was made of, and its only run."""

    out: Path
    images: Path
    run: Path


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> SmallStudy:
    place = tmp_path_factory.mktemp("predict")
    generator = np.random.default_rng(0)
    for label, base in (("normal", 60), ("sick", 140)):
        (place / "images" / label).mkdir(parents=True)
        for number, (height, width) in enumerate([(40, 50), (60, 30), (45, 45), (33, 70), (50, 40)] * 2):
            pixels = generator.integers(base, base + 60, (height, width), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "images" / label / f"{number}.png")
        frames = generator.integers(base, base + 60, (3, 40, 30), dtype=np.uint8)
        write(place / "images" / label / "frames.dcm", frames)
    described = {
        "name": "small",
        "models": ["resnet18"],
        "repeats": 1,
        "policies": "paper",
        "datasets": {"lungs": {"source": str(place / "images")}},
        "images": {"pixels": 40, "fit": "pad"},
        "recipe": {"epochs": 1, "curve_points": 0, "learning_rate": 0.001},
        "precision": "float32",
        "threads": 1,
    }
    folder = StudyFolder(place / "out")
    folder.create(parse_study(described))
    (subject,), (run,) = subjects(folder.study), grid(folder.study)
    prepare(folder, subject, source_of(folder, subject))
    threads = torch.get_num_threads()
    train_run(folder, run, torch.device("cpu"))
    evaluate_run(folder, run, torch.device("cpu"))
    torch.set_num_threads(threads)
    return SmallStudy(folder.path, place / "images", folder.run(run))
