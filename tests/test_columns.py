"""Tables in a terminal: whole numbers, aligned columns, lines that are never too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from foveate.columns import aligned, shortened, shortened_path

WORDS = st.text(st.sampled_from("ab./é肺炎-"), max_size=60)


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("resnet18", 8, "resnet18"),
        ("resnet18+cbam", 9, "resn…cbam"),
        ("abcdefghij", 6, "abc…ij"),
        ("肺炎肺炎肺炎", 7, "肺…炎"),  # two columns a letter
    ],
)
def test_a_long_name_loses_its_middle(name: str, width: int, expected: str) -> None:
    assert shortened(name, width) == expected


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        ("a/b/scan.png", 12, "a/b/scan.png"),
        ("/data/hospital/2024/scan-0001.png", 20, "…/2024/scan-0001.png"),
        ("/data/1.2.840.113619.2.55.3.dcm", 16, "1.2.840.…5.3.dcm"),  # whose name alone is longer
    ],
)
def test_a_long_path_loses_its_start(path: str, width: int, expected: str) -> None:
    assert shortened_path(path, width) == expected


@given(WORDS, st.integers(3, 40))
def test_what_is_shortened_fits(name: str, width: int) -> None:
    for shorten in (shortened, shortened_path):
        found = shorten(name, width)
        assert cell_len(found) <= width
        assert (found == name) == (cell_len(name) <= width) or "…" in found


@given(st.lists(st.tuples(WORDS, st.integers(0, 10**6)), min_size=1, max_size=5))
def test_lines_fit_and_columns_are_aligned(rows: list[tuple[str, int]]) -> None:
    lines = aligned(["name", "n"], [[name, f"{value:,}"] for name, value in rows], width=40).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({cell_len(line) for line in lines}) == 1  # the last column stands to the right
    assert cell_len(lines[0]) <= 40
    for line, (_, value) in zip(lines[1:], rows, strict=True):
        assert line.endswith(f"  {value:,}")  # never cut


def test_columns_behind_the_name_may_stand_to_the_left() -> None:
    assert aligned(["a", "b", "c"], [["1", "22", "3"]], left=2, width=80) == "a  b   c\n1  22  3"
