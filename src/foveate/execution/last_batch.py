"""Whether the last batch of an epoch holds one image only, and a model that cannot train on one."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from foveate.config import Study
from foveate.data.prepare import split_file
from foveate.data.split import TRAIN
from foveate.errors import UsageError
from foveate.execution.worker import cases_by_part
from foveate.models import model_of
from foveate.runs import StudyFolder, Subject

Sizes = dict[str, set[int]]  # subject's name -> training images of its splits


def sizes_of(folder: StudyFolder, subjects: Iterable[Subject]) -> Sizes:
    """Of data sets that are prepared."""
    files = {split_file(folder.study, repeat) for repeat in range(1, folder.study.repeats + 1)}
    return {own.name: {len(cases_by_part(folder.data(own) / name)[TRAIN]) for name in files} for own in subjects}


def problem(study: Study, sizes: Sizes) -> str:
    """Which model cannot train on the last batch, and a batch size with which all can; "" where all can."""
    size = study.recipe.batch_size
    alone = [(name, images) for name, own in sizes.items() for images in sorted(own) if images % size == 1]
    models = [name for name in study.models if alone and not _trains_on_one(study, name)]
    if not models:
        return ""
    (name, images), every = alone[0], {images for own in sizes.values() for images in own}
    fits = next((b for b in range(size - 1, 1, -1) if all(images % b != 1 for images in every)), None)
    advice = f"such as {fits}" if fits else "a larger one"
    return (
        f"{images:,} training images of {name} leave one for the last batch of {size}, and {models[0]} cannot train on "
        f"a batch of one: set recipe.batch_size to another number, {advice}, in the study's YAML file"
    )


def _trains_on_one(study: Study, name: str) -> bool:
    """Tried out: besides blocks that pool their input away, small images leave a batch norm with one value."""
    images = study.images
    model = model_of(study.models[name], images.pixels, images.channels).train()
    try:
        with torch.no_grad():
            model(torch.zeros(1, images.channels, images.pixels, images.pixels))
    except (UsageError, ValueError):  # ours, and that of torch's batch norm
        return False
    return True
