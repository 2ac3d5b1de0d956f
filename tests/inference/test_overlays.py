"""The picture of a prediction, and where it lies."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from foveate.explanation.geometry import on_original
from foveate.explanation.overlays import greyed, overlay
from foveate.explanation.resolution import coarse
from foveate.inference.images import ImagePath, Picture
from foveate.inference.model import ModelFacts
from foveate.inference.overlays import Drawn, Folder, picture_of
from foveate.inference.stream import Prediction


def image_named(inside: str) -> ImagePath:
    return ImagePath(inside, Path(), inside, inside)


IMAGE = np.random.default_rng(0).integers(0, 255, (60, 400, 3), dtype=np.uint8)
RAMP = np.linspace(0, 2, 49, dtype=np.float32).reshape(7, 7)
LEFT, RIGHT, BELOW = np.s_[10:70, 10:410], np.s_[10:70, 420:820], np.s_[80:]


def drawn(
    raw: NDArray[np.float32], image: NDArray[np.uint8] = IMAGE, name: str = "sick", target: int | None = None
) -> Drawn:
    height, width, _ = image.shape
    pixels = np.zeros((224, 224, 3), dtype=np.uint8)
    picture = Picture(image_named("a.png"), pixels, height, width, image, ())
    facts = ModelFacts(Path("run"), "resnet18", ("well", name), 224, "stretch", 3, frozenset())
    return picture_of(Prediction(picture, 1, np.array([0.25, 0.75]), raw), facts, target)


def test_the_image_and_its_overlay_stand_side_by_side_unchanged() -> None:
    found = drawn(RAMP)
    assert found.picture.shape[1] == 2 * 400 + 30
    np.testing.assert_array_equal(found.picture[LEFT], IMAGE)
    np.testing.assert_array_equal(found.picture[RIGHT], overlay(IMAGE, on_original(RAMP, 60, 400, 224, "stretch")))
    assert (found.picture[BELOW] < 128).any()  # the caption
    assert (found.blank, found.flat, found.caution) == (False, False, "")


@pytest.mark.parametrize("raw", [np.zeros((7, 7), np.float32), -RAMP])
def test_a_blank_map_is_drawn_grey_and_captioned_otherwise(raw: NDArray[np.float32]) -> None:
    faint = np.zeros((7, 7), np.float32)
    faint[0, 0] = 1
    blank, shown = drawn(raw), drawn(faint)
    assert (blank.blank, shown.blank) == (True, False)
    np.testing.assert_array_equal(blank.picture[RIGHT], greyed(IMAGE))
    assert shown.picture.shape == blank.picture.shape
    assert not np.array_equal(shown.picture[BELOW], blank.picture[BELOW])


def test_a_caution_stands_in_the_caption() -> None:
    plain, cautious = drawn(RAMP), drawn(RAMP[:2, :2])
    assert cautious.caution == coarse((2, 2))
    lines = round((cautious.picture.shape[0] - plain.picture.shape[0]) / 17)  # of 12 points
    assert lines == 2
    assert (cautious.picture[plain.picture.shape[0] - 30 : -10] < 128).any()


def test_a_flat_map_leaves_the_image_plain_and_is_captioned_otherwise() -> None:
    flat, shown = drawn(np.full((7, 7), 0.999, np.float32)), drawn(RAMP)
    assert (flat.flat, flat.blank) == (True, False)
    np.testing.assert_array_equal(flat.picture[RIGHT], IMAGE)
    assert not np.array_equal(flat.picture[BELOW], shown.picture[BELOW])


def test_the_caption_is_of_the_class_that_is_explained() -> None:
    own, predicted, other = drawn(RAMP), drawn(RAMP, target=1), drawn(RAMP, target=0)
    np.testing.assert_array_equal(own.picture, predicted.picture)
    np.testing.assert_array_equal(own.picture[RIGHT], other.picture[RIGHT])
    assert not np.array_equal(own.picture[BELOW], other.picture[BELOW])


def test_captions_fit_under_small_images() -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    name = "a class with a very long name indeed, and then some more words"
    picture = drawn(np.zeros((7, 7), np.float32), image, name).picture
    assert (picture[40:, -8:] == 255).all()  # nothing runs over the edge


def test_names_do_not_collide(tmp_path: Path) -> None:
    folder, pixels = Folder(tmp_path / "o"), np.zeros((4, 4, 3), dtype=np.uint8)
    names = ["a/scan.dcm#0", "a/scan.dcm-0", "A/Scan.dcm-0", "a/scan.dcm", "x.npz#test/3", "long" * 60 + ".png"]
    saved = [folder.save(image_named(name), pixels) for name in names]
    assert [str(path.relative_to(tmp_path / "o")) for path in saved[:5]] == [
        "a/scan.dcm-0.png",
        "a/scan.dcm-0-2.png",
        "A/Scan.dcm-0-3.png",
        "a/scan.dcm.png",
        "x.npz-test-3.png",
    ]
    assert len(saved[5].name.encode()) < 230
    assert len({str(path).casefold() for path in saved}) == len(names)


def test_a_file_tells_nothing_but_its_pixels(tmp_path: Path) -> None:
    file = Folder(tmp_path).save(image_named("a.png"), np.zeros((4, 4, 3), dtype=np.uint8))
    content = file.read_bytes()
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.info == {}
    assert [name for name in (b"tEXt", b"iTXt", b"eXIf", b"tIME", b"zTXt") if name in content] == []
