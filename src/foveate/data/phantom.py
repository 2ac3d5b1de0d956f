"""The built-in phantom: tomographic slices with and without a lesion, and a mask of each lesion.

What separates the classes is the look of one structure, not that there is one. Every slice holds two to four
structures of like size and contrast; in a slice with a lesion one of them is the lesion: ragged and grainy.
The others are benign decoys: round and smooth. Hairs, rulers and burned-in letters come equally often in both
classes; brightness, contrast and noise are drawn without looking at the label.

A unit is 1/128 of the image's side, so that another size shows the same kind of scene. Grey is 0 (background)
to 1 (ink) until `_standardise`. The ranges were tuned so that a ResNet-18 from scratch learns the task in about
2,000 image passes and yet misses some: lesions with little grain are faint.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Field = NDArray[np.float64]  # (H, W): one grey value or length a pixel

SMALLEST_SIZE = 32  # at 32 pixels the smallest lesion is 18 of them
REFERENCE_SIZE = 128
STRUCTURE_AREA = (0.018, 0.055)  # share of the image
STRUCTURE_CONTRAST = (0.04, 0.12)
LESION_GRAIN = (0.10, 0.36)  # standard deviation of a lesion's texture; the strongest cue to the class
INK = 0.85  # brighter ink would set the contrast of the whole image
FONT = {  # five rows of three pixels
    "A": "010101111101101", "H": "101101111101101", "L": "100100100100111", "P": "110101110100100",
    "R": "110101110101101", "S": "011100010001110", "1": "010110010010111", "4": "101101111001001",
    "7": "111001010010010",
}  # fmt: skip


@dataclass(frozen=True)
class PhantomImage:
    """One slice. pixels: (H, W) uint8 grey; mask: (H, W) bool, all false without a lesion;
    label: "lesion" or "normal"."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    label: str


@dataclass(frozen=True)
class Distractors:
    """What is drawn over a slice and has nothing to do with its label; `text` is empty where there is none."""

    hairs: int
    ruler: bool
    text: str


def phantom_distractors(index: int, seed: int) -> Distractors:
    """The distractors of image `index`. Images 2k and 2k + 1, one of each class, have the same ones (at places
    of their own), so that both classes have exactly as many."""
    generator = np.random.default_rng([seed, index // 2])
    hairs = int(generator.integers(1, 4)) if generator.random() < 0.3 else 0
    ruler = bool(generator.random() < 0.3)
    length = int(generator.integers(1, 4)) if generator.random() < 0.4 else 0
    return Distractors(hairs, ruler, "".join(generator.choice(list(FONT), size=length)))


def phantom_image(index: int, seed: int, size: int = REFERENCE_SIZE) -> PhantomImage:
    """Image `index` of the phantom with this seed, `size` x `size` pixels: even ones with a lesion, odd without.

    It depends on these three numbers only, so a longer data set begins with the shorter one.
    Raises ValueError where size is below 32, or index or seed is negative.
    """
    if size < SMALLEST_SIZE:
        raise ValueError(f"a phantom's size is at least {SMALLEST_SIZE} pixels, not {size}")
    label = "normal" if index % 2 else "lesion"
    generator = np.random.default_rng([seed, index, 1])  # the 1: another stream than that of the distractors
    tissue, depth = _anatomy(generator, size)
    image, mask = _structures(generator, tissue, depth, label == "lesion")
    image = _acquire(generator, image)
    image = _distract(generator, image, phantom_distractors(index, seed))
    return PhantomImage(_standardise(generator, image), mask, label)


def write_phantom(folder: Path, count: int, seed: int, size: int = REFERENCE_SIZE) -> None:
    """Write images 0 to count - 1 as a user would keep them: `lesion/0000.png`, `normal/0001.png`, ..., 1-bit
    masks `masks/lesion/0000.png`, and `manifest.csv` (path,label,mask; relative to `folder`, no mask for normal).

    The manifest comes last: a folder without one was left half-way, to be deleted and written again.
    Raises FileExistsError where `folder` holds anything, since images of another set would mix with these, and
    ValueError as `phantom_image` does or where count is below 1.
    """
    if count < 1:
        raise ValueError(f"a phantom data set has at least 1 image, not {count}")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; without a manifest.csv it was left half-way: delete it")
    rows = [("path", "label", "mask")]
    for index in range(count):
        image = phantom_image(index, seed, size)
        path = f"{image.label}/{index:04d}.png"
        mask_path = f"masks/{path}" if image.label == "lesion" else ""
        _save(image.pixels, folder / path)
        if mask_path:
            _save(image.mask, folder / mask_path)
        rows.append((path, image.label, mask_path))
    unfinished = folder / "manifest.csv.tmp"
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / "manifest.csv")


def _save(pixels: NDArray[np.uint8] | NDArray[np.bool_], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)  # uint8: 8-bit grey; bool: 1 bit


def _anatomy(generator: np.random.Generator, size: int) -> tuple[Field, Field]:
    """A slice through an organ (capsule, fat, tissue, vessels from a hilum) and each pixel's depth inside it."""
    unit = size / REFERENCE_SIZE
    centre = size * generator.uniform(0.45, 0.55, size=2)
    area = size**2 * generator.uniform(0.50, 0.62)
    depth = _depth(size, centre, _outline(generator, area, range(2, 5), 0.07))
    tissue = 0.55 + 0.035 * _grain(generator, size, 10) + 0.018 * _grain(generator, size, 3)
    fat = generator.uniform(0.10, 0.25) * _soft(generator.uniform(4, 8) * unit - depth, unit)
    capsule = generator.uniform(0.2, 0.4) * np.exp(-np.square(depth / unit - 1.5))
    hilum = centre + size * generator.uniform(-0.2, 0.2, size=2)
    vessels = np.zeros((size, size))
    for _ in range(generator.integers(4, 8)):
        end = centre + size * generator.uniform(-0.45, 0.45, size=2)
        vessel = _stroke(generator, size, hilum, end, generator.uniform(1, 3) * unit)
        vessels = np.maximum(vessels, vessel * generator.uniform(0.4, 1))
    vessels *= generator.choice([-0.15, 0.2]) * _soft(depth - 6 * unit, 2 * unit)
    return 0.08 + _soft(depth, unit) * (tissue - fat + vessels - 0.08) + capsule, depth


def _structures(
    generator: np.random.Generator, image: Field, depth: Field, with_lesion: bool
) -> tuple[Field, NDArray[np.bool_]]:
    """Put two to four structures side by side; the first is the lesion where there is one. Returns its mask too."""
    size = len(image)
    unit = size / REFERENCE_SIZE
    mask = np.zeros(image.shape, dtype=np.bool_)
    room = depth - 5 * unit  # the largest radius that fits around each pixel
    for number in range(generator.integers(2, 5)):
        is_lesion = with_lesion and number == 0
        harmonics, raggedness = (range(2, 16), 0.20) if is_lesion else (range(2, 4), 0.06)
        outline = _outline(generator, size**2 * generator.uniform(*STRUCTURE_AREA), harmonics, raggedness)
        contrast = generator.choice([-1, 1]) * generator.uniform(*STRUCTURE_CONTRAST)
        # The mean radius, so that a spike may reach the capsule. The lesion, being first, always finds a place;
        # a decoy that finds none is left out.
        places = np.argwhere(room > outline.mean()).astype(np.float64)
        if len(places) == 0:
            continue
        # Outer places are likelier, or a look at the centre of the image would find most lesions.
        weights = np.square(places - size / 2).sum(axis=1)
        place = places[generator.choice(len(places), p=weights / weights.sum())]
        inside = _depth(size, place, outline)
        room = np.minimum(room, -inside - 3 * unit)
        inside = np.minimum(inside, depth)  # nothing grows out of the organ
        if is_lesion:
            mask = inside > 0
            grain = _grain(generator, size, generator.uniform(1.1, 1.6))
            image = image + _soft(inside, 1.5 * unit) * (contrast + generator.uniform(*LESION_GRAIN) * grain)
        else:
            image = image + _soft(inside, generator.uniform(1.5, 5) * unit) * contrast
    return image, mask


def _acquire(generator: np.random.Generator, image: Field) -> Field:
    """Uneven sensitivity over the slice, speckle that grows with the signal and noise that does not.

    The noise varies so much from image to image that a PNG's size says next to nothing about the lesion's grain.
    """
    size = len(image)
    across = np.linspace(-1, 1, size)
    slope, fall = generator.uniform(-0.15, 0.15, size=2), generator.uniform(0, 0.15)
    shading = 1 + np.add.outer(slope[0] * across - fall * across**2, slope[1] * across - fall * across**2)
    speckle = generator.uniform(0.03, 0.08) * _grain(generator, size, 0.6)
    noise = generator.uniform(0.006, 0.024) * _grain(generator, size, 0.3)
    return np.asarray(image * shading * (1 + speckle) + noise)


def _distract(generator: np.random.Generator, image: Field, distractors: Distractors) -> Field:
    """Draw hairs, a ruler near the left edge and letters in a corner over the slice."""
    size = len(image)
    unit = size / REFERENCE_SIZE
    for _ in range(distractors.hairs):
        start, end = size * generator.uniform(-0.1, 1.1, size=(2, 2))
        image = image * (1 - 0.7 * _stroke(generator, size, start, end, unit))
    canvas = Image.new("L", (size, size))
    draw = ImageDraw.Draw(canvas)
    if distractors.ruler:
        left, step = generator.uniform(2, 10) * unit, generator.uniform(4, 7) * unit
        for tick, y in enumerate(np.arange(generator.uniform(4, 30) * unit, size - 4 * unit, step).tolist()):
            right = left + (6 if tick % 5 == 0 else 3) * unit
            draw.line((left, y, right, y), fill=255, width=max(1, round(unit)))
    dot = generator.uniform(1.5, 2.2) * unit
    left = generator.choice([4 * unit, size - 4 * unit - 4 * dot * len(distractors.text)])
    top = generator.choice([4 * unit, size - 4 * unit - 5 * dot])
    for place, letter in enumerate(distractors.text):
        for bit in (bit for bit, ink in enumerate(FONT[letter]) if ink == "1"):
            x, y = left + dot * (4 * place + bit % 3), top + dot * (bit // 3)
            draw.rectangle((x, y, x + max(dot - 1, 0), y + max(dot - 1, 0)), fill=255)
    return np.maximum(image, INK / 255 * np.asarray(canvas))


def _standardise(generator: np.random.Generator, image: Field) -> NDArray[np.uint8]:
    """Give the finished slice a mean and a standard deviation that are drawn apart from what is on it."""
    mean, deviation = generator.uniform(85, 125), generator.uniform(38, 46)
    image = (image - image.mean()) / image.std() * deviation + mean
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _outline(generator: np.random.Generator, area: float, harmonics: range, raggedness: float) -> Field:
    """Radii (256,) at even angles of a star-shaped outline around `area` square pixels; `raggedness` is their
    relative standard deviation."""
    orders = np.array(harmonics)
    weights = generator.standard_normal(len(orders)) / orders**0.75
    phases = generator.uniform(0, 2 * np.pi, size=(len(orders), 1))
    waves = weights @ np.cos(np.outer(orders, np.arange(256) * (2 * np.pi / 256)) + phases)
    radii = np.maximum(1 + raggedness * waves / waves.std(), 0.3)
    return np.asarray(radii * np.sqrt(area / (np.pi * np.mean(radii**2))))


def _depth(size: int, centre: Field, outline: Field) -> Field:
    """How far inside the outline around `centre` (row, column) each pixel lies along its radius; < 0 outside."""
    rows, columns = np.indices((size, size)) - centre[:, None, None]
    angles = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
    radii = np.interp(np.arctan2(rows, columns), angles, outline, period=2 * np.pi)
    return np.asarray(radii - np.hypot(rows, columns))


def _soft(depth: Field, width: float) -> Field:
    """0 outside, 1 inside, and a ramp of `width` pixels over the border."""
    return np.clip(depth / width + 0.5, 0, 1)


def _grain(generator: np.random.Generator, size: int, scale: float) -> Field:
    """Gaussian noise of mean 0 and standard deviation 1, blurred by `scale` units."""
    noise = ndimage.gaussian_filter(generator.standard_normal((size, size)), scale * size / REFERENCE_SIZE)
    return np.asarray((noise - noise.mean()) / noise.std())


def _stroke(generator: np.random.Generator, size: int, start: Field, end: Field, width: float) -> Field:
    """A bent line between two (row, column) points, from 0 to 1, with a soft edge."""
    bend = (start + end) / 2 + size * generator.uniform(-0.2, 0.2, size=2)
    t = np.linspace(0, 1, 24)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end  # a quadratic Bezier curve
    canvas = Image.new("L", (size, size))
    ImageDraw.Draw(canvas).line([(x, y) for y, x in points.tolist()], fill=255, width=max(1, round(width)))
    return np.asarray(ndimage.gaussian_filter(np.asarray(canvas) / 255, 0.5 * size / REFERENCE_SIZE))
