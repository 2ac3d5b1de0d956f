"""A reporting checklist while it is filled: items, of which none is done without a file that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from foveate import runs
from foveate.config.dataset import PHANTOM
from foveate.report import tables
from foveate.runs import StudyFolder

Status = Literal["done", "needs the author", "not applicable"]
GUIDELINES = {
    "CLAIM 2024": "medical imaging; Tejani et al., Radiology: Artificial Intelligence 2024",
    "TRIPOD+AI": "prediction models; Collins et al., BMJ 2024;385:e078378",
    "STARD-AI": "diagnostic accuracy; Sounderajah et al., Nature Medicine 2025",
}
INITIALS = {name[0]: name for name in GUIDELINES}


@dataclass(frozen=True)
class Item:
    """One topic: who asks for it, where it stands, and what to do."""

    section: str
    title: str
    guidelines: tuple[str, ...]
    status: Status
    note: str  # done: what the files say; needs the author: what to write; not applicable: why
    evidence: tuple[str, ...] = ()  # paths relative to the study's folder, all of which exist


class Draft:
    """The items so far, and the facts that they stand on."""

    def __init__(self, folder: StudyFolder) -> None:
        self.folder, self.study, self.subjects = folder, folder.study, runs.subjects(folder.study)
        self.section, self.items = "", list[Item]()
        self.config = folder.path / "study.yaml"
        self.places = {run: folder.run(run) for run in runs.grid(self.study)}
        self.audit_files = self.of_data("audit.json")
        self.audits = dict(zip(self.subjects, map(read_record, self.audit_files), strict=True))
        self.records = {
            run: record for run, place in self.places.items() if (record := read_record(place / "run.json"))
        }
        self.synthetic = {self.study.datasets[subject.dataset].source for subject in self.subjects} == {PHANTOM}
        self.results, self.comparison = tables.read_results(folder), tables.read_comparison(folder)
        absent = len(tables.missing_runs(self.study, self.results))
        some = f"Runs missing: {absent} of {len(self.places)}" if absent else "Some runs lack such a file"
        self.complete, self.gap = not absent, f"{some}. Finish the study, or say which and why."

    def ask(self, title: str, by: str, what: str, synthetic: str = "") -> None:
        """For the author; not applicable where the program drew the images and `synthetic` says why."""
        drawn = self.synthetic and synthetic
        self._add(title, by, "not applicable" if drawn else "needs the author", synthetic if drawn else what)

    def omit(self, title: str, by: str, why: str) -> None:
        self._add(title, by, "not applicable", why)

    def show(self, title: str, by: str, note: str, files: Iterable[Path], otherwise: str, where: bool = True) -> None:
        """Done where it is so and every file exists; else for the author."""
        found = list(files)
        if where and found and all(file.is_file() for file in found):
            paths = [file.relative_to(self.folder.path).as_posix() for file in found]
            self._add(title, by, "done", note, paths)
        else:
            self._add(title, by, "needs the author", otherwise)

    def _add(self, title: str, by: str, status: Status, note: str, evidence: Sequence[str] = ()) -> None:
        guidelines = tuple(INITIALS[initial] for initial in by)
        self.items.append(Item(self.section, title, guidelines, status, note, tuple(evidence)))

    def of_data(self, *name: str) -> list[Path]:
        return [self.folder.data(subject).joinpath(*name) for subject in self.subjects]

    def of_runs(self, name: str) -> list[Path]:
        return [place / name for place in self.places.values()]

    def each(self, texts: Iterable[str]) -> str:
        """A text a data set, with its name where there are several."""
        parts = zip(self.subjects, texts, strict=True)
        return "; ".join(f"{subject.name}: {text}" if len(self.subjects) > 1 else text for subject, text in parts) + "."

    @cached_property
    def measured(self) -> set[tuple[str, str]]:
        """Measures, with their thresholds, that have a value in measures.csv for every data set."""
        file = self.folder.path / "measures.csv"
        if not file.is_file() or not self.subjects:
            return set()
        table = pd.read_csv(file, dtype={"threshold": str}).dropna(subset=["value"]).fillna({"threshold": ""})
        own = (tables.of_subject(table, subject) for subject in self.subjects)
        return set.intersection(*(set(zip(rows["measure"], rows["threshold"], strict=True)) for rows in own))


def read_record(file: Path) -> dict[str, Any]:
    return dict(runs.read_json(file)) if file.is_file() else {}
