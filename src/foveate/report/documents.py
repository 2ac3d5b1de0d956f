"""What goes beside the page: the reporting checklist, the methods paragraph, a card for each model."""

from __future__ import annotations

from pathlib import Path

from foveate import runs
from foveate.report.cards import model_card
from foveate.report.checklist import checklist, checklist_json, checklist_markdown
from foveate.report.methods import methods_paragraph
from foveate.runs import StudyFolder


def write_documents(folder: StudyFolder) -> list[Path]:
    """Write OUT/report/checklist.md and .json, methods.md and cards/<data set>/<model>.md.

    The page and the tables come first: the checklist points at what is there.
    """
    items = checklist(folder)
    texts = {
        "checklist.md": checklist_markdown(items),
        "checklist.json": checklist_json(items),
        "methods.md": methods_paragraph(folder) + "\n",
    }
    for subject in runs.subjects(folder.study):
        for model in folder.study.models:
            texts[f"cards/{subject.name}/{model}.md"] = model_card(folder, subject, model)
    place = folder.report.parent
    for name, text in texts.items():
        runs.write_text(place / name, text)
    return [place / name for name in texts]
