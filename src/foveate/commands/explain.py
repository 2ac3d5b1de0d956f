"""What `foveate explain` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveate import console, plugins, runs
from foveate.errors import UsageError
from foveate.execution.wish import Shown, Wish
from foveate.explanation.captions import SCALES
from foveate.explanation.selection import RULES
from foveate.runs import StudyFolder


def explain(
    out: Path,
    methods: Sequence[str],
    images: Sequence[str],
    shown: Shown,
    wish: Wish,
    plugin_files: Sequence[Path],
    device: str,
    quiet: bool,
) -> None:
    """`foveate explain OUT`; `images` holds rules and case ids."""
    with console.errors_for_people(f"foveate explain {out}"):
        for option, number in (("--faithfulness", wish.faithfulness), ("--sanity", wish.sanity)):
            if number < 0:
                raise UsageError(f"{option} must be a number of images, 1 or more, not {number}.")
        if shown.scale not in SCALES:
            raise UsageError(f"--scale must be one of {', '.join(SCALES)}, not {shown.scale!r}.")
        folder = StudyFolder(out)
        runs.grid(folder.study)  # says so where this is no study's folder
        plugins.add(folder, plugin_files)
    rules = tuple(name for name in images if name in RULES)
    cases = tuple(name for name in images if name not in RULES)
    from foveate import pipeline

    with console.errors_for_people(f"foveate explain {out}"), console.bar(quiet) as progress:
        for number, method in enumerate(methods):
            asked = replace(shown, method=method, rules=rules or ("random",), cases=cases)
            later = Wish() if number else wish
            pipeline.run_explain(folder, replace(later, shown=asked), device, progress)
    console.out.print(f"figures: {folder.figures}", markup=False)
    console.out.print(f"into the page: foveate report {out}", markup=False)
