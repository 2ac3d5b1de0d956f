"""The evaluation pass: logits of every case, and its heat-map along the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foveate.data.batches import Batches
from foveate.errors import FoveateError
from foveate.evaluation.metrics import auc, disease, softmax
from foveate.evaluation.results import Undefined
from foveate.models.resnet import ResNet

# (features before pooling, head's weight, target class) -> raw maps; explanation.cam.grad_cam is one
Explain = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.inference_mode()
def predict(
    model: ResNet,
    data: Batches,
    explain: Explain | None = None,
    precision: str = "float32",
    batch_size: int = 64,
    advance: Callable[[int], None] = lambda images: None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Logits (n, classes) of all cases in order, and the raw maps (n, h, w) of their true classes if asked for.

    Raises FoveateError where a logit is not finite.
    """
    was_training = model.training
    model.eval()
    logits, maps = [], []
    for rows in torch.split(torch.arange(len(data), device=data.labels.device), batch_size):
        images, labels = data.gather(rows)
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            features = model.forward_features(images)
            logits.append(model.forward_head(features).float().cpu())
        if explain is not None:
            maps.append(explain(features.float(), model.fc.weight, labels).cpu())
        advance(len(rows))
    model.train(was_training)
    scores = torch.cat(logits)
    if not torch.isfinite(scores).all():
        raise FoveateError("the model's outputs are not finite: training diverged. A smaller learning rate may help.")
    return scores.numpy(), torch.cat(maps).numpy() if maps else None


def validation_auc(model: ResNet, data: Batches, precision: str) -> float:
    """AUC of disease, to watch a training; NaN where it is undefined."""
    logits, _ = predict(model, data, precision=precision)
    value = auc(*disease(data.labels.cpu().numpy(), softmax(logits), data.positives))
    return float("nan") if isinstance(value, Undefined) else value
