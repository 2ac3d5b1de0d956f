"""The data stage: a source becomes manifest.csv, split.csv, audit.json and pack/ in the study's folder."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.config import PHANTOM, Dataset, Images, Study
from foveate.data import split as splits
from foveate.data.audit import Duplicates, find_duplicates
from foveate.data.classes import two_classes
from foveate.data.decoders import UnreadableImageError, as_channels, decode, quiet_pillow, square
from foveate.data.pack import Normalisation, Pack, PackIndex
from foveate.data.phantom import write_phantom
from foveate.data.sources import Source, SourceImage, read_source
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


def source_of(folder: StudyFolder, subject: Subject) -> Source:
    """List a data set's images without opening them; the phantom's are made first. Raises FoveateError."""
    dataset = folder.study.datasets[subject.dataset]
    place = Path(dataset.source or "")
    if dataset.source == PHANTOM:
        place = folder.data(subject) / "images"
        _make_phantom(place, dataset, runs.derive_seed(folder.study.seed, subject.dataset, PHANTOM))
    return read_source(place, dataset.masks)


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
    images: list[SourceImage] = []
    packed: list[PackedImage] = []
    unreadable: list[tuple[str, str]] = []
    pixels_file = place / "pack" / "pixels.npy"
    with runs.writing(pixels_file, "wb") as file:
        # Decoded as colour where any image may be; a data set that turns out grey is narrowed below.
        channels = study.images.channels
        shape = (len(source.images), study.images.pixels, study.images.pixels, channels)
        for image, result in _decode_all(source, study.images, advance):
            if isinstance(result, str):
                unreadable.append((image.path, result))
                continue
            if not images:
                _write_npy_header(file, shape)
            file.write(np.ascontiguousarray(as_channels(result.pixels, channels)).tobytes())
            images.append(image)
            packed.append(replace(result, pixels=result.pixels[:0]))  # on disk now, off the memory
        if unreadable and not study.skip_unreadable:
            raise FoveateError(_unreadable_message(source, unreadable))
        lost = set(source.labels) - {image.label for image in images}
        if lost:
            raise FoveateError(f"no image of the class {min(lost)} in {source.folder} can be read.")
        file.seek(0)
        _write_npy_header(file, (len(images), *shape[1:]))
    if channels == 3 and all(image.pixels.ndim == 2 for image in packed):
        _narrow_to_grey(pixels_file)

    classes = two_classes([image.label for image in images], dataset.positive, str(source.folder))
    class_of = {label: name for name, labels in classes.items() for label in labels}
    manifest = _manifest(images, packed)
    duplicates = find_duplicates(list(manifest["pixel_hash"]), [class_of[image.label] for image in images])
    parts = _split_all(folder, subject, images, class_of, duplicates)
    runs.write_text(place / "manifest.csv", manifest.to_csv(index=False))
    for name, part in parts.items():
        rows = [row for row, own in enumerate(part) if own]
        table = pd.DataFrame({"case": manifest["case"].iloc[rows], "part": [part[row] for row in rows]})
        runs.write_text(place / name, table.to_csv(index=False))
    mask_rows = _write_masks(place / "pack" / "masks.npy", list(manifest["case"]), packed, study.images.pixels)
    audit = _audit(source, images, classes, duplicates, parts["split.csv"], unreadable, subject, len(mask_rows))
    audit["positive_chosen_by"] = "study" if dataset.positive else "name"
    runs.write_json(place / "audit.json", audit)
    names = list(classes)
    pixels = np.load(pixels_file, mmap_mode="r")
    index = PackIndex(
        cases=list(manifest["case"]),
        labels=[names.index(class_of[image.label]) for image in images],
        classes=names,
        pixels=study.images.pixels,
        fit=study.images.fit,
        channels=channels,
        normalisation={name: _normalisation(pixels, part, channels) for name, part in parts.items()},
        masks=mask_rows,
        fingerprint=runs.fingerprint([place / "manifest.csv", *(place / name for name in parts), pixels_file], classes),
    )
    runs.write_text(place / "pack" / "index.json", index.model_dump_json() + "\n")


def _decode_all(source: Source, settings: Images, advance: Advance) -> Iterator[tuple[SourceImage, PackedImage | str]]:
    """Each image with its pixels, or with the reason why it cannot be read, in the order of the source."""

    def one(image: SourceImage) -> PackedImage | str:
        try:
            decoded = decode(source.folder / image.path)
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
        raise UnreadableImageError(f"its mask {path.name} {error}") from None
    if pixels.shape != size:
        raise UnreadableImageError(
            f"its mask {path.name} is {pixels.shape[1]} x {pixels.shape[0]} pixels, the image {size[1]} x {size[0]}"
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


def _write_npy_header(file: Any, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(
        file,
        {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape},
    )


def _narrow_to_grey(path: Path) -> None:
    """Rewrite (n, side, side, 3) with equal channels as (n, side, side, 1)."""
    pixels = np.load(path, mmap_mode="r")
    with runs.writing(path, "wb") as file:
        _write_npy_header(file, (*pixels.shape[:3], 1))
        for image in pixels:
            file.write(np.ascontiguousarray(image[..., :1]).tobytes())


def _manifest(images: Sequence[SourceImage], packed: Sequence[PackedImage]) -> pd.DataFrame:
    seen: Counter[str] = Counter()
    rows = []
    for image, own in zip(images, packed, strict=True):
        seen[own.pixel_hash] += 1
        count = seen[own.pixel_hash]
        case = own.pixel_hash[:16] + (f"-{count}" if count > 1 else "")
        row = (case, image.path, image.label, image.patient, image.split, image.mask)
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
        whole = [""] * len(images)
        for row, part in zip(kept, parts, strict=True):
            whole[row] = part
        files[name] = whole
    return files


def _write_masks(path: Path, cases: Sequence[str], packed: Sequence[PackedImage], side: int) -> dict[str, int]:
    """Write masks.npy where there are masks; case -> its row."""
    rows: dict[str, int] = {}
    masks: list[NDArray[np.bool_]] = []
    for case, image in zip(cases, packed, strict=True):
        if image.mask is not None and image.mask.any():
            rows[case] = len(masks)
            masks.append(image.mask)
    if masks:
        with runs.writing(path, "wb") as file:
            np.save(file, np.stack(masks).reshape(-1, side, side))
    return rows


def _normalisation(pixels: NDArray[np.uint8], parts: Sequence[str], channels: int) -> Normalisation:
    """Mean and standard deviation of each channel over the training part."""
    counts = np.zeros((pixels.shape[-1], 256), dtype=np.int64)
    for row, part in enumerate(parts):
        if part == splits.TRAIN:
            for channel in range(pixels.shape[-1]):
                counts[channel] += np.bincount(pixels[row, ..., channel].ravel(), minlength=256)
    values, total = np.arange(256), counts.sum(1)
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    std = np.where(std > 0, std, 1.0)  # images of one colour: nothing to scale
    repeat = channels // pixels.shape[-1]
    return Normalisation(mean=[*map(float, mean)] * repeat, std=[*map(float, std)] * repeat)


def _audit(
    source: Source,
    images: Sequence[SourceImage],
    classes: dict[str, list[str]],
    duplicates: Duplicates,
    parts: Sequence[str],
    unreadable: Sequence[tuple[str, str]],
    subject: Subject,
    masks: int,
) -> dict[str, Any]:
    """What the report says of the data."""
    class_of = {label: name for name, labels in classes.items() for label in labels}
    order = (splits.TRAIN, splits.VALIDATION, splits.TUNING)
    counts: dict[str, Counter[str]] = {part: Counter() for part in order if part in parts}
    for image, part in zip(images, parts, strict=True):
        if part:
            counts[part][class_of[image.label]] += 1
    patients = {image.patient for image in images if image.patient}
    return {
        "source": str(source.folder),
        "images": len(source.images),
        "labels": source.labels,
        "classes": classes,
        "used": sum(bool(part) for part in parts),
        "unreadable": [list(entry) for entry in unreadable],
        "ignored_files": len(source.ignored),
        "duplicates": {
            "groups": len(duplicates.groups),
            "images": duplicates.surplus,
            "conflicting_groups": len(duplicates.conflicting),
            "across_parts": _across(duplicates, parts),
            "removed": len(duplicates.to_remove()) if subject.policy == "clean" else 0,
        },
        "patients": len(patients) or None,
        "masks": masks,
        "parts": {part: {name: count[name] for name in classes} for part, count in counts.items()},
        "notes": [],
    }


def _across(duplicates: Duplicates, parts: Sequence[str]) -> int:
    """Validation images whose very pixels stand in the training part."""
    count = 0
    for group in duplicates.groups:
        if any(parts[row] == splits.TRAIN for row in group):
            count += sum(parts[row] == splits.VALIDATION for row in group)
    return count


def pack_of(folder: StudyFolder, subject: Subject) -> Pack:
    """A prepared data set's pixels."""
    return Pack(folder.data(subject) / "pack")
