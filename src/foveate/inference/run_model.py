"""A run's model, asked as the evaluation asks it: float32, normalised by the training part's statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foveate import plugins, runs
from foveate.errors import FoveateError
from foveate.explanation.cam import grad_cam
from foveate.inference.model import ModelFacts, kinds_by_pack, kinds_by_statistics
from foveate.models import load_model
from foveate.training.acceleration import resolve_device


class RunModel:
    """A `Classifier` of a run's folder."""

    def __init__(self, folder: Path, device: str) -> None:
        """Raises FoveateError where run.json or the weights are damaged, UsageError where there is no such device."""
        self.device = resolve_device(device)
        record = runs.read_json(folder / "run.json")
        try:
            plugins.load_for_run(folder, record)
            trained = load_model(folder)
            name = str(record["model"])
        except FoveateError as error:  # it names the file
            raise FoveateError(f"{str(error).rstrip('.')}. Copy it again, or remove it and train again.") from error
        except RuntimeError as error:
            raise FoveateError(
                f"{folder / 'weights.safetensors'} holds other weights than those of the model in run.json: they are "
                "of another run."
            ) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # also pydantic's
            why = f"it lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
            raise FoveateError(f"{folder / 'run.json'} is no whole record of a run: {why}.") from error
        kinds = kinds_by_pack(folder, record) or kinds_by_statistics(trained.channels, trained.mean, trained.std)
        self.facts = ModelFacts(folder, name, trained.classes, trained.pixels, trained.fit, trained.channels, kinds)
        self.trained = trained
        self.network = trained.network.on(self.device)
        self.mean = torch.tensor(trained.mean, device=self.device)
        self.scale = 1 / torch.tensor(trained.std, device=self.device)

    @torch.inference_mode()
    def __call__(
        self, images: NDArray[np.uint8], target: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """See `Classifier`. The maps are taken at the input of the global average pooling."""
        pixels = torch.from_numpy(images).to(self.device).float()
        normalised = pixels.sub_(self.mean).mul_(self.scale)  # in the order of data.batches: the same last bits
        features = self.network.forward_features(normalised.permute(0, 3, 1, 2))
        logits = self.network.forward_head(features)
        chosen = logits.argmax(1) if target is None else torch.full_like(logits[:, 0], target, dtype=torch.long)
        maps = grad_cam(features, self.network.fc.weight, chosen)
        return logits.cpu().numpy(), maps.cpu().numpy()
