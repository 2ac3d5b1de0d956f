"""Arrays that grow on disk: what is read back is what was appended, also after a kill in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveate.data.npy import GrowingArray


def rows(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, channels), dtype=np.uint8)


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (4, 4, 1), np.uint8) as array:
        for row in rows(5):
            array.append(row)
    assert np.array_equal(np.load(tmp_path / "a.npy"), rows(5))
    with GrowingArray(tmp_path / "m.npy", (2, 2), np.bool_) as masks:
        masks.append(np.eye(2, dtype=bool))
    assert np.load(tmp_path / "m.npy").tolist() == [[[True, False], [False, True]]]


def test_no_row_at_all_is_an_array_too(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (4, 4, 1), np.uint8):
        pass
    assert np.load(tmp_path / "a.npy").shape == (0, 4, 4, 1)


def test_going_on_behind_the_rows_that_count(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array = GrowingArray(path, (4, 4, 1), np.uint8)
    for row in rows(5):
        array.append(row)
    array.flush()
    killed = path.read_bytes()
    array.close()
    path.write_bytes(killed)  # its header still says that there are none
    assert GrowingArray.holds(path, 5)
    assert not GrowingArray.holds(path, 6)
    with GrowingArray(path, (4, 4, 1), np.uint8, 3) as again:  # the journal knew of three
        again.append(rows(9)[8])
    assert np.array_equal(np.load(path), np.concatenate([rows(5)[:3], rows(9)[8:]]))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"hello, this is no array at all"])
def test_a_torn_file_holds_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert not GrowingArray.holds(tmp_path / "a.npy", 0)
    assert not GrowingArray.holds(tmp_path / "none.npy", 0)


def test_grey_rows_become_colour(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (4, 4, 1), np.uint8) as array:
        for row in rows(3):
            array.append(row)
        array.widen(3)
        array.append(rows(1, 3)[0])
    whole = np.load(tmp_path / "a.npy")
    assert np.array_equal(whole, np.concatenate([rows(3).repeat(3, axis=-1), rows(1, 3)]))
    with GrowingArray(tmp_path / "a.npy", (4, 4, 1), np.uint8, 4) as again:
        assert again.shape == (4, 4, 3)  # the file's own


def test_a_row_of_another_shape_is_refused(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (4, 4, 1), np.uint8) as array, pytest.raises(ValueError, match=r"\(4, 4\)"):
        array.append(np.zeros((4, 4), dtype=np.uint8))
