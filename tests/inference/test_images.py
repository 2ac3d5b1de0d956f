"""What people name becomes the pictures that training would have made of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.data.pixels import UnreadableImageError
from foveate.errors import FoveateError, UsageError
from foveate.inference.images import ImagePath, drawable, list_images, pictures_in, read_picture
from foveate.inference.model import COLOUR, GREY, ModelFacts
from tests.data.dicom_files import shipped, write

GREY_PIXELS = np.arange(40 * 50, dtype=np.uint32).reshape(40, 50).astype(np.uint8)
COLOUR_PIXELS = np.stack([GREY_PIXELS, GREY_PIXELS // 2, 255 - GREY_PIXELS], axis=-1)


def facts(kinds: set[str], pixels: int = 40, fit: str = "stretch", channels: int = 3) -> ModelFacts:
    return ModelFacts(Path("run"), "resnet18", ("a", "b"), pixels, fit, channels, frozenset(kinds))


def saved(path: Path, pixels: np.ndarray) -> ImagePath:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return ImagePath(str(path), path.parent, path.name, path.name)


def test_folders_are_read_in_depth_and_each_file_once(tmp_path: Path) -> None:
    saved(tmp_path / "b" / "deep" / "2.png", GREY_PIXELS)
    saved(tmp_path / "a.png", GREY_PIXELS)
    saved(tmp_path / ".hidden.png", GREY_PIXELS)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    write(tmp_path / "scan", GREY_PIXELS[:20, :20])  # DICOM often has no ending
    found, notes = list_images([tmp_path / "a.png", tmp_path])
    assert [image.shown for image in found] == [
        str(tmp_path / "a.png"),
        str(tmp_path / "b" / "deep" / "2.png"),
        str(tmp_path / "scan"),
    ]
    assert [image.inside for image in found] == ["a.png", "b/deep/2.png", "scan"]
    assert notes == []


def test_what_a_manifest_calls_masks_is_no_image(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", GREY_PIXELS)
    saved(tmp_path / "masks" / "a.png", GREY_PIXELS)
    (tmp_path / "manifest.csv").write_text("path,label,mask\na.png,sick,masks/a.png\n")
    found, (note,) = list_images([tmp_path])
    assert [image.inside for image in found] == ["a.png"]
    assert note.startswith("1 lesion masks")
    (tmp_path / "manifest.csv").write_text("path,mask\na.png,masks/a.png,3\n")  # ragged
    found, (note,) = list_images([tmp_path])
    assert len(found) == 2
    assert "manifest.csv" in note


def test_a_zip_and_a_medmnist_file(tmp_path: Path) -> None:
    saved(tmp_path / "in" / "x" / "1.png", GREY_PIXELS)
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(tmp_path / "in" / "x" / "1.png", "x/1.png")
    np.savez(tmp_path / "m.npz", test_images=np.stack([GREY_PIXELS] * 2), test_labels=np.array([[0], [1]]))
    found, _ = list_images([tmp_path / "some.zip", tmp_path / "m.npz"])
    assert [image.shown for image in found] == [
        f"{tmp_path}/some.zip/x/1.png",
        f"{tmp_path}/m.npz#test/0",
        f"{tmp_path}/m.npz#test/1",
    ]
    for image in found:
        assert pictures_in(image) == [image]
        picture = read_picture(image, facts({GREY}), draw=False)
        assert picture.warnings == ()


def test_places_without_images(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image in"):
        list_images([tmp_path])
    with pytest.raises(UsageError, match=r"absent\.png does not exist"):
        list_images([tmp_path / "absent.png"])
    saved(tmp_path / "some" / "a.png", GREY_PIXELS)
    (tmp_path / "none").mkdir()
    found, notes = list_images([tmp_path / "none", tmp_path / "some"])
    assert len(found) == 1
    assert notes == [f"{tmp_path / 'none'} holds no image."]


def test_frames_are_pictures_of_their_own(tmp_path: Path) -> None:
    frames = np.stack([GREY_PIXELS[:30, :30], GREY_PIXELS[10:, 20:]])
    write(tmp_path / "scan.dcm", frames)
    (image,), _ = list_images([tmp_path / "scan.dcm"])
    pictures = pictures_in(image)
    assert [picture.shown for picture in pictures] == [f"{tmp_path}/scan.dcm#0", f"{tmp_path}/scan.dcm#1"]
    (second,), _ = list_images([tmp_path / "scan.dcm#1"])
    (only,) = pictures_in(second)
    model = facts({GREY}, pixels=30)
    one, other = (read_picture(picture, model, draw=False).pixels for picture in pictures)
    np.testing.assert_array_equal(read_picture(only, model, draw=False).pixels, other)
    assert not np.array_equal(one, other)
    (wrong,), _ = list_images([tmp_path / "scan.dcm#2"])
    with pytest.raises(UnreadableImageError, match="none with the number 2"):
        read_picture(wrong, model, draw=False)


@pytest.mark.parametrize(
    ("kinds", "pixels", "warning"),
    [
        ({GREY}, GREY_PIXELS, None),
        ({COLOUR}, COLOUR_PIXELS, None),
        ({GREY, COLOUR}, GREY_PIXELS, None),
        ({GREY, COLOUR}, COLOUR_PIXELS, None),
        (set(), COLOUR_PIXELS, None),
        ({GREY}, COLOUR_PIXELS, "colour, where the training images were grey: converted to grey"),
        ({COLOUR}, GREY_PIXELS, "grey, where the training images were colour: converted to colour"),
    ],
)
def test_another_kind_is_converted_and_said(
    tmp_path: Path, kinds: set[str], pixels: np.ndarray, warning: str | None
) -> None:
    picture = read_picture(saved(tmp_path / "a.png", pixels), facts(kinds), draw=False)
    assert picture.warnings == ((warning,) if warning else ())
    assert picture.pixels.shape == (40, 40, 3)
    grey = (picture.pixels == picture.pixels[..., :1]).all()
    assert grey == (pixels.ndim == 2 or kinds == {GREY})


def test_too_small_and_empty_images_are_said(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.png", GREY_PIXELS)  # 50 wide, 40 high
    assert read_picture(image, facts({GREY}, pixels=80), draw=False).warnings == ()  # twice the shorter side
    (said,) = read_picture(image, facts({GREY}, pixels=81), draw=False).warnings
    assert said == "50 x 40 pixels, enlarged 2.0 times to the 81 of training"
    assert read_picture(image, facts({GREY}, pixels=100, fit="pad"), draw=False).warnings == ()  # by the longer side
    empty = saved(tmp_path / "b.png", np.full((40, 40), 7, dtype=np.uint8))
    assert "all pixels are equal" in read_picture(empty, facts({GREY}), draw=False).warnings[0]


def test_what_overlays_are_drawn_on_is_bounded(tmp_path: Path) -> None:
    assert drawable(np.zeros((30, 20), dtype=np.uint8)).shape == (30, 20, 3)
    assert drawable(np.zeros((3000, 1500, 3), dtype=np.uint8)).shape == (1024, 512, 3)
    assert drawable(np.zeros((16, 9000), dtype=np.uint8)).shape == (2, 1024, 3)
    picture = read_picture(saved(tmp_path / "a.png", COLOUR_PIXELS), facts({GREY}), draw=True)
    assert picture.drawn_on is not None
    np.testing.assert_array_equal(picture.drawn_on, COLOUR_PIXELS)  # the original, not what the network sees


def test_a_dicom_file_that_holds_no_picture_says_why() -> None:
    report = shipped("test-SR.dcm")
    with pytest.raises(UnreadableImageError, match="holds no picture"):
        read_picture(ImagePath("", report.parent, report.name, report.name), facts({GREY}), draw=False)


def test_a_name_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "M\udcfcller.png").touch()
    with pytest.raises(FoveateError, match=r"the name M\\xfcller\.png in .* is not UTF-8"):
        list_images([tmp_path])
