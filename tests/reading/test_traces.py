"""What the file system keeps of the pictures beside their bytes tells neither model nor case."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from foveate.reading import package
from foveate.reading.cases_and_key import read_key
from tests.reading.small_study import build

STUDIES, CASES, MODELS = 15, 6, 4


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Many readers' studies of the same cases, one after the other as a person would make them again."""
    folder, subject = build(tmp_path_factory.mktemp("traces"))
    kept = tmp_path_factory.mktemp("kept")
    made = []
    for number in range(STUDIES):
        package.create(folder, [subject], CASES, seed=3, practice=0)
        made.append((folder.path / "reading").rename(kept / str(number)))
    return made


def traces(place: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Each thing that could be an order in which pictures were made -> its value by picture."""
    files = {file.name: file.stat() for file in (place / "images").iterdir()}
    yield "inode", {name: of.st_ino for name, of in files.items()}
    yield "changed", {name: of.st_ctime_ns for name, of in files.items()}
    yield "modified", {name: of.st_mtime_ns for name, of in files.items()}
    yield "born", {name: getattr(of, "st_birthtime", 0) for name, of in files.items()}
    yield "listed", {file.name: at for at, file in enumerate((place / "images").iterdir())}


def places(studies: list[Path], trace: str) -> NDArray[np.float64]:
    """(cases, 5) ranks from 0 to 4 of a case's plain image and its heat-maps in the order of the models; ties share."""
    rows = []
    for place in studies:
        value = dict(traces(place))[trace]
        cases: dict[str, list[str]] = {}
        for row in read_key(place):
            cases.setdefault(row.name, [f"{row.name}.png"]).append(f"{row.layer}.png")
        rows += [[value[name] for name in own] for own in cases.values()]
    table = np.array(rows, dtype=np.float64)
    below, alike = (table[:, :, None] > table[:, None, :]).sum(-1), (table[:, :, None] == table[:, None, :]).sum(-1)
    return np.asarray(below + (alike - 1) / 2, dtype=np.float64)


@pytest.mark.parametrize("trace", ["inode", "changed", "modified", "born", "listed"])
def test_no_trace_goes_with_the_order_of_the_models(studies: list[Path], trace: str) -> None:
    ranks = places(studies, trace)
    assert ranks.shape == (STUDIES * CASES, 1 + MODELS)
    # Ranks without an order have mean 2 and variance 2 (Kruskal-Wallis): each mean of 90 has a standard error of 0.149.
    assert np.abs(ranks.mean(axis=0) - 2).max() < 0.149 * 6


def test_cases_are_mixed(studies: list[Path]) -> None:
    """The five pictures of a case lie no nearer to each other than those of different cases."""
    shares = []
    for place in studies:
        inode = dict(traces(place))["inode"]
        case = {f"{row.layer}.png": row.name for row in read_key(place)} | {
            f"{row.name}.png": row.name for row in read_key(place)
        }
        order = sorted(inode, key=inode.__getitem__)
        shares += [case[one] == case[two] for one, two in pairwise(order)]
    # By chance 4 of the 29 other pictures are of the same case: 0.138 of 15 * 29 neighbours, standard error 0.017.
    assert np.mean(shares) < 0.138 + 0.017 * 6
