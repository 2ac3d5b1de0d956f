"""A trained model for programs: what it says of an image, and where it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from foveate import runs
from foveate.config import did_you_mean
from foveate.errors import FoveateError, UsageError
from foveate.explanation.geometry import on_original
from foveate.inference import overlays
from foveate.inference.given import Given, picture_of
from foveate.inference.model import Classifier, ModelFacts, open_model
from foveate.inference.stream import Prediction, Unreadable, predict_images
from foveate.reading.render import png

if TYPE_CHECKING:
    from foveate.models import TrainedModel
    from foveate.models.resnet import ResNet

Images = list[Any] | tuple[Any, ...]  # of `Given`


@dataclass(frozen=True)
class Predicted:
    """What a model says of one image. No diagnosis: foveate is for research, not a medical device."""

    image: str  # its path, or "image 3" for the fourth of those that have none
    prediction: str  # the class with the highest probability
    probabilities: Mapping[str, float]  # by class, of sum 1
    warnings: tuple[str, ...]  # why the prediction deserves less trust, a few words each


@dataclass(frozen=True)
class Heatmap(Predicted):
    """Where a model sees evidence for a class in one image: Grad-CAM at the input of the global average pooling."""

    target: str  # the class that is explained
    raw: NDArray[np.float32] = field(repr=False)  # (h, w) signed, as the network's last feature map
    heat: NDArray[np.float32] = field(repr=False)  # (H, W) in [0, 1] on the original image; all 0 where nothing speaks
    _found: Prediction = field(repr=False, compare=False)
    _facts: ModelFacts = field(repr=False, compare=False)

    def save(self, path: str | Path) -> Path:
        """Write the image and beside it the map laid over it, as `foveate predict --overlay`; the file, a PNG.

        Raises UsageError for another ending, FoveateError where it cannot be written.
        """
        file = Path(path)
        if file.suffix.lower() != ".png":
            raise UsageError(f"{file}: a heat-map is saved as PNG, so its name ends in .png.")
        picture = overlays.picture_of(self._found, self._facts, self._facts.classes.index(self.target)).picture
        with runs.writing(file, "wb") as opened:
            opened.write(png(picture))
        return file


class Model:
    """A trained model: of a run's folder, or of a file that `foveate export` wrote."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.facts = classifier.facts
        self.classes, self.pixels, self.fit = self.facts.classes, self.facts.pixels, self.facts.fit
        self.channels = self.facts.channels

    def __repr__(self) -> str:
        return f"<{self.facts.name}: {', '.join(self.classes)}; {self.pixels} pixels; {self.facts.path}>"

    @property
    def network(self) -> ResNet:
        """The torch module, in evaluation mode. Raises FoveateError for an ONNX file, as `mean` and `std` do."""
        return self._trained.network

    @property
    def mean(self) -> tuple[float, ...]:
        """A channel's, in units of 0..255: what is subtracted from the pixels."""
        return self._trained.mean

    @property
    def std(self) -> tuple[float, ...]:
        """A channel's: what they are divided by then."""
        return self._trained.std

    @property
    def _trained(self) -> TrainedModel:
        trained: TrainedModel | None = getattr(self._classifier, "trained", None)
        if trained is None:
            raise FoveateError(f"{self.facts.path} is an ONNX file, which has no torch network: give the run's folder.")
        return trained

    @overload
    def predict(self, image: Given) -> Predicted: ...
    @overload
    def predict(self, image: Images) -> list[Predicted]: ...
    def predict(self, image: Given | Images) -> Predicted | list[Predicted]:
        """What the model says of an image, or of each of a list.

        An image is a path (any file that `foveate predict` takes; "scan.dcm#3" is its picture number 3, from 0), a PIL
        image, or an array of uint8, (H, W) or (H, W, 3). The numbers are those of `foveate predict`, to the last bit
        for the same list. Raises UsageError for what is no image, FoveateError where one cannot be read.
        """
        images: Images = image if isinstance(image, (list, tuple)) else [image]
        found = [Predicted(**self._said(own)) for own in self._ask(images, None, draw=False)]
        return found if images is image else found[0]

    @overload
    def heatmap(self, image: Given, target: str | None = None) -> Heatmap: ...
    @overload
    def heatmap(self, image: Images, target: str | None = None) -> list[Heatmap]: ...
    def heatmap(self, image: Given | Images, target: str | None = None) -> Heatmap | list[Heatmap]:
        """Where the model sees evidence for a class, by default the predicted one of each image; see `predict`.

        Raises UsageError for a class that does not exist, too.
        """
        images: Images = image if isinstance(image, (list, tuple)) else [image]
        found = [self._heatmap(own, target) for own in self._ask(images, self._class(target), draw=True)]
        return found if images is image else found[0]

    def _class(self, target: str | None) -> int | None:
        if target is None:
            return None
        if target not in self.classes:
            meant = did_you_mean(target, list(self.classes))
            raise UsageError(f"there is no class {target!r}{meant}: known are {', '.join(self.classes)}.")
        return self.classes.index(target)

    def _ask(self, images: Sequence[Given], target: int | None, draw: bool) -> list[Prediction]:
        pictures = [picture_of(own, number) for number, own in enumerate(images)]
        found = []
        for own in predict_images(self._classifier, pictures, draw, target=target):
            if isinstance(own, Unreadable):
                raise FoveateError(f"{own.image.shown}: {own.reason}.")
            found.append(own)
        return found

    def _said(self, found: Prediction) -> dict[str, Any]:
        return {
            "image": found.picture.image.shown,
            "prediction": self.classes[found.predicted],
            "probabilities": dict(zip(self.classes, found.probabilities.tolist(), strict=True)),
            "warnings": found.picture.warnings,
        }

    def _heatmap(self, found: Prediction, target: str | None) -> Heatmap:
        assert found.raw is not None
        said, picture = self._said(found), found.picture
        heat = on_original(found.raw, picture.height, picture.width, self.pixels, self.fit)
        return Heatmap(
            **said,
            target=target or said["prediction"],
            raw=found.raw,
            heat=heat.astype(np.float32),
            _found=found,
            _facts=self.facts,
        )


def load_model(path: str | Path, device: str = "cpu") -> Model:
    """The trained model of a run's folder, OUT/runs/<data set>/<model>/<repeat>, or of an exported ONNX file.

    `network` is a torch module in evaluation mode; `classes`, `pixels`, `fit`, `channels`, `mean` and `std` say what it
    needs to see an image; `predict` and `heatmap` do that. Where the model comes from a plugin, the copy in
    OUT/plugins is executed, and a line on the error stream says so. Raises UsageError where `path` is no model,
    FoveateError where the run is not trained or damaged.
    """
    return Model(open_model(Path(path), device, heatmaps=True))
