"""The audit of a study's own images: `foveate data audit`'s page, from what was measured when they were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foveate import runs
from foveate.data import audit_json, audit_page, audit_words, pack_cache
from foveate.data.examine import Audit, Masks, further_columns, grey_of
from foveate.data.findings import inspect
from foveate.data.lesion_masks import is_inverted
from foveate.data.pixels import quiet_pillow
from foveate.data.prepare import can_be_read, is_prepared
from foveate.data.sources import Source
from foveate.runs import StudyFolder, Subject

PAGE = "audit.html"
_OF_FILES = (
    "clusters",
    "unreadable",
    "constant",
    "small",
    "headlines",
    "warnings",
    "source",
    "identities",
    "masks",
    "left_out",
)


def needs_audit(folder: StudyFolder, subject: Subject) -> bool:
    """Whether a data set is prepared, was measured then (older versions did not), lies here and has no page yet."""
    place = folder.data(subject)
    measured = is_prepared(folder, subject) and (place / "pack" / pack_cache.ENTRIES).is_file()
    return measured and can_be_read(folder, subject) and not (place / PAGE).is_file()


def write_audit(folder: StudyFolder, subjects: Sequence[Subject], source: Source) -> None:
    """Write OUT/data/<data set>/audit.html for each policy of one data set, and its counts into audit.json.

    The page names files and shows pictures, so it stays where the images are; audit.json names no file. Raises
    FoveateError.
    """
    place = folder.data(subjects[0])
    facts: dict[str, Any] = runs.read_json(place / "audit.json")
    packs = pack_cache.read(place / "pack")
    images = [source.images[row] for row in packs.rows]
    class_of = {label: name for name, labels in facts["classes"].items() for label in labels}
    keys, recorded = further_columns(source, images, packs.facts)
    with quiet_pillow():
        outcome = [class_of[image.label] for image in images]
        found = inspect(images, packs.facts, grey_of(source, images), outcome, keys, recorded)
    masks = Masks(
        images=sum(bool(image.mask) for image in source.images),
        empty=[images[row].path for row in packs.empty_masks],
        inverted=[images[row].path for row, own in packs.masks.items() if is_inverted(packs.lesions[own])],
        grey=[images[row].path for row in packs.grey_masks],
    )
    unreadable = [(source.images[row].path, reason) for row, reason in packs.unreadable]
    audit = Audit(source, facts["classes"], unreadable, masks, found)
    page, counts = audit_page.render(audit, subjects[0].dataset), _counts(audit)
    for subject in subjects:
        place = folder.data(subject)
        runs.write_json(place / "audit.json", runs.read_json(place / "audit.json") | {"findings": counts})
        runs.write_text(place / PAGE, page)


def _counts(audit: Audit) -> dict[str, Any]:
    """What the audit says without the name of a file or a patient."""
    whole = audit_json.as_json(audit)
    counts = {name: value for name, value in whole.items() if name not in _OF_FILES}
    counts["patients_in_several_parts"] = len(audit.found.patients.both_sides)
    return counts | {
        "sentences": audit_words.without_names(audit),
        "shortcut_sentences": audit_words.shortcut_sentences(audit),
        "scaling_sentences": audit_words.scaling_sentences(audit),
    }
