"""What the files of a source hold, by their SHA-256; those that cannot be reached just now are no images of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from foveate import runs
from foveate.data.pixels import UnreachableImageError
from foveate.data.sources import Source, file_of
from foveate.data.threads import in_threads
from foveate.errors import FoveateError

_LISTED = 10  # files that a message names; of a drive that is gone there are thousands


@dataclass(frozen=True)
class Reached:
    """The images of a source whose file and mask can be read."""

    source: Source  # of these images alone
    rows: list[int]  # where each of them stands in the whole source
    hashes: dict[Path, str]  # SHA-256 of every file that holds an image or a mask
    away: dict[int, str]  # where the others stand in the whole source, and why they cannot be read


def reach(source: Source, skip: bool) -> Reached:
    """Read every file of a source once.

    Raises FoveateError that lists what cannot be read, unless all of it is to be skipped (`skip`) and lacks permission
    or is not there: what disk or network failed to give is never skipped, since it may be there the next time.
    """
    found = _hashes(source)
    away = {}
    for row, image in enumerate(source.images):
        for file in (file_of(source, image), Path(image.mask) if image.mask else None):
            error = found[file] if file else None
            if isinstance(error, UnreachableImageError):
                away[row] = error
    if away and not (skip and not any(error.may_pass for error in away.values())):
        refuse(source, away)
    rows = [row for row in range(len(source.images)) if row not in away]
    return Reached(
        replace(source, images=[source.images[row] for row in rows]) if away else source,
        rows,
        {file: own for file, own in found.items() if isinstance(own, str)},
        {row: str(error) for row, error in away.items()},
    )


def refuse(source: Source, away: Mapping[int, UnreachableImageError]) -> NoReturn:
    """Raise FoveateError for images, by where they stand in the source, that are not read for no fault of their own."""
    listed = [f"  {source.images[row].path}: {error}" for row, error in away.items()]
    if len(listed) > _LISTED:
        listed[_LISTED:] = [f"  and {len(listed) - _LISTED:,} more"]
    advice = (
        "Disk, network or memory failed, the files may be whole. Start the same command again: what was read is kept."
        if any(error.may_pass for error in away.values())
        else "Give permission or put them back, and start the same command again; or leave them out with "
        "--skip-unreadable."
    )
    head = f"{len(away):,} of {len(source.images):,} images in {source.folder} cannot be reached:"
    raise FoveateError("\n".join([head, *listed, advice]))


def _hashes(source: Source) -> dict[Path, str | UnreachableImageError]:
    paths = {file_of(source, image) for image in source.images}
    paths |= {Path(image.mask) for image in source.images if image.mask}

    def one(path: Path) -> str | UnreachableImageError:
        try:
            return runs.file_hash(path)
        except OSError as error:
            return UnreachableImageError(error)

    ordered = sorted(paths)
    return dict(zip(ordered, itertools.chain.from_iterable(in_threads(one, ordered)), strict=True))
