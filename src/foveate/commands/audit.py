"""What `foveate data audit` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foveate import console, runs
from foveate.errors import UsageError

_OWN = {"audit.json", "index.html"}


def audit(
    folder: Path,
    out: Path | None,
    masks: Path | None,
    positive: Sequence[str],
    strict: bool,
    skip_unreadable: bool,
    quiet: bool,
) -> None:
    """`foveate data audit DIR`. Raises SystemExit(1) where `strict` finds a reason."""
    with console.errors_for_people(f"foveate data audit {folder}"), console.bar(quiet) as progress:
        from foveate.data import audit_page, audit_words
        from foveate.data.examine import audit_folder
        from foveate.data.sources import read_source

        source = read_source(folder, masks)
        name = folder.stem if folder.is_file() else folder.resolve().name
        out = out or Path(f"foveate-audit-{name}")
        _refuse(out, folder)
        progress.start(len(source.images), 0)
        progress.announce(f"reading {len(source.images):,} images")
        found = audit_folder(source, positive, progress.advance)
        progress.announce("writing the page")
        page = audit_page.write_audit(found, out, name)
    for line in audit_words.headlines(found):
        console.out.print(f"{'!' if line.grave else ' '} {line.text}", markup=False)
    console.out.print(f"audit: {page}", markup=False)
    reasons = audit_words.concerns(found, skip_unreadable)
    if strict and reasons:
        console.err.print(f"error: --strict: {'; '.join(reasons)}.", markup=False)
        raise SystemExit(1)


def _refuse(out: Path, folder: Path) -> None:
    """Raises UsageError for a place inside the images' folder, and for one that holds anything but an audit."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{out} lies in {folder}, where nothing is written: give a folder elsewhere with --out.")
    with runs.disk_errors(out):
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: --out must name a folder.")
        if out.is_dir() and {entry.name for entry in out.iterdir()} - _OWN:
            raise UsageError(f"{out} holds files that are not an audit's: give a new folder with --out.")
