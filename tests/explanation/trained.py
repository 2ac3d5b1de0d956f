"""Small networks, and weights for the made-up runs of a synthetic study, so that they can be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import safetensors.torch
import torch
from torch import Generator

from foveate import runs
from foveate.data.prepare import pack_of
from foveate.models import model_of, resnet
from foveate.runs import Run, StudyFolder


@contextmanager
def narrow() -> Iterator[None]:
    """Residual networks of a few channels, while it lasts: as deep as they are, and quick, with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "WIDTHS", (4, 8, 8, 16))
        yield
    torch.set_num_threads(threads)


def give_weights(folder: StudyFolder, run: Run) -> None:
    """Write the weights of a fresh network and what run.json needs to load it."""
    place, index, spec = folder.run(run), pack_of(folder, run.subject).index, folder.study.models[run.model]
    inputs = {
        "classes": index.classes, "pixels": index.pixels, "fit": index.fit, "channels": index.channels,
        "mean": index.normalisation["split.csv"].mean, "std": index.normalisation["split.csv"].std,
    }  # fmt: skip
    record = runs.read_json(place / "run.json")
    runs.write_json(place / "run.json", record | {"model_configuration": spec.model_dump(mode="json"), "input": inputs})
    generator = Generator().manual_seed(runs.derive_seed(run.key))
    network = model_of(spec, index.pixels, index.channels, len(index.classes), generator)
    safetensors.torch.save_file(network.state_dict(), place / "weights.safetensors")
