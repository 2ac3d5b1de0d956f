"""The data stage: a source becomes manifest.csv, split.csv, audit.json and pack/ in the study's folder."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.config import Images, Study
from foveate.config.dataset import PHANTOM, Dataset
from foveate.data import freshness
from foveate.data import split as splits
from foveate.data.audit import Duplicates, audit, find_duplicates
from foveate.data.classes import chosen_by, classes_of
from foveate.data.decoders import UnreadableImageError, as_channels, decode, quiet_pillow, square
from foveate.data.pack import Pack, PackIndex, narrow_to_grey, normalisation, write_header, write_masks
from foveate.data.phantom import write_phantom
from foveate.data.sources import Source, SourceImage, open_image, read_dataset
from foveate.errors import FoveateError
from foveate.runs import StudyFolder, Subject

Advance = Callable[[int], None]
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
_CHUNK = 64  # images decoded at once: bounds the memory


@dataclass(frozen=True)
class PackedImage:
    """One image, decoded, measured and made square."""

    pixels: NDArray[np.uint8]  # (side, side) or (side, side, 3)
    mask: NDArray[np.bool_] | None  # (side, side)
    width: int
    height: int
    mode: str
    format: str
    pixel_hash: str


def split_file(study: Study, repeat: int) -> str:
    """The split that a repeat uses: one for all, unless the repeats differ in their split."""
    return "split.csv" if study.repeats_differ_in == "seeds" or repeat == 1 else f"split-{repeat}.csv"


def is_prepared(folder: StudyFolder, subject: Subject) -> bool:
    """Whether the data stage is done: the index is written last."""
    return (folder.data(subject) / "pack" / "index.json").is_file()


def has_source(folder: StudyFolder, subject: Subject) -> bool:
    """Whether the images lie where the study says: on another machine they may not, and are not needed any more."""
    source = folder.study.datasets[subject.dataset].source
    return source is not None and source != PHANTOM and Path(source).exists()


def source_of(folder: StudyFolder, subject: Subject) -> Source:
    """List a data set's images without opening them; the phantom's are made first. Raises FoveateError."""
    dataset = folder.study.datasets[subject.dataset]
    place = Path(dataset.source or "")
    if dataset.source == PHANTOM:
        place = folder.data(subject) / "images"
        _make_phantom(place, dataset, runs.derive_seed(folder.study.seed, subject.dataset, PHANTOM))
    return read_dataset(dataset, place)


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
    pixels_file = place / "pack" / "pixels.npy"
    files = freshness.listing(source)
    images, packed, unreadable = _write_pixels(pixels_file, source, study, advance)

    labels = [image.label for image in images]
    classes, positives = classes_of(labels, dataset.positive, dataset.each_class, str(source.folder))
    class_of = {label: name for name, labels in classes.items() for label in labels}
    manifest = _manifest(images, packed)
    duplicates = find_duplicates(list(manifest["pixel_hash"]), [class_of[image.label] for image in images])
    parts = _split_all(folder, subject, images, class_of, duplicates)
    runs.write_text(place / "manifest.csv", manifest.to_csv(index=False))
    for name, part in parts.items():
        rows = [row for row, own in enumerate(part) if own]
        table = pd.DataFrame({"case": manifest["case"].iloc[rows], "part": [part[row] for row in rows]})
        runs.write_text(place / name, table.to_csv(index=False))
    cases = list(manifest["case"])
    masks = {case: own.mask for case, own in zip(cases, packed, strict=True) if own.mask is not None and own.mask.any()}
    patients = [image.patient for image in images]
    facts = audit(source, labels, patients, classes, duplicates, parts["split.csv"], subject.policy)
    facts["positives"] = list(classes)[-positives:]
    facts["positive_chosen_by"] = chosen_by(sorted(set(labels)), dataset.positive)
    facts["warnings"] = source.warnings
    facts["unreadable"] = [list(entry) for entry in unreadable]
    facts["masks"] = len(masks)
    runs.write_json(place / "audit.json", facts)
    names = list(classes)
    pixels = np.load(pixels_file, mmap_mode="r")
    index = PackIndex(
        cases=cases,
        labels=[names.index(class_of[label]) for label in labels],
        classes=names,
        positives=positives,
        pixels=study.images.pixels,
        fit=study.images.fit,
        channels=study.images.channels,
        normalisation={
            name: normalisation(
                pixels, [row for row, own in enumerate(part) if own == splits.TRAIN], study.images.channels
            )
            for name, part in parts.items()
        },
        masks=write_masks(place / "pack" / "masks.npy", masks),
        fingerprint=runs.fingerprint([place / "manifest.csv", *(place / name for name in parts), pixels_file], classes),
    )
    runs.write_json(place / "pack" / freshness.FILES, files)
    runs.write_text(place / "pack" / "index.json", index.model_dump_json() + "\n")


def _write_pixels(
    path: Path, source: Source, study: Study, advance: Advance
) -> tuple[list[SourceImage], list[PackedImage], list[tuple[str, str]]]:
    """Decode all images once into pixels.npy: those that can be read, what was measured on them (without their
    pixels), and the others with the reasons why not."""
    images: list[SourceImage] = []
    packed: list[PackedImage] = []
    unreadable: list[tuple[str, str]] = []
    channels = study.images.channels
    shape = (study.images.pixels, study.images.pixels, channels)
    with runs.writing(path, "wb") as file:
        write_header(file, (len(source.images), *shape))
        for image, result in _decode_all(source, study.images, advance):
            if isinstance(result, str):
                unreadable.append((image.path, result))
                continue
            file.write(np.ascontiguousarray(as_channels(result.pixels, channels)).tobytes())
            images.append(image)
            packed.append(replace(result, pixels=result.pixels[:0]))  # on disk now, off the memory
        if unreadable and not study.skip_unreadable:
            raise FoveateError(_unreadable_message(source, unreadable))
        lost = set(source.labels) - {image.label for image in images}
        if lost:
            raise FoveateError(f"no image of the class {min(lost)} in {source.folder} can be read.")
        file.seek(0)
        write_header(file, (len(images), *shape))
    if channels == 3 and all(image.pixels.ndim == 2 for image in packed):
        narrow_to_grey(path)
    return images, packed, unreadable


def _decode_all(source: Source, settings: Images, advance: Advance) -> Iterator[tuple[SourceImage, PackedImage | str]]:
    """Each image with its pixels, or with the reason why it cannot be read, in the order of the source."""

    def one(image: SourceImage) -> PackedImage | str:
        try:
            decoded = open_image(source, image)
            mask = _decode_mask(Path(image.mask), decoded.pixels.shape[:2], settings) if image.mask else None
        except UnreadableImageError as error:
            return str(error)
        small = square(decoded.pixels, settings.pixels, settings.fit)
        size = (decoded.width, decoded.height)
        return PackedImage(small, mask, *size, decoded.mode, decoded.format, decoded.pixel_hash)

    remaining = iter(source.images)
    with quiet_pillow(), ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(remaining, _CHUNK)):
            yield from zip(chunk, pool.map(one, chunk), strict=True)
            advance(len(chunk))


def _decode_mask(path: Path, size: tuple[int, ...], settings: Images) -> NDArray[np.bool_]:
    """A lesion mask made square as its image is: a pixel belongs to the lesion where it covers half of it.

    A lesion smaller than that keeps the pixel that it covers most. Raises UnreadableImageError.
    """
    try:
        pixels = as_channels(decode(path).pixels, 1)[..., 0]
    except UnreadableImageError as error:
        raise UnreadableImageError(f"its mask {error}") from None
    if pixels.shape != size:
        raise UnreadableImageError(
            f"its mask is {pixels.shape[1]} x {pixels.shape[0]} pixels, the image {size[1]} x {size[0]}"
        )
    lesion = np.where(pixels > pixels.max() / 2, 255, 0).astype(np.uint8)
    coverage = square(lesion, settings.pixels, settings.fit)
    covered: NDArray[np.bool_] = coverage >= min(128, max(1, int(coverage.max())))
    return covered


def _unreadable_message(source: Source, unreadable: Sequence[tuple[str, str]]) -> str:
    listed = "\n".join(f"  {path}: {reason}" for path, reason in unreadable)
    return (
        f"{len(unreadable)} of {len(source.images)} images in {source.folder} cannot be used:\n{listed}\n"
        "Repair or remove them, or leave them out with --skip-unreadable."
    )


def _manifest(images: Sequence[SourceImage], packed: Sequence[PackedImage]) -> pd.DataFrame:
    seen: Counter[str] = Counter()
    rows = []
    for image, own in zip(images, packed, strict=True):
        seen[own.pixel_hash] += 1
        count = seen[own.pixel_hash]
        case = own.pixel_hash[:16] + (f"-{count}" if count > 1 else "")
        row = (case, image.path, image.label, image.patient, image.split, image.mask, image.site)
        rows.append((*row, own.width, own.height, own.mode, own.format, own.pixel_hash))
    return pd.DataFrame(rows, columns=MANIFEST_COLUMNS)


def _split_all(
    folder: StudyFolder,
    subject: Subject,
    images: Sequence[SourceImage],
    class_of: dict[str, str],
    duplicates: Duplicates,
) -> dict[str, list[str]]:
    """Split file name -> a part for each image, '' for those that the policy leaves out."""
    study = folder.study
    removed = duplicates.to_remove() if subject.policy == "clean" else set()
    kept = [row for row in range(len(images)) if row not in removed]
    labels = [class_of[images[row].label] for row in kept]
    absent = set(class_of.values()) - set(labels)
    if absent:
        raise FoveateError(f"no image of the class {min(absent)} is left once duplicates are removed.")
    whole = _several(study, subject, [images[row] for row in kept], labels)
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
        elif subject.policy == "clean" and any(images[row].patient for row in kept):
            patients = [images[row].patient for row in kept]
            parts = splits.grouped_hold_out(labels, patients, study.validation_fraction, seed)
        else:
            parts = splits.hold_out(labels, study.validation_fraction, seed)
        files[name] = _spread(parts, kept, len(images))
    return files


def _several(
    study: Study, subject: Subject, images: Sequence[SourceImage], labels: Sequence[str]
) -> list[list[str]] | None:
    """The splits of all repeats where they belong together: folds, or one for each site."""
    if study.repeats_differ_in == "sites":
        return splits.sites(labels, [image.site for image in images], study.repeats)
    if study.repeats_differ_in != "folds":
        return None
    patients = [image.patient for image in images]
    grouped = patients if subject.policy == "clean" and any(patients) else None
    seed = runs.derive_seed(study.seed, subject.dataset, subject.policy, "split")
    return splits.folds(labels, grouped, study.repeats, seed)


def _spread(parts: Sequence[str], kept: Sequence[int], count: int) -> list[str]:
    """The parts of the kept rows among all rows; '' for the others."""
    whole = [""] * count
    for row, part in zip(kept, parts, strict=True):
        whole[row] = part
    return whole


def pack_of(folder: StudyFolder, subject: Subject) -> Pack:
    """A prepared data set's pixels."""
    return Pack(folder.data(subject) / "pack")
