"""Whether a source is still what a study has read: a changed, added or removed file is noticed before it misleads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from foveate import runs
from foveate.data.pixels import UnreachableImageError, UnreadableImageError, quiet_pillow
from foveate.data.sources import Source, file_of, open_path
from foveate.errors import FoveateError

FILES = "files.json"  # beside manifest.csv: path -> [bytes, time of the last change in ns]
Listing = dict[str, list[int]]


def listing(source: Source) -> Listing:
    """Size and time of every image and mask of a source that can be found; masks stand under their own paths."""
    return _listed(source)[0]


def _listed(source: Source) -> tuple[Listing, dict[str, str]]:
    """The listing, and of what cannot be looked at though it may be there, why not."""
    paths = {image.path: file_of(source, image) for image in source.images}
    paths |= {image.mask: Path(image.mask) for image in source.images if image.mask}
    found: Listing = {}
    failed: dict[str, str] = {}
    for name, path in paths.items():
        try:
            facts = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failed[name] = str(UnreachableImageError(error))
        else:
            found[name] = [facts.st_size, facts.st_mtime_ns]
    return found, failed


def refuse_changed(place: Path, source: Source) -> str:
    """Compare a source with what was read into `place` (OUT/data/<data set>).

    A file whose time alone is new, as after copying, is looked into, and passes where its pixels are the same.
    Returns why files could not be compared, or "": what a disk or a network fails to give was not changed. Raises
    FoveateError that names the first file which was added, removed or changed, and what to do.
    """
    file = place / FILES
    if not file.is_file():  # read by a version that kept no list
        return ""
    known: Listing = runs.read_json(file)
    now, failed = _listed(source)
    added, removed = sorted(now.keys() - known.keys()), sorted(known.keys() - now.keys() - failed.keys())
    touched = sorted(name for name in now.keys() & known.keys() if now[name] != known[name])
    changed, unread = _really_changed(touched, known, now, place, source)
    for names, what in ((changed, "changed"), (removed, "removed"), (added, "added")):
        if names:
            back = "Put it back, or the drive that it lay on," if what == "removed" else "Put it back,"
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise FoveateError(
                f"{source.folder} is not what this study has read: {names[0]}{more} was {what} since. {back} or "
                "start a new study with another --out."
            )
    failed |= unread
    if touched and not failed:
        runs.write_json(file, now)
    if not failed:
        return ""
    name, reason = min(failed.items())
    return f"{len(failed):,} of {len(known):,} files could not be compared, the first is {name}, which {reason}"


def _really_changed(
    names: list[str], known: Listing, now: Listing, place: Path, source: Source
) -> tuple[list[str], dict[str, str]]:
    """Those of other pixels, and those that cannot be read now, with the reason."""
    hashes: dict[str, str] = {}
    if names:
        table = pd.read_csv(place / "manifest.csv", dtype=str, keep_default_na=False)
        hashes = dict(zip(table["path"], table["pixel_hash"], strict=True))
    changed, unread = [], {}
    with quiet_pillow():
        for name in names:
            try:
                if known[name][0] != now[name][0] or (name in hashes and _pixels(source, name) != hashes[name]):
                    changed.append(name)
            except UnreachableImageError as error:
                unread[name] = str(error)
    return changed, unread


def _pixels(source: Source, path: str) -> str:
    try:
        return open_path(source.folder, path).pixel_hash
    except UnreachableImageError:
        raise
    except UnreadableImageError:
        return ""
