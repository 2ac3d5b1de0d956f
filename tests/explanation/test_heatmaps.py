"""Heat-maps on disk, enlarged, and on a scale from 0 to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.errors import FoveateError
from foveate.explanation.heatmaps import Heatmaps, enlarge, file_name, heat, joined, load, variant


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


def some(*cases: str, **more: str) -> Heatmaps:
    count = len(cases)
    return Heatmaps(
        np.array(cases),
        np.arange(count) % 2,
        np.random.default_rng(0).normal(size=(count, 3, 3)).astype(np.float32),
        np.arange(2.0 * count, dtype=np.float32).reshape(count, 2),
        "here",
        **more,
    )


def test_survives_its_file(tmp_path: Path) -> None:
    maps = some("a", "bb", method="layer_cam", target_words="a b:c")
    maps.save(tmp_path / "heatmaps.npz")
    again = load(tmp_path / "heatmaps.npz")
    assert again.case.tolist() == ["a", "bb"]
    assert np.array_equal(again.raw, maps.raw)
    assert again.raw.dtype == np.float32
    assert (again.tap, again.method, again.target_words) == ("here", "layer_cam", "a b:c")


def test_older_files_hold_grad_cam_of_the_truth(tmp_path: Path) -> None:
    maps = some("a")
    with (tmp_path / "heatmaps.npz").open("wb") as file:
        np.savez(file, case=maps.case, target=maps.target, raw=maps.raw, logits=maps.logits, tap=np.array("here"))
    again = load(tmp_path / "heatmaps.npz")
    assert (again.tap, again.method, again.target_words) == ("here", "grad_cam", "truth")


def test_joined_in_order() -> None:
    first, second = some("a", "bb", method="layer_cam"), some("ccc")
    both = joined(first, second)
    assert both.case.tolist() == ["a", "bb", "ccc"]
    assert both.target.tolist() == [0, 1, 0]
    assert both.method == "layer_cam"
    np.testing.assert_array_equal(both.raw, [*first.raw, *second.raw])
    np.testing.assert_array_equal(both.logits, [[0, 1], [2, 3], [0, 1]])


def test_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "heatmaps.npz").write_bytes(b"nothing")
    with pytest.raises(FoveateError, match=r"cannot read .*metrics\.json and evaluate again"):
        load(tmp_path / "heatmaps.npz")
    with pytest.raises(FoveateError, match=r"cannot read .*absent\.npz: .*Remove it\.$"):
        load(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("method", "tap", "target", "name"),
    [
        ("grad_cam", "pooling", "truth", "heatmaps.npz"),
        ("hires_cam", "pooling", "truth", "heatmaps-hires_cam.npz"),
        ("grad_cam", "layer3", "truth", "heatmaps-grad_cam@layer3.npz"),
        ("grad_cam", "pooling", "predicted", "heatmaps-grad_cam-predicted.npz"),
        ("layer_cam", "layer3.1.attention", "a:b", "heatmaps-layer_cam@layer3.1.attention-a%3Ab.npz"),
        ("grad_cam", "pooling", '"truth"', "heatmaps-grad_cam-%22truth%22.npz"),
        ("grad_cam", "pooling", "../no tumour", "heatmaps-grad_cam-..%2Fno%20tumour.npz"),
        ("eigen_cam", "layer2", "predicted", "heatmaps-eigen_cam@layer2.npz"),
    ],
)
def test_names_of_files(method: str, tap: str, target: str, name: str) -> None:
    assert file_name(variant(method, tap, target)) == name


def test_any_class_has_a_file_of_its_own() -> None:
    long = "Entzündung " * 30
    targets = ["a/b", "a b", "a%20b", "a_b", "a\\b", "ä", "a-b", "a@layer3", long, long + "!", "truth", '"truth"']
    names = [file_name(variant(target=target)) for target in targets]
    assert len(set(names)) == len(targets)
    for name in names:
        assert len(name.encode()) < 255 - len(".x0123456.new")  # what a half-written file is called too
        assert not set(name) & set('/\\:*?"<>| ')
