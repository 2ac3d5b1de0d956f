"""The words that a clinician may not know: for docs/glossary.md all of them, for a page those that it uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

_FILE = Path(__file__).parent / "templates" / "glossary.yaml"
_HEAD = """# Glossary

The words of the report and of these pages, for people who do not train networks. The report's page explains those
that it uses.
"""


@dataclass(frozen=True)
class Term:
    """A word, other forms of it, and what it means."""

    name: str
    forms: tuple[str, ...]
    meaning: str

    def is_in(self, text: str) -> bool:
        """Whether a text uses the word, as a whole word and whatever its capitals; p and AUC as they are written."""
        names = "|".join(re.escape(form) for form in (self.name, *self.forms))
        either_case = re.IGNORECASE if self.name not in _AS_WRITTEN else re.NOFLAG
        return re.search(rf"(?<![\w-])(?:{names})(?![\w-])", text, either_case) is not None


_AS_WRITTEN = {"p", "SD", "CAM", "AUC", "IoU", "ROAD"}


def terms() -> list[Term]:
    """All words, sorted by name."""
    entries = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    found = [Term(str(name), tuple(map(str, forms)), str(meaning)) for name, forms, meaning in entries]
    return sorted(found, key=lambda term: term.name.lower())


def used_in(page: str) -> list[Term]:
    """The words that the visible text of an HTML page uses."""
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return [term for term in terms() if term.is_in(text)]


def markdown() -> str:
    """docs/glossary.md."""
    return _HEAD + "".join(f"\n**{term.name}**: {term.meaning}\n" for term in terms())
