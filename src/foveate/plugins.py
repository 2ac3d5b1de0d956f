"""A person's own file with mechanisms, heat-map methods or backbones; executed only where it is named.

A plugin is a Python file that defines some of three dicts from names to what stands behind them:
`MECHANISMS` (subclasses of `attention.base.Attention`), `METHODS` (functions as `explanation.cam.methods.Method`) and
`BACKBONES` (a residual block's class and how many of them each of the four stages has). `TITLES` gives every name's
title for people, `PAPERS` the paper of those that have one. A study keeps a copy of its plugins in OUT/plugins.
"""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate import attention, config, runs
from foveate.config import Model, Study
from foveate.errors import UsageError
from foveate.runs import StudyFolder

KINDS = ("MECHANISMS", "METHODS", "BACKBONES")
FOLDER = "plugins"  # of a study's folder
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Plugin:
    """A plugin that was executed, and what it added."""

    path: Path
    sha256: str
    names: tuple[str, ...]
    papers: dict[str, str]

    @property
    def record(self) -> dict[str, str]:
        """What study.yaml and run.json say of it, but for where it lies."""
        return {"file": self.path.name, "sha256": self.sha256}


LOADED: dict[str, Plugin] = {}  # by SHA-256: the same content is executed once


def load_plugin(path: str | Path, sha256: str = "") -> Plugin:
    """Execute a plugin's file and add what it defines to foveate's own; a line on the error stream says so.

    Raises UsageError, naming file and line, where it cannot be executed, where what it defines breaks its contract or
    is called like something that is there; where its content has another SHA-256 than `sha256`, unless that is empty.
    Nothing is added then.
    """
    if sha256 in LOADED:
        return LOADED[sha256]
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the plugin {file}: {error.strerror or error}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if sha256 and digest != sha256:
        raise UsageError(
            f"{file} is not the plugin that the study began with (SHA-256 {digest[:8]}... here, {sha256[:8]}... "
            "there): put that one back, or begin a new study with --out."
        )
    if digest not in LOADED:
        sys.stderr.write(f"plugin: {file} is executed\n")
        defined = _execute(file, content, digest)
        LOADED[digest] = Plugin(file, digest, tuple(_add(file, defined)), dict(defined.get("PAPERS", {})))
    return LOADED[digest]


def load_all(study: Study) -> Study:
    """Execute a study's plugins; the study with the SHA-256 of each, and with those loaded before that it needs."""
    loaded = {plugin.file: load_plugin(plugin.file, plugin.sha256) for plugin in study.plugins}
    for model in study.models.values():
        loaded |= {str(own.path.resolve()): own for own in of_model(model) if own not in loaded.values()}
    named = tuple(config.Plugin(file=file, sha256=own.sha256) for file, own in loaded.items())
    return study if named == study.plugins else study.model_copy(update={"plugins": named})


def load_for_run(run_folder: Path, record: dict[str, Any]) -> None:
    """Execute the plugins that a run's model needs, from the copies that its study keeps.

    `record`: its run.json. Raises UsageError where one is neither there nor loaded already.
    """
    for needed in record.get("plugins", ()):  # older versions had none
        name, sha256 = Path(needed["file"]).name, needed["sha256"]
        study = runs.study_above(run_folder)
        copy = study / FOLDER / name if study else Path(FOLDER) / name
        if sha256 not in LOADED and not copy.is_file():
            raise UsageError(
                f"{run_folder} needs the plugin {name}, which is not at {copy}: put it there, or load it before with "
                "foveate.load_plugin."
            )
        load_plugin(copy, sha256)


def of_model(model: Model) -> list[Plugin]:
    """The plugins that a model cannot be made without."""
    return [plugin for plugin in LOADED.values() if {model.backbone, model.attention} & set(plugin.names)]


def add(folder: StudyFolder, files: Sequence[Path]) -> None:
    """Execute plugins and make them part of an existing study. Raises UsageError, also for a changed one."""
    if not files:
        return
    there = {Path(plugin.file).name: plugin for plugin in folder.study.plugins}
    there |= {file.name: config.Plugin(file=str(file)) for file in files}
    study = load_all(folder.study.model_copy(update={"plugins": tuple(there.values())}))
    folder.refuse_foreign(study)
    with folder.lock():
        folder.create(keep(folder, study))


def keep(folder: StudyFolder, study: Study) -> Study:
    """Copy a study's plugins into its folder, so that it stays whole; the study that names the copies."""
    kept = []
    for plugin in study.plugins:
        copy = (folder.path / FOLDER / Path(plugin.file).name).resolve()
        if not copy.is_file() or runs.file_hash(copy) != plugin.sha256:
            with runs.writing(copy, "wb") as file:
                file.write(Path(plugin.file).read_bytes())
        kept.append(config.Plugin(file=str(copy), sha256=plugin.sha256))
    return study.model_copy(update={"plugins": tuple(kept)})


def paper_of(name: str) -> str:
    """The paper that a plugin gives for one of its names; empty where it gives none."""
    return next((plugin.papers[name] for plugin in LOADED.values() if name in plugin.papers), "")


def _execute(file: Path, content: bytes, digest: str) -> dict[str, Any]:
    """What the file defines, by name. It is a module of its own, so that its classes know where they are from."""
    module = types.ModuleType(f"foveate_plugin_{digest[:16]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    with_errors(file, lambda: exec(compile(content, str(file), "exec"), module.__dict__))
    return module.__dict__


def with_errors(file: Path, call: Callable[[], object]) -> None:
    """Run a plugin's code; whatever it raises becomes a UsageError that names file, line and error."""
    try:
        call()
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    except (Exception, SystemExit) as error:  # somebody else's code may raise anything
        numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(file) else numbers[-1:]
        where = f", line {line if isinstance(line, int) else line[0]}" if line else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error).partition("\n")[0]
        raise UsageError(f"{file}{where}: {type(error).__name__}: {said}") from error


def _add(file: Path, defined: dict[str, Any]) -> Iterator[str]:
    """Check all that a plugin defines, then add it; yields the names."""
    from foveate.attention.trial import try_mechanism
    from foveate.explanation import captions, charts
    from foveate.explanation.cam.methods import METHODS
    from foveate.models.resnet import BACKBONES, require_backbone

    registries: dict[str, tuple[dict[str, Any], Callable[[Any], object], dict[str, str]]] = {
        "MECHANISMS": (attention.MECHANISMS, try_mechanism, charts.ATTENTION),
        "METHODS": (METHODS, _require_method, captions.METHODS),
        "BACKBONES": (BACKBONES, require_backbone, charts.BACKBONES),
    }
    found = [(kind, name, entry) for kind in KINDS for name, entry in _dict(file, defined, kind).items()]
    if not found:
        raise UsageError(f"{file} is no plugin: it defines none of {', '.join(KINDS)}.")
    titles = _dict(file, defined, "TITLES")
    _dict(file, defined, "PAPERS")
    for kind, name, entry in found:
        registry, require, _ = registries[kind]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(f"{file}: {kind}: the name {name!r} must be lower-case letters, digits and _ only.")
        if name in registry:
            raise UsageError(f"{file}: {kind}: there is a {name!r} already: choose another name.")
        if not isinstance(titles.get(name), str):
            raise UsageError(f'{file}: TITLES lacks {name!r}, its title for people: TITLES = {{"{name}": "..."}}.')
        with_errors(file, lambda require=require, entry=entry: require(entry))  # type: ignore[misc]
    for kind, name, entry in found:
        registry, _, words = registries[kind]
        registry[name], words[name] = entry, titles[name]
        yield name


def _dict(file: Path, defined: dict[str, Any], name: str) -> dict[Any, Any]:
    value = defined.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {name} must be a dict from names, not a {type(value).__name__}.")
    return value


def _require_method(entry: Any) -> None:
    """Raises UsageError for what is no function."""
    if not callable(entry):
        raise UsageError(f"a heat-map method is a function, not a {type(entry).__name__}.")
