"""A tiny study's folder with heat-maps, as the stages before leave it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from foveate import runs
from foveate.config import parse_study
from foveate.explanation.heatmaps import Heatmaps, file_name
from foveate.runs import Run, StudyFolder, Subject

SIDE = 8
SUBJECT = Subject("d", "paper", "d")
MODELS = ("resnet18", "resnet18+se")


def quarter(row: int, column: int) -> NDArray[np.bool_]:
    """(8, 8) a mask of one of the image's quarters: 0, 0 is the upper left one."""
    mask = np.zeros((2, 2), dtype=bool)
    mask[row, column] = True
    return mask.repeat(SIDE // 2, axis=0).repeat(SIDE // 2, axis=1)


def build(
    path: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    repeats: int = 1,
    fit: str = "stretch",
    size: tuple[int, int] = (SIDE, SIDE),
    labels: Mapping[str, int] | None = None,
) -> StudyFolder:
    """A folder whose data set has cases a, b, ... (width x height originals), some of them with masks."""
    study = parse_study(
        {
            "name": "tiny",
            "models": list(MODELS),
            "datasets": {"d": {"source": "nowhere"}},
            "policies": ["paper"],
            "repeats": repeats,
        }
    )
    folder = StudyFolder(path)
    folder.create(study)
    cases = ["a", "b", "c", "d"]
    pack = folder.data(SUBJECT) / "pack"
    pack.mkdir(parents=True)
    if masks:
        np.save(pack / "masks.npy", np.stack(list(masks.values())))
    index = {
        "cases": cases,
        "labels": [(labels or {}).get(case, 1) for case in cases],
        "classes": ["normal", "lesion"],
        "pixels": SIDE,
        "fit": fit,
        "channels": 3,
        "normalisation": {},
        "masks": {case: row for row, case in enumerate(masks)},
        "fingerprint": "0",
    }
    runs.write_json(pack / "index.json", index)
    paths = ["lesion/one.png", "lesion/two.png", "other/two.png", "other/3.png"]
    manifest = pd.DataFrame({"case": cases, "path": paths, "width": size[0], "height": size[1]})
    runs.write_text(folder.data(SUBJECT) / "manifest.csv", manifest.to_csv(index=False))
    return folder


def save(folder: StudyFolder, model: str, repeat: int, maps: Mapping[str, ArrayLike], variant: str = "") -> None:
    """Heat-maps of a run by case, (h, w) each."""
    raw = np.array(list(maps.values()), dtype=np.float32)
    count = len(raw)
    file = Heatmaps(np.array(list(maps)), np.ones(count, dtype=np.int64), raw, np.zeros((count, 2), np.float32), "t")
    file.save(folder.run(Run(SUBJECT, model, repeat)) / file_name(variant))
