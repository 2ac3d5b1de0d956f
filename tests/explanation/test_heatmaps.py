"""Heat-maps on disk, enlarged, and on a scale from 0 to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.errors import FoveateError
from foveate.explanation.heatmaps import Heatmaps, enlarge, heat, load


@given(st.tuples(st.integers(1, 8), st.integers(1, 8)), st.tuples(st.integers(1, 60), st.integers(1, 60)))
@settings(max_examples=40, deadline=None)
def test_enlarge_is_torchs_bilinear(small: tuple[int, int], large: tuple[int, int]) -> None:
    raw = np.random.default_rng(0).normal(size=small)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(raw)[None, None], size=large, mode="bilinear")
    np.testing.assert_allclose(enlarge(raw, *large), theirs[0, 0].numpy(), atol=1e-12)


def test_enlarge_by_hand() -> None:
    # Cell centres lie at 1/4 and 3/4: between them a straight line, outside the nearest value.
    assert enlarge(np.array([[0.0, 1.0]]), 1, 4).tolist() == [[0.0, 0.25, 0.75, 1.0]]


def test_heat() -> None:
    assert heat(np.array([[-1.0, 2.0], [0.0, 4.0]]), 2, 2).tolist() == [[0.0, 0.5], [0.0, 1.0]]


@pytest.mark.parametrize("raw", [[[-1.0, -2.0]], [[0.0, 0.0]]])
def test_a_map_without_evidence_is_all_zero(raw: list[list[float]]) -> None:
    assert not heat(np.array(raw), 4, 4).any()


def test_an_even_map_is_all_one() -> None:
    assert (heat(np.full((7, 7), 1e-30), 20, 20) == 1).all()


def test_survives_its_file(tmp_path: Path) -> None:
    maps = Heatmaps(
        np.array(["a", "bb"]),
        np.array([0, 1]),
        np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32),
        np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32),
        "here",
    )
    maps.save(tmp_path / "heatmaps.npz")
    again = load(tmp_path / "heatmaps.npz")
    assert again.case.tolist() == ["a", "bb"]
    assert np.array_equal(again.raw, maps.raw)
    assert again.raw.dtype == np.float32
    assert again.tap == "here"


def test_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "heatmaps.npz").write_bytes(b"nothing")
    with pytest.raises(FoveateError, match="cannot read"):
        load(tmp_path / "heatmaps.npz")
    with pytest.raises(FoveateError, match="cannot read"):
        load(tmp_path / "absent.npz")
