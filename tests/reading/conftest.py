"""Packages for readers that many tests look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foveate import runs
from foveate.reading import package
from foveate.runs import StudyFolder
from tests.reading.small_study import Built, build


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder, subject = build(tmp_path_factory.mktemp("package"))
    assert package.create(folder, [subject], 6, repeat=1, seed=987654321) == folder.path / "reading"
    return folder, subject


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Two data sets with masks, all three repeats in turn."""
    folder, _ = build(tmp_path_factory.mktemp("both"), datasets=("mri", "ct"), repeats=3, masks=True)
    package.create(folder, runs.subjects(folder.study), 5, "all", 4, consent="I take part.\nI may stop.", practice=3)
    return folder


@pytest.fixture
def copied(made: Built, tmp_path: Path) -> Path:
    return shutil.copytree(made[0].path / "reading", tmp_path / "reading")
