"""YAML and JSON that people and other programs wrote: what could hang or break the program is refused by its line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.constructor import SafeConstructor

from foveate.errors import FoveateError

LARGEST = 2**20  # bytes of a YAML file
DEEPEST = 40  # lists and mappings one within another, by brackets, indents or aliases
MOST = 100_000  # values, once each alias stands for what it means
_LONGEST = 100  # characters of a number or date
_NUMBERS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")}
_DATE = "tag:yaml.org,2002:timestamp"

Adapt = Callable[[yaml.Node], None]


class WrongDocumentError(ValueError):
    """What is wrong with a text, in a few words, and in which line where that is known."""

    def __init__(self, says: str, line: int | None = None) -> None:
        super().__init__(" ".join(says.split()))
        self.line = line


def read_yaml(path: Path, adapt: Adapt = lambda node: None) -> Any:
    """What a YAML file says. Raises FoveateError that names the file, the line, and what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror or error}.") from error
    if len(content) > LARGEST:
        raise FoveateError(f"{path} is larger than {LARGEST // 1024:,} KiB: it is no YAML file for foveate.")
    try:
        return load_yaml(content.decode("utf-8-sig"), adapt)
    except UnicodeDecodeError as error:
        raise FoveateError(f"{path} is not a text file in UTF-8: it must be a YAML file.") from error
    except WrongDocumentError as error:
        where = f", line {error.line}" if error.line else ""
        raise FoveateError(f"{path}{where} is not valid YAML: {error}.") from error


def load_yaml(text: str, adapt: Adapt = lambda node: None) -> Any:
    """What YAML says, after `adapt` has changed the tags of its nodes. Raises WrongDocumentError."""
    text = text.removeprefix("\ufeff")
    loader = None
    try:
        _refuse_what_grows(text)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        adapt(node)
        for inner in _nodes(node):
            _refuse_values(inner)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        says = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise WrongDocumentError(says, mark.line + 1 if mark else None) from error
    finally:
        if loader is not None:
            loader.dispose()


@dataclass
class _Open:
    """A list or mapping whose end is not reached yet."""

    anchor: str | None
    values: int = 1
    height: int = 1  # of what it holds, itself included


@dataclass
class _Size:
    """How large a document is, found without recursion."""

    open: list[_Open] = field(default_factory=list)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)  # by anchor: values and height

    def add(self, values: int, height: int, line: int) -> None:
        """Count something in all that holds it."""
        if len(self.open) + height > DEEPEST:
            raise WrongDocumentError(f"lists or mappings are nested more than {DEEPEST} deep", line)
        for depth, holder in enumerate(reversed(self.open), start=1):
            holder.values += values
            holder.height = max(holder.height, height + depth)
        if self.open and self.open[0].values > MOST:
            raise WrongDocumentError(f"its aliases make more than {MOST:,} values of it", line)

    def alias(self, name: str, line: int) -> None:
        if any(holder.anchor == name for holder in self.open):
            raise WrongDocumentError(f"the alias {name} leads round in a circle", line)
        self.add(*self.known.get(name, (1, 0)), line)  # one that is not known is refused when it is composed


def _refuse_what_grows(text: str) -> None:
    """Raises WrongDocumentError for what is nested too deep, or too large once its aliases are followed."""
    size = _Size()
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionStartEvent):
            _refuse_tag(event.tag, line)
            size.add(1, 1, line)
            size.open.append(_Open(event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = size.open.pop()
            if ended.anchor:
                size.known[ended.anchor] = ended.values, ended.height
        elif isinstance(event, yaml.ScalarEvent):
            _refuse_tag(event.tag, line)
            size.add(1, 0, line)
        elif isinstance(event, yaml.AliasEvent):
            size.alias(event.anchor or "", line)


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None and tag != "!":
        shown = tag.replace("tag:yaml.org,2002:", "!!")[:_LONGEST]
        raise WrongDocumentError(f"the tag {shown} is not understood: leave it out", line)


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """All nodes, each once however many aliases lead to it."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        yield node
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        for one in [part for item in inner for part in (item if isinstance(item, tuple) else (item,))]:
            if id(one) not in seen:
                seen.add(id(one))
                waiting.append(one)


def _refuse_values(node: yaml.Node) -> None:
    """Raises WrongDocumentError for a key that stands twice in a mapping, and for what is no number or date."""
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise WrongDocumentError(f"{key.value[:_LONGEST]} stands there twice", key.start_mark.line + 1)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else None)
    elif isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
        line = node.start_mark.line + 1
        if len(node.value) > _LONGEST:
            raise WrongDocumentError(f"it holds a number of {len(node.value):,} digits", line)
        try:
            value = SafeConstructor().construct_object(node)
        except ValueError as error:
            kind = "date" if node.tag == _DATE else "number"
            raise WrongDocumentError(f"{node.value!r} is no {kind}: put it in quotes if it is text", line) from error
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongDocumentError(f"{node.value} is no number that can be used", line)


def load_json(text: str | bytes) -> Any:
    """What JSON says. Raises WrongDocumentError."""
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError as error:
        raise WrongDocumentError("its lists or objects are nested too deep") from error
    except json.JSONDecodeError as error:
        raise WrongDocumentError(f"{error.msg}, column {error.colno}", error.lineno) from error
    except ValueError as error:
        raise error if isinstance(error, WrongDocumentError) else WrongDocumentError(str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise WrongDocumentError(f"{name} is no number that can be used")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise WrongDocumentError(f"{twice[:_LONGEST]} stands there twice")
    return found
