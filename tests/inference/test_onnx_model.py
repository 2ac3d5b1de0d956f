"""An exported file answers as its run does, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.errors import FoveateError, UsageError
from foveate.inference.model import open_model
from foveate.models.export import export_onnx
from tests.inference.conftest import SmallStudy
from tests.test_architecture import BLOCK_TORCH

onnx: Any = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")


@pytest.fixture(scope="session")
def exported(small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_onnx(small_study.run, tmp_path_factory.mktemp("onnx") / "lungs.onnx")


def changed(file: Path, to: Path, about: dict[str, Any] | str | None, without_maps: bool = False) -> Path:
    """A copy with other metadata, and with the first output alone."""
    model = onnx.load(file)
    del model.metadata_props[:]
    if about is not None:
        model.metadata_props.add(key="foveate", value=about if isinstance(about, str) else json.dumps(about))
    if without_maps:
        del model.graph.output[1]
    onnx.save(model, to)
    return to


OLD = {"classes": ["normal", "sick"], "pixels": 40, "fit": "pad", "channels": 3}


def test_the_file_answers_as_the_run_does(small_study: SmallStudy, exported: Path) -> None:
    run, file = open_model(small_study.run, "cpu", True), open_model(exported, "auto", True)
    assert file.facts.name == "lungs"
    assert (file.facts.classes, file.facts.pixels, file.facts.fit) == (run.facts.classes, 40, "pad")
    assert file.facts.kinds == run.facts.kinds == {"grey"}
    images = np.random.default_rng(0).integers(0, 255, (5, 40, 40, 3), dtype=np.uint8)
    (logits, maps), (own_logits, own_maps) = run(images), file(images)
    np.testing.assert_allclose(own_logits, logits, rtol=1e-4, atol=1e-5)
    assert maps is not None
    assert own_maps is not None
    np.testing.assert_allclose(own_maps, maps, rtol=0, atol=1e-4 * np.abs(maps).max())


def test_files_of_older_versions_predict_but_do_not_explain(exported: Path, tmp_path: Path) -> None:
    old = changed(exported, tmp_path / "old.onnx", OLD, without_maps=True)
    model = open_model(old, "cpu", heatmaps=False)
    assert model.facts.kinds == frozenset()
    logits, maps = model(np.zeros((1, 40, 40, 3), dtype=np.uint8))
    assert logits.shape == (1, 2)
    assert maps is None
    with pytest.raises(FoveateError, match="has no heat-maps: export the run again, or leave out --overlay"):
        open_model(old, "cpu", heatmaps=True)


def test_wrong_files_and_devices(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(FoveateError, match="is damaged or no ONNX file"):
        open_model(tmp_path / "text.onnx", "cpu", False)
    for about in (None, "{", "[]", "3", "[" * 100_000):
        with pytest.raises(FoveateError, match="was not written by foveate export"):
            open_model(changed(exported, tmp_path / "other.onnx", about), "cpu", False)
    with pytest.raises(UsageError, match="run on the CPU"):
        open_model(exported, "cuda", False)


def test_a_missing_onnxruntime_names_the_extra(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FoveateError, match=r"pip install 'foveate\[onnx\]'"):
        open_model(exported, "cpu", False)


def test_no_torch_is_needed(exported: Path, small_study: SmallStudy, tmp_path: Path) -> None:
    code = "from foveate.cli import main; main()"
    image = small_study.images / "sick" / "0.png"
    arguments = ["predict", str(exported), str(image), "--overlay", str(tmp_path / "overlays"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", f"{BLOCK_TORCH}\n{code}", *arguments], check=True, capture_output=True, text=True
    )
    (said,) = json.loads(ended.stdout)["images"]
    assert Path(said["overlay"]).is_file()
