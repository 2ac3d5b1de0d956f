"""audit.json of `foveate data audit`: every count and every cluster, for programs."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from foveate import __version__
from foveate.data import audit_words, duplicates, shortcuts
from foveate.data.examine import Audit
from foveate.data.findings import SMALL, Findings
from foveate.data.shortcuts import Shortcut, Shortcuts
from foveate.data.sources.source import printable


def as_json(audit: Audit) -> dict[str, Any]:
    """Plain lists, dicts, strings and numbers; paths are relative to the source's folder."""
    found = audit.found
    return {
        "source": str(audit.source.folder),
        "images": len(audit.source.images),
        "readable": len(found.images),
        "ignored_files": len(audit.source.ignored),
        "files": audit.files.as_json(),
        "left_out": {printable(path): why for path, why in audit.source.left_out.items()},
        "headlines": [asdict(line) for line in audit_words.headlines(audit)],
        "warnings": audit.source.warnings,
        "labels": audit.source.labels,
        "classes": audit.classes,
        "balance": balance(found),
        "duplicates": {
            "identical_files": asdict(found.files),
            "identical_pixels": asdict(found.pixels),
            "identical_or_near": asdict(found.near),
        },
        "repeated": [
            {
                "of": one.of,
                "in": one.where,
                "images": one.images,
                "identical": len(one.identical),
                "identical_or_near": len(one.near),
                "identical_by_label": dict(Counter(found.images[row].label for row in one.identical)),
                "identical_or_near_by_label": dict(Counter(found.images[row].label for row in one.near)),
            }
            for one in found.repeated
        ],
        "clusters": [_cluster(found, cluster) for cluster in found.twins.near],
        "identities": [
            {"column": one.column, "ids": one.ids, "images": one.images, "both_sides": one.both_sides}
            for one in found.identities
        ],
        "shortcuts": _shortcuts(found.shortcuts),
        "shortcuts_of_the_originals": None if found.recorded is None else _shortcuts(found.recorded),
        "scalings": {rule: sum(labels.values()) for rule, labels in found.scalings.items()},
        "unreadable": [list(entry) for entry in audit.unreadable],
        "constant": [found.images[row].path for row in found.constant],
        "small": [found.images[row].path for row in found.small],
        "masks": asdict(audit.masks),
        "limits": limits(),
        "versions": versions(),
    }


def balance(found: Findings) -> dict[str, dict[str, int]]:
    """Split ('all' first, then those of the archive) -> label -> readable images."""
    labels = sorted({image.label for image in found.images})
    parts = {"all": found.images} | {
        split: [image for image in found.images if image.split == split] for split in found.splits
    }
    return {
        part: {label: sum(image.label == label for image in images) for label in labels}
        for part, images in parts.items()
    }


def limits() -> dict[str, float]:
    """What the words near, small and so on mean."""
    return {
        "candidate_bits": duplicates.NEAR,
        "candidate_bits_of_phash_by_dhash": duplicates.LOOSE,
        "near_correlation": duplicates.CLOSE,
        "near_mean_difference": duplicates.FAINT,
        "near_mean_difference_correlation": duplicates.ALIKE,
        "small_pixels": SMALL,
        "rare_sizes": shortcuts.RARE,
        "folds": shortcuts.FOLDS,
        "trees": shortcuts.TREES,
    }


def versions() -> dict[str, str]:
    """What the figures were made with; a decoder's version can change a pixel."""
    packages = {name: version(name) for name in ("pillow", "numpy", "scipy", "scikit-learn")}
    return {"foveate": __version__, **packages, "python": platform.python_version()}


def _cluster(found: Findings, cluster: Sequence[int]) -> dict[str, Any]:
    hashes = {found.facts[row].pixel_hash for row in cluster}
    return {
        "kind": "identical" if len(hashes) == 1 else "near",
        "splits": found.splits_of(cluster),
        "labels": found.labels_of(cluster),
        "images": [
            {
                "path": found.images[row].path,
                "label": found.images[row].label,
                "split": found.images[row].split,
                "patient": found.images[row].patient,
                "pixel_hash": found.facts[row].pixel_hash,
            }
            for row in cluster
        ],
    }


def _shortcuts(own: Shortcuts) -> dict[str, Any]:
    return {
        "facts": [_shortcut(fact) for fact in own.facts],
        "file": _shortcut(own.file),
        "everything": None if own.everything is None else _shortcut(own.everything),
    }


def _shortcut(own: Shortcut) -> dict[str, Any]:
    return {"name": own.name, "same_in_all": own.same, "cramers_v": own.cramers_v} | {
        "most_telling": None if own.telling is None else asdict(own.telling) | {"auc": own.telling.auc},
        "auc": None if own.auc is None else asdict(own.auc),
    }
