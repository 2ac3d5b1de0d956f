"""A prediction as a picture: the image, and beside it Grad-CAM for the predicted class, with a caption. No torch."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from foveate import runs
from foveate.explanation import resolution
from foveate.explanation.display_range import between
from foveate.explanation.geometry import is_flat_on_original, on_original
from foveate.explanation.overlays import greyed, overlay
from foveate.inference.images import ImagePath
from foveate.inference.model import ModelFacts
from foveate.inference.stream import Prediction
from foveate.reading.render import png

SMALL_PRINT = "For research, not a medical device."
_MARGIN = 10  # pixels around and between the two pictures
_LINE = 60  # characters a line of the caption
_INK, _FAINT = "#1a1a1a", "#666666"
_NAME = 200  # bytes of a file's name; file systems take 255


@dataclass(frozen=True)
class Drawn:
    """The picture of one prediction."""

    picture: NDArray[np.uint8]  # (H, W, 3), as `beside` makes it
    blank: bool  # no evidence for the class that it explains
    flat: bool  # the same evidence everywhere
    caution: str  # that the map is coarse, '' where it is not


def picture_of(found: Prediction, facts: ModelFacts, target: int | None = None) -> Drawn:
    """The picture of a prediction that was made to be drawn.

    `target`: the index of the class that the map explains, by default the predicted one. A blank map leaves the image
    greyed and a flat one (`geometry.is_flat_on_original`) plain, and the caption says so.
    """
    image, raw = found.picture.drawn_on, found.raw
    assert image is not None
    assert raw is not None
    explained = found.predicted if target is None else target
    name, probability = facts.classes[explained], float(found.probabilities[explained])
    height, width, _ = image.shape
    heat = on_original(raw, height, width, facts.pixels, facts.fit)
    blank, flat = not heat.any(), is_flat_on_original(raw, heat)
    if blank:
        right, said = greyed(image), f"blank heat-map: no positive evidence for {name}"
    elif flat:
        right, said = image, f"flat heat-map: all places speak for {name} alike"
    else:
        right, said = overlay(image, heat), f"right: Grad-CAM for {name}, {between(0, float(raw.max()))}"
    caution = resolution.coarse(raw.shape)
    return Drawn(beside(image, right, f"{name}: {probability:.3f}", said, caution, SMALL_PRINT), blank, flat, caution)


def beside(left: NDArray[np.uint8], right: NDArray[np.uint8], caption: str, *small: str) -> NDArray[np.uint8]:
    """Two pictures (H, W, 3) of one size -> one with both in full, the caption below, and under it what is small."""
    height, width, _ = left.shape
    lines = [(line, _INK) for line in textwrap.wrap(caption, _LINE)]
    lines += [(line, _FAINT) for text in small for line in textwrap.wrap(text, _LINE)]
    font = _font(min(24, max(12, width // 36)))
    step = round(font.size * 1.4)
    text_width = max(int(font.getlength(line)) + 1 for line, _ in lines)
    size = (max(2 * width + 3 * _MARGIN, text_width + 2 * _MARGIN), height + 3 * _MARGIN + step * len(lines))
    canvas = Image.new("RGB", size, "white")
    canvas.paste(Image.fromarray(left), (_MARGIN, _MARGIN))
    canvas.paste(Image.fromarray(right), (2 * _MARGIN + width, _MARGIN))
    pen = ImageDraw.Draw(canvas)
    for number, (line, colour) in enumerate(lines):
        pen.text((_MARGIN, height + 2 * _MARGIN + number * step), line, fill=colour, font=font)
    return np.asarray(canvas)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """matplotlib's own, which knows Latin, Greek and Cyrillic letters on every machine."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


class Folder:
    """Where overlays go: each named after its image, no two alike even where capitals do not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken: set[str] = set()

    def save(self, image: ImagePath, picture: NDArray[np.uint8]) -> Path:
        """Write a picture, whole or not at all, as PNG that tells nothing but its pixels; returns its path."""
        file = self.path / self._name(image.inside)
        with runs.writing(file, "wb") as opened:
            opened.write(png(picture))
        return file

    def _name(self, inside: str) -> str:
        """a/scan.dcm#3 -> a/scan.dcm-3.png, with a counter where that is taken: the same folders as the images'."""
        whole, mark, number = inside.rpartition("#")
        flat = f"{whole}-{number.replace('/', '-')}" if mark else inside
        folders, _, name = flat.rpartition("/")
        name = os.fsdecode(os.fsencode(name)[:_NAME])
        stem = f"{folders}/{name}" if folders else name
        count = 1
        while (wanted := stem + (f"-{count}" if count > 1 else "") + ".png").casefold() in self._taken:
            count += 1
        self._taken.add(wanted.casefold())
        return wanted
