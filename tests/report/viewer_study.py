"""A made-up study with several methods' heat-maps for the viewer, and what the page carries of it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.explanation import heatmaps
from foveate.report import viewer
from foveate.runs import StudyFolder
from tests.report import synthetic


def build(path: Path) -> StudyFolder:
    """Grad-CAM of all images; HiResCAM of a finer layer for every second one; LayerCAM of one model alone.

    Attention maps of two models: CBAM's around 0.5, GC's flat.

    The originals are 400 x 200 pixels.
    """
    folder = synthetic.build(path, repeats=1, images=40)
    (subject,) = runs.subjects(folder.study)
    for run in runs.grid(folder.study):
        place = folder.run(run)
        maps = heatmaps.load(place / "heatmaps.npz")
        finer = replace(
            maps,
            case=maps.case[::2],
            target=maps.target[::2],
            logits=maps.logits[::2],
            raw=heatmaps.enlarge(maps.raw[::2], 9, 7).astype(np.float32),
            tap="layer3",
            method="hires_cam",
        )
        finer.save(place / "heatmaps-hires_cam@layer3.npz")
        if run.model == "resnet18+se":
            replace(maps, method="layer_cam").save(place / "heatmaps-layer_cam.npz")
        if run.model in ("resnet18+cbam", "resnet18+gc"):
            span = 0.2 if run.model == "resnet18+cbam" else 1e-4
            gates = (0.5 + span * np.tanh(maps.raw)).astype(np.float32)
            attention = replace(maps, raw=gates, method="attention", target_words="", tap="last attention block")
            attention.save(place / "heatmaps-attention.npz")
    cases = runs.read_json(folder.data(subject) / "pack" / "index.json")["cases"]
    table = pd.DataFrame({"case": cases, "path": "Jane Doe.png", "width": 400, "height": 200})
    table.to_csv(folder.data(subject) / "manifest.csv", index=False)
    return folder


def content_of(folder: StudyFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(viewer.content(folder, runs.subjects(folder.study)[0]))
    return found


def levels(packed: dict[str, Any]) -> NDArray[np.uint8]:
    values = np.frombuffer(base64.b64decode(packed["levels"]), dtype=np.uint8)
    return values.reshape(-1, packed["height"], packed["width"])
