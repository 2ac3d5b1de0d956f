"""Labels put together as the study says, and what is wrong or odd about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveate.config import did_you_mean
from foveate.data.sources.lookup import composed
from foveate.data.sources.source import Source
from foveate.errors import FoveateError, UsageError


def merged(source: Source, merge: Mapping[str, Sequence[str]], origin: str) -> Source:
    """The source with each label in a list of `merge` renamed to that list's name.

    Raises UsageError for a label that does not exist, and for a new name that another class has.
    """
    source = _composed(source)
    labels = source.labels
    new_of = {old: new for new, olds in merge.items() for old in olds}
    for old in new_of:
        if old not in labels:
            meant = did_you_mean(old, list(labels))
            raise UsageError(f"merge: {origin} has no class {old!r}{meant}: {', '.join(labels)}.")
    for new in merge:
        if new in labels and new not in new_of:
            raise UsageError(f"merge: {origin} has a class {new!r} already: put it in the list of {new!r} too.")
    return replace(
        source, images=[replace(image, label=new_of.get(image.label, image.label)) for image in source.images]
    )


def _composed(source: Source) -> Source:
    """The source with the accents of its labels as one sign each, so that labels which look the same are the same."""
    images = [replace(image, label=composed(image.label)) for image in source.images]
    joined = len(source.labels) - len({image.label for image in images})
    if not joined:
        return replace(source, images=images)
    labels = "1 label is" if joined == 1 else f"{joined} labels are"
    said = f"{labels} stored in two ways that look the same (accents apart from their letters): counted as one"
    return replace(source, images=images, warnings=[*source.warnings, said])


def check(source: Source, origin: str) -> Source:
    """The source with warnings about its labels. Raises FoveateError for labels that no one meant so: an empty one,
    one with stray spaces, two that differ in nothing but case and spaces."""
    labels = source.labels
    same: dict[str, str] = {}
    for label, count in labels.items():
        key = " ".join(label.split()).casefold()
        if not key:
            raise FoveateError(f"{origin}: the label of {count} images is empty.")
        if key in same:
            first = same[key]
            raise FoveateError(
                f"{origin}: the classes {first!r} ({labels[first]} images) and {label!r} ({count}) differ only in case "
                f"or spaces: give them one name, or in the study 'merge: {{{first.strip()}: [{first!r}, {label!r}]}}'."
            )
        same[key] = label
    for label in labels:
        if label != " ".join(label.split()):
            raise FoveateError(f"{origin}: the label {label!r} has stray spaces: remove them.")
    return replace(source, warnings=[*source.warnings, *_patients(source)])


def _patients(source: Source) -> list[str]:
    """A warning where a patient's images have several labels."""
    labels = defaultdict(set)
    for image in source.images:
        if image.patient:
            labels[image.patient].add(image.label)
    several = sum(len(own) > 1 for own in labels.values())
    verb = "has" if several == 1 else "have"
    return [f"{several} of {len(labels)} patients {verb} images with several labels"] if several else []
