"""Files and folders as people name them become the pictures that a network sees, made as in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.data.decoders import ENOUGH, is_image
from foveate.data.fit import square
from foveate.data.pixels import Decoded, UnreadableImageError, as_channels
from foveate.data.sources import Source, SourceImage, open_path
from foveate.data.sources.archives import unpacked
from foveate.data.sources.file_names import refuse_unclear_names
from foveate.data.sources.listing import visible_files
from foveate.data.sources.medmnist import from_medmnist
from foveate.data.sources.tables import read_table
from foveate.data.sources.volumes import expanded
from foveate.errors import FoveateError, UsageError
from foveate.inference.model import COLOUR, GREY, ModelFacts

LONGEST = 1024  # pixels: the longest side of a picture that is kept to be drawn on
_IN_NPZ = ".npz#"  # stands in the path of one picture of such a file
_ENLARGED = 2.0  # times; beyond, an image holds too little for its model


@dataclass(frozen=True)
class ImagePath:
    """One picture, not yet opened, unless a program has it at hand."""

    shown: str  # as the person would write it
    folder: Path
    path: str  # relative to the folder, with # and its number for one of several pictures in a file
    inside: str  # the same relative to what the person gave: for the name of an overlay
    decoded: Decoded | None = field(default=None, repr=False)  # of what is at hand


@dataclass(frozen=True)
class Picture:
    """One picture, read and made square."""

    image: ImagePath
    pixels: NDArray[np.uint8]  # (side, side, channels), as the network sees it
    height: int  # of the original
    width: int
    drawn_on: NDArray[np.uint8] | None  # (H, W, 3) upright, LONGEST at the most; None where none is wanted
    warnings: tuple[str, ...]  # why the prediction deserves less trust, a few words each


def list_images(places: Sequence[Path]) -> tuple[list[ImagePath], list[str]]:
    """The image files of these files and folders in order, each once, and notes: a sentence each.

    Folders are read recursively; hidden files, DICOMDIR and the lesion masks that a folder's manifest.csv names are
    left out. A zip is unpacked into the cache; a MedMNIST .npz holds its pictures itself; `file#3` is the picture
    number 3, from 0, of a file. Raises UsageError for a place that does not exist and where no image is found,
    FoveateError for an archive that cannot be read and a name that is not UTF-8.
    """
    found: dict[tuple[Path, str], ImagePath] = {}
    notes = []
    for place in places:
        images, note = _listed(place)
        for image in images:
            refuse_unclear_names(Source(image.folder, [SourceImage(image.path, "")]))
        for image in images:
            found.setdefault((image.folder.resolve(), image.path), image)
        notes += [note] if note else []
        if not images:
            notes.append(f"{place} holds no image.")
    if not found:
        raise UsageError(f"no image in {', '.join(map(str, places))}: give image files, or folders that hold some.")
    return list(found.values()), notes


def _listed(place: Path) -> tuple[list[ImagePath], str]:
    if place.is_dir():
        return _of_folder(place, str(place))
    whole, mark, picture = str(place).partition(_IN_NPZ)
    file = _file_of(Path(f"{whole}.npz") if mark else place)
    ending = file.suffix.lower()
    if ending == ".zip":
        return _of_folder(unpacked(file), str(file))
    if ending == ".npz":
        wanted = f"{file.name}#{picture}"
        paths = [image.path for image in from_medmnist(file).images if not mark or image.path == wanted]
        if not paths:
            raise UsageError(f"{file} holds no picture {picture}.")
        return [ImagePath(str(file.parent / path), file.parent, path, path) for path in paths], ""
    return [ImagePath(str(place), file.parent, place.name, place.name)], ""


def _file_of(place: Path) -> Path:
    """The file that a person names, perhaps with the number of a picture in it. Raises UsageError."""
    whole, mark, number = place.name.rpartition("#")
    for file in (place, place.with_name(whole) if mark and number.isdecimal() and whole else place):
        if file.exists():
            return file
    raise UsageError(f"{place} does not exist.")


def _of_folder(folder: Path, shown: str) -> tuple[list[ImagePath], str]:
    masks, note = _masks(folder)
    paths = [path for path in visible_files(folder) if _is_wanted(folder, path)]
    kept = [path for path in paths if path not in masks]
    if len(kept) < len(paths):
        note = f"{len(paths) - len(kept):,} lesion masks that {shown}/manifest.csv names are left out."
    return [ImagePath(f"{shown}/{path}", folder, path, path) for path in kept], note


def _is_wanted(folder: Path, path: str) -> bool:
    return is_image(folder / path) and Path(path).stem.upper() != "DICOMDIR"


def _masks(folder: Path) -> tuple[set[str], str]:
    """Relative paths of the files that a data set's own table names as masks, which are no images; and a note."""
    if not (folder / "manifest.csv").is_file():
        return set(), ""
    try:
        table = read_table(folder / "manifest.csv")
    except FoveateError as error:  # another program's, perhaps: the images can be predicted all the same
        return set(), f"{error} If it names lesion masks, they are taken for images."
    return {row["mask"] for row in table.rows if row["mask"]} if "mask" in table.columns else set(), ""


def pictures_in(image: ImagePath) -> list[ImagePath]:
    """The pictures that training would use of a file: itself, or the frames and slices that it holds.

    Raises UnreadableImageError where there is none.
    """
    if image.decoded is not None:
        return [image]
    whole = Source(image.folder, [SourceImage(image.path, "")])
    paths = [own.path for own in expanded(whole).images]
    if not paths:
        raise UnreadableImageError("holds no slice that shows anything")
    if paths == [image.path]:
        return [image]
    ends = [path.removeprefix(image.path) for path in paths]
    return [ImagePath(image.shown + end, image.folder, image.path + end, image.inside + end) for end in ends]


def read_picture(image: ImagePath, model: ModelFacts, draw: bool) -> Picture:
    """Decode a picture and make it what `model` was trained on. Raises UnreadableImageError that says why not."""
    decoded = image.decoded or open_path(image.folder, image.path, max(ENOUGH, model.pixels))  # as for training
    pixels = square(decoded.pixels, model.pixels, model.fit)
    if COLOUR not in model.kinds and model.kinds and pixels.ndim == 3:
        pixels = as_channels(pixels, 1)[..., 0]
    warnings = tuple(_warnings(decoded, model))
    drawn_on = None
    if draw:
        large = open_path(image.folder, image.path, LONGEST) if decoded.is_reduced else decoded
        drawn_on = drawable(large.pixels)
    return Picture(image, as_channels(pixels, model.channels), decoded.height, decoded.width, drawn_on, warnings)


def _warnings(decoded: Decoded, model: ModelFacts) -> Iterator[str]:
    kind = GREY if decoded.pixels.ndim == 2 else COLOUR
    if model.kinds and kind not in model.kinds:
        other = GREY if kind == COLOUR else COLOUR
        yield f"{kind}, where the training images were {other}: converted to {other}"
    sides = (decoded.width, decoded.height)
    factor = model.pixels / (max(sides) if model.fit == "pad" else min(sides))
    if factor > _ENLARGED:
        size = f"{decoded.width} x {decoded.height} pixels"
        yield f"{size}, enlarged {factor:.1f} times to the {model.pixels} of training"
    if (decoded.pixels == decoded.pixels[:1, :1]).all():
        yield "all pixels are equal: there is nothing to see"


def drawable(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (h, w, 3) of the same shape, its longest side LONGEST pixels at the most."""
    image = Image.fromarray(pixels)
    factor = LONGEST / max(image.size)
    if factor < 1:
        width, height = (max(1, round(side * factor)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(as_channels(np.asarray(image), 3))
