"""Folders to audit: one in which nothing is wrong, and one with a bit of everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.data.pictures import picture, save


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and test folders of two labels in which nothing is wrong."""
    place = tmp_path_factory.mktemp("data") / "clean"
    for seed in range(48):
        part, label = ("test", "train")[seed % 4 > 0], ("sick", "well")[seed // 4 % 2]
        save(picture(seed), place / part / label / f"{seed}.png")
    return place


@pytest.fixture(scope="module")
def bad(clean: Path) -> Path:
    """The same with a bit of everything."""
    place = clean.parent / "bad"
    shutil.copytree(clean, place)
    shutil.copy(place / "train" / "sick" / "1.png", place / "test" / "sick" / "again.png")
    save(picture(2), place / "test" / "sick" / "other-format.bmp")
    save(picture(3), place / "test" / "sick" / "compressed.jpg")
    shutil.copy(place / "train" / "sick" / "9.png", place / "train" / "well" / "9.png")
    save(Image.new("L", (100, 90), 40), place / "train" / "well" / "blank.png")
    save(picture(60, 40, 50), place / "train" / "well" / "small.png")
    (place / "train" / "well" / "broken.png").write_text("not an image")
    (place / "notes.txt").write_text("")
    return place
