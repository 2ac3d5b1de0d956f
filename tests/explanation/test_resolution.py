"""How fine heat-maps are, against what networks really give."""

from __future__ import annotations

import pytest
import torch

from foveate.config import Model
from foveate.explanation import resolution
from foveate.models import model_of


@pytest.mark.parametrize("pixels", [33, 64, 96, 97, 128])
def test_the_size_of_a_map_is_that_of_the_last_feature_map(pixels: int) -> None:
    network = model_of(Model(backbone="resnet18"), pixels, 3).eval()
    seen: list[torch.Size] = []
    network.layer4.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape))
    with torch.no_grad():
        network(torch.zeros(1, 3, pixels, pixels))
    assert tuple(seen[0][-2:]) == resolution.map_size(pixels)


def test_coarse_maps_are_told_below_97_pixels() -> None:
    assert "2 × 2 values: they can localise nothing" in resolution.coarse((2, 2))
    assert resolution.coarse(resolution.map_size(96))
    assert resolution.coarse(resolution.map_size(97)) == ""
    assert resolution.coarse((3, 7))
    assert resolution.FINER.startswith("Images of 97 pixels or more give 4 × 4 values: --pixels 128")
