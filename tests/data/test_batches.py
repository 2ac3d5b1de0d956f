"""A gathered batch is the images, normalised, in the memory format that training wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveate import runs
from foveate.data.batches import Batches
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


@pytest.mark.parametrize(("stored", "seen"), [(1, 3), (3, 3), (1, 1)])
def test_gather(tmp_path: Path, stored: int, seen: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 5, stored), dtype=np.uint8)
    pack = write_pack(tmp_path / "pack", pixels, seen)
    data = Batches(pack, ["c4", "c1", "c2"], "split.csv", torch.device("cpu"))
    images, labels = data.gather(torch.tensor([2, 0]))
    mean = np.array(pack.index.normalisation["split.csv"].mean)
    std = np.array(pack.index.normalisation["split.csv"].std)
    expected = (pixels[[2, 4]].astype(float) - mean) / std  # broadcasts grey to the channels
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-6)
    assert labels.tolist() == [0, 0]
    assert images.shape == (2, seen, 5, 5)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
