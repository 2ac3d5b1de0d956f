"""Predictions of files and classes whose names a spreadsheet program would take for formulas."""

from __future__ import annotations

from foveate.inference.results import Row
from tests.formulas import PAYLOADS

NAMES = tuple(dict.fromkeys(PAYLOADS))
NAMED = [
    Row(name, name, (1.0, *[0.0] * (len(NAMES) - 1)), (f"is {name}", name), overlay=f"{name}.png") for name in NAMES
]
