"""All answers in one ZIP file: by letter while the study is blind, by model and for REDCap once it is unblinded."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from django.utils import timezone

from foveate.reading import answers, export, results
from foveate.reading.results import DatasetResults
from foveate.reading.site import audit, state, study, unblinding
from foveate.spreadsheets import GUARD

File = tuple[str, str]  # its name in the ZIP file, and its text


def archive(actor: str) -> tuple[str, bytes]:
    """The ZIP file's name and bytes, noted in the log. The caller has asked for the password.

    Whether the study is blind decides what is in it; nobody can ask for the other kind. Raises FoveateError where the
    study is unblinded and its key is missing or damaged.
    """
    at = state.state().unblinded_at
    files = _blind() if at is None else _unblinded(at)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for inner, text in files:
            file.writestr(inner, text)
    audit.record(actor, "exported", "blind" if at is None else "unblinded")
    return name(at), buffer.getvalue()


def name(unblinded_at: datetime | None) -> str:
    """What an archive that is made now is called."""
    kind = "blind" if unblinded_at is None else "unblinded"
    return f"reading-{kind}-{timezone.now():%Y-%m-%d}.zip"


def _blind() -> Iterator[File]:
    yield "codebook.md", export.blind_codebook()
    for own in study.study().datasets:
        rows = unblinding.blind_rows(own.name)
        yield f"answers-{own.name}.csv", export.blind_csv(rows)
        yield f"answers-{own.name}.json", _json({"dataset": own.name, "answers": [asdict(row) for row in rows]})


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _unblinded(at: datetime) -> Iterator[File]:
    datasets = unblinding.unblinded()
    yield from _results(at, datasets)
    for own in datasets:
        yield f"long-{own.name}.csv", export.long_csv(own, state.state().fingerprint[:12])
        yield f"all-{own.name}.json", export.as_json(own)
        yield f"codebook-{own.name}.md", _codebook(own)
        yield f"redcap-dictionary-{own.name}.csv", answers.redcap_dictionary(own.models)
        yield f"redcap-records-{own.name}.csv", answers.redcap_records(own.answers)


def _results(at: datetime, datasets: list[DatasetResults]) -> Iterator[File]:
    """The folder `results` as unblinding writes it, from the database anew: what `foveate report` reads."""
    for inner, text in sorted(results.files(at.isoformat(timespec="seconds"), datasets).items()):
        if text:
            yield f"{results.FOLDER}/{inner}", text


def _codebook(own: DatasetResults) -> str:
    return "\n".join(
        [
            f"# `long-{own.name}.csv`\n",
            export.long_codebook(own.models),
            f"# `results/answers-{own.name}.csv`\n",
            answers.codebook(own.models),
            "# REDCap\n",
            f"Import `redcap-dictionary-{own.name}.csv` as the data dictionary first, then the records in "
            f"`redcap-records-{own.name}.csv`.\n",
            "# Text in all of these CSV files\n",
            GUARD,
        ]
    )
