"""What is a model and what is not, and what its training images were."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from foveate import runs
from foveate.errors import FoveateError, UsageError
from foveate.inference.model import COLOUR, GREY, kinds_by_pack, kinds_by_statistics, open_model
from tests.data.test_batches import write_pack
from tests.inference.conftest import SmallStudy


def test_a_run_is_opened(small_study: SmallStudy) -> None:
    facts = open_model(small_study.run, "cpu", heatmaps=True).facts
    assert (facts.name, facts.classes, facts.pixels) == ("resnet18", ("normal", "sick"), 40)
    assert (facts.fit, facts.channels, facts.kinds) == ("pad", 3, frozenset([GREY]))


def test_what_is_no_run_is_an_error_of_one_line(small_study: SmallStudy, tmp_path: Path) -> None:
    def refused(path: Path, error: type[FoveateError]) -> str:
        with pytest.raises(FoveateError) as caught:
            open_model(path, "cpu", heatmaps=False)
        assert type(caught.value) is error
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    assert "does not exist" in refused(tmp_path / "absent", UsageError)
    assert "holds no trained run" in refused(tmp_path, UsageError)
    for above in (small_study.out, small_study.out / "runs", small_study.run.parent):
        assert f"such as {small_study.run}" in refused(above, UsageError)
    (tmp_path / "text.txt").write_text("")
    assert "is no model" in refused(tmp_path / "text.txt", UsageError)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.yaml").write_text("")
    assert "without a trained run" in refused(tmp_path / "study", FoveateError)

    copy = tmp_path / "copy"
    copy.mkdir()
    record = runs.read_json(small_study.run / "run.json")
    runs.write_json(copy / "run.json", record)
    assert "is not trained yet" in refused(copy, FoveateError)
    whole = (small_study.run / "weights.safetensors").read_bytes()
    (copy / "weights.safetensors").write_bytes(whole[:5000])
    assert "cannot read" in refused(copy, FoveateError)
    (copy / "weights.safetensors").write_bytes(whole)
    runs.write_json(copy / "run.json", {**record, "model_configuration": {"backbone": "resnet34"}})
    assert "they are of another run" in refused(copy, FoveateError)
    runs.write_json(copy / "run.json", {"model": "resnet18"})
    assert "it lacks 'model_configuration'" in refused(copy, FoveateError)
    (copy / "run.json").write_text("{")
    assert "cannot read" in refused(copy, FoveateError)
    (copy / "run.json").unlink()
    assert "run.json, which says" in refused(copy, FoveateError)


@pytest.mark.parametrize(
    ("channels", "mean", "std", "kind"),
    [
        (1, [3.0], [1.0], GREY),
        (3, [3.0, 3.0, 3.0], [1.0, 1.0, 1.0], GREY),
        (3, [3.0, 3.0, 3.1], [1.0, 1.0, 1.0], COLOUR),
        (3, [3.0, 3.0, 3.0], [1.0, 1.0, 2.0], COLOUR),
    ],
)
def test_equal_statistics_are_of_grey_images(channels: int, mean: list[float], std: list[float], kind: str) -> None:
    assert kinds_by_statistics(channels, mean, std) == {kind}


def test_a_pack_tells_whether_it_is_mixed(tmp_path: Path) -> None:
    run, place = tmp_path / "runs" / "s" / "resnet18" / "1", tmp_path / "data" / "s"
    run.mkdir(parents=True)
    place.mkdir(parents=True)
    record = {"data_fingerprint": "f"}
    assert kinds_by_pack(run, record) is None
    grey = np.zeros((4, 8, 8, 3), dtype=np.uint8)
    colour = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    for pixels, kinds in (
        (grey[..., :1], frozenset([GREY])),
        (colour, frozenset([COLOUR])),
        (np.concatenate([grey, colour]), frozenset([GREY, COLOUR])),
    ):
        shutil.rmtree(place / "pack", ignore_errors=True)
        write_pack(place / "pack", pixels, 3)
        assert kinds_by_pack(run, record) == kinds
    assert kinds_by_pack(run, {"data_fingerprint": "of others"}) is None
    assert kinds_by_pack(Path("/run"), record) is None  # copied to where no study is above
