"""What three guidelines want reported, and which file of a study's folder holds it.

CLAIM is for artificial intelligence in medical imaging, TRIPOD+AI for prediction models, STARD-AI for diagnostic
accuracy. Titles are our own words for their topics and have no numbers: the form that a journal asks for is the
guideline's own. A topic is "done" only where files that exist hold the fact; it is still to be told in the manuscript.
What no program can see (ethics, intended use, how the labels came about) is the author's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import get_args

from foveate.report.checklist_draft import GUIDELINES, Draft, Item, Status
from foveate.report.checklist_items import SECTIONS
from foveate.runs import StudyFolder

SHOWN = 3  # evidence files of an item in the Markdown table


def checklist(folder: StudyFolder) -> list[Item]:
    """All items, in a manuscript's order."""
    draft = Draft(folder)
    for section in SECTIONS:
        section(draft)
    return draft.items


def checklist_json(items: Sequence[Item]) -> str:
    """The guidelines and the items, for programs."""
    content = {"guidelines": GUIDELINES, "items": list(map(asdict, items))}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def checklist_markdown(items: Sequence[Item]) -> str:
    """A table a section, with what the statuses mean."""
    counts = {status: sum(item.status == status for item in items) for status in get_args(Status)}
    lines = [
        "# Reporting checklist",
        "",
        f"{len(items)} topics: {', '.join(f'{status} {count}' for status, count in counts.items())}.",
        "",
        "Done: the fact is in the files named, for the manuscript to tell. Titles are in our own words and without "
        "numbers; fill in the guideline’s own form for a journal.",
        "",
        *(f"- {name}: {source}" for name, source in GUIDELINES.items()),
    ]
    for section in dict.fromkeys(item.section for item in items):
        lines += ["", f"## {section}", "", "| Topic | Asked for by | Status | What is there, or what to write |"]
        lines += ["| :-- | :-- | :-- | :-- |", *(_row(item) for item in items if item.section == section)]
    return "\n".join(lines) + "\n"


def _row(item: Item) -> str:
    more = len(item.evidence) - SHOWN
    files = ", ".join(f"`{path}`" for path in item.evidence[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    last = f"{item.note} ({files})" if files else item.note
    cells = (item.title, ", ".join(item.guidelines), item.status, last)
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
