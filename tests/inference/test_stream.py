"""Pictures go through in batches, in order, whatever cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.inference.images import list_images
from foveate.inference.model import ModelFacts, open_model
from foveate.inference.stream import Prediction, Unreadable, predict_images
from tests.inference.conftest import SmallStudy
from tests.inference.test_images import GREY_PIXELS, facts, saved


class Brightness:
    """A model whose two logits are 0 and the mean of the pixels less 100; it remembers its batches."""

    def __init__(self) -> None:
        self.facts: ModelFacts = facts({"grey"}, pixels=16)
        self.batches: list[int] = []

    def __call__(
        self, images: NDArray[np.uint8], target: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        self.batches.append(len(images))
        logits = np.zeros((len(images), 2), dtype=np.float32)
        logits[:, 1] = images.mean((1, 2, 3)) - 100
        return logits, np.full((len(images), 2, 2), 0.5, dtype=np.float32)


def test_order_batches_and_unreadable_files(tmp_path: Path) -> None:
    for number in range(7):
        saved(tmp_path / f"{number}.png", np.full((16, 16), 20 * number, dtype=np.uint8))
    (tmp_path / "3.png").write_text("no image")
    model, opened = Brightness(), list[int]()
    files, _ = list_images([tmp_path])
    found = list(predict_images(model, files, draw=False, advance=opened.append, batch=3))
    assert [type(own) for own in found] == [Prediction] * 3 + [Unreadable] + [Prediction] * 3
    assert model.batches == [3, 2, 1]  # the unreadable one is in the second batch of three
    assert opened == [1] * 7
    predictions = [own for own in found if isinstance(own, Prediction)]
    assert [own.predicted for own in predictions] == [0, 0, 0, 0, 0, 1]  # 120 is above 100; at 100 the first wins
    assert predictions[-1].probabilities.tolist() == pytest.approx([1 / (1 + np.exp(20)), 1 / (1 + np.exp(-20))])
    assert [own.picture.image.inside for own in predictions] == [f"{number}.png" for number in (0, 1, 2, 4, 5, 6)]
    assert all(own.picture.drawn_on is None for own in predictions)


def test_no_more_than_two_batches_are_ever_read(tmp_path: Path) -> None:
    for number in range(12):
        saved(tmp_path / f"{number}.png", GREY_PIXELS)
    opened: list[int] = []
    files, _ = list_images([tmp_path])
    stream = predict_images(Brightness(), files, draw=False, advance=opened.append, batch=2)
    next(stream)
    assert len(opened) <= 4
    stream.close()  # type: ignore[attr-defined]
    assert len(opened) <= 4


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    class Diverged(Brightness):
        def __call__(
            self, images: NDArray[np.uint8], target: int | None = None
        ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
            return np.full((len(images), 2), np.nan, dtype=np.float32), None

    saved(tmp_path / "a.png", GREY_PIXELS)
    with pytest.raises(FoveateError, match="not finite"):
        list(predict_images(Diverged(), list_images([tmp_path])[0], draw=False))


def test_the_studys_own_images_give_the_studys_predictions_and_maps(small_study: SmallStudy) -> None:
    """Preprocessing is that of training: PNG and DICOM frames, padded, against predictions.csv and heatmaps.npz."""
    manifest = pd.read_csv(small_study.out / "data" / "lungs" / "manifest.csv", dtype=str)
    case_of = dict(zip(manifest["path"], manifest["case"], strict=True))
    expected = pd.read_csv(small_study.run / "predictions.csv", dtype={"case": str}).set_index("case")
    files, _ = list_images([small_study.images])
    model = open_model(small_study.run, "cpu", heatmaps=True)
    found = [own for own in predict_images(model, files, draw=False, batch=8) if isinstance(own, Prediction)]
    assert len(found) == 26
    by_case = {case_of[own.picture.image.inside]: own for own in found}
    assert any("#" in own.picture.image.inside for case, own in by_case.items() if case in expected.index)
    given = np.array([by_case[case].probabilities for case in expected.index])
    np.testing.assert_allclose(given, expected[["p_normal", "p_sick"]].to_numpy(), rtol=0, atol=1e-6)
    assert not any(own.picture.warnings for own in found)
    kept = heatmaps.load(small_study.run / "heatmaps.npz")
    compared = 0
    for case, target, raw in zip(kept.case, kept.target, kept.raw, strict=True):
        own = by_case[str(case)]
        if own.predicted == target:
            assert own.raw is not None
            np.testing.assert_allclose(own.raw, raw, rtol=0, atol=1e-5 * np.abs(raw).max())
            compared += 1
    assert compared
