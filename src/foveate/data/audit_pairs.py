"""Duplicates side by side: which pairs are worth a look, and small pictures of them."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from foveate.data.audit_words import PARTS
from foveate.data.duplicates import difference
from foveate.data.examine import Audit, decoded_anew
from foveate.data.findings import Findings
from foveate.data.image_facts import grey_copy
from foveate.data.pixels import quiet_pillow

MOST = 60  # pairs on the page
_SIDE = 200  # pixels of the longer side of a picture
_WIDEST = 100  # kinds of images of one cluster that are tried against each other


@dataclass(frozen=True)
class Shown:
    """One image of a pair."""

    src: str  # data: address
    width: int
    height: int
    path: str
    label: str
    part: str  # training, test, ... or ""


@dataclass(frozen=True)
class Pair:
    """Two images of one cluster, and why they are shown."""

    why: str
    how: str  # identical, or by how much they differ
    images: tuple[Shown, Shown]


def choose_pairs(found: Findings) -> list[tuple[int, int]]:
    """One pair of rows a cluster, the gravest first: two labels, two parts of the split, two patients, the rest; of
    these nearly identical ones first, since one can be mistaken there. At most 60."""
    pairs = [_gravest(found, cluster) for cluster in found.twins.near]
    pairs.sort(key=lambda pair: (_apart(found, pair), _near(found, pair)), reverse=True)
    return pairs[:MOST]


def _gravest(found: Findings, cluster: Sequence[int]) -> tuple[int, int]:
    """Of the pairs in a cluster the gravest, identical before near; one image of each kind is tried."""
    kinds: dict[tuple[str, ...], int] = {}
    for row in cluster:
        image = found.images[row]
        kinds.setdefault((image.label, image.split, image.patient, found.facts[row].pixel_hash), row)
    rows = list(kinds.values()) if len(kinds) > 1 else list(cluster[:2])
    pairs = itertools.combinations(rows[:_WIDEST], 2)
    return max(pairs, key=lambda pair: (_apart(found, pair), not _near(found, pair)))


def _apart(found: Findings, pair: tuple[int, int]) -> tuple[bool, bool, bool]:
    """Whether two images have different labels, parts of the split, and patients."""
    first, second = (found.images[row] for row in pair)
    known = [(own.label, own.split, own.patient) for own in (first, second)]
    label, split, patient = (bool(one and other and one != other) for one, other in zip(*known, strict=True))
    return label, split, patient


def _near(found: Findings, pair: tuple[int, int]) -> bool:
    return found.facts[pair[0]].pixel_hash != found.facts[pair[1]].pixel_hash


def picture_pairs(audit: Audit) -> list[Pair]:
    """The chosen pairs with their pictures, decoded anew."""
    found = audit.found

    def one(rows: tuple[int, int]) -> Pair:
        decoded = [decoded_anew(audit.source, found.images[row]) for row in rows]
        how = "identical pixels"
        if _near(found, rows):
            mean, correlation = difference(*(grey_copy(own.pixels) for own in decoded))
            r = ">\u00a00.999" if correlation > 0.9995 else f"=\u00a0{correlation:.3f}"
            how = f"nearly identical: mean difference {mean:.1f} of 255, r\u00a0{r}"
        first, second = (
            _shown(audit, row, Image.fromarray(own.pixels)) for row, own in zip(rows, decoded, strict=True)
        )
        reasons = ("two labels", f"{first.part} and {second.part}", "two patients")
        why = ", ".join(reason for reason, is_so in zip(reasons, _apart(found, rows), strict=True) if is_so)
        return Pair(why, how, (first, second))

    with quiet_pillow(), ThreadPoolExecutor() as pool:
        return list(pool.map(one, choose_pairs(found)))


def _shown(audit: Audit, row: int, picture: Image.Image) -> Shown:
    image = audit.found.images[row]
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80, method=4)
    address = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Shown(address, picture.width, picture.height, image.path, image.label, PARTS.get(image.split, ""))
