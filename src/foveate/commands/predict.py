"""What `foveate predict` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foveate import console, runs
from foveate.errors import UsageError
from foveate.inference import results
from foveate.inference.results import Row

if TYPE_CHECKING:
    from foveate.inference.images import ImagePath
    from foveate.inference.model import Classifier
    from foveate.inference.overlays import Folder
    from foveate.inference.stream import Prediction, Unreadable


def predict(
    run: Path, places: Sequence[Path], overlay: Path | None, out: Path | None, as_json: bool, device: str, quiet: bool
) -> None:
    """`foveate predict RUN IMAGE...`. Raises SystemExit(1) where a file could not be read, or a person stopped it."""
    console.err.print(results.NOTICE, markup=False)
    with console.errors_for_people():
        from foveate.inference.images import list_images
        from foveate.inference.model import open_model
        from foveate.inference.overlays import Folder

        _refuse_overlays(overlay, places)
        _refuse_table(out, places)
        files, notes = list_images(places)
        for note in notes:
            console.err.print(f"note: {note}", markup=False, emoji=False)
        model = open_model(run, device, heatmaps=overlay is not None)
        rows: list[Row] = []
        whole = _predict_all(model, files, Folder(overlay) if overlay else None, rows, quiet)
        if whole or not as_json:  # half a document would pass for a whole one
            text = results.document(rows, model.facts) if as_json else results.table(rows, model.facts.classes)
            sys.stdout.write(f"{text}\n")
        if out is not None and whole:
            runs.write_text(out, results.spreadsheet(rows, model.facts.classes))
    _say(rows, model.facts.classes, overlay, out if whole else None, quiet)
    if not whole:
        lost = [name for name, asked in (("JSON", as_json), ("table", out is not None)) if asked]
        nothing = f" No {' and no '.join(lost)} was written." if lost else ""
        console.err.print(f"stopped after {len(rows):,} images; what is printed above is whole.{nothing}", markup=False)
    if not whole or any(row.unreadable for row in rows):
        raise SystemExit(1)


def _predict_all(
    model: Classifier, files: Sequence[ImagePath], folder: Folder | None, rows: list[Row], quiet: bool
) -> bool:
    """Append a row for each picture, and write its overlay; False where Ctrl-C ended it."""
    from foveate.inference.stream import predict_images

    try:
        with console.bar(quiet) as progress:
            progress.start(len(files), 0)
            progress.announce(f"predicting {len(files):,} files" if len(files) > 1 else "predicting 1 file")
            found = predict_images(model, files, folder is not None, progress.advance)
            rows.extend(_row(model, own, folder) for own in found)
    except KeyboardInterrupt:
        return False
    return True


def _row(model: Classifier, found: Prediction | Unreadable, folder: Folder | None) -> Row:
    from foveate.inference import overlays
    from foveate.inference.stream import Unreadable

    if isinstance(found, Unreadable):
        return Row(found.image.shown, unreadable=found.reason)
    picture, facts = found.picture, model.facts
    name, probabilities = facts.classes[found.predicted], tuple(found.probabilities.tolist())
    if folder is None:
        return Row(picture.image.shown, name, probabilities, picture.warnings)
    drawn = overlays.picture_of(found, facts)
    file = folder.save(picture.image, drawn.picture)
    return Row(
        picture.image.shown,
        name,
        probabilities,
        picture.warnings,
        overlay=str(file),
        blank=drawn.blank,
        flat=drawn.flat,
        caution=drawn.caution,
    )


def _say(rows: Sequence[Row], classes: Sequence[str], overlay: Path | None, out: Path | None, quiet: bool) -> None:
    """What a person should know beside the predictions, on the error stream."""
    lines = results.warning_lines(rows)
    lines += [f"warning: {caution}" for caution in sorted({row.caution for row in rows} - {""})]
    blank = sum(bool(row.blank) for row in rows)
    if blank:
        lines.append(f"note: {blank:,} blank heat-maps: nothing in these images speaks for the predicted class.")
    flat = sum(bool(row.flat) for row in rows)
    if flat:
        lines.append(f"note: {flat:,} flat heat-maps: all places of these images speak for the predicted class alike.")
    if not quiet:
        counts = ", ".join(f"{name} {sum(row.prediction == name for row in rows):,}" for name in classes)
        lines.append(f"predicted: {counts}")
        lines += [f"overlays: {overlay}"] if overlay and any(row.overlay for row in rows) else []
        lines += [f"table: {out}"] if out else []
    unreadable = [row for row in rows if row.unreadable]
    if unreadable:
        lines.append(f"error: {len(unreadable):,} of {len(rows):,} images cannot be read:")
        lines += [f"  {results.printable(row.path)}: {row.unreadable}" for row in unreadable]
    for line in lines:
        console.err.print(line, markup=False, emoji=False)


def _refuse_overlays(overlay: Path | None, places: Sequence[Path]) -> None:
    """Raises UsageError for a folder among the images or with files in it: nothing is ever overwritten."""
    if overlay is None:
        return
    for place in places:
        inside = overlay.resolve().is_relative_to(place.resolve()) if place.is_dir() else _same(overlay, place.parent)
        if inside:
            where = place if place.is_dir() else place.parent
            raise UsageError(f"{overlay} lies among the images of {where}: give --overlay a folder elsewhere.")
    with runs.disk_errors(overlay):
        if overlay.exists() and (not overlay.is_dir() or any(overlay.iterdir())):
            raise UsageError(f"{overlay} exists and is not empty: give --overlay a new folder.")


def _refuse_table(out: Path | None, places: Sequence[Path]) -> None:
    """Raises UsageError for a file that is there already, is no CSV, or would lie in a folder of images."""
    if out is None:
        return
    if out.suffix.lower() != ".csv":
        raise UsageError(f"{out}: the table of --out is a CSV file, its name ends in .csv.")
    if out.exists():
        raise UsageError(f"{out} exists: give --out a new file, or remove it.")
    for place in places:
        if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise UsageError(f"{out} lies in {place}, where nothing is written: give --out a file elsewhere.")


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
