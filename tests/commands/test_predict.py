"""`foveate predict`, from its arguments to its two streams, its files and its exit status."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.cli import app
from foveate.commands.predict import predict
from foveate.explanation.geometry import on_original
from foveate.explanation.overlays import greyed, overlay
from foveate.inference import stream
from foveate.inference.images import list_images
from foveate.inference.model import open_model
from foveate.inference.results import NOTICE
from tests.data.dicom_files import NAME, write
from tests.inference.conftest import SmallStudy, small_study

__all__ = ["small_study"]  # the fixture

Captured = pytest.CaptureFixture[str]


def call(run: Path, *places: Path, **more: Any) -> int:
    """The exit status."""
    options = {"overlay": None, "out": None, "as_json": False, "device": "cpu", "quiet": True, **more}
    try:
        predict(run, places, **options)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def test_a_folder_on_both_streams(
    small_study: SmallStudy, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # a terminal that holds the whole paths
    out = tmp_path / "o.csv"
    assert call(small_study.run, small_study.images / "sick", out=out, quiet=False) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].split() == ["image", "prediction", "normal", "sick"]
    assert len(lines) == 1 + 10 + 3
    assert lines[1].split()[0] == f"{small_study.images}/sick/0.png"
    assert lines[1].split()[1] in ("normal", "sick")
    assert said.err.count(NOTICE) == 1
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert [row["path"] for row in rows] == [line.split()[0] for line in lines[1:]]
    assert [f"{float(row['p_sick']):.4f}" for row in rows] == [line.split()[3] for line in lines[1:]]


def test_json_stands_alone_and_broken_files_cost_only_themselves(
    small_study: SmallStudy, tmp_path: Path, capsys: Captured
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    write(images / "scan.dcm", np.arange(900, dtype=np.uint16).reshape(30, 30), PatientName=NAME, PatientID=NAME)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(images / "c.png")
    (images / "broken.png").write_text("")
    overlays = tmp_path / "overlays"
    assert call(small_study.run, images, overlay=overlays, as_json=True) == 1
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert [image["path"] for image in document["images"]] == [f"{images}/c.png", f"{images}/scan.dcm"]
    assert "converted to grey" in document["images"][0]["warnings"][0]
    assert document["unreadable"][0]["path"] == f"{images}/broken.png"
    assert NOTICE in said.err
    assert f"converted to grey: {images}/c.png" in said.err
    assert "1 of 3 images cannot be read" in said.err
    assert f"{images}/broken.png: " in said.err
    assert sorted(path.name for path in overlays.iterdir()) == ["c.png.png", "scan.dcm.png"]
    assert said.err.count("warning: The heat-maps have 2 × 2 values: they can localise nothing") == 1
    for image in document["images"]:
        assert isinstance(image["blank"], bool)
        assert image["caution"].startswith("The heat-maps have 2 × 2 values")
        assert NAME.encode() not in Path(image["overlay"]).read_bytes()
    with Image.open(overlays / "c.png.png") as drawn:
        assert drawn.width >= 2 * 90
    assert NAME not in said.out + said.err


def test_the_overlay_lies_on_the_original_as_the_network_saw_it(small_study: SmallStudy, tmp_path: Path) -> None:
    """A wide image that was padded to a square: the map's middle band covers it, and it keeps its size."""
    wide = small_study.images / "sick" / "3.png"
    assert call(small_study.run, wide, overlay=tmp_path / "o") == 0
    model = open_model(small_study.run, "cpu", heatmaps=True)
    (found,) = stream.predict_images(model, list_images([wide])[0], draw=True)
    assert isinstance(found, stream.Prediction)
    assert found.raw is not None
    with Image.open(wide) as opened:
        image = np.asarray(opened.convert("RGB"))
    assert image.shape == (33, 70, 3)
    heat = on_original(found.raw, 33, 70, side=40, fit="pad")
    with Image.open(tmp_path / "o" / "3.png.png") as opened:
        picture = np.asarray(opened)
    np.testing.assert_array_equal(picture[10:43, 10:80], image)
    np.testing.assert_array_equal(picture[10:43, 90:160], overlay(image, heat) if heat.any() else greyed(image))


def test_what_is_there_is_never_touched(small_study: SmallStudy, tmp_path: Path, capsys: Captured) -> None:
    one = small_study.images / "sick" / "0.png"
    before = sorted(small_study.images.rglob("*"))
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("")
    (tmp_path / "there.csv").write_text("")
    refusals: list[tuple[dict[str, Path], str]] = [
        ({"overlay": small_study.images / "o"}, "lies among the images"),
        ({"overlay": small_study.images}, "lies among the images"),
        ({"overlay": full}, "is not empty"),
        ({"overlay": tmp_path / "there.csv"}, "is not empty"),
        ({"out": tmp_path / "there.csv"}, "exists: give --out a new file"),
        ({"out": tmp_path / "o.txt"}, "ends in .csv"),
        ({"out": small_study.images / "o.csv"}, "nothing is written"),
    ]
    for options, message in refusals:
        assert call(small_study.run, small_study.images, **options) == 2
        assert message in capsys.readouterr().err
    assert call(small_study.run, one, overlay=one.parent) == 2
    assert "lies among the images" in capsys.readouterr().err
    assert sorted(small_study.images.rglob("*")) == before


def test_wrong_use_ends_with_2(small_study: SmallStudy, tmp_path: Path, capsys: Captured) -> None:
    assert call(small_study.run, tmp_path) == 2
    assert call(small_study.run, tmp_path / "absent.png") == 2
    assert call(small_study.out, small_study.images) == 2
    assert call(small_study.run, small_study.images, device="gpu") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_an_interrupt_leaves_whole_files(
    small_study: SmallStudy, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    whole = stream.predict_images

    def interrupted(*arguments: Any) -> Iterator[Any]:
        for number, found in enumerate(whole(*arguments)):
            if number == 3:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(stream, "predict_images", interrupted)
    overlays, out = tmp_path / "overlays", tmp_path / "o.csv"
    assert call(small_study.run, small_study.images, overlay=overlays, out=out, as_json=as_json) == 1
    said = capsys.readouterr()
    assert "stopped after 3 images" in said.err
    assert len(said.out.splitlines()) == (0 if as_json else 4)
    assert not out.exists()
    files = [path for path in overlays.rglob("*") if path.is_file()]
    assert len(files) == 3
    for file in files:
        with Image.open(file) as drawn:
            drawn.load()


def test_help_needs_no_torch() -> None:
    assert any(command.callback and command.callback.__name__ == "predict" for command in app.registered_commands)
    code = (
        "import sys; from foveate.cli import app; sys.argv = ['foveate', 'predict', '--help']\n"
        "try: app()\nexcept SystemExit: pass\n"
        "import foveate.commands.predict\nassert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
