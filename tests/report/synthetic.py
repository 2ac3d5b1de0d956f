"""A small study's folder with made-up runs, in the formats that the real stages write."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from foveate import runs
from foveate.config import parse_study
from foveate.data.phantom import phantom_image
from foveate.evaluation.localisation_summary import summarise
from foveate.evaluation.study import evaluate_study
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.localisation import score_study
from foveate.report.published import PUBLISHED
from foveate.runs import Run, StudyFolder, Subject

MODELS = ("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc")
SKILL = {"resnet18": 1.6, "resnet18+se": 2.2, "resnet18+cbam": 2.6, "resnet18+gc": 1.4}
CLASSES = ("normal", "lesion")


def build(
    path: Path,
    *,
    datasets: Collection[str] = ("mri",),
    title: str = "",
    policies: Collection[str] = ("paper",),
    repeats: int = 3,
    missing: Collection[str] = (),
    masks: bool = True,
    images: int = 60,
    side: int = 64,
    map_side: int = 4,
    classes: tuple[str, str] = CLASSES,
) -> StudyFolder:
    """Write a study's folder; `missing` are keys of runs to leave out, such as "mri/resnet18+gc/2"."""
    study = parse_study(
        {
            "name": "synthetic",
            "models": list(MODELS),
            "datasets": {
                name: {"source": "/secret/Jane Doe", "title": title, "published": name if name in PUBLISHED else None}
                for name in datasets
            },
            "policies": list(policies),
            "repeats": repeats,
            "images": {"pixels": side},
            "recipe": {"epochs": 12},
            "precision": "float32",
        }
    )
    folder = StudyFolder(path)
    folder.create(study)
    evaluated = []
    for subject in runs.subjects(study):
        parts = _data(folder, subject, images, side, masks, classes)
        for run in [run for run in runs.grid(study) if run.subject == subject and run.key not in missing]:
            _run(folder, run, parts, map_side, classes)
            evaluated.append(run)
    if evaluated:
        for name, table in evaluate_study(folder, evaluated)[0].items():
            table.to_csv(path / f"{name}.csv", index=False)
    if masks and evaluated:
        scores = score_study(folder)
        scores.to_csv(path / "localisation.csv", index=False)
        summarise(folder, scores).to_csv(path / "localisation-summary.csv", index=False)
    return folder


Parts = tuple[list[str], NDArray[np.int64], NDArray[np.bool_]]  # cases, labels, masks of the validation part


def _data(
    folder: StudyFolder, subject: Subject, images: int, side: int, masks: bool, classes: tuple[str, str]
) -> Parts:
    pictures = [phantom_image(index, seed=7) for index in range(images)]
    cases = [f"{index:016x}" for index in range(images)]
    labels = np.array([int(picture.label == "lesion") for picture in pictures])
    drawn = np.array([_resized(picture.mask, side) for picture in pictures])
    rows = {case: row for row, case in enumerate(cases) if masks and drawn[row].any()}
    pack = folder.data(subject) / "pack"
    pack.mkdir(parents=True)
    np.save(pack / "pixels.npy", np.array([_resized(picture.pixels, side) for picture in pictures])[..., None])
    np.save(pack / "masks.npy", drawn[list(rows.values())])
    index = {
        "cases": cases,
        "labels": labels.tolist(),
        "classes": list(classes),
        "pixels": side,
        "fit": "stretch",
        "channels": 3,
        "normalisation": {"split.csv": {"mean": [100.0], "std": [40.0]}},
        "masks": {case: number for number, case in enumerate(rows)},
        "fingerprint": "0123456789abcdef",
    }
    runs.write_json(pack / "index.json", index)
    validation = np.arange(images) >= images // 2
    part = np.where(validation, "validation", "train")
    pd.DataFrame({"case": cases, "part": part}).to_csv(folder.data(subject) / "split.csv", index=False)
    counts = {
        name: {label: int(((labels == number) & (part == name)).sum()) for number, label in enumerate(classes)}
        for name in ("train", "validation")
    }
    audit = {
        "source": "/secret/Jane Doe",
        "images": images + 6,
        "classes": {label: [label] for label in classes},
        "labels": {label: int((labels == number).sum()) for number, label in enumerate(classes)},
        "positive_chosen_by": "name",
        "used": images,
        "unreadable": [["/secret/Jane Doe/1.png", "truncated file"]],
        "ignored_files": 2,
        "duplicates": {
            "groups": 2,
            "images": 3,
            "conflicting_groups": 1,
            "across_parts": 1,
            "removed": 3 if subject.policy == "clean" else 0,
        },
        "patients": None,
        "masks": len(rows),
        "parts": counts,
    }
    runs.write_json(folder.data(subject) / "audit.json", audit)
    chosen = np.flatnonzero(validation)
    shown = drawn[chosen] if masks else np.zeros_like(drawn[chosen])
    return [cases[row] for row in chosen], labels[chosen], shown


def _resized(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    return np.asarray(Image.fromarray(pixels).resize((side, side)))


def _run(folder: StudyFolder, run: Run, parts: Parts, map_side: int, classes: tuple[str, str]) -> None:
    cases, labels, masks = parts
    random = np.random.default_rng(runs.derive_seed(run.key))
    skill = SKILL[run.model]
    logits = random.normal(size=(len(cases), 2)).astype(np.float32)
    logits[np.arange(len(cases)), labels] += skill
    raw = _maps(random, masks, map_side, skill)
    path = folder.run(run)
    Heatmaps(np.array(cases), labels, raw, logits, "global average pooling").save(path / "heatmaps.npz")
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    share = odds / odds.sum(axis=1, keepdims=True)
    predictions = {"case": cases, "part": "validation", "label": [classes[label] for label in labels]}
    frame = pd.DataFrame(predictions | {f"p_{name}": share[:, number] for number, name in enumerate(classes)})
    frame.to_csv(path / "predictions.csv", index=False)
    metrics = {
        "auc": float(roc_auc_score(labels, share[:, 1])),
        "accuracy": float((share.argmax(1) == labels).mean()),
    }
    counts = {"cases": len(cases), "positives": int(labels.sum())}
    runs.write_json(path / "metrics.json", metrics | counts)
    epochs = folder.study.epochs(run.subject.dataset)
    _history(path, random, epochs, metrics["auc"])
    record = {
        "dataset": run.subject.dataset,
        "policy": run.subject.policy,
        "model": run.model,
        "repeat": run.repeat,
        "seeds": {"split": 11, "order": 12, "initialisation": 13},
        "comparison": "factorial",
        "parameters": 11177538,
        "epochs": epochs,
        "precision": "float32",
        "threads": 2,
        "device": "cpu",
        "hardware": "Some CPU, 2 cores",
        "versions": {"foveate": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.2"},
        "data_fingerprint": "0123456789abcdef",
        "seconds": 61.5,
    }
    runs.write_json(path / "run.json", record)


def _maps(random: np.random.Generator, masks: NDArray[np.bool_], map_side: int, skill: float) -> NDArray[np.float32]:
    """Noise and a bump over the lesion; every seventh map or so is negative everywhere."""
    side = masks.shape[1]
    block = side // map_side
    edge = block * map_side
    inside = masks[:, :edge, :edge].reshape(-1, map_side, block, map_side, block).mean(axis=(2, 4))
    raw = 0.2 * random.normal(size=inside.shape) + skill * inside
    blank = random.random(len(raw)) < 0.15
    raw[blank] = -1 - raw[blank] ** 2
    return np.asarray(raw, dtype=np.float32)


def _history(path: Path, random: np.random.Generator, epochs: int, auc: float) -> None:
    epoch = np.arange(1, epochs + 1)
    loss = 0.7 * np.exp(-epoch / 5) + 0.02 * random.random(epochs)
    reached = np.where(epoch % 3 == 0, auc - (auc - 0.5) * np.exp(-epoch / 3), np.nan)
    reached[-1] = auc
    table = {"epoch": epoch, "learning_rate": 0.05, "loss": loss, "validation_auc": reached}
    pd.DataFrame(table).to_csv(path / "history.csv", index=False)
