"""A study of a few images of different shapes, in a folder with a patient's name, and what its readers' key says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from foveate import config, runs
from foveate.data.decoders import decode
from foveate.explanation import heatmaps
from foveate.runs import StudyFolder, Subject
from tests.report import synthetic

Built = tuple[StudyFolder, Subject]


def build(
    path: Path, *, phantom: bool = False, datasets: tuple[str, ...] = ("mri",), repeats: int = 1, masks: bool = False
) -> Built:
    """A study of 24 cases a data set whose images are files of different shapes in a folder with a patient's name.

    The first of its data sets stands beside it.
    """
    folder = synthetic.build(
        path / "study", datasets=datasets, repeats=repeats, images=24, side=33, masks=masks, title="Heads"
    )
    data = folder.study.model_dump(mode="json")
    sources = {
        name: path / "study" / "data" / name / "images" if phantom else path / "secret" / name / "Jane Doe"
        for name in datasets
    }
    for name, source in sources.items():
        data["datasets"][name]["source"] = "phantom" if phantom else str(source)
    data["images"]["fit"] = "pad"
    (folder.path / "study.yaml").write_text(config.dump_study(config.parse_study(data)), encoding="utf-8")
    folder = StudyFolder(folder.path)
    subjects = runs.subjects(folder.study)
    for number, subject in enumerate(subjects):
        _write_images(folder, subject, sources[subject.dataset], 1000 * number)
    return folder, subjects[0]


def _write_images(folder: StudyFolder, subject: Subject, source: Path, seed: int) -> None:
    source.mkdir(parents=True)
    split = pd.read_csv(folder.data(subject) / "split.csv", dtype=str)
    rows = []
    for number in range(len(split)):
        shape = (20 + number, 60 - number, *([3] if number % 2 else []))
        pixels = np.random.default_rng(seed + number).integers(0, 256, shape, dtype=np.uint8)
        file = source / f"Doe-{number}.{'png' if number % 3 else 'jpg'}"
        Image.fromarray(pixels).save(file)
        own = decode(file).pixel_hash
        rows.append((own[:16], file.name, own))
    table = pd.DataFrame(rows, columns=["case", "path", "pixel_hash"])
    table.to_csv(folder.data(subject) / "manifest.csv", index=False)
    _rename_cases(folder, subject, dict(zip(split["case"], table["case"], strict=True)))


def _rename_cases(folder: StudyFolder, subject: Subject, new: dict[str, str]) -> None:
    """The made-up study counts its cases; real ones are named after their pixels."""
    places = [folder.run(run) for run in runs.grid(folder.study) if run.subject == subject]
    for path in (folder.data(subject) / "split.csv", *(place / "predictions.csv" for place in places)):
        table = pd.read_csv(path, dtype={"case": str})
        table.assign(case=table["case"].map(new)).to_csv(path, index=False)
    for path in (place / "heatmaps.npz" for place in places):
        maps = heatmaps.load(path)
        replace(maps, case=np.array([new[case] for case in maps.case.tolist()])).save(path)
    located = folder.path / "localisation.csv"
    if located.is_file():
        table = pd.read_csv(located, dtype={"case": str})
        own = table["dataset"] == subject.dataset
        table.loc[own, "case"] = table.loc[own, "case"].map(new)
        table.to_csv(located, index=False)


def key_of(place: Path) -> pd.DataFrame:
    return pd.read_csv(place / "key" / "key.csv", dtype=str)
