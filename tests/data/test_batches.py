"""A gathered batch is the images, normalised, in the memory format that training wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveate import runs
from foveate.data import batches
from foveate.data.augment import augment
from foveate.data.batches import Batches, free_memory
from foveate.data.pack import Normalisation, Pack, PackIndex


def write_pack(folder: Path, pixels: np.ndarray, channels: int) -> Pack:
    count = len(pixels)
    index = PackIndex(
        cases=[f"c{row}" for row in range(count)],
        labels=[row % 2 for row in range(count)],
        classes=["a", "b"],
        pixels=pixels.shape[1],
        fit="stretch",
        channels=channels,
        normalisation={
            "split.csv": Normalisation(mean=[10.0, 20.0, 30.0][:channels], std=[2.0, 4.0, 8.0][:channels])
            if pixels.shape[-1] == channels
            else Normalisation(mean=[10.0] * channels, std=[2.0] * channels)
        },
        masks={},
        fingerprint="f",
    )
    folder.mkdir()
    np.save(folder / "pixels.npy", pixels)
    runs.write_text(folder / "index.json", index.model_dump_json())
    return Pack(folder)


KINDS = [(1, 3), (3, 3), (1, 1)]  # channels on disk, channels that the network sees
CPU = torch.device("cpu")


def random_pack(folder: Path, count: int, side: int, stored: int, seen: int) -> Pack:
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, stored), dtype=np.uint8)
    return write_pack(folder, pixels, seen)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize(("stored", "seen"), KINDS)
def test_gather(tmp_path: Path, stored: int, seen: int, resident: bool) -> None:
    pack = random_pack(tmp_path / "pack", 6, 5, stored, seen)
    pixels = np.array(pack.pixels)
    data = Batches(pack, ["c4", "c1", "c2"], "split.csv", CPU, resident)
    images, labels = data.gather(torch.tensor([2, 0]))
    mean = np.array(pack.index.normalisation["split.csv"].mean)
    std = np.array(pack.index.normalisation["split.csv"].std)
    expected = (pixels[[2, 4]].astype(float) - mean) / std  # broadcasts grey to the channels
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-6)
    assert labels.tolist() == [0, 0]
    assert images.shape == (2, seen, 5, 5)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("stored", "seen"), KINDS)
def test_streamed_is_resident_to_the_bit(tmp_path: Path, stored: int, seen: int) -> None:
    pack = random_pack(tmp_path / "pack", 40, 12, stored, seen)
    order = np.random.default_rng(1).permutation(40)[:30]
    cases = [f"c{row}" for row in order]
    resident, streamed = (Batches(pack, cases, "split.csv", CPU, kind) for kind in (True, False))
    assert streamed.images is None
    assert resident.images is not None
    assert np.array_equal(resident.images.numpy(), pack.pixels[order])
    for rows in torch.randperm(30, generator=torch.Generator().manual_seed(0)).split(8):
        for one, two in zip(resident.gather(rows), streamed.gather(rows), strict=True):
            assert torch.equal(one, two)
            assert one.stride() == two.stride()


def test_a_row_twice_and_under_inference_mode(tmp_path: Path) -> None:
    pack = random_pack(tmp_path / "pack", 6, 5, 1, 3)
    with torch.inference_mode():
        for resident in (True, False):
            data = Batches(pack, pack.index.cases, "split.csv", CPU, resident)
            images, labels = data.gather(torch.tensor([5, 0, 5]))
            assert torch.equal(images[0], images[2])
            assert not torch.equal(images[0], images[1])
            assert labels.tolist() == [1, 0, 1]


def test_many_images_are_loaded_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = random_pack(tmp_path / "pack", 23, 5, 3, 3)
    monkeypatch.setattr(batches, "_CHUNK", 5)
    data = Batches(pack, pack.index.cases[::-1], "split.csv", CPU, resident=True)
    assert data.images is not None
    assert np.array_equal(data.images.numpy(), pack.pixels[::-1])


def test_what_takes_more_than_half_of_the_free_memory_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = random_pack(tmp_path / "pack", 10, 5, 3, 3)  # 75 bytes an image
    for cases, free, resident in ((10, 1500, True), (10, 1499, False), (9, 1499, True)):
        monkeypatch.setattr(batches, "free_memory", lambda device, free=free: free)
        data = Batches(pack, pack.index.cases[:cases], "split.csv", CPU)
        assert (data.images is not None) == resident
        assert data.index_device == CPU


def test_free_memory_of_this_machine() -> None:
    assert 2**24 < free_memory(CPU) < 2**50


@pytest.mark.parametrize(("stored", "seen"), KINDS)
def test_a_change_sees_pixels_as_they_are_stored(tmp_path: Path, stored: int, seen: int) -> None:
    pack = random_pack(tmp_path / "pack", 8, 16, stored, seen)
    data = Batches(pack, pack.index.cases, "split.csv", CPU)
    rows, given = torch.tensor([3, 1, 6]), []

    def darken(images: torch.Tensor) -> torch.Tensor:
        given.append(images.clone())
        return images * 0.5

    images, labels = data.gather(rows, darken)
    (before,) = given
    assert torch.equal(before.permute(0, 2, 3, 1), torch.from_numpy(pack.pixels[[3, 1, 6]]).float())
    statistics = pack.index.normalisation["split.csv"]
    mean, std = (torch.tensor(values[:stored])[:, None, None] for values in (statistics.mean, statistics.std))
    assert torch.equal(images, ((before * 0.5 - mean) * (1 / std)).expand(-1, seen, -1, -1))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(labels, data.gather(rows)[1])


@pytest.mark.parametrize(("stored", "seen"), KINDS)
def test_moved_pixels_are_what_moved_images_were(tmp_path: Path, stored: int, seen: int) -> None:
    # Earlier studies normalised first, and moved whole pixels then.
    pack = random_pack(tmp_path / "pack", 8, 16, stored, seen)
    data = Batches(pack, pack.index.cases, "split.csv", CPU)
    names, rows = ("flip", "shift"), torch.tensor([3, 1, 6, 7])
    before = augment(data.gather(rows)[0], torch.Generator().manual_seed(2), names)
    now, _ = data.gather(rows, lambda images: augment(images, torch.Generator().manual_seed(2), names))
    assert torch.equal(now, before)


@pytest.mark.parametrize("names", [(), ("flip", "rotation", "contrast")])
@pytest.mark.parametrize(("stored", "seen"), KINDS)
def test_a_buffer_changes_nothing(tmp_path: Path, stored: int, seen: int, names: tuple[str, ...]) -> None:
    pack = random_pack(tmp_path / "pack", 8, 16, stored, seen)
    data = Batches(pack, pack.index.cases, "split.csv", CPU)
    buffer = data.buffer(3).fill_(np.nan)
    for rows in (torch.tensor([3, 1, 6]), torch.tensor([0, 2]), torch.tensor([7, 7, 5])):
        new, filled = (
            data.gather(rows, lambda images: augment(images, torch.Generator().manual_seed(2), names), own)[0]
            for own in (None, buffer)
        )
        assert torch.equal(new, filled)
        assert new.is_contiguous(memory_format=torch.channels_last)
        assert filled.is_contiguous(memory_format=torch.channels_last)
    assert data.gather(torch.tensor([0, 2]), None, buffer)[0].data_ptr() == buffer.data_ptr()
