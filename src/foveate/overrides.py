"""What the command line asks for, laid over a study: which images, how many pixels, which models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foveate import config, plugins
from foveate.attention import list_attention
from foveate.config import Study, did_you_mean
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
    plugins: Sequence[str] = ()  # FILE


def find(study: str | Path | Study | None, overrides: Overrides, out: str | Path | None) -> tuple[Study, Path]:
    """A study as a person calls it, with the overrides applied, and its folder: the one place that knows the names.

    `study`: a preset's name, which means the preset whatever lies here; the folder of a study, to go on with it; a
    folder (a zip, an .npz) of images; a YAML file; a Study; or None where `overrides.data` is a folder of images.
    Raises UsageError.
    """
    name = None if study is None else str(study)
    if isinstance(study, Study):
        found = lay_over(study.model_dump(mode="json"), overrides, has_data=False, origin=study.name)
        return found, Path(out or f"foveate-{found.name}")
    if name and name not in config.presets():
        place = Path(name).expanduser()
        if (place / "study.yaml").is_file():
            if out is not None:
                raise UsageError(f"{name} is a study's folder already: leave out --out to go on with it.")
            out, name = place, str(place / "study.yaml")
        elif place.is_dir() or place.suffix.lower() in (".zip", ".npz"):
            if overrides.data:
                raise UsageError(f"two folders of images are given, {name} and {overrides.data[0]}: give one.")
            overrides, name = replace(overrides, data=[name]), None
    found = assemble(name, overrides)
    return found, Path(out or f"foveate-{found.name}")


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
    return lay_over(data, overrides, has_data=name is None, origin=name or "the study")


def lay_over(data: dict[str, Any], overrides: Overrides, has_data: bool, origin: str) -> Study:
    """The study of plain data with the overrides applied, its plugins executed. Raises UsageError.

    `has_data`: the data are made of the overrides' own already. `origin`: where the study stands, for errors.
    """
    datasets = data.get("datasets")
    if not isinstance(datasets, dict):
        return config.parse_study(data, origin)  # which says what is wrong
    for option, key, values in (
        ("--data", "source", () if has_data else overrides.data),
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
    _add_plugins(data, overrides, origin)
    _apply_scalars(data, datasets, overrides)
    return plugins.load_all(config.parse_study(data, origin))


def _add_plugins(data: dict[str, Any], overrides: Overrides, origin: str) -> None:
    """Execute the plugins first: `--models all` takes in what they define."""
    there = data.get("plugins") or []
    if overrides.plugins and isinstance(there, list):  # one of the same name is meant to be the same
        added = {Path(file).name for file in overrides.plugins}
        data["plugins"] = [own for own in there if _file_name(own) not in added] + list(overrides.plugins)
    if data.get("plugins") and overrides.models == "all":
        plugins.load_all(config.parse_study({**data, "models": ["resnet18"]}, origin))


def _file_name(plugin: Any) -> str:
    return Path(str(plugin.get("file") if isinstance(plugin, dict) else plugin)).name


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
            meant = did_you_mean(name, datasets)
            raise UsageError(f"{option} {value}: the study has no data set {name!r}{meant}, but {', '.join(datasets)}.")
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
