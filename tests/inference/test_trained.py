"""A trained model asked by a program: the numbers of `foveate predict`, whatever an image is."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import foveate
from foveate.commands.predict import predict
from foveate.errors import FoveateError, UsageError
from foveate.explanation.geometry import on_original
from foveate.inference.given import Given
from foveate.inference.model import open_model
from foveate.inference.trained import Model
from foveate.models.export import export_onnx
from tests.inference.conftest import SmallStudy, small_study

__all__ = ["small_study"]  # the fixture


@pytest.fixture(scope="module")
def trained(small_study: SmallStudy) -> Model:
    return foveate.load_model(small_study.run)


@pytest.fixture
def wide(small_study: SmallStudy) -> Path:
    return small_study.images / "sick" / "3.png"  # 33 x 70


def test_a_model_says_what_it_needs(trained: Model) -> None:
    assert trained.classes == ("normal", "sick")
    assert (trained.pixels, trained.fit, trained.channels) == (40, "pad", 3)
    assert len(trained.mean) == len(trained.std) == 3
    assert not trained.network.training
    assert trained.network(torch.zeros(1, 3, 40, 40)).shape == (1, 2)
    assert "resnet18: normal, sick; 40 pixels" in repr(trained)


def test_the_numbers_are_those_of_the_command(small_study: SmallStudy, trained: Model, tmp_path: Path) -> None:
    """To the last bit, for the same list of files in the same order."""
    files = sorted((small_study.images / "sick").glob("*.png"))
    predict(small_study.run, files, None, tmp_path / "o.csv", False, "cpu", True)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "o.csv").read_text(encoding="utf-8"))))
    found = trained.predict(files)
    assert [own.image for own in found] == [row["path"] for row in rows]
    assert [own.prediction for own in found] == [row["prediction"] for row in rows]
    assert [own.probabilities["sick"] for own in found] == [float(row["p_sick"]) for row in rows]
    assert list(found[0].probabilities) == ["normal", "sick"]
    assert sum(found[0].probabilities.values()) == pytest.approx(1)


def test_a_path_an_array_and_a_pil_image_are_the_same(trained: Model, wide: Path) -> None:
    with Image.open(wide) as opened:
        grey = np.asarray(opened)
        forms: list[Given] = [str(wide), opened.copy(), grey, np.repeat(grey[..., None], 3, axis=2)]
        forms += [opened.convert("RGB"), opened.convert("RGBA"), opened.convert("P")]
    first = trained.predict(wide)
    for form in forms:
        found = trained.predict(form)
        assert found.probabilities == first.probabilities
        assert found.warnings == first.warnings == ()
    assert [own.image for own in trained.predict([wide, grey])] == [str(wide), "image 1"]


def test_a_pil_image_is_turned_as_its_file_would_be(trained: Model, tmp_path: Path, wide: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(wide) as opened:
        opened.save(tmp_path / "turned.png", exif=exif)
        upright = np.rot90(np.asarray(opened), -1)
    with Image.open(tmp_path / "turned.png") as turned:
        asked = trained.heatmap(turned)
    assert asked.heat.shape == (70, 33)
    assert asked.probabilities == trained.predict(upright).probabilities


def test_a_heatmap_lies_on_the_original(small_study: SmallStudy, trained: Model, wide: Path, tmp_path: Path) -> None:
    found = trained.heatmap(wide)
    assert found.heat.shape == (33, 70)
    assert found.heat.dtype == np.float32
    assert found.target == found.prediction
    assert found.raw.shape == (2, 2)
    wanted = on_original(found.raw, 33, 70, side=40, fit="pad").astype(np.float32)
    np.testing.assert_array_equal(found.heat, wanted)
    assert found.probabilities == trained.predict(wide).probabilities
    predict(small_study.run, [wide], tmp_path / "o", None, False, "cpu", True)
    assert found.save(tmp_path / "own.png").read_bytes() == (tmp_path / "o" / "3.png.png").read_bytes()


def test_each_class_has_its_map(trained: Model, wide: Path) -> None:
    """Grad-CAM where the network pools sums to the logit less the bias, so the maps' sums tell the probabilities."""
    maps = {name: trained.heatmap(wide, name) for name in trained.classes}
    bias = trained.network.fc.bias.detach().numpy()
    logits = [float(maps[name].raw.sum()) + float(bias[number]) for number, name in enumerate(trained.classes)]
    assert 1 / (1 + np.exp(logits[0] - logits[1])) == pytest.approx(maps["sick"].probabilities["sick"], abs=1e-6)
    assert [own.target for own in trained.heatmap([wide, wide], "sick")] == ["sick", "sick"]
    with pytest.raises(UsageError, match="there is no class 'sik' .did you mean sick"):
        trained.heatmap(wide, "sik")


def test_a_saved_map_names_the_class_that_it_explains(trained: Model, wide: Path, tmp_path: Path) -> None:
    files = [trained.heatmap(wide, name).save(tmp_path / f"{name}.png") for name in trained.classes]
    assert files[0].read_bytes() != files[1].read_bytes()
    with pytest.raises(UsageError, match="ends in .png"):
        trained.heatmap(wide).save(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((20, 20), np.float32), r"array of float32 \(20, 20\): it must be of uint8"),
        (np.zeros((20, 20, 4), np.uint8), r"array of uint8 \(20, 20, 4\)"),
        (np.zeros((2, 20, 20, 3), np.uint8), r"array of uint8 \(2, 20, 20, 3\)"),
        (np.zeros((8, 20), np.uint8), "20 x 8 pixels, at least 16 x 16"),
        (Image.new("HSV", (20, 20)), "mode HSV: convert it to L or RGB"),
        (torch.zeros(3, 20, 20), "image 0 is a Tensor: give a path, a PIL image, or a NumPy array"),
        ("absent.png", "absent.png does not exist"),
    ],
)
def test_what_is_no_image_is_refused(trained: Model, image: Given, said: str) -> None:
    with pytest.raises(FoveateError, match=said):
        trained.predict(image)


def test_files_of_no_or_several_pictures(small_study: SmallStudy, trained: Model, tmp_path: Path) -> None:
    frames = small_study.images / "sick" / "frames.dcm"
    with pytest.raises(UsageError, match=r"holds 3 pictures: name one, such as .*frames.dcm#0"):
        trained.predict(frames)
    assert trained.predict(f"{frames}#2").image == f"{frames}#2"
    with pytest.raises(UsageError, match="is a folder: give its images one by one"):
        trained.predict(small_study.images)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(FoveateError, match=r"broken.png: "):
        trained.predict([frames.with_name("0.png"), tmp_path / "broken.png"])
    arrays = tmp_path / "small.npz"
    pixels, labels = np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28), np.array([[0], [1]])
    parts: dict[str, Any] = {}
    for part in ("train", "val", "test"):
        parts |= {f"{part}_images": pixels, f"{part}_labels": labels}
    np.savez(arrays, **parts)
    assert trained.predict(f"{arrays}#train/1").probabilities == trained.predict(pixels[1]).probabilities
    with pytest.raises(UsageError, match="holds no picture train/7"):
        trained.predict(f"{arrays}#train/7")


def test_an_onnx_file_answers_too(small_study: SmallStudy, trained: Model, wide: Path, tmp_path: Path) -> None:
    exported = foveate.load_model(export_onnx(small_study.run, tmp_path / "m.onnx"))
    one, other = exported.heatmap(wide, "sick"), trained.heatmap(wide, "sick")
    np.testing.assert_allclose(one.raw, other.raw, rtol=1e-4, atol=1e-6)
    assert one.probabilities["sick"] == pytest.approx(other.probabilities["sick"], abs=1e-5)
    with pytest.raises(FoveateError, match="an ONNX file, which has no torch network"):
        _ = exported.network


def test_asking_leaves_the_network_as_it_was(small_study: SmallStudy, trained: Model, wide: Path) -> None:
    before = trained.predict(wide)
    trained.heatmap(wide, "normal")
    assert trained.predict(wide) == before
    logits, _ = open_model(small_study.run, "cpu", heatmaps=True)(np.zeros((1, 40, 40, 3), np.uint8))
    assert logits.shape == (1, 2)
