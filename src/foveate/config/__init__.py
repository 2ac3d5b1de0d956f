"""What a study is: one YAML file, read into frozen objects, with errors that a person can act on."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from foveate.config.dataset import PHANTOM, Columns, Dataset, NameAndLabel, Strict, absolute
from foveate.config.yaml_and_json import read_yaml
from foveate.config.yaml_texts import as_texts, load_yaml
from foveate.errors import FoveateError, UsageError

Policy = Literal["paper", "shipped", "clean"]
Precision = Literal["auto", "float32", "bfloat16"]
Augmentation = Literal[
    "flip", "shift", "vertical_flip", "rotation", "scale", "translation", "brightness", "contrast", "standard"
]
STANDARD: tuple[Augmentation, ...] = ("flip", "rotation", "scale", "translation", "brightness", "contrast")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class Model(Strict):
    """A backbone and the attention in its residual blocks; both are read off the name unless given."""

    backbone: str = ""
    attention: str | None = None
    attention_options: dict[str, Any] = Field(default_factory=dict)
    placement: str = "default"
    stages: tuple[int, ...] = (1, 2, 3, 4)
    init: Literal["official", "identity", "he"] = "official"  # of the attention blocks; the backbone is always He's
    weights: str | None = None  # a safetensors file with torchvision's key names to start from

    @field_validator("weights")
    @classmethod
    def _path_holds_from_anywhere(cls, value: str | None) -> str | None:
        return None if value is None else absolute(value)


class Images(Strict):
    """How a decoded image becomes the network's input."""

    # Below 33 pixels a ResNet's last feature map is a single position: no heat-map, no batch norm.
    pixels: Annotated[int, Field(ge=33, le=1024)] = 224
    fit: Literal["stretch", "pad", "crop"] = "stretch"
    channels: Literal[1, 3] = 3  # with 3, grey is repeated; with 1, colour becomes luma


class Recipe(Strict):
    """The training recipe; the defaults are the paper's (section 4.3)."""

    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    decay_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.3, 0.6, 0.9)
    decay_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    augmentation: tuple[Augmentation, ...] = ()  # "standard" is resolved to what it stands for
    report_epoch: Literal["last", "best"] = "last"  # "best" looks at the validation part: optimistic
    curve_points: Annotated[int, Field(ge=0)] = 10  # epochs at which the validation AUC is measured, to watch

    @field_validator("augmentation", mode="before")
    @classmethod
    def _one_name_is_a_list_of_one(cls, value: Any) -> Any:
        return () if value in (None, "none") else (value,) if isinstance(value, str) else value

    @field_validator("augmentation")
    @classmethod
    def _standard_is_resolved(cls, value: tuple[Augmentation, ...]) -> tuple[Augmentation, ...]:
        return tuple(name for given in value for name in (STANDARD if given == "standard" else (given,)))


class Evaluation(Strict):
    """How runs are judged and compared; see docs/numbers.md."""

    design: Literal["auto", "nested", "factorial"] = "auto"  # auto: factorial where the runs' records license it
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    threshold: Literal["youden"] | Annotated[float, Field(gt=0, le=1)] = "youden"  # or a sensitivity to reach
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = None  # at which PPV, NPV, ... are given as well
    bootstrap: Annotated[int, Field(ge=0)] = 2000  # samples of patients, where patients are known; 0 for none


class Plugin(Strict):
    """A person's own file with mechanisms, heat-map methods or backbones; see `foveate.plugins`."""

    file: str
    sha256: str = ""  # of its content when the study began; empty before that

    @field_validator("file")
    @classmethod
    def _path_holds_from_anywhere(cls, value: str) -> str:
        return absolute(value)


class Study(Strict):
    """Everything that decides the numbers of a study."""

    name: str
    question: str = "Does self-attention help on these images, and where do the networks look?"
    seed: Annotated[int, Field(ge=0)] = 0
    repeats: Annotated[int, Field(ge=1)] = 3
    repeats_differ_in: Literal["seeds", "split", "folds", "sites"] = "seeds"
    policies: Annotated[tuple[Policy, ...], Field(min_length=1)] = ("clean",)
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    skip_unreadable: bool = False
    images: Images = Images()
    recipe: Recipe = Recipe()
    evaluation: Evaluation = Evaluation()
    models: Annotated[dict[str, Model], Field(min_length=1)]  # the first is the baseline
    datasets: Annotated[dict[str, Dataset], Field(min_length=1)]
    precision: Precision = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None  # of one run on a CPU; part of what makes its numbers
    plugins: tuple[Plugin, ...] = ()

    @field_validator("plugins", mode="before")
    @classmethod
    def _a_path_is_a_plugin(cls, value: Any) -> Any:
        given = [value] if isinstance(value, str) else value
        return [{"file": own} if isinstance(own, str) else own for own in given] if given else []

    @field_validator("models", mode="before")
    @classmethod
    def _models_by_name(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            value = {str(name): {} for name in value}
        if not isinstance(value, dict):
            return value
        return {name: _with_parts_of_name(str(name), model) for name, model in value.items()}

    @field_validator("datasets", mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: Any) -> Any:
        return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("policies", mode="before")
    @classmethod
    def _one_policy(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_are_file_names(self) -> Study:
        for name in (self.name, *self.models, *self.datasets):
            if not _NAME.fullmatch(name):
                raise ValueError(f"the name {name!r} must be letters, digits, and . _ + - only")
        for policy in self.policies:
            if self.policies.count(policy) > 1:
                raise ValueError(f"the policy {policy!r} is named twice")
        files = [Path(plugin.file).name for plugin in self.plugins]
        for file in files:
            if files.count(file) > 1:
                raise ValueError(f"two plugins are called {file}: rename one, a study keeps both in one folder")
        if self.repeats_differ_in in ("folds", "sites"):
            if self.repeats < 2:
                raise ValueError(f"repeats: {self.repeats_differ_in} need two repeats at least, one for each split")
            if "shipped" in self.policies:
                raise ValueError(f"repeats_differ_in: {self.repeats_differ_in} makes splits, 'shipped' has its own")
        return self

    @property
    def baseline(self) -> str:
        return next(iter(self.models))

    def epochs(self, dataset: str) -> int:
        """Epochs of a run on this data set."""
        return self.datasets[dataset].epochs or self.recipe.epochs


def _with_parts_of_name(name: str, model: Any) -> Any:
    """resnet18+se with no more said means backbone resnet18, attention se."""
    given = dict(model or {}) if isinstance(model, (dict, type(None))) else model
    if not isinstance(given, dict):
        return given
    backbone, plus, attention = name.partition("+")
    given.setdefault("backbone", backbone)
    given.setdefault("attention", attention if plus else None)
    return given


def presets() -> list[str]:
    """Names of the studies that come with foveate."""
    folder = resources.files("foveate") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_study(name_or_path: str | Path) -> dict[str, Any]:
    """A preset's or a YAML file's content as plain data, with relative paths resolved against the file.

    Raises UsageError where there is no such preset or file, or it is not YAML.
    """
    path = Path(name_or_path)
    preset = resources.files("foveate") / "presets" / f"{name_or_path}.yaml"
    if str(name_or_path) in presets():
        data, folder = load_yaml(preset.read_text(encoding="utf-8")), None
    elif path.is_file():
        try:
            data, folder = read_yaml(path, as_texts), path.resolve().parent
        except FoveateError as error:
            raise UsageError(str(error)) from error
    else:
        meant = did_you_mean(str(name_or_path), presets())
        raise UsageError(
            f"there is no study {str(name_or_path)!r}: give a YAML file, an existing study's folder, or one of "
            f"{', '.join(presets())}{meant}."
        )
    if not isinstance(data, dict):
        raise UsageError(f"{path} holds no study: it must be a mapping with the keys models and datasets.")
    data.setdefault("name", path.stem)
    if folder is not None:
        _resolve_paths(data, folder)
    return data


def _resolve_paths(data: dict[str, Any], folder: Path) -> None:
    for part, keys in (("datasets", ("source", "masks", "regions", "table", "label_table")), ("models", ("weights",))):
        entries = data.get(part)
        for entry in entries.values() if isinstance(entries, dict) else ():
            for key in keys:
                if isinstance(entry, dict) and isinstance(entry.get(key), str) and entry[key] != PHANTOM:
                    entry[key] = absolute(entry[key], folder)

    plugins = data.get("plugins")
    if isinstance(plugins, (list, str)):
        data["plugins"] = [_resolved(own, folder) for own in ([plugins] if isinstance(plugins, str) else plugins)]


def _resolved(plugin: Any, folder: Path) -> Any:
    if isinstance(plugin, dict) and isinstance(plugin.get("file"), str):
        return plugin | {"file": absolute(plugin["file"], folder)}
    return absolute(plugin, folder) if isinstance(plugin, str) else plugin


def parse_study(data: dict[str, Any], origin: str | Path = "the study") -> Study:
    """Check plain data and make it a Study. Raises UsageError that names the field and what would be right."""
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        problems = error.errors()
        wrong = {problem["loc"][:-1] for problem in problems}  # a list that lost its wrong items is not short as well
        lines = [_explain(p) for p in problems if not (p["type"] == "too_short" and p["loc"] in wrong)]
        shown = "\n".join(lines[:2]) + (f"\n(and {len(lines) - 2} more)" if len(lines) > 2 else "")
        raise UsageError(f"{origin}: {shown}") from error


def load_study(name_or_path: str | Path) -> Study:
    """A study by a preset's name or a YAML file's path. Raises UsageError."""
    return parse_study(read_study(name_or_path), name_or_path)


def dump_study(study: Study, folder: Path | None = None) -> str:
    """The study as YAML, every default written out; plugins in its own folder are named as seen from there."""
    data = study.model_dump(mode="json")
    for plugin in data["plugins"]:
        if folder is not None and Path(plugin["file"]).is_relative_to(folder.resolve()):
            plugin["file"] = Path(plugin["file"]).relative_to(folder.resolve()).as_posix()
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def nearest(word: str, right: list[str]) -> str:
    """The right word that is nearest to a wrong one, or '' where none is near."""
    return next(iter(difflib.get_close_matches(word, right, n=1, cutoff=0.5)), "")


def did_you_mean(word: str, right: list[str]) -> str:
    """Behind a wrong word in a message: " (did you mean cbam?)", or '' where no right word is near."""
    hint = nearest(word, right)
    return f" (did you mean {hint}?)" if hint else ""


_BOUNDS = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}


def _explain(problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    field = ".".join(location) or "study"
    if problem["type"] == "extra_forbidden":
        right = _keys_at(location[:-1])
        hint = nearest(location[-1], right)
        return f"unknown key {field!r}" + (f", did you mean {hint!r}?" if hint else f"; known: {', '.join(right)}.")
    if problem["type"] == "literal_error":
        right = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        hint = nearest(str(problem["input"]), right)
        did_you_mean = f", did you mean {hint!r}?" if hint else "."
        return f"{field}: {problem['input']!r} is none of {', '.join(right)}{did_you_mean}"
    for key, words in _BOUNDS.items():
        if key in problem.get("ctx", {}):
            return f"{field} must be {words} {problem['ctx'][key]}, not {problem['input']!r}."
    given = "" if problem["type"] in ("missing", "value_error") else f" (given: {problem['input']!r})"
    return f"{field}: {problem['msg'].removeprefix('Value error, ')}{given}."


def _keys_at(location: list[str]) -> list[str]:
    """The keys that a study may have at this place."""
    match location:
        case []:
            return list(Study.model_fields)
        case ["datasets", _]:
            return list(Dataset.model_fields)
        case ["datasets", _, "columns"]:
            return list(Columns.model_fields)
        case ["datasets", _, "label_columns"]:
            return list(NameAndLabel.model_fields)
        case ["models", _]:
            return list(Model.model_fields)
        case ["images"]:
            return list(Images.model_fields)
        case ["evaluation"]:
            return list(Evaluation.model_fields)
        case ["plugins", _]:
            return list(Plugin.model_fields)
        case _:
            return list(Recipe.model_fields)
