"""YAML in which names stay as they are written: a class folder `no`, `1e3` or `2020-01-01` is no truth and no date."""

from __future__ import annotations

from typing import Any

import yaml

from foveate.config import yaml_and_json

_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_MISREAD = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp")}
_ANY, _ITEM = "*", "-"
# Where a study holds names and labels: there and below, everything is text, as every key is.
_TEXTS = (
    ("name",),
    ("question",),
    ("models", _ITEM),
    ("models", _ANY, "weights"),
    *(("datasets", _ANY, key) for key in ("positive", "merge", "columns", "label_columns", "title")),
    *(("datasets", _ANY, key) for key in ("source", "table", "label_table", "masks", "regions")),
)


def load_yaml(content: str) -> Any:
    """What a study's YAML says, with its names and labels as text. Raises WrongDocumentError."""
    return yaml_and_json.load_yaml(content, as_texts)


def as_texts(node: yaml.Node, place: tuple[str, ...] = ()) -> None:
    """Take what YAML took for a truth, a number or a date back to its text, where the study holds names."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _back_to_text(key, nothing_too=True)
            as_texts(value, (*place, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            as_texts(item, (*place, _ITEM))
    elif _holds_text(place):
        _back_to_text(node, nothing_too=_ITEM in place or "merge" in place)  # but `table: null` means none


def _holds_text(place: tuple[str, ...]) -> bool:
    return any(
        len(place) >= len(wanted) and all(want in (_ANY, own) for want, own in zip(wanted, place, strict=False))
        for wanted in _TEXTS
    )


def _back_to_text(node: yaml.Node, *, nothing_too: bool) -> None:
    if node.tag in _MISREAD or (nothing_too and node.tag == _NULL and node.value.lower() == "null"):
        node.tag = _TEXT
