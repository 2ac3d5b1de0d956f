"""Training does what a textbook loop does, and the same again after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from foveate.attention import list_attention
from foveate.config import Recipe
from foveate.data.batches import Batches
from foveate.errors import FoveateError, Interrupted
from foveate.models import create_model
from foveate.models.resnet import ResNet
from foveate.runs import derive_seed
from foveate.training import loop
from foveate.training.loop import Training, train
from tests.data.test_batches import write_pack


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> Batches:
    pixels = np.random.default_rng(0).integers(0, 255, (22, 40, 40, 1), dtype=np.uint8)
    pack = write_pack(tmp_path / "pack", pixels, 3)
    return Batches(pack, pack.index.cases, "split.csv", torch.device("cpu"))


def model(name: str = "resnet18") -> ResNet:
    return create_model(name, pixels=40, generator=torch.Generator().manual_seed(0))


def training(tmp_path: Path, **recipe: object) -> Training:
    settings = Recipe.model_validate({"epochs": 3, "batch_size": 8, "learning_rate": 0.01, **recipe})
    return Training(settings, settings.epochs, order_seed=5, precision="float32", checkpoint=tmp_path / "checkpoint.pt")


def half(_: object) -> float:
    return 0.5


def same(one: ResNet, two: ResNet) -> bool:
    states = one.state_dict(), two.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_equals_a_textbook_loop(tmp_path: Path, data: Batches) -> None:
    ours, textbook = model(), model().on(torch.device("cpu"))
    position = train(ours, data, training(tmp_path), half)
    optimizer = torch.optim.SGD(textbook.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    losses = []
    for epoch, rate in enumerate((0.01, 0.001, 0.0001)):  # of 3 epochs: 30 % is 1, 60 % is 2, 90 % is 3
        optimizer.param_groups[0]["lr"] = rate
        order = torch.randperm(22, generator=torch.Generator().manual_seed(derive_seed(5, epoch)))
        total = 0.0
        for rows in (order[:8], order[8:16], order[16:]):  # the short last batch is kept
            images = (data.images[rows].float() - 10.0) / 2.0
            loss = F.cross_entropy(textbook(images.expand(-1, -1, -1, 3).permute(0, 3, 1, 2)), data.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / 22)
    assert [row["loss"] for row in position.history] == pytest.approx(losses, rel=1e-5)
    for (name, one), two in zip(ours.named_parameters(), textbook.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("name", "stop_after"),
    [
        *(("resnet18+cbam", stop_after) for stop_after in (1, 5)),
        *(("resnet18", stop_after) for stop_after in (1, 3, 5)),
        *((f"resnet18+{attention}", 3) for attention in list_attention()),
    ],
)
def test_interrupted_and_resumed_is_the_same_to_the_bit(
    tmp_path: Path, data: Batches, name: str, stop_after: int
) -> None:
    whole, parts = model(name), model(name)
    settings = training(tmp_path, augmentation=["flip", "shift", "standard"])
    first = train(whole, data, settings, half)
    calls = iter(range(100))
    with pytest.raises(Interrupted):
        train(parts, data, settings, half, stop=lambda: next(calls) == stop_after)
    fresh = model(name)
    second = train(fresh, data, settings, half)
    assert same(whole, fresh)
    assert [row["loss"] for row in first.history] == [row["loss"] for row in second.history]


@pytest.mark.parametrize("augmentation", ["none", "standard"])
def test_streamed_images_train_the_same_weights(tmp_path: Path, augmentation: str) -> None:
    pack = write_pack(tmp_path / "pack", np.random.default_rng(0).integers(0, 255, (22, 40, 40, 3), dtype=np.uint8), 3)
    networks = []
    for resident in (True, False):
        data = Batches(pack, pack.index.cases, "split.csv", torch.device("cpu"), resident)
        networks.append(model())
        train(networks[-1], data, training(tmp_path, epochs=2, augmentation=augmentation), half)
    assert same(*networks)


def test_augmented_steps_see_changed_images(tmp_path: Path, data: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def step(network: object, optimizer: object, images: torch.Tensor, *more: object) -> torch.Tensor:
        seen.append(images.clone())  # the next batch takes its place
        return torch.tensor(0.0)

    monkeypatch.setattr(loop, "training_step", step)
    for augmentation in ("none", "flip", "standard", "standard"):
        train(model(), data, training(tmp_path, epochs=2, augmentation=augmentation), half)
    epochs = [torch.cat(seen[first : first + 3]) for first in range(0, len(seen), 3)]  # two of each training
    assert len({image.numpy().tobytes() for epoch in epochs[:6:2] for image in epoch}) > 40  # of the first epochs
    assert not torch.equal(epochs[0], epochs[2])
    assert torch.equal(torch.cat(epochs[4:6]), torch.cat(epochs[6:8]))  # the seed decides


def test_timed_checkpoints_change_nothing(tmp_path: Path, data: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, often = model(), model()
    train(plain, data, training(tmp_path), half)
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    train(often, data, training(tmp_path), half)
    assert (tmp_path / "checkpoint.pt").is_file()
    assert same(plain, often)


def test_same_seed_same_bits_other_order_other_bits(tmp_path: Path, data: Batches) -> None:
    one, two, other = model(), model(), model()
    train(one, data, training(tmp_path), half)
    train(two, data, training(tmp_path), half)
    settings = training(tmp_path)
    train(other, data, Training(settings.recipe, 3, 6, "float32", settings.checkpoint), half)
    assert same(one, two)
    assert not same(one, other)


def test_best_epoch(tmp_path: Path, data: Batches) -> None:
    aucs = iter((0.6, 0.9, 0.7))
    seen = []

    def watch(network: ResNet) -> float:
        seen.append({key: value.clone() for key, value in network.state_dict().items()})
        return next(aucs)

    network = model()
    position = train(network, data, training(tmp_path, report_epoch="best"), watch)
    assert [row["validation_auc"] for row in position.history] == [0.6, 0.9, 0.7]
    assert all(torch.equal(value, seen[1][key]) for key, value in network.state_dict().items())


def test_the_curve_is_watched_where_asked(tmp_path: Path, data: Batches) -> None:
    position = train(model(), data, training(tmp_path, curve_points=1), half)
    assert [row["validation_auc"] for row in position.history] == [None, None, 0.5]


def test_divergence_is_said(tmp_path: Path, data: Batches) -> None:
    with pytest.raises(FoveateError, match=r"training diverged: the loss is (nan|inf) in epoch \d"):
        train(model(), data, training(tmp_path, learning_rate=1e18), half)


def test_advance_counts_images(tmp_path: Path, data: Batches) -> None:
    counted: list[int] = []
    train(model(), data, training(tmp_path), half, advance=counted.append)
    assert counted == [8, 8, 6] * 3


def test_bfloat16_stays_near_float32(tmp_path: Path, data: Batches) -> None:
    images, labels = data.gather(torch.arange(16))
    losses = []
    for precision in ("float32", "bfloat16"):
        network = model()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
        losses.append(loop.training_step(network, optimizer, images, labels, precision).item())
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_damaged_checkpoint(tmp_path: Path, data: Batches) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(FoveateError, match=r"cannot go on from .*checkpoint\.pt"):
        train(model(), data, training(tmp_path), half)


def test_what_authors_train_without_weight_decay_is_trained_so(tmp_path: Path, data: Batches) -> None:
    # With no gradient and no momentum, a step multiplies what decays by 1 - rate * decay, and leaves the rest.
    network = model("resnet18+srm")
    groups = loop._by_weight_decay(network, 0.5)
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    without = {id(parameter) for parameter in groups[1]["params"]}
    named = {name for name, parameter in network.named_parameters() if id(parameter) in without}
    assert named == {
        f"layer{stage}.{block}.attention.{part}"
        for stage in (1, 2, 3, 4)
        for block in (0, 1)
        for part in ("weight", "norm.weight", "norm.bias")
    }
    assert len(loop._by_weight_decay(model(), 0.5)) == 1


def test_a_last_batch_of_one_is_refused_before_training(tmp_path: Path, data: Batches) -> None:
    with pytest.raises(FoveateError, match=r"22 training images leave one .* StyleRecalibration cannot train"):
        train(model("resnet18+srm"), data, training(tmp_path, batch_size=7), half)
    train(model("resnet18+eca"), data, training(tmp_path, batch_size=7, epochs=1), half)
