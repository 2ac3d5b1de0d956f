"""The main job from Python, with progress where a person looks on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate import console
from foveate.config import Study, did_you_mean
from foveate.errors import Interrupted, UsageError
from foveate.overrides import Overrides, find

if TYPE_CHECKING:
    from foveate.execution.progress import Progress

_LISTS = ("models", "policy")  # one option holds several, with commas between
_BY_DATASET = ("data", "masks", "regions", "positive")  # a value for each data set
_KNOWN = [field.name for field in fields(Overrides)]


def run(
    study: str | Path | Study,
    out: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    quiet: bool = False,
    **options: Any,
) -> Path:
    """Carry out a study, or go on with it, and return the path of its report.

    `study`: a folder of images with a sub-folder a class, a preset's name ("demo", "paper"), a YAML file, the folder of
    a study that is to go on, or what `load_study` gives. `out` defaults to ./foveate-<name>. `options` are those of
    `foveate run` under their names: data, masks, regions, positive, each_class, policy, pixels, epochs, repeats,
    models, seed, precision, skip_unreadable, plugins; where the command line takes several with commas, a list does as
    well, and a dict where it takes NAME=VALUE.

    Without `progress`, a terminal and a notebook show a bar, all else a line for each run; with `quiet`, nothing.
    Raises UsageError or FoveateError with a message for people. An interrupt goes on as a KeyboardInterrupt that says
    how to go on: what is done is kept.
    """
    found, folder = find(study, _overrides(options), out)
    from foveate import pipeline

    try:
        if progress is not None:
            return pipeline.run(found, folder, device, progress)
        with console.bar(quiet) as shown:
            return pipeline.run(found, folder, device, shown)
    except (KeyboardInterrupt, Interrupted):
        raise KeyboardInterrupt(f"stopped; what is done is kept. Go on with: foveate.run({str(folder)!r})") from None


def _overrides(options: Mapping[str, Any]) -> Overrides:
    """Options of Python as those of the command line. Raises UsageError for one that does not exist."""
    for name in options:
        if name not in _KNOWN:
            meant = did_you_mean(name, _KNOWN)
            raise UsageError(f"foveate.run has no option {name!r}{meant}: known are {', '.join(_KNOWN)}.")
    return Overrides(**{name: _written(name, value) for name, value in options.items() if value is not None})


def _written(name: str, value: Any) -> Any:
    """A value as the command line writes it."""
    if name in _LISTS:
        return _commas(value)
    if name in _BY_DATASET and isinstance(value, Mapping):
        return [f"{dataset}={_commas(own)}" for dataset, own in value.items()]
    if name == "positive":
        return [_commas(value)]
    if name in (*_BY_DATASET, "plugins"):
        return [str(value)] if isinstance(value, (str, Path)) else [str(own) for own in value]
    return value


def _commas(value: str | Path | Iterable[object]) -> str:
    return str(value) if isinstance(value, (str, Path)) else ",".join(map(str, value))
