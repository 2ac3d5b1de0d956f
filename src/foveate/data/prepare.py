"""The data stage: a source becomes manifest.csv, split.csv, audit.json and pack/ in the study's folder."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from foveate import runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM, Dataset
from foveate.data import freshness
from foveate.data import split as splits
from foveate.data.audit import Duplicates, audit, find_duplicates, near_duplicates
from foveate.data.classes import chosen_by, classes_of
from foveate.data.duplicates import Twins, find_twins
from foveate.data.examine import grey_of
from foveate.data.image_facts import ImageFacts
from foveate.data.lesion_masks import mask_warnings
from foveate.data.pack import Pack, PackIndex, normalisation
from foveate.data.pack_cache import ENTRIES, MASKS, PIXELS, Advance, Packed, packed
from foveate.data.phantom import write_phantom
from foveate.data.pixels import quiet_pillow
from foveate.data.sources import Source, SourceImage, read_dataset
from foveate.data.sources.source import printable
from foveate.data.sources.volumes import remedy
from foveate.errors import FoveateError
from foveate.runs import StudyFolder, Subject

MANIFEST_COLUMNS = [
    "case",
    "path",
    "label",
    "patient",
    "split",
    "mask",
    "site",
    "width",
    "height",
    "mode",
    "format",
    "pixel_hash",
]


def split_file(study: Study, repeat: int) -> str:
    """The split that a repeat uses: one for all, unless the repeats differ in their split."""
    return "split.csv" if study.repeats_differ_in == "seeds" or repeat == 1 else f"split-{repeat}.csv"


def is_prepared(folder: StudyFolder, subject: Subject) -> bool:
    """Whether the data stage is done: the index is written last."""
    return (folder.data(subject) / "pack" / "index.json").is_file()


def has_source(folder: StudyFolder, subject: Subject) -> bool:
    """Whether the images lie where the study says: on another machine they may not, and are not needed any more."""
    source = folder.study.datasets[subject.dataset].source
    return source is not None and source != PHANTOM and lies_here(Path(source))


def lies_here(place: Path) -> bool:
    """Whether there is something at a place: an empty folder is where a drive would be."""
    try:
        return place.is_file() or any(place.iterdir())
    except OSError:
        return False


def can_be_read(folder: StudyFolder, subject: Subject) -> bool:
    """Whether the images lie here: where the study says, or those of the phantom in the study itself."""
    return folder.study.datasets[subject.dataset].source == PHANTOM or has_source(folder, subject)


def source_of(folder: StudyFolder, subject: Subject) -> Source:
    """List a data set's images without opening them; the phantom's are made first. Raises FoveateError."""
    dataset = folder.study.datasets[subject.dataset]
    place = Path(dataset.source or "")
    if dataset.source == PHANTOM:
        place = folder.data(subject) / "images"
        _make_phantom(place, dataset, runs.derive_seed(folder.study.seed, subject.dataset, PHANTOM))
    return read_dataset(dataset, place)


class Sources:
    """The sources of a study's data sets, each listed once for all policies."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder, self._known = folder, dict[str, Source]()

    def of(self, subject: Subject) -> Source:
        """Raises FoveateError as `source_of` does."""
        if self._folder.study.datasets[subject.dataset].source == PHANTOM:
            return source_of(self._folder, subject)  # each policy has its own
        if subject.dataset not in self._known:
            self._known[subject.dataset] = source_of(self._folder, subject)
        return self._known[subject.dataset]


def _make_phantom(place: Path, dataset: Dataset, seed: int) -> None:
    if not (place / "manifest.csv").is_file():  # written last
        with runs.disk_errors(place):
            shutil.rmtree(place, ignore_errors=True)  # left half-way
            write_phantom(place, dataset.phantom_images, seed, dataset.phantom_size)


def prepare(folder: StudyFolder, subject: Subject, source: Source, advance: Advance = lambda count: None) -> None:
    """Decode, audit, split and pack a data set. Does nothing where that is done.

    `advance` is called with the number of images decoded. Raises FoveateError that lists all unreadable images,
    unless the study skips them.
    """
    if is_prepared(folder, subject):
        return
    study, place = folder.study, folder.data(subject)
    dataset = study.datasets[subject.dataset]
    files = freshness.listing(source)
    packs = packed(source, study.images, advance, study.skip_unreadable)
    _require(source, packs, study.skip_unreadable)
    images = [source.images[row] for row in packs.rows]

    labels = [image.label for image in images]
    classes, positives = classes_of(labels, dataset.positive, dataset.each_class, str(source.folder))
    class_of = {label: name for name, labels in classes.items() for label in labels}
    manifest = _manifest(images, packs.facts)
    duplicates = find_duplicates(list(manifest["pixel_hash"]), [class_of[image.label] for image in images])
    with quiet_pillow():
        twins = find_twins(packs.facts, grey_of(source, images))
    parts = _split_all(study, subject, images, class_of, duplicates, twins)
    runs.write_text(place / "manifest.csv", _as_csv(manifest))
    for name, part in parts.items():
        rows = [row for row, own in enumerate(part) if own]
        table = pd.DataFrame({"case": manifest["case"].iloc[rows], "part": [part[row] for row in rows]})
        runs.write_text(place / name, table.to_csv(index=False))
    cases = list(manifest["case"])
    patients = [image.patient for image in images]
    unreadable = [source.images[row].path for row, _ in packs.unreadable]
    facts = audit(source, labels, patients, classes, duplicates, parts["split.csv"], subject.policy, unreadable)
    facts["positives"] = list(classes)[-positives:]
    facts["positive_chosen_by"] = chosen_by(sorted(set(labels)), dataset.positive)
    facts["warnings"] = source.warnings
    facts["burned_in"] = source.burned_in
    facts["unreadable"] = [[source.images[row].label, reason] for row, reason in packs.unreadable]
    facts["masks"] = len(packs.masks)
    disease = set(list(classes)[-positives:])
    diseased = [class_of[label] in disease for label in labels]
    facts["mask_warnings"] = mask_warnings(
        list(packs.lesions),
        [diseased[row] for row in packs.masks],
        len(packs.grey_masks),
        len(packs.empty_masks),
        sum(diseased[row] for row in packs.empty_masks),
    )
    facts["near_duplicates"] = near_duplicates(twins, parts["split.csv"])
    runs.write_json(place / "audit.json", facts)
    names = list(classes)
    pixels_file = place / "pack" / PIXELS
    packs.place(PIXELS, pixels_file)
    packs.place(ENTRIES, place / "pack" / ENTRIES)
    if packs.masks:
        packs.place(MASKS, place / "pack" / MASKS)
    written = [place / "manifest.csv", *(place / name for name in parts), pixels_file]
    with ThreadPoolExecutor(1) as pool:  # both read all pixels
        fingerprint = pool.submit(runs.fingerprint, written, classes)
        statistics = {
            name: normalisation(
                packs.pixels, [row for row, own in enumerate(part) if own == splits.TRAIN], study.images.channels
            )
            for name, part in parts.items()
        }
    index = PackIndex(
        cases=cases,
        labels=[names.index(class_of[label]) for label in labels],
        classes=names,
        positives=positives,
        pixels=study.images.pixels,
        fit=study.images.fit,
        channels=study.images.channels,
        normalisation=statistics,
        masks={cases[row]: own for row, own in packs.masks.items()},
        fingerprint=fingerprint.result(),
    )
    runs.write_json(place / freshness.FILES, files)
    runs.write_text(place / "pack" / "index.json", index.model_dump_json() + "\n")


def _require(source: Source, packs: Packed, skip_unreadable: bool) -> None:
    """Raises FoveateError where images cannot be read and are not to be skipped, or a class has none that can."""
    unreadable = [(source.images[row].path, reason) for row, reason in packs.unreadable]
    if unreadable and not skip_unreadable:
        raise FoveateError(_unreadable_message(source, unreadable))
    lost = set(source.labels) - {source.images[row].label for row in packs.rows}
    if lost:
        raise FoveateError(f"no image of the class {min(lost)} in {source.folder} can be read.")


def _unreadable_message(source: Source, unreadable: Sequence[tuple[str, str]]) -> str:
    listed = "\n".join(f"  {printable(path)}: {reason}" for path, reason in unreadable)
    return (
        f"{len(unreadable)} of {len(source.images)} images in {source.folder} cannot be used:\n{listed}\n"
        "Repair or remove them, or leave them out with --skip-unreadable."
    )


def _manifest(images: Sequence[SourceImage], facts: Sequence[ImageFacts]) -> pd.DataFrame:
    seen: Counter[str] = Counter()
    rows = []
    for image, own in zip(images, facts, strict=True):
        seen[own.pixel_hash] += 1
        count = seen[own.pixel_hash]
        case = own.pixel_hash[:16] + (f"-{count}" if count > 1 else "")
        row = (case, image.path, image.label, image.patient, image.split, image.mask, image.site)
        rows.append((*row, own.width, own.height, own.mode, own.format, own.pixel_hash))
    return pd.DataFrame(rows, columns=MANIFEST_COLUMNS)


def _as_csv(manifest: pd.DataFrame) -> str:
    """Its text; a name with a carriage return in it, which Python leaves bare, is put in quotes as a line feed is."""
    text = manifest.to_csv(index=False)
    return manifest.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text


def try_split(study: Study, subject: Subject, source: Source) -> dict[str, list[str]]:
    """Split images that are not decoded yet, as if no picture stood there twice: split file -> a part for each image.

    Raises FoveateError where that cannot be.
    """
    labels = [image.label for image in source.images]
    dataset = study.datasets[subject.dataset]
    classes, _ = classes_of(labels, dataset.positive, dataset.each_class, str(source.folder))
    class_of = {label: name for name, own in classes.items() for label in own}
    return _split_all(study, subject, source.images, class_of, Duplicates([], []), Twins([], [], []))


def _split_all(
    study: Study,
    subject: Subject,
    images: Sequence[SourceImage],
    class_of: dict[str, str],
    duplicates: Duplicates,
    twins: Twins,
) -> dict[str, list[str]]:
    """Split file name -> a part for each image, '' for those that the policy leaves out."""
    removed = duplicates.to_remove() if subject.policy == "clean" else set()
    kept = [row for row in range(len(images)) if row not in removed]
    labels = [class_of[images[row].label] for row in kept]
    absent = set(class_of.values()) - set(labels)
    if absent:
        raise FoveateError(f"no image of the class {min(absent)} is left once duplicates are removed.")
    groups = _groups(images, kept, twins) if subject.policy == "clean" else None
    whole = _several(study, subject, [images[row] for row in kept], labels, groups)
    if whole is not None:
        return {split_file(study, repeat): _spread(parts, kept, len(images)) for repeat, parts in enumerate(whole, 1)}
    files: dict[str, list[str]] = {}
    for repeat in range(1, study.repeats + 1):
        name = split_file(study, repeat)
        if name in files:
            continue
        seed = runs.derive_seed(study.seed, subject.dataset, subject.policy, "split", *([repeat] if repeat > 1 else []))
        if subject.policy == "shipped":
            parts = splits.shipped([images[row].split for row in kept], labels)
        elif groups is not None:
            parts = splits.grouped_hold_out(labels, groups, study.validation_fraction, seed, remedy(images))
        else:
            parts = splits.hold_out(labels, study.validation_fraction, seed)
        files[name] = _spread(parts, kept, len(images))
    return files


def _groups(images: Sequence[SourceImage], kept: Sequence[int], twins: Twins) -> list[str] | None:
    """What the clean policy keeps together, a name for each kept image: patients, and pictures that are nearly
    identical. An image that belongs with no other has ''; None where none does."""
    groups = twins.groups([image.patient for image in images])
    count = Counter(groups[row] for row in kept)
    found = [groups[row] if images[row].patient or count[groups[row]] > 1 else "" for row in kept]
    return found if any(found) else None


def _several(
    study: Study,
    subject: Subject,
    images: Sequence[SourceImage],
    labels: Sequence[str],
    groups: Sequence[str] | None,
) -> list[list[str]] | None:
    """The splits of all repeats where they belong together: folds, or one for each site."""
    if study.repeats_differ_in == "sites":
        return splits.sites(labels, [image.site for image in images], study.repeats)
    if study.repeats_differ_in != "folds":
        return None
    seed = runs.derive_seed(study.seed, subject.dataset, subject.policy, "split")
    return splits.folds(labels, groups, study.repeats, seed, remedy(images))


def _spread(parts: Sequence[str], kept: Sequence[int], count: int) -> list[str]:
    """The parts of the kept rows among all rows; '' for the others."""
    whole = [""] * count
    for row, part in zip(kept, parts, strict=True):
        whole[row] = part
    return whole


def pack_of(folder: StudyFolder, subject: Subject) -> Pack:
    """A prepared data set's pixels."""
    return Pack(folder.data(subject) / "pack")
