"""Files in, predictions out: decoded by threads a batch ahead of the network, so that memory stays bounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.data.pixels import UnreadableImageError, quiet_pillow
from foveate.errors import FoveateError
from foveate.evaluation.metrics import softmax
from foveate.inference.images import ImagePath, Picture, pictures_in, read_picture
from foveate.inference.model import Classifier

BATCH = 32


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be predicted, and why."""

    image: ImagePath
    reason: str


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture."""

    picture: Picture
    predicted: int  # index of the class with the highest probability
    probabilities: NDArray[np.float64]  # (classes,)
    raw: NDArray[np.float32] | None  # (h, w) signed Grad-CAM for the predicted class, or the one that is asked for


def predict_images(
    model: Classifier,
    files: Sequence[ImagePath],
    draw: bool,
    advance: Callable[[int], None] = lambda files: None,
    batch: int = BATCH,
    target: int | None = None,
) -> Iterator[Prediction | Unreadable]:
    """Each picture of each file in order, predicted, or why it cannot be read.

    `draw` keeps of each picture what an overlay needs. `advance` is told how many files were opened. `target`: the
    index of the class that the maps explain, by default each picture's predicted one. Raises FoveateError where the
    model gives numbers that are not finite.
    """

    def read(image: ImagePath | Unreadable) -> Picture | Unreadable:
        if isinstance(image, Unreadable):
            return image
        try:
            return read_picture(image, model.facts, draw)
        except UnreadableImageError as error:
            return Unreadable(image, str(error))

    wanted = _pictures(files, advance)
    pool = ThreadPoolExecutor()
    try:
        with quiet_pillow():
            reading = _submit(pool, read, itertools.islice(wanted, batch))
            while reading:
                ahead = _submit(pool, read, itertools.islice(wanted, batch))
                yield from _predicted(model, [future.result() for future in reading], target)
                reading = ahead
    finally:
        pool.shutdown(cancel_futures=True)


def _pictures(files: Sequence[ImagePath], advance: Callable[[int], None]) -> Iterator[ImagePath | Unreadable]:
    for file in files:
        try:
            yield from pictures_in(file)
        except UnreadableImageError as error:
            yield Unreadable(file, str(error))
        advance(1)


def _submit(
    pool: ThreadPoolExecutor,
    read: Callable[[ImagePath | Unreadable], Picture | Unreadable],
    images: Iterable[ImagePath | Unreadable],
) -> list[Future[Picture | Unreadable]]:
    return [pool.submit(read, image) for image in images]


def _predicted(
    model: Classifier, read: Sequence[Picture | Unreadable], target: int | None
) -> Iterator[Prediction | Unreadable]:
    pictures = [own for own in read if isinstance(own, Picture)]
    predictions = iter(_predictions(model, pictures, target) if pictures else ())
    for own in read:
        yield own if isinstance(own, Unreadable) else next(predictions)


def _predictions(model: Classifier, pictures: Sequence[Picture], target: int | None) -> list[Prediction]:
    logits, maps = model(np.stack([picture.pixels for picture in pictures]), target)
    if not np.isfinite(logits).all():
        raise FoveateError(f"{model.facts.path} gives numbers that are not finite: its training diverged.")
    return [
        Prediction(picture, int(own.argmax()), own, None if maps is None else maps[row])
        for row, (picture, own) in enumerate(zip(pictures, softmax(logits), strict=True))
    ]
