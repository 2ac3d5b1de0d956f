"""Identical pictures are found, within a label and across labels."""

from foveate.data.audit import find_duplicates


def test_duplicates() -> None:
    found = find_duplicates(["x", "y", "x", "z", "y", "x"], ["a", "a", "a", "b", "b", "a"])
    assert found.groups == [[0, 2, 5], [1, 4]]
    assert found.conflicting == [[1, 4]]
    assert found.surplus == 3
    assert found.to_remove() == {2, 5, 1, 4}


def test_none() -> None:
    assert find_duplicates(["x", "y"], ["a", "b"]).to_remove() == set()
