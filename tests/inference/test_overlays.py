"""The picture of a prediction, and where it lies."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from foveate.explanation.overlays import greyed, overlay
from foveate.explanation.resolution import coarse
from foveate.inference.images import ImagePath
from foveate.inference.overlays import Folder, draw


def image_named(inside: str) -> ImagePath:
    return ImagePath(inside, Path(), inside, inside)


def test_the_image_and_its_overlay_stand_side_by_side_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 400, 3), dtype=np.uint8)
    heat = np.linspace(0, 1, 400) * np.ones((60, 1))
    picture = draw(image, heat, "sick", 0.75)
    assert picture.shape[1] == 2 * 400 + 30
    np.testing.assert_array_equal(picture[10:70, 10:410], image)
    np.testing.assert_array_equal(picture[10:70, 420:820], overlay(image, heat))
    assert (picture[80:] < 128).any()  # the caption


def test_a_blank_map_is_drawn_grey_and_captioned_otherwise() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 400, 3), dtype=np.uint8)
    blank = draw(image, np.zeros((60, 400)), "sick", 0.75)
    np.testing.assert_array_equal(blank[10:70, 420:820], greyed(image))
    faint = np.zeros((60, 400))
    faint[0, 0] = 1
    shown = draw(image, faint, "sick", 0.75)
    assert shown.shape == blank.shape
    assert not np.array_equal(shown[80:], blank[80:])


def test_a_caution_stands_in_the_caption() -> None:
    image, heat = np.zeros((60, 400, 3), dtype=np.uint8), np.ones((60, 400))
    plain, cautious = draw(image, heat, "sick", 0.75), draw(image, heat, "sick", 0.75, caution=coarse((2, 2)))
    lines = round((cautious.shape[0] - plain.shape[0]) / 17)  # of 12 points
    assert lines == 2
    assert (cautious[plain.shape[0] - 30 : -10] < 128).any()


def test_a_flat_map_leaves_the_image_plain_and_is_captioned_otherwise() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 400, 3), dtype=np.uint8)
    heat = np.full((60, 400), 0.999)
    flat, drawn = draw(image, heat, "sick", 0.75, flat=True), draw(image, heat, "sick", 0.75)
    np.testing.assert_array_equal(flat[10:70, 420:820], image)
    assert not np.array_equal(flat[80:], drawn[80:])


def test_captions_fit_under_small_images() -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    picture = draw(image, np.zeros((16, 16)), "a class with a very long name indeed, and then some more words", 0.5)
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
