"""Made-up pictures with structure in them, as hashes of pictures need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from foveate.data.decoders import decode
from foveate.data.image_facts import ImageFacts, facts_of, grey_copy


def picture(seed: int, width: int = 200, height: int = 180) -> Image.Image:
    """A grey picture of soft blobs and some grain; another seed, another picture."""
    generator = np.random.default_rng(seed)
    blobs = Image.fromarray(generator.integers(40, 215, (9, 9), dtype=np.uint8))
    smooth = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    grain = np.asarray(
        Image.fromarray(generator.integers(0, 256, (height, width), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(2))
    )
    return Image.fromarray(np.clip(smooth + (grain - 128.0), 0, 255).astype(np.uint8))


def measure(path: Path) -> tuple[ImageFacts, NDArray[np.uint8]]:
    decoded = decode(path)
    return facts_of(path, decoded), grey_copy(decoded.pixels)


def save(image: Image.Image, path: Path, quality: int = 85) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality)
    return path
