"""What `foveate data audit` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foveate import config, console, runs
from foveate.config.dataset import PHANTOM, Dataset
from foveate.errors import UsageError

_OWN = {"audit.json", "index.html"}


def audit(
    place: Path,
    dataset: str | None,
    out: Path | None,
    masks: Path | None,
    positive: Sequence[str],
    strict: bool,
    skip_unreadable: bool,
    quiet: bool,
) -> None:
    """`foveate data audit DIR|STUDY.yaml`. Raises SystemExit(1) where `strict` finds a reason."""
    with console.errors_for_people(f"foveate data audit {place}"), console.bar(quiet) as progress:
        from foveate.data import audit_page, audit_words
        from foveate.data.examine import audit_folder
        from foveate.data.sources import read_dataset, read_source

        if place.suffix.lower() in (".yaml", ".yml") and not place.is_dir():
            name, described = _of_study(place, dataset)
            source = read_dataset(described.model_copy(update={"masks": str(masks)}) if masks else described)
            images, positive = Path(described.source or ""), positive or described.positive
        elif dataset is not None:
            raise UsageError("--dataset goes with a study's YAML file only.")
        else:
            name = place.stem if place.is_file() else place.resolve().name
            source, images = read_source(place, masks), place
        out = out or Path(f"foveate-audit-{name}")
        _refuse(out, images)
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


def _of_study(place: Path, dataset: str | None) -> tuple[str, Dataset]:
    """The only data set of a study, or the one that is asked for, by its name. Raises UsageError."""
    study = config.parse_study(config.read_study(place), str(place))
    known = {name: own for name, own in study.datasets.items() if own.source and own.source != PHANTOM}
    if not known:
        raise UsageError(f"{place} names no folder of images: give one of its data sets a source.")
    if dataset is None and len(known) > 1:
        raise UsageError(f"{place} has several data sets: choose one with --dataset {'|'.join(known)}.")
    name = next(iter(known)) if dataset is None else dataset
    if name not in known:
        raise UsageError(f"{place} has no data set {name!r} with a source: {', '.join(known)}.")
    return name, known[name]


def _refuse(out: Path, folder: Path) -> None:
    """Raises UsageError for a place inside the images' folder, and for one that holds anything but an audit."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{out} lies in {folder}, where nothing is written: give a folder elsewhere with --out.")
    with runs.disk_errors(out):
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: --out must name a folder.")
        if out.is_dir() and {entry.name for entry in out.iterdir()} - _OWN:
            raise UsageError(f"{out} holds files that are not an audit's: give a new folder with --out.")
