"""What people get wrong costs them a line or two, and nothing that was done."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate import runs
from tests.conftest import MakeImages
from tests.system.test_main_job import SMALL, foveate


@pytest.fixture
def images(make_images: MakeImages) -> Path:
    return make_images(normal=12, sick=12)


def refused(images: Path, out: Path, *more: object, status: int = 1) -> str:
    """The message of a run that must fail before training."""
    message = foveate("run", "--data", images, "--out", out, *SMALL, *more, status=status).stderr
    assert message.startswith("error: ") or "\nerror: " in message  # behind what was being read
    assert not list(out.rglob("weights.safetensors"))
    return message


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run"], 2, "--data DIR"),
        (["run", "demmo"], 2, "did you mean demo?"),
        (["run", "paper"], 2, "--data skin=DIR"),
        (["run", "demo", "--epochs", "0"], 2, "recipe.epochs"),
        (["run", "demo", "--pixels", "8"], 2, "images.pixels"),
        (["run", "demo", "--epochs", "two"], 2, "--epochs"),
        (["run", "demo", "--models", "resnet18,resnet18+cbma"], 2, "did you mean cbam?"),
        (["run", "demo", "--models", "resnet81"], 2, "did you mean resnet18?"),
        (["run", "demo", "--policy", "honest"], 2, "is none of paper, shipped, clean"),
        (["run", "demo", "--device", "gpu"], 2, "auto, cpu, cuda, mps"),
        (["run", "demo", "--precision", "int8"], 2, "is none of auto, float32, bfloat16"),
        (["run", "demo", "--seed", "-1"], 2, "seed"),
        (["run", "demo", "--data", "phantm=x"], 2, "did you mean phantom?"),
        (["run", "--data", "absent"], 1, "absent does not exist"),
        (["train", "absent"], 2, "is no study's folder"),
        (["report", "."], 2, "is no study's folder"),
        (["explain", "absent", "--maps"], 2, "is no study's folder"),
        (["models", "--models", "resnet18+cbma"], 2, "did you mean cbam?"),
        (["models", "--pixels", "8"], 2, "at least 33"),
        (["export", "absent"], 1, "weights.safetensors is missing"),
        (["export", "absent", "--to", "tflite"], 2, "known is onnx"),
        (["runn"], 2, "run"),
    ],
)
def test_wrong_use(tmp_path: Path, arguments: list[str], status: int, message: str) -> None:
    ended = foveate(*arguments, status=status, cwd=tmp_path)
    assert message in ended.stderr
    assert len(ended.stderr.strip().splitlines()) <= 6
    assert not any(tmp_path.iterdir())


def test_folders_that_are_no_data_set(make_images: MakeImages, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out"
    assert "holds no images" in refused(empty, out)
    assert "one class only (a)" in refused(make_images("one", a=5), out)
    assert "--positive b,c" in refused(make_images("three", a=4, b=4, c=4), out, status=2)
    assert not out.exists()
    assert "the class b has one image only" in refused(make_images("few", a=5, b=1), out)


def test_every_unreadable_image_is_listed_and_can_be_left_out(images: Path, tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    Image.fromarray(whole).save(images / "sick" / "cut.jpg")
    cut = (images / "sick" / "cut.jpg").read_bytes()
    (images / "sick" / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    (images / "sick" / "text.png").write_text("not an image")
    Image.new("L", (1, 1)).save(images / "normal" / "dot.png")
    Image.new("1", (20_000, 20_000)).save(images / "normal" / "huge.png")
    out = tmp_path / "out"
    message = refused(images, out)
    assert "4 of 28 images" in message
    for name in ("sick/cut.jpg", "sick/text.png", "normal/dot.png", "normal/huge.png"):
        assert name in message
    assert "--skip-unreadable" in message
    foveate("run", "--data", images, "--out", out, *SMALL, "--skip-unreadable", "--quiet")
    assert len(runs.read_json(out / "data" / "images" / "audit.json")["unreadable"]) == 4
    assert "4 unreadable images left out" in (out / "report" / "index.html").read_text()


def test_every_readable_kind_is_read(images: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 60), dtype=np.uint8)
    grey = Image.fromarray(pixels)
    grey.save(images / "sick" / "one.png")
    grey.save(images / "sick" / "same.png")
    grey.convert("RGBA").save(images / "sick" / "alpha.png")
    Image.fromarray(pixels.astype(np.uint16) * 16).save(images / "sick" / "deep.png")
    grey.convert("CMYK").save(images / "normal" / "print.jpg")
    grey.convert("P").save(images / "normal" / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(images / "normal" / "turned.jpg", exif=exif)
    out = tmp_path / "out"
    foveate("run", "--data", images, "--out", out, *SMALL, "--quiet")
    audit = runs.read_json(out / "data" / "images" / "audit.json")
    assert audit["unreadable"] == []
    assert audit["images"] == 31
    # one, same and alpha show the same pixels under one label; palette does so under the other: all are left out
    assert audit["duplicates"]["groups"] == 1
    assert audit["duplicates"]["conflicting_groups"] == 1
    assert audit["duplicates"]["removed"] == 4


def test_yaml_errors_name_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("models: [resnet18]\ndatasets: {d: {source: phantom}}\nrecipe: {epocs: 3}\n")
    message = foveate("run", "mine.yaml", status=2, cwd=tmp_path).stderr
    assert "mine.yaml" in message
    assert "did you mean 'epochs'?" in message
    (tmp_path / "mine.yaml").write_text("models: [resnet18]\ndatasets: {d: {source: phantom}}\nrepeats: three\n")
    assert "repeats" in foveate("run", "mine.yaml", status=2, cwd=tmp_path).stderr


def test_folders_of_others_are_left_alone(images: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert "holds files that are not a study's" in refused(images, mine, status=2)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    out = tmp_path / "out"
    foveate("run", "--data", images, "--out", out, *SMALL, "--quiet")
    kept = (out / "results.csv").read_bytes()
    message = foveate("run", "--data", images, "--out", out, *SMALL, "--seed", 5, status=2).stderr
    assert "holds another study (seed: 0 there, 5 here)" in message
    assert (out / "results.csv").read_bytes() == kept


def test_out_below_a_file(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write" in refused(images, tmp_path / "file" / "below")


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of a few MB, mounted for the test."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root to mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let tests mount a file system")
    return place


def test_full_and_read_only_disks(images: Path, tmp_path: Path, small_disk: Path) -> None:
    try:
        message = foveate("run", "--data", images, "--out", small_disk / "out", *SMALL, status=1).stderr
        assert "No space left on device" in message
        assert not list(small_disk.rglob("*.new"))
        assert not list(small_disk.rglob("weights.safetensors"))  # 45 MB do not fit
        subprocess.run(["mount", "-o", "remount,size=900m", str(small_disk)], check=True)
        foveate("run", "--data", images, "--out", small_disk / "out", *SMALL, "--quiet")  # goes on where it was
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        message = foveate("run", "--data", images, "--out", small_disk / "other", *SMALL, status=1).stderr
        assert "cannot write" in message
        assert "Read-only file system" in message
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_images_that_changed_since_the_study_read_them(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(normal=12, sick=12)
    asked = ("run", "--data", images, "--pixels", 40, "--epochs", 1, "--repeats", 1, "--models", "resnet18")
    foveate(*asked, cwd=tmp_path)
    (images / "sick" / "3.png").unlink()
    ended = foveate("run", tmp_path / "foveate-images", status=1)
    assert "sick/3.png was removed since" in ended.stderr
