"""Layers without weights: nothing changed is correlation 1, suffixes are what a full run gives, weights stay."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from foveate import runs
from foveate.explanation.cam import grad_cam
from foveate.explanation.repeatability import correlation
from foveate.explanation.sanity import COLUMNS, compared, layers, sanity, sanity_of_study
from foveate.models import create_model
from foveate.models.resnet import ResNet
from tests.explanation.trained import give_weights, narrow
from tests.report import synthetic

BLOCKS = [f"layer{stage}.{block}" for stage in (4, 3, 2, 1) for block in (1, 0)]


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with narrow():
        yield


@pytest.fixture(scope="module")
def network() -> ResNet:
    return create_model("resnet18", generator=Generator().manual_seed(0)).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 70, 96, generator=Generator().manual_seed(1))  # maps of 3 x 3


TARGET = torch.tensor([1, 0, 1])


def test_nothing_changed_is_a_correlation_of_one(network: ResNet, images: Tensor) -> None:
    for values in compared(network, network, images, TARGET):
        assert values.shape == (10, 3)
        np.testing.assert_allclose(values, 1)


def test_random_layers_and_untouched_weights(network: ResNet, images: Tensor) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    found = sanity(network.train(), images, TARGET, Generator().manual_seed(5), batch_size=2)
    assert network.training
    network.eval()
    assert found.layers == ("fc", *BLOCKS, "conv1")
    assert found.cascading.shape == found.independent.shape == (10, 3)
    np.testing.assert_array_equal(found.cascading[0], found.independent[0])  # the head alone is random in both
    assert (found.cascading.min(1) < 0.999).all()
    assert np.abs(found.cascading).max() <= 1
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(state, torch.random.get_rng_state())
    again = sanity(network, images, TARGET, Generator().manual_seed(5))
    np.testing.assert_allclose(again.cascading, found.cascading)


@pytest.mark.parametrize("name", ["resnet18+cbam", "resnet18+ran"])
def test_suffixes_equal_a_full_run_of_a_network_so_changed(name: str) -> None:
    images = torch.randn(2, 3, 64, 64, generator=Generator().manual_seed(1))
    target = TARGET[:2]
    trained, scrambled = (create_model(name, generator=Generator().manual_seed(seed)).eval() for seed in (0, 1))
    cascading, independent = compared(trained, scrambled, images, target)
    first = raw(trained, images, target)
    names = ["fc", *list(layers(trained))[::-1]]
    for position in (0, 1, len(names) - 2, len(names) - 1):
        for values, changed in ((cascading, names[: position + 1]), (independent, names[position : position + 1])):
            mixed = copy.deepcopy(trained)
            for layer in changed:
                for part in [layer, "bn1"] if layer == "conv1" else [layer]:
                    mixed.get_submodule(part).load_state_dict(scrambled.get_submodule(part).state_dict())
            np.testing.assert_allclose(values[position], correlation(first, raw(mixed, images, target), "spearman"))


def raw(network: ResNet, images: Tensor, target: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with torch.no_grad():
        return np.asarray(grad_cam(network.forward_features(images), network.fc.weight, target).numpy())


def test_layers_of_attention_between_and_around_stages() -> None:
    between = list(layers(create_model("resnet18+se", placement="between_stages")))
    assert between[:4] == ["conv1", "layer1.0", "layer1.1", "layer1.attention"]
    assert between[-1] == "layer4.1"
    assert list(layers(create_model("resnet18+ran"))) == ["conv1", "layer1", "layer2", "layer3", "layer4.0", "layer4.1"]


def test_layers_in_turn_are_the_network(network: ResNet, images: Tensor) -> None:
    with torch.no_grad():
        x = images
        for layer in layers(network).values():
            x = layer(x)
        assert torch.equal(x, network.forward_features(images))


def test_random_heads_decorrelate_maps_on_average(images: Tensor) -> None:
    """Over many random heads the mean correlation is about 0: a head's row is independent of another's."""
    network = create_model("resnet18", generator=Generator().manual_seed(0)).eval()
    with torch.no_grad():
        features = network.forward_features(images)
        features = features - features.mean((0, 2, 3), keepdim=True)  # or what all channels share would stay
        generator, values = Generator().manual_seed(1), []
        for _ in range(60):
            one, other = (torch.randn(2, 16, generator=generator) for _ in range(2))
            first, second = (grad_cam(features, weight, TARGET).numpy() for weight in (one, other))
            values.append(correlation(first, second, "spearman").mean())
    assert abs(np.mean(values)) < 0.15


def test_a_study(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=20)
    evaluated = [run for run in runs.grid(folder.study) if run.model in ("resnet18", "resnet18+se")]
    for run in evaluated:
        give_weights(folder, run)
    done: list[int] = []
    table = sanity_of_study(folder, evaluated, torch.device("cpu"), images=3, advance=done.append)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * 2 * 10
    assert done == [3, 3]
    assert list(table["layer"][:10]) == ["fc", *BLOCKS, "conv1"]
    assert (table["cases"] + table["undefined"] == 3).all()
