"""The files of a source counted: what was seen is used, left out by a rule, or refused, and the numbers add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from foveate.data.sources.source import HIDDEN, Source, first_three


@dataclass(frozen=True)
class Tally:
    """Numbers of files: seen = used + left out + refused. Without a name, so that a report may hold it."""

    seen: int
    used: int
    images: int  # in the used files
    left_out: dict[str, int]  # rule -> files, the most first
    refused: int | None  # files of which no picture can be read; None before they are opened
    empty_slices: int  # pictures of volumes that are left out: nearly all air

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def tally(source: Source, unreadable: Collection[str] | None = None) -> Tally:
    """Count a source's files. `unreadable`: paths of the images that cannot be read; None before they are opened."""
    refused_images = set(unreadable or ())
    files = {image.file for image in source.images}
    used = {image.file for image in source.images if image.path not in refused_images}
    left_out = Counter(source.left_out.values())
    return Tally(
        seen=len(files) + len(source.left_out),
        used=len(used),
        images=len(source.images) - len(refused_images),
        left_out=dict(left_out.most_common()),
        refused=None if unreadable is None else len(files - used),
        empty_slices=source.empty_slices,
    )


def said(counts: Tally, source: Source | None = None) -> str:
    """The tally as a sentence without its point; with the first names of each rule where the source is given."""
    names: dict[str, list[str]] = defaultdict(list)
    for path, why in sorted(source.left_out.items()) if source else ():
        if why != HIDDEN:
            names[why].append(path)
    rules = [
        f"{count:,} {why}" + (f": {first_three(names[why])}" if names[why] else "")
        for why, count in counts.left_out.items()
    ]
    how = "to be read" if counts.refused is None else "read"
    parts = [f"{counts.used:,} {how} as {counts.images:,} {'image' if counts.images == 1 else 'images'}"]
    if rules:
        parts.append(f"{sum(counts.left_out.values()):,} left out of the images ({'; '.join(rules)})")
    if counts.refused:
        parts.append(f"{counts.refused:,} cannot be read")
    text = f"{counts.seen:,} {'file' if counts.seen == 1 else 'files'} seen: {', '.join(parts)}"
    if counts.empty_slices:
        slices = "slice of a volume is" if counts.empty_slices == 1 else "slices of volumes are"
        text += f"; {counts.empty_slices:,} {slices} left out, nearly all air"
    return text
