"""One run, carried out: trained, then evaluated. Doing it twice does it once."""

from __future__ import annotations

import io
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from numpy.typing import NDArray

import foveate
from foveate import plugins, runs
from foveate.data.batches import Batches
from foveate.data.pack import Pack
from foveate.data.prepare import pack_of, split_file
from foveate.data.split import TRAIN, TUNING, VALIDATION
from foveate.errors import FoveateError
from foveate.evaluation.metrics import auc, disease, softmax
from foveate.evaluation.predict import predict, validation_auc
from foveate.evaluation.results import defined
from foveate.evaluation.scores import TUNING as TUNING_FILE
from foveate.explanation.cam import TAP, grad_cam
from foveate.explanation.heatmaps import Heatmaps
from foveate.models import load_model, load_weights, model_of
from foveate.models.resnet import ResNet
from foveate.runs import Run, StudyFolder, derive_seed
from foveate.training import acceleration
from foveate.training.loop import Training, train

Advance = Callable[[int], None]


def is_trained(folder: StudyFolder, run: Run) -> bool:
    return (folder.run(run) / "weights.safetensors").is_file()


def is_begun(folder: StudyFolder, run: Run) -> bool:
    """Whether its weights are kept, from which it goes on."""
    return is_trained(folder, run) or (folder.run(run) / "checkpoint.pt").is_file()


def is_evaluated(folder: StudyFolder, run: Run) -> bool:
    """metrics.json is written last."""
    return (folder.run(run) / "metrics.json").is_file()


def train_run(
    folder: StudyFolder,
    run: Run,
    device: torch.device,
    advance: Advance = lambda images: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train a run to its weights, from its checkpoint where it was interrupted.

    Raises FoveateError where the run in the folder was trained on other pixels than those that lie there now.
    """
    place, pack = folder.run(run), pack_of(folder, run.subject)
    _same_data(place / "run.json", pack)
    if is_trained(folder, run):
        return
    torch.set_num_threads(folder.study.threads or acceleration.default_threads())
    split = split_file(folder.study, run.repeat)
    parts = cases_by_part(folder.data(run.subject) / split)
    model = new_model(folder, run)
    record = _record(folder, run, device, pack, split, model)
    runs.write_json(place / "run.json", record)

    data = Batches(pack, parts[TRAIN], split, device)
    validation = Batches(pack, parts[VALIDATION], split, device)
    precision = record["precision"]
    training = Training(
        folder.study.recipe, record["epochs"], record["seeds"]["order"], precision, place / "checkpoint.pt"
    )
    position = train(model, data, training, lambda _: validation_auc(model, validation, precision), advance, stop)

    runs.write_text(place / "history.csv", pd.DataFrame(position.history).to_csv(index=False))
    runs.write_json(place / "run.json", {**record, "seconds": round(position.seconds, 1)})
    with runs.writing(place / "weights.safetensors", "wb") as file:
        file.write(safetensors.torch.save({k: v.contiguous().cpu() for k, v in model.state_dict().items()}))
    (place / "checkpoint.pt").unlink(missing_ok=True)


def evaluate_run(folder: StudyFolder, run: Run, device: torch.device, advance: Advance = lambda images: None) -> None:
    """Score the validation part in float32, and keep its heat-maps for the true classes.

    Where an archive has a tuning part, that is scored too: a threshold may be chosen on it.
    """
    place, pack = folder.run(run), pack_of(folder, run.subject)
    if is_evaluated(folder, run):
        return
    torch.set_num_threads(folder.study.threads or acceleration.default_threads())
    split = split_file(folder.study, run.repeat)
    parts = cases_by_part(folder.data(run.subject) / split)
    cases = parts[VALIDATION]
    trained = load_model(place)
    network = trained.network.on(device)
    data = Batches(pack, cases, split, device)
    logits, raw = predict(network, data, explain=grad_cam, advance=advance)
    assert raw is not None
    labels, names = data.labels.cpu().numpy(), trained.classes

    probabilities = softmax(logits)
    runs.write_text(place / "predictions.csv", _predictions(cases, VALIDATION, labels, names, probabilities))
    if parts.get(TUNING):
        others = Batches(pack, parts[TUNING], split, device)
        tuned = softmax(predict(network, others)[0])
        text = _predictions(parts[TUNING], TUNING, others.labels.cpu().numpy(), names, tuned)
        runs.write_text(place / TUNING_FILE, text)
    Heatmaps(np.array(cases), labels.astype(np.int64), raw, logits, TAP).save(place / "heatmaps.npz")
    positive, scores = disease(labels, probabilities, data.positives)
    metrics = {
        "auc": defined(auc(positive, scores)),
        "accuracy": float((probabilities.argmax(1) == labels).mean()),
        "cases": len(cases),
        "positives": int(positive.sum()),
    }
    runs.write_json(place / "metrics.json", metrics)


def _predictions(
    cases: list[str],
    part: str,
    labels: NDArray[np.int64],
    names: Sequence[str],
    probabilities: NDArray[np.float64],
) -> str:
    """predictions.csv: case, part, label and each class's probability."""
    table = pd.DataFrame({"case": cases, "part": part, "label": [names[label] for label in labels]})
    for column, name in enumerate(names):
        table[f"p_{name}"] = probabilities[:, column]
    return table.to_csv(index=False)


def new_model(folder: StudyFolder, run: Run) -> ResNet:
    """The model of a run before its first step; its initialisation depends on nothing but the run's identity."""
    spec = folder.study.models[run.model]
    generator = torch.Generator().manual_seed(_seeds(folder, run)["initialisation"])
    classes = len(pack_of(folder, run.subject).index.classes)
    model = model_of(spec, folder.study.images.pixels, folder.study.images.channels, classes, generator)
    if spec.weights and not is_begun(folder, run):  # else they come from its checkpoint
        load_weights(model, spec.weights)
    return model


def cases_by_part(path: Path) -> dict[str, list[str]]:
    """Part -> case ids, in the order of a split file."""
    table = pd.read_csv(io.StringIO(path.read_text(encoding="utf-8")), dtype=str)
    return {str(part): list(rows["case"]) for part, rows in table.groupby("part", sort=False)}


def _seeds(folder: StudyFolder, run: Run) -> dict[str, int]:
    seed, subject = folder.study.seed, run.subject.name
    return {
        "study": seed,
        "order": derive_seed(seed, subject, run.repeat, "order"),
        "initialisation": derive_seed(seed, subject, run.model, run.repeat, "initialisation"),
    }


def _record(
    folder: StudyFolder, run: Run, device: torch.device, pack: Pack, split: str, model: ResNet
) -> dict[str, Any]:
    """run.json: everything that makes this run."""
    study, index = folder.study, pack.index
    normalisation = index.normalisation[split]
    return {
        "dataset": run.subject.dataset,
        "policy": run.subject.policy,
        "model": run.model,
        "repeat": run.repeat,
        "seeds": _seeds(folder, run),
        # Repeat j of every model sees the same batches in the same order: a shared effect (factorial).
        "comparison": "factorial",
        "model_configuration": study.models[run.model].model_dump(mode="json"),
        "plugins": [plugin.record for plugin in plugins.of_model(study.models[run.model])],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "recipe": study.recipe.model_dump(mode="json"),
        "epochs": study.epochs(run.subject.dataset),
        "input": {
            "classes": index.classes,
            "positives": index.positives,
            "pixels": index.pixels,
            "fit": index.fit,
            "channels": index.channels,
            "mean": normalisation.mean,
            "std": normalisation.std,
        },
        "split": split,
        "data_fingerprint": index.fingerprint,
        "precision": acceleration.resolve_precision(study.precision, device),
        "threads": study.threads or acceleration.default_threads(),
        "device": str(device),
        "hardware": acceleration.hardware(device),
        "versions": {
            "foveate": foveate.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "seconds": None,
    }


def _same_data(record: Path, pack: Pack) -> None:
    if record.is_file() and runs.read_json(record)["data_fingerprint"] != pack.index.fingerprint:
        raise FoveateError(
            f"{record.parent} was trained on other images than those in {pack.folder.parent}: "
            "remove that run's folder to train it again."
        )
