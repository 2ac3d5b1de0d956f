"""Whether a source is still what a study has read: a changed, added or removed file is noticed before it misleads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from foveate import runs
from foveate.data.pixels import UnreadableImageError, quiet_pillow
from foveate.data.sources import Source, file_of, open_path
from foveate.errors import FoveateError

FILES = "files.json"  # beside manifest.csv: path -> [bytes, time of the last change in ns]
Listing = dict[str, list[int]]


def listing(source: Source) -> Listing:
    """Size and time of every image and mask of a source; masks stand under their own paths."""
    paths = {image.path: file_of(source, image) for image in source.images}
    paths |= {image.mask: Path(image.mask) for image in source.images if image.mask}
    found = {}
    for name, path in paths.items():
        if path.is_file():
            facts = path.stat()
            found[name] = [facts.st_size, facts.st_mtime_ns]
    return found


def refuse_changed(place: Path, source: Source) -> None:
    """Compare a source with what was read into `place` (OUT/data/<data set>).

    A file whose time alone is new, as after copying, is looked into, and passes where its pixels are the same.
    Raises FoveateError that names the first file which was added, removed or changed, and what to do.
    """
    file = place / FILES
    if not file.is_file():  # read by a version that kept no list
        return
    known: Listing = runs.read_json(file)
    now = listing(source)
    added, removed = sorted(now.keys() - known.keys()), sorted(known.keys() - now.keys())
    touched = sorted(name for name in now.keys() & known.keys() if now[name] != known[name])
    changed = _really_changed(touched, known, now, place, source)
    for names, what in ((changed, "changed"), (removed, "removed"), (added, "added")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise FoveateError(
                f"{source.folder} is not what this study has read: {names[0]}{more} was {what} since. Put it back, or "
                "start a new study with another --out."
            )
    if touched:
        runs.write_json(file, now)


def _really_changed(names: list[str], known: Listing, now: Listing, place: Path, source: Source) -> list[str]:
    hashes: dict[str, str] = {}
    if names:
        table = pd.read_csv(place / "manifest.csv", dtype=str, keep_default_na=False)
        hashes = dict(zip(table["path"], table["pixel_hash"], strict=True))
    with quiet_pillow():
        return [
            name
            for name in names
            if known[name][0] != now[name][0] or (name in hashes and _pixels(source, name) != hashes[name])
        ]


def _pixels(source: Source, path: str) -> str:
    try:
        return open_path(source.folder, path).pixel_hash
    except UnreadableImageError:
        return ""
