"""Slices of NIfTI volumes lie as radiologists see them, under one window, or there is a reason why not."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import struct
import sys
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foveate.data.decoders import decode
from foveate.data.nifti import decode_slice, foreground_slices, read_volume, slices
from foveate.data.pixels import UnreachableImageError, UnreadableImageError, quiet_pillow

SHIPPED = Path(nibabel.__file__).parent / "tests" / "data"
NAME = "Zwingenberger^Adelheid"
# RAS+ means that x grows to the patient's right, y to the front, z to the head.
RIGHT, FRONT, HEAD = 10, 20, 30


def write(path: Path, values: NDArray[np.generic], affine: NDArray[np.float64] | None = None) -> Path:
    nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine).to_filename(path)
    return path


def landmarks() -> NDArray[np.int16]:
    """(X, Y, Z) = (20, 24, 28), RAS: the patient's right half, front half and upper half are each brighter."""
    values = np.zeros((20, 24, 28), dtype=np.int16)
    values[10:] += RIGHT
    values[:, 12:] += FRONT
    values[:, :, 14:] += HEAD
    return values


def grey(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Landmarks in 8 bits: the smallest above the background is black, the largest white."""
    return np.round(np.clip((values.astype(float) - 10) / 50, 0, 1) * 255).astype(np.uint8)


def test_slices_lie_as_radiologists_see_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", landmarks())
    axial = decode_slice(path, 27)
    assert axial.pixels.shape == (24, 20)  # rows from front to back, columns from right to left
    corners = {(0, 0): RIGHT + FRONT + HEAD, (0, -1): FRONT + HEAD, (-1, 0): RIGHT + HEAD, (-1, -1): HEAD}
    assert {place: axial.pixels[place] for place in corners} == {k: grey(np.array(v)) for k, v in corners.items()}
    coronal = decode_slice(path, 0, "coronal").pixels
    assert coronal.shape == (28, 20)  # rows from head to feet, columns from right to left
    assert coronal[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == grey(np.array([40, 30, 10, 0])).tolist()
    sagittal = decode_slice(path, 19, "sagittal").pixels
    assert sagittal.shape == (28, 24)  # rows from head to feet, columns from front to back
    assert sagittal[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == grey(np.array([60, 40, 30, 10])).tolist()
    assert (axial.width, axial.height, axial.mode, axial.format) == (20, 24, "int16", "NIfTI")


@settings(max_examples=24, deadline=None)
@given(
    order=st.permutations([0, 1, 2]),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    tilt=st.floats(-0.3, 0.3),
)
def test_any_orientation_gives_the_same_slices(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], signs: tuple[int, ...], tilt: float
) -> None:
    folder = tmp_path_factory.mktemp("turned")
    spacing = np.array([0.5, 1.0, 2.5])
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    world = np.eye(4)  # of the volume in RAS order
    world[:3, :3] = turn * spacing
    # The file's axis i is the axis order[i] of the patient, backwards where the sign is -1.
    values, affine = landmarks().transpose(order), world[:, [*order, 3]].copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            values = np.flip(values, axis)
            affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
            affine[:3, axis] *= -1
    path = write(folder / "a.nii", np.ascontiguousarray(values), affine)
    volume = read_volume(path)
    assert np.array_equal(volume.voxels, grey(landmarks()))
    assert volume.spacing == pytest.approx(tuple(spacing), rel=1e-5)
    names = ("LR", "PA", "IS")
    assert volume.orientation == "".join(names[axis][sign > 0] for axis, sign in zip(order, signs, strict=True))
    assert [slices(path, axis) for axis in ("sagittal", "coronal", "axial")] == [20, 24, 28]


def test_a_real_scan() -> None:
    """The axes of the shipped scan run to the left, front and head, read here without nibabel's turning."""
    path = SHIPPED / "anatomical.nii"
    raw = np.frombuffer(path.read_bytes(), ">i2", 33 * 41 * 25, 352).reshape((33, 41, 25), order="F").astype(float)
    low, high = np.percentile(raw[raw > raw.min()], (0.5, 99.5))
    expected = np.round(np.clip((raw[:, ::-1, 15].T - low) / (high - low), 0, 1) * 255)
    image = decode(path, 15)
    assert np.abs(image.pixels - expected).max() <= 1  # single precision here, double there
    volume = read_volume(path)
    assert (volume.shape, volume.spacing, volume.orientation) == ((33, 41, 25), (2.0, 2.0, 2.0), "LAS")


def test_one_window_for_the_whole_volume(tmp_path: Path) -> None:
    values = np.zeros((20, 20, 3), dtype=np.int16)
    values[..., 1], values[..., 2] = 100, 200
    values[0, 0] = 0, 1, 300
    path = write(tmp_path / "a.nii", values)
    levels = [int(decode_slice(path, index).pixels[5, 5]) for index in range(3)]
    assert levels == [0, 0, 255]  # the 0.5th percentile above 0 is 100, the 99.5th 200
    assert decode_slice(path, 2).pixels.max() == 255


def test_scaled_values(tmp_path: Path) -> None:
    """The header's slope and intercept count: a window over 1.5 x - 7 is one over x."""
    plain = write(tmp_path / "a.nii", landmarks())
    image = nibabel.Nifti1Image(landmarks(), np.eye(4))
    image.header.set_slope_inter(1.5, -7)
    image.to_filename(tmp_path / "b.nii")
    assert np.array_equal(read_volume(plain).voxels, read_volume(tmp_path / "b.nii").voxels)


def test_undefined_voxels_are_black(tmp_path: Path) -> None:
    values = landmarks().astype(np.float32)
    values[0, 0, 0] = -np.inf
    values[15, 20, 20] = np.nan
    voxels = read_volume(write(tmp_path / "a.nii", values)).voxels.copy()
    assert voxels[15, 20, 20] == voxels[0, 0, 0] == 0
    voxels[15, 20, 20] = 255
    assert np.array_equal(voxels, grey(landmarks()))
    with pytest.raises(UnreadableImageError, match="no defined values"):
        read_volume(write(tmp_path / "b.nii", np.full((20, 20, 20), np.nan, np.float32)))


def test_values_beyond_single_precision_are_white(tmp_path: Path) -> None:
    values = landmarks().astype(np.float64)
    values[3, 3, 3] = 1e300
    voxels = read_volume(write(tmp_path / "a.nii", values)).voxels
    assert voxels[3, 3, 3] == 255
    assert np.array_equal(np.delete(voxels, 3, 0), np.delete(grey(landmarks()), 3, 0))


def test_a_kept_volume_cannot_be_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", landmarks())
    with pytest.raises(ValueError, match="read-only"):
        read_volume(path).voxels[0] = 1
    decode_slice(path, 20).pixels[:] = 7  # a copy
    assert decode_slice(path, 20).pixels.max() == 255


def test_frames_through_decode(tmp_path: Path) -> None:
    path = write(tmp_path / "a.NII.GZ", landmarks())
    with pytest.raises(UnreadableImageError, match="^holds 28 pictures, one a file is needed$"):
        decode(path)
    with pytest.raises(UnreadableImageError, match="none with the number 28"):
        decode(path, 28)
    assert np.array_equal(decode(path, 3).pixels, decode_slice(path, 3).pixels)
    assert np.array_equal(decode(path, 3).pixels, grey(landmarks())[::-1, ::-1, 3].T)
    flat = write(tmp_path / "b.nii", landmarks()[:, :, 20])
    assert decode(flat).pixels.shape == (24, 20)
    deep = write(tmp_path / "c.nii", landmarks()[..., None])  # 4-D, but one volume
    assert np.array_equal(decode(deep, 3).pixels, decode(path, 3).pixels)
    with pytest.raises(UnreadableImageError, match="20 x 3 pixels, at least 16 x 16"):
        decode_slice(write(tmp_path / "d.nii", landmarks()[:, :, :3]), 0, "coronal")
    with pytest.raises(KeyError, match="oblique"):
        slices(path, "oblique")


def test_foreground_slices(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(5, 1, (20, 20, 6)).astype(np.float32)  # noise of air
    for index, share in enumerate((0.0, 0.1, 0.25, 0.5, 0.05, 0.0)):
        values.reshape(400, 6)[: int(400 * share), index] = 100
    path = write(tmp_path / "a.nii", values)
    assert foreground_slices(path, 0.1) == [1, 2, 3]
    assert foreground_slices(path, 0.3) == [3]
    assert foreground_slices(path, 0) == list(range(6))
    assert foreground_slices(path, 0.16, "sagittal") == list(range(10))


def test_a_volume_of_little_tissue_keeps_its_brightest_slice(tmp_path: Path) -> None:
    values = np.zeros((40, 40, 5), dtype=np.float32)
    values[:4, :4, 1], values[:6, :6, 3] = 100, 100  # 1 and 2 % of a slice
    assert foreground_slices(write(tmp_path / "a.nii", values), 0.05) == [3]
    assert foreground_slices(write(tmp_path / "b.nii", np.zeros((20, 20, 5), np.int16)), 0.05) == [
        0
    ]  # black, but there


def header_with(path: Path, *fields: tuple[int, str, tuple[float, ...]]) -> Path:
    """A file of `landmarks` with other numbers in its header (nifti1.h): (place, type, numbers)."""
    content = bytearray(write(path, landmarks()).read_bytes())
    for place, kind, numbers in fields:
        struct.pack_into(f"<{len(numbers)}{kind}", content, place, *numbers)
    path.write_bytes(content)
    return path


BY_SFORM, BY_QFORM = (252, "h", (0, 1)), (252, "h", (1, 0))
NAN = float("nan")


@pytest.mark.parametrize(
    "fields",
    [
        (BY_SFORM, (280, "f", (0,) * 12)),
        (BY_SFORM, (280, "f", (NAN,) * 12)),
        (BY_SFORM, (280, "f", (1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0))),  # two axes along one
        (BY_QFORM, (256, "f", (1.001, 0, 0))),  # no unit quaternion
        ((252, "h", (0, 0)), (80, "f", (NAN, 1, 1))),
    ],
)
def test_an_orientation_that_is_none(tmp_path: Path, fields: tuple[tuple[int, str, tuple[float, ...]], ...]) -> None:
    path = header_with(tmp_path / "a.nii", *fields)
    for use in (read_volume, slices):
        with pytest.raises(UnreadableImageError, match="^cannot be turned upright: the orientation in"):
            use(path)


@pytest.mark.parametrize(
    "field",
    [
        (112, "f", (NAN, 0)),  # scl_slope and scl_inter: "if scl_slope is 0, data are not scaled" (nifti1.h)
        (112, "f", (0, 7)),
        (112, "f", (float("inf"), 0)),
        (76, "f", (0,)),  # qfac: 0 counts as 1
    ],
)
def test_headers_that_are_odd_but_clear(tmp_path: Path, field: tuple[int, str, tuple[float, ...]]) -> None:
    assert np.array_equal(read_volume(header_with(tmp_path / "a.nii", BY_QFORM, field)).voxels, grey(landmarks()))


def test_a_scale_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="^cannot be scaled: scl_inter"):
        read_volume(header_with(tmp_path / "a.nii", (112, "f", (2, NAN))))


def test_the_ends_of_gzip(tmp_path: Path) -> None:
    whole = write(
        tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 999, (20, 20, 20), dtype=np.int16)
    ).read_bytes()
    for name, content in (("b", whole + b"\0" * 99), ("c", whole + b"something else")):
        (tmp_path / f"{name}.nii.gz").write_bytes(content)
        assert np.array_equal(
            read_volume(tmp_path / f"{name}.nii.gz").voxels, read_volume(tmp_path / "a.nii.gz").voxels
        )
    wrong_sum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    for name, content in (("d", whole[:-5]), ("e", wrong_sum), ("f", whole[:9000] + b"\0" * (len(whole) - 9000))):
        (tmp_path / f"{name}.nii.gz").write_bytes(content)
        with pytest.raises(UnreadableImageError, match="^is damaged or cut off$"):
            read_volume(tmp_path / f"{name}.nii.gz")


def test_what_the_machine_does_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(UnreachableImageError):
        read_volume(tmp_path / "gone.nii")


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", landmarks())
    before = decode_slice(path, 0).pixels
    write(path, np.flip(landmarks(), 0).astype(np.int32))  # another size: clocks may be coarse
    assert np.array_equal(decode_slice(path, 0).pixels, before[:, ::-1])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("example4d.nii.gz", "is 4-D: 2 volumes, one a file is needed"),
        ("functional.nii", "is 4-D: 20 volumes, one a file is needed"),
        ("row_major.dconn.nii", "is NIfTI, but holds no volume"),
        ("nowhere.nii", "cannot be read (No such file or directory)"),
    ],
)
def test_reasons(name: str, reason: str) -> None:
    for use in (lambda: read_volume(SHIPPED / name), lambda: slices(SHIPPED / name)):
        with pytest.raises(UnreadableImageError) as caught:
            use()
        assert str(caught.value) == reason


def test_damage(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 999, (20, 20, 20), dtype=np.int16))
    (tmp_path / "b.nii.gz").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "c.nii").write_bytes(gzip.decompress(whole.read_bytes())[:5000])
    (tmp_path / "d.nii").write_text("this is a text")
    (tmp_path / "e.nii.gz").write_bytes(b"")
    reasons = {"b.nii.gz": "damaged", "c.nii": "damaged", "d.nii": "not NIfTI", "e.nii.gz": "damaged|not NIfTI"}
    for name, reason in reasons.items():
        with pytest.raises(UnreadableImageError, match=f"^is ({reason})"):
            decode(tmp_path / name, 0)


def test_colours_and_complex_numbers(tmp_path: Path) -> None:
    colours = np.zeros((20, 20, 20), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for values in (colours, np.zeros((20, 20, 20), dtype=np.complex64)):
        with pytest.raises(UnreadableImageError, match="holds colours or complex numbers"):
            decode(write(tmp_path / "a.nii", values), 0)


def test_too_large_is_seen_before_reading(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", landmarks())
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([2000, 2000, 2000], "<i2").tobytes()
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match="more than 1000 million voxels"):
        decode(path, 0)


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UnreadableImageError, match=r"^is NIfTI, which needs pip install 'foveate\[nifti\]'$"):
        slices(SHIPPED / "anatomical.nii")


def test_texts_of_the_header_stay_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = nibabel.Nifti1Image(landmarks(), np.eye(4))
    for field in ("descrip", "db_name", "aux_file", "intent_name"):
        image.header[field] = NAME.encode()[:16]
    image.to_filename(tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    said = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        # whole, then with a name in the place of each field of the header
        for place in (None, *range(0, 340, 4)):
            damaged = bytearray(content)
            if place is not None:
                damaged[place : place + len(NAME)] = NAME.encode()
            (tmp_path / "a.nii").write_bytes(damaged)
            try:
                said.append(repr(read_volume(tmp_path / "a.nii")))
            except UnreadableImageError as error:
                said += [repr(error), repr(error.__context__), repr(error.__cause__)]
    said += [str(warning.message) for warning in heard]
    assert not caplog.records
    assert "Volume(" in said[0]
    assert any("damaged" in one for one in said)
    assert not any(part in one for part, one in itertools.product((NAME[:6], NAME[14:]), said))


@settings(max_examples=60, deadline=None)
@given(content=st.binary(min_size=1, max_size=12), place=st.integers(0, 400))
def test_damage_anywhere_is_a_reason_or_pixels(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int
) -> None:
    path = write(tmp_path_factory.mktemp("damage") / "a.nii", landmarks())
    data = bytearray(path.read_bytes())
    data[place : place + len(content)] = content
    path.write_bytes(data)
    with quiet_pillow(), contextlib.suppress(UnreadableImageError):  # any other exception fails
        assert decode(path, 0).pixels.dtype == np.uint8
        assert foreground_slices(path, 0.1) is not None
