"""The heat-maps of one evaluated run by any method, kept beside its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from foveate.data.batches import Batches
from foveate.data.prepare import pack_of, split_file
from foveate.errors import FoveateError, UsageError
from foveate.explanation import heatmaps
from foveate.explanation.cam import TAP, explain, require_method
from foveate.explanation.cam.methods.attention import ATTENTION_BLOCK
from foveate.explanation.cam.targets import Target, target_of
from foveate.explanation.heatmaps import CLASS_FREE, GRAD_CAM, POOLING, TRUTH, Heatmaps
from foveate.models import load_model
from foveate.models.resnet import ResNet
from foveate.runs import Run, StudyFolder

BATCH = 16  # images at once; behind layer1 of a ResNet-18 the graph takes about 15 MB for each of 224 pixels


def maps_of_run(
    folder: StudyFolder,
    run: Run,
    method: str = GRAD_CAM,
    tap: str = POOLING,
    target: str = TRUTH,
    cases: Sequence[str] | None = None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a constant
    advance: Callable[[int], None] = lambda images: None,
) -> Path:
    """Make sure that a run's folder holds the maps of some validation cases, all by default; the file's path.

    The file is `heatmaps-<variant>.npz` (`heatmaps.variant`). What it holds already is kept and not made again, and
    stands before what is new; nothing is done where it holds all cases asked for. `target`: see `targets.target_of`; a
    class-free method has none. `advance` is told how many images were done. Raises UsageError for an unknown method,
    tap or target and for cases that were not evaluated, FoveateError where the run is not evaluated.
    """
    require_method(method)
    place, pack = folder.run(run), pack_of(folder, run.subject)
    wanted = _evaluated(place, cases)
    asked = target_of(target, pack.index.classes)
    path = place / heatmaps.file_name(heatmaps.variant(method, tap, asked.words))
    words = "" if method in CLASS_FREE else asked.words
    there = heatmaps.load(path) if path.is_file() else None
    if there is not None and (there.method, there.target_words) != (method, words):
        there = None  # of a class whose name differs in case alone, where the file system makes no difference
    known = set() if there is None else set(map(str, there.case))
    missing = [case for case in wanted if case not in known]
    if missing:
        network = load_model(place).network.on(device)
        data = Batches(pack, missing, split_file(folder.study, run.repeat), device)
        made = replace(_maps(network, data, method, tap, asked, advance), target_words=words)
        (made if there is None else heatmaps.joined(there, made)).save(path)
    return path


def _evaluated(place: Path, cases: Sequence[str] | None) -> list[str]:
    """The cases asked for, each once, if all of them were evaluated."""
    if not (place / heatmaps.file_name()).is_file():
        raise FoveateError(f"{place} is not evaluated yet: start the study's `foveate evaluate` first.")
    known = [str(case) for case in heatmaps.load(place / heatmaps.file_name()).case]
    wanted = known if cases is None else list(dict.fromkeys(cases))
    unknown = sorted(set(wanted) - set(known))
    if unknown or not wanted:
        what = f"{unknown[0]!r} is not among the validation cases of {place}" if unknown else "no case is asked for"
        raise UsageError(f"{what}: {len(known)} were evaluated, such as {known[0]}.")
    return wanted


def _maps(
    network: ResNet, data: Batches, method: str, tap: str, target: Target, advance: Callable[[int], None]
) -> Heatmaps:
    """The maps of all of a part's cases, a batch at a time."""
    raw, logits, chosen = [], [], []
    for rows in torch.split(torch.arange(len(data), device=data.index_device), BATCH):
        images, labels = data.gather(rows)
        weigh = partial(target.weights, labels=labels)
        maps, scores = explain(network, images, weigh, method, tap)
        raw.append(maps.float().cpu().numpy())
        logits.append(scores.float().cpu().numpy())
        chosen.append((labels if method in CLASS_FREE else weigh(scores).argmax(1)).cpu().numpy())
        advance(len(rows))
    return Heatmaps(
        np.array(data.cases),
        np.concatenate(chosen).astype(np.int64),
        np.concatenate(raw),
        np.concatenate(logits),
        _tap_in_words(method, tap),
        method,
    )


def _tap_in_words(method: str, tap: str) -> str:
    if tap != POOLING:
        return tap
    return ATTENTION_BLOCK if method == "attention" else TAP
