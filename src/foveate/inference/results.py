"""Predictions as text: a table to read, a JSON document, a CSV file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foveate import columns
from foveate.inference.model import ModelFacts
from foveate.spreadsheets import csv_text

NOTICE = (
    "foveate is for research, not a medical device: a prediction must not be used to diagnose, screen or treat anybody."
)
_PATH, _CLASS, _SHORT = 24, 30, 8  # columns that a path keeps, that a class may take alone, and the least beside others
_NAMED = 5  # images that a summary of warnings names


@dataclass(frozen=True)
class Row:
    """One image's line: a prediction, or the reason why there is none."""

    path: str
    prediction: str = ""  # "" where the file cannot be read
    probabilities: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    unreadable: str = ""
    overlay: str = ""  # the path of its picture
    blank: bool | None = None  # whether its heat-map is blank; None where none was asked for
    flat: bool | None = None  # whether it is flat
    caution: str = ""  # what must be said of its heat-map, such as that it is too coarse to localise anything


def printable(text: str) -> str:
    """A path in one line of any terminal or table: line breaks, other controls and undecodable bytes are escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def table(rows: Sequence[Row], classes: Sequence[str], width: int | None = None) -> str:
    """One line an image that was predicted, under a header: its path, the class, the probability of each class.

    Lines are no longer than `width`, the terminal's where it is None: long paths lose their start, long names of
    classes their middle; where the classes do not fit all the same, the predicted one's probability stands alone.
    """
    shown = [row for row in rows if not row.unreadable]
    whole = width or columns.line_width()
    names = _fitting(classes, whole)
    head = ["image", "prediction", *(names.values() if names else ["its probability"])]
    lines = []
    for row in shown:
        name = names[row.prediction] if names else columns.shortened(row.prediction, _CLASS)
        values = row.probabilities if names else [max(row.probabilities)]
        lines.append([printable(row.path), name, *(f"{value:.4f}" for value in values)])
    return columns.aligned(head, lines, left=2, width=whole, shorten=columns.shortened_path)


def _fitting(classes: Sequence[str], width: int) -> dict[str, str]:
    """The classes' names, each as short as it must be for a line to hold them all; empty where they cannot."""
    for longest in range(max(_SHORT, *map(len, classes)), _SHORT - 1, -1):
        names = [columns.shortened(name, longest) for name in classes]
        needed = max(longest, len("prediction")) + sum(max(len(name), 6) for name in names) + 2 * (len(names) + 1)
        if _PATH + needed <= width:
            return dict(zip(classes, names, strict=True)) if len(set(names)) == len(names) else {}
    return {}


def document(rows: Sequence[Row], model: ModelFacts) -> str:
    """The same as JSON: notice, model, images and unreadable files. ASCII, whatever the file names hold."""
    facts = {
        "path": str(model.path),
        "name": model.name,
        "classes": model.classes,
        "pixels": model.pixels,
        "fit": model.fit,
        "channels": model.channels,
        "trained_on": sorted(model.kinds),
    }
    images = [_image(row, model.classes) for row in rows if not row.unreadable]
    unreadable = [{"path": row.path, "reason": row.unreadable} for row in rows if row.unreadable]
    return json.dumps({"notice": NOTICE, "model": facts, "images": images, "unreadable": unreadable}, indent=2)


def _image(row: Row, classes: Sequence[str]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "path": row.path,
        "prediction": row.prediction,
        "probabilities": dict(zip(classes, row.probabilities, strict=True)),
        "warnings": row.warnings,
    }
    if row.overlay:
        said |= {"overlay": row.overlay, "blank": row.blank, "flat": row.flat}
        said |= {"caution": row.caution} if row.caution else {}
    return said


def spreadsheet(rows: Sequence[Row], classes: Sequence[str]) -> str:
    """The same as CSV: a row an image, the unreadable ones with their reason instead of a prediction."""
    overlays = ["overlay"] if any(row.overlay for row in rows) else []
    head = ["path", "prediction", *(f"p_{name}" for name in classes), "warnings", "unreadable", *overlays]
    lines: list[Sequence[object]] = [head]
    for row in rows:
        cells = row.probabilities or [""] * len(classes)
        said = [printable(row.path), row.prediction, *cells, "; ".join(row.warnings), row.unreadable]
        lines.append([*said, printable(row.overlay)] if overlays else said)
    return csv_text(lines)


def warning_lines(rows: Sequence[Row]) -> list[str]:
    """A line for each warning, with the first images that it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.warnings:
            about.setdefault(warning, []).append(printable(row.path))
    return [f"warning: {warning}: {_first(paths)}" for warning, paths in about.items()]


def _first(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED:,} more (--json and --out name all)" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more
