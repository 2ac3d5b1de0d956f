"""What the command line asks for, laid over a study: which images, how many pixels, which models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate import config
from foveate.attention import list_attention
from foveate.config import Study, nearest
from foveate.errors import UsageError


@dataclass(frozen=True)
class Overrides:
    """Options of `foveate run`; None or empty where an option is not given."""

    data: Sequence[str] = ()  # DIR, or name=DIR
    masks: Sequence[str] = ()  # likewise
    regions: Sequence[str] = ()  # FILE, or name=FILE
    positive: Sequence[str] = ()  # label,label or name=label,label
    each_class: bool = False
    policy: str | None = None
    pixels: int | None = None
    epochs: int | None = None
    repeats: int | None = None
    models: str | None = None
    seed: int | None = None
    precision: str | None = None
    skip_unreadable: bool = False


def hours_of(limit: str) -> float:
    """The hours that --time-limit gives: 1h, 30m, 90min, 2h30m. Raises UsageError."""
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?) ?h)? ?(?:(\d+) ?m(?:in)?)?", limit.strip().lower())
    hours = float(found[1] or 0) + float(found[2] or 0) / 60 if found else 0.0
    if not hours:
        raise UsageError(f"--time-limit {limit!r}: give hours and minutes, such as 1h, 30m, 90min or 2h30m.")
    return hours


def assemble(name: str | None, overrides: Overrides) -> Study:
    """A study from a preset's name, a YAML file, or a folder of images alone, with the overrides applied.

    Raises UsageError.
    """
    data = _study_of_folder(overrides) if name is None else config.read_study(name)
    datasets = data.get("datasets")
    if not isinstance(datasets, dict):
        return config.parse_study(data, name or "the study")  # which says what is wrong
    for option, key, values in (
        ("--data", "source", overrides.data if name is not None else ()),
        ("--masks", "masks", overrides.masks),
        ("--regions", "regions", overrides.regions),
        ("--positive", "positive", overrides.positive),
    ):
        for dataset, value in _by_dataset(option, values, list(datasets)).items():
            if key == "positive":
                entry: Any = [label for label in value.split(",") if label]
            else:
                entry = value  # made absolute when it is read
            datasets[dataset] = {**(datasets[dataset] or {}), key: entry}
    if overrides.each_class:
        for dataset, entry in datasets.items():
            datasets[dataset] = {**(entry or {}), "each_class": True}
    _apply_scalars(data, datasets, overrides)
    return config.parse_study(data, name or "the study")


def _apply_scalars(data: dict[str, Any], datasets: dict[str, Any], overrides: Overrides) -> None:
    if overrides.pixels is not None:
        data["images"] = {**(data.get("images") or {}), "pixels": overrides.pixels}
    if overrides.epochs is not None:
        data["recipe"] = {**(data.get("recipe") or {}), "epochs": overrides.epochs}
        for dataset, entry in datasets.items():  # a data set's own number would win otherwise
            datasets[dataset] = {key: value for key, value in (entry or {}).items() if key != "epochs"}
    if overrides.policy is not None:
        data["policies"] = overrides.policy.split(",")
    if overrides.models is not None:
        data["models"] = _chosen_models(overrides.models, data.get("models"))
    if overrides.skip_unreadable:
        data["skip_unreadable"] = True
    for key in ("repeats", "seed", "precision"):
        if getattr(overrides, key) is not None:
            data[key] = getattr(overrides, key)


def _study_of_folder(overrides: Overrides) -> dict[str, Any]:
    """The paper's models and recipe on a folder of one's own, split honestly."""
    if not overrides.data:
        raise UsageError(
            f"name a study ({', '.join(config.presets())}, or a YAML file), or give a folder of images with --data DIR."
        )
    if len(overrides.data) > 1:
        raise UsageError("with --data alone give one folder; several data sets go into a YAML file (see the README).")
    source = Path(overrides.data[0]).expanduser()
    stem = re.sub(r"\.(zip|npz)$", "", source.resolve().name, flags=re.IGNORECASE)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "images"
    data = config.read_study("paper")
    return {**data, "name": name, "policies": ["clean"], "datasets": {name: {"source": overrides.data[0]}}}


def _by_dataset(option: str, values: Sequence[str], datasets: list[str]) -> dict[str, str]:
    """name=VALUE options by data set; a value without a name belongs to the only data set."""
    chosen = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign:
            if len(datasets) != 1:
                raise UsageError(f"{option} {value}: say for which data set, {option} {datasets[0]}={value}")
            name, rest = datasets[0], value
        if name not in datasets:
            hint = nearest(name, datasets)
            did_you_mean = f" (did you mean {hint}?)" if hint else ""
            raise UsageError(
                f"{option} {value}: the study has no data set {name!r}{did_you_mean}, but {', '.join(datasets)}."
            )
        chosen[name] = rest
    return chosen


def _chosen_models(names: str, there: Any) -> dict[str, Any]:
    """The named models, with the study's options for those it has; `all` is the baseline and every mechanism."""
    known: dict[str, Any] = there if isinstance(there, dict) else {}
    if names == "all":
        chosen = ["resnet18", *(f"resnet18+{attention}" for attention in list_attention())]
    else:
        chosen = [name.strip() for name in names.split(",") if name.strip()]
    return {name: known.get(name) or {} for name in chosen}
