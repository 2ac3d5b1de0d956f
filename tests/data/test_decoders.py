"""Every kind of image file that people have becomes the right pixels, or a reason why not."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file

from foveate.data.decoders import EXTENSIONS, decode, extension, is_image
from foveate.data.pixels import UnreadableImageError, as_channels, quiet_pillow
from foveate.data.scaling import OF_IMAGE, robust_range, scale


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    return np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)


def test_grey_png(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png")
    assert np.array_equal(image.pixels, gradient())
    assert (image.width, image.height, image.mode, image.format) == (30, 20, "L", "PNG")


def test_rgb_with_equal_channels_is_the_same_picture_as_grey(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    Image.fromarray(gradient()).convert("RGB").save(tmp_path / "b.bmp")
    grey, colour = decode(tmp_path / "a.png"), decode(tmp_path / "b.bmp")
    assert colour.pixels.ndim == 2
    assert colour.mode == "RGB"
    assert grey.pixel_hash == colour.pixel_hash


def test_hash_sees_pixels_and_shape(tmp_path: Path) -> None:
    Image.fromarray(gradient(20, 30)).save(tmp_path / "a.png")
    Image.fromarray(gradient(30, 20)).save(tmp_path / "b.png")
    changed = gradient(20, 30)
    changed[5, 5] += 1
    Image.fromarray(changed).save(tmp_path / "c.png")
    assert len({decode(tmp_path / name).pixel_hash for name in ("a.png", "b.png", "c.png")}) == 3


def test_alpha_is_laid_on_black(tmp_path: Path) -> None:
    pixels = np.full((20, 20, 4), 200, dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, :10, 3] = 0
    pixels[:, 10:15, 3] = 51  # a fifth
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png")
    assert (image.pixels[:, :10] == 0).all()
    assert (image.pixels[:, 10:15] == 40).all()
    assert (image.pixels[:, 15:] == 200).all()


def test_grey_with_alpha_and_transparent_palette(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20, 2), 255, dtype=np.uint8), "LA").save(tmp_path / "a.png")
    assert (decode(tmp_path / "a.png").pixels == 255).all()
    palette = Image.fromarray(np.zeros((20, 20), dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.info["transparency"] = 0
    palette.save(tmp_path / "b.png", transparency=0)
    assert (decode(tmp_path / "b.png").pixels == 0).all()


def test_palette(tmp_path: Path) -> None:
    index = np.zeros((20, 20), dtype=np.uint8)
    index[:, 10:] = 1
    palette = Image.fromarray(index, "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png").pixels
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 15].tolist() == [0, 0, 255]


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif").pixels[3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("top", "expected"), [(4095, 255), (65535, 255), (255, 255), (3000, round(3000 * 255 / 4095))])
def test_16_bits_are_scaled_by_the_bits_in_use(tmp_path: Path, top: int, expected: int) -> None:
    values = np.zeros((20, 20), dtype=np.uint16)
    values[10:] = top
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png").pixels
    assert pixels.dtype == np.uint8
    assert pixels[0, 0] == 0
    assert pixels[15, 0] == expected


def test_float_tiff(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, np.round(values.astype(float) * 255).astype(np.uint8))
    Image.fromarray(values - 0.5).save(tmp_path / "b.tif")
    negative = decode(tmp_path / "b.tif")
    assert negative.scaling == OF_IMAGE
    assert np.array_equal(negative.pixels, scale(values - 0.5, *robust_range(values - 0.5)))


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(gradient() > 127).save(tmp_path / "a.png")
    assert set(np.unique(decode(tmp_path / "a.png").pixels)) == {0, 255}


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=exif)
    image = decode(tmp_path / "a.png")
    assert (image.width, image.height) == (20, 30)
    assert np.array_equal(image.pixels, np.rot90(gradient(), -1))


def test_truncated_jpeg(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99), dtype=np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match="is damaged"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"hello, this is a text\n", "is not an image"), (b"", "is not an image")]
)
def test_text_named_png(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=reason):
        decode(tmp_path / "a.png")


def test_tiny_and_huge(tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="1 x 1 pixels, at least 16 x 16"):
        decode(tmp_path / "a.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "b.png")
    with quiet_pillow(), pytest.raises(UnreadableImageError, match="more than 100 million"):
        decode(tmp_path / "b.png")
    Image.new("1", (10_100, 10_000)).save(tmp_path / "c.png")
    with (
        quiet_pillow(),
        pytest.raises(UnreadableImageError, match="10100 x 10000 pixels, more than 100 million"),
    ):
        decode(tmp_path / "c.png")


@pytest.mark.parametrize("name", ["a.tif", "a.gif"])
def test_several_frames(tmp_path: Path, name: str) -> None:
    frames = [Image.new("L", (20, 20), value) for value in (0, 100, 255)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImageError, match="holds 3 pictures, one a file is needed"):
        decode(tmp_path / name)
    assert [int(decode(tmp_path / name, frame).pixels[7, 7]) for frame in range(3)] == [0, 100, 255]
    for outside in (3, -1):
        with pytest.raises(UnreadableImageError, match=f"holds 3 pictures, none with the number {outside}"):
            decode(tmp_path / name, outside)


def test_pages_of_different_size_are_checked_each(tmp_path: Path) -> None:
    Image.new("L", (20, 30)).save(tmp_path / "a.tif", save_all=True, append_images=[Image.new("L", (40, 25))])
    image = decode(tmp_path / "a.tif", 1)
    assert (image.width, image.height) == (40, 25)
    Image.new("L", (20, 30)).save(tmp_path / "b.tif", save_all=True, append_images=[Image.new("L", (2, 2))])
    with pytest.raises(UnreadableImageError, match="2 x 2 pixels"):
        decode(tmp_path / "b.tif", 1)


def test_the_only_frame_has_the_number_0(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 0).pixels, gradient())
    with pytest.raises(UnreadableImageError, match="holds 1 picture, none with the number 1"):
        decode(tmp_path / "a.png", 1)


def test_first_of_an_mpo_unless_another_is_wanted(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), value) for value in (50, 200)]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert decode(tmp_path / "a.jpg").format == "MPO"
    assert [int(decode(tmp_path / "a.jpg", frame).pixels[7, 7]) for frame in (None, 0, 1)] == [50, 50, 200]


def shipped(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


@pytest.mark.parametrize("name", ["a.dcm", "a.DCM", "a.dicom", "a.IMA", "IM0001", "1.2.840.113619.2.55"])
def test_dicom_by_its_name_or_its_beginning(tmp_path: Path, name: str) -> None:
    shutil.copy(shipped("MR_small.dcm"), tmp_path / name)
    image = decode(tmp_path / name)
    assert (image.width, image.height, image.mode, image.format) == (64, 64, "MONOCHROME2", "DICOM")
    assert is_image(tmp_path / name)


def test_frames_of_dicom() -> None:
    path = shipped("SC_rgb_rle_2frame.dcm")
    with pytest.raises(UnreadableImageError, match="holds 2 pictures, one a file is needed"):
        decode(path)
    assert decode(path, 0).pixel_hash == decode(shipped("SC_rgb_rle.dcm")).pixel_hash != decode(path, 1).pixel_hash


def test_what_is_no_dicom_by_that_name(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    with pytest.raises(UnreadableImageError, match="is not DICOM"):
        decode(tmp_path / "a.dcm")


def test_the_name_decides_where_a_file_begins_as_dicom_by_chance(tmp_path: Path) -> None:
    """TIFF and DICOM at once even is allowed (PS3.10 7.1)."""
    text = PngInfo()
    text.add_text("of", "DICM" * 30)
    Image.fromarray(gradient()).save(tmp_path / "a.png", pnginfo=text)
    assert (tmp_path / "a.png").read_bytes()[128:132] == b"DICM"
    assert decode(tmp_path / "a.png").format == "PNG"


def test_extension_and_is_image(tmp_path: Path) -> None:
    assert extension(Path("x/scan.T1.NII.GZ")) == ".nii.gz"
    assert extension(Path("x/scan.nii")) == ".nii"
    assert extension(Path("x/archive.gz")) == extension(Path("x/README")) == extension(Path("x/a.txt")) == ""
    assert all(extension(Path(f"a{known}")) == known for known in EXTENSIONS)
    (tmp_path / "README").write_text("no image")
    assert not is_image(tmp_path / "README")
    assert is_image(tmp_path / "not there.png")  # a name is enough


def test_importing_decoders_imports_neither_pydicom_nor_nibabel(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    code = (
        "import sys, pathlib; from foveate.data.decoders import decode; "
        f"decode(pathlib.Path({str(tmp_path / 'a.png')!r})); "
        "import foveate.data.dicom, foveate.data.nifti; "
        "assert not {'pydicom', 'nibabel', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_robust_range() -> None:
    slice_of_mri = np.concatenate([np.zeros(900), np.linspace(1, 100, 991), [5000]])  # air, tissue, one hot voxel
    low, high = robust_range(slice_of_mri)
    assert low == pytest.approx(1 + 99 * 0.005, abs=0.1)
    assert high == pytest.approx(1 + 99 * 0.995, abs=0.2)
    assert robust_range(np.array([0, 0, 7, 7])) == (0, 7)  # a mask
    assert robust_range(np.array([3, 3])) == (3, 3)
    assert robust_range(np.array([np.nan, -np.inf, 1, 3, 3])) == (1, 3)
    with pytest.raises(UnreadableImageError, match="no defined values"):
        robust_range(np.array([np.nan, np.inf]))


def test_scale() -> None:
    values = np.array([-np.inf, -5, 0, 1, 2.5, 5, 9, np.inf, np.nan])
    assert scale(values, 0, 5).tolist() == [0, 0, 0, 51, 128, 255, 255, 255, 0]
    assert scale(values, 3, 3).tolist() == [0] * 9
    assert scale(np.array([0, 2**32 - 1], np.uint32), 0, 2**32 - 1).tolist() == [0, 255]


@given(st.lists(st.integers(-(2**31), 2**31), min_size=2, max_size=50))
def test_robust_grey_is_monotone(values: list[int]) -> None:
    numbers = np.sort(np.array(values))
    grey = scale(numbers, *robust_range(numbers)).astype(int)
    assert (np.diff(grey) >= 0).all()


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200), place=st.integers(0, 300))
def test_damage_anywhere_is_a_reason_or_pixels(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("damage") / "a.png"
    Image.fromarray(gradient()).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:place] + content + data[place + len(content) :])
    with quiet_pillow(), contextlib.suppress(UnreadableImageError):  # any other exception fails
        assert decode(path).pixels.dtype == np.uint8


def test_as_channels() -> None:
    grey, colour = gradient(), np.stack([gradient()] * 3, axis=-1)
    assert np.array_equal(as_channels(grey, 3), colour)
    assert as_channels(grey, 1).shape == (20, 30, 1)
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert (as_channels(red, 1) == round(0.299 * 255)).all()
