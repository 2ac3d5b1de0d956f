"""What the stages tell the person who waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Counts, what is done now, and sentences."""

    def start(self, total: float, done: float) -> None: ...
    def advance(self, images: float) -> None: ...
    def announce(self, what: str) -> None: ...
    def note(self, sentence: str) -> None: ...


@dataclass
class Silent:
    """Progress for programs: keeps the sentences."""

    notes: list[str] = field(default_factory=list)

    def start(self, total: float, done: float) -> None: ...
    def advance(self, images: float) -> None: ...
    def announce(self, what: str) -> None: ...

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
