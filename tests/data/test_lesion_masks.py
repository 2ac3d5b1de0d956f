"""Masks that are hardly right are told of; right ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate import runs
from foveate.data.lesion_masks import is_inverted, mask_warnings
from tests.conftest import MakeImages
from tests.data.test_prepare import prepared, study_of


def lesion(top: int, bottom: int) -> np.ndarray:
    mask = np.zeros((40, 40), dtype=bool)
    mask[top:bottom, top:bottom] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (lesion(10, 20), False),
        (~lesion(10, 20), True),
        (lesion(1, 39), False),  # 90 % of the image, but not its border
        (lesion(0, 40), True),
        (~lesion(0, 35), False),  # along two borders, 23 % of the image
    ],
)
def test_inverted(mask: np.ndarray, expected: bool) -> None:
    assert is_inverted(mask) is expected


def test_warnings() -> None:
    assert mask_warnings([lesion(3, 9)], [True], 0, 2, 0) == []
    told = mask_warnings([~lesion(3, 9), lesion(3, 9)], [True, False], 2, 3, 1)
    assert [line.split(":")[0] for line in told] == [
        "1 of 5 masks covers more than half of the image and its border",
        "1 of 5 masks marks a lesion in an image without disease",
        "2 of 5 masks are grey, not black and white",
        "1 of 5 masks is empty though the image is of the diseased class",
    ]


def test_a_study_tells_of_them(make_images: MakeImages, tmp_path: Path) -> None:
    images, masks = make_images(normal=10, sick=10), tmp_path / "masks"
    for label in ("normal", "sick"):
        (masks / label).mkdir(parents=True)
    grey = np.where(lesion(5, 20), 200, 0).astype(np.uint8)
    grey[5:20, 5:10] = 90
    Image.fromarray(lesion(5, 20)).save(masks / "sick/0.png")
    Image.fromarray(~lesion(5, 20)).save(masks / "sick/1.png")
    Image.fromarray(grey).save(masks / "sick/2.png")
    Image.fromarray(lesion(0, 0)).save(masks / "sick/3.png")
    Image.fromarray(lesion(5, 20)).save(masks / "normal/0.png")
    Image.fromarray(lesion(0, 0)).save(masks / "normal/1.png")  # no lesion in a normal image: as it should be
    folder = prepared(tmp_path / "out", study_of(images, dataset={"masks": str(masks)}))
    (subject,) = runs.subjects(folder.study)
    told = runs.read_json(folder.data(subject) / "audit.json")
    assert told["masks"] == 4
    assert [line.partition(" masks ")[0] for line in told["mask_warnings"]] == ["1 of 6"] * 4
