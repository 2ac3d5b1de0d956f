"""Rules that choose images, on maps small enough to rank by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from foveate import runs
from foveate.data.pack import Pack
from foveate.explanation import heatmaps
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.localisation.metrics import energy
from foveate.explanation.localisation.overlap import Laid
from foveate.explanation.localisation.regions import Region
from foveate.explanation.selection import RULES, Candidates, choose, choose_cases, mean_correlation

SIDE = 2  # maps are as large as images: enlarging changes nothing
CORNER = np.array([[True, False], [False, False]])


def spread(share: float) -> NDArray[np.float32]:
    """A map with this share of its heat in the corner, the rest in the opposite one."""
    return np.array([[share, 0], [0, 1 - share]], dtype=np.float32)


def candidates(
    folder: Path,
    maps: dict[str, list[NDArray[np.float32]]],
    labels: list[int],
    masked: list[str],
    probabilities: list[float] | None = None,
) -> Candidates:
    """Cases a, b, c, ...; the mask is the corner. probabilities: of class 1, for every model."""
    cases = [chr(ord("a") + number) for number in range(len(labels))]
    index = {
        "cases": cases,
        "labels": labels,
        "classes": ["normal", "lesion"],
        "pixels": SIDE,
        "fit": "stretch",
        "channels": 1,
        "normalisation": {},
        "masks": {case: row for row, case in enumerate(masked)},
        "fingerprint": "",
    }
    runs.write_json(folder / "index.json", index)
    np.save(folder / "masks.npy", np.array([CORNER] * len(masked)).reshape(-1, SIDE, SIDE))
    chance = np.array(probabilities or [0.5] * len(cases))
    logits = np.stack([np.zeros(len(cases)), np.log(chance / (1 - chance))], axis=1).astype(np.float32)
    known = {
        model: Heatmaps(np.array(cases), np.array(labels), np.array(raw), logits, "pooling")
        for model, raw in maps.items()
    }
    return Candidates(Pack(folder), known, known, seed=5)


@pytest.fixture
def four(tmp_path: Path) -> Candidates:
    """Energies: a (0.2 + 0.4) / 2 = 0.3, b (0.9 + 0.9) / 2 = 0.9, c (1 + blank) / 2 = 0.5, d 0.3; e has no mask."""
    one = [spread(0.2), spread(0.9), spread(1.0), spread(0.3), spread(1.0)]
    other = [spread(0.4), spread(0.9), -spread(0.5), spread(0.3), spread(1.0)]
    return candidates(tmp_path, {"one": one, "other": other}, [1, 1, 1, 1, 0], ["a", "b", "c", "d"])


def test_the_energy_is_that_of_the_scores(tmp_path: Path) -> None:
    """Also where maps are smaller than images, which `Candidates` never enlarges."""
    random = np.random.default_rng(4)
    side, masks, raw = 30, random.random((5, 30, 30)) < 0.2, random.normal(size=(5, 4, 7)).astype(np.float32)
    of = candidates(tmp_path, {"one": list(raw)}, [1] * 5, list("abcde"))
    runs.write_json(tmp_path / "index.json", runs.read_json(tmp_path / "index.json") | {"pixels": side})
    np.save(tmp_path / "masks.npy", masks)
    expected = [
        energy(Laid(heatmaps.heat(one, side, side), Region(mask))) for one, mask in zip(raw, masks, strict=True)
    ]
    np.testing.assert_allclose(of.quality, np.array(expected, dtype=float), atol=1e-6)


def names(of: Candidates, rows: list[int]) -> str:
    return "".join(of.cases[row] for row in rows)


def test_quality_is_the_energy_in_the_lesion_where_there_are_masks(four: Candidates) -> None:
    np.testing.assert_allclose(four.quality, [0.3, 0.9, 0.5, 0.3, np.nan], atol=1e-7)
    assert four.quality_words == "energy in the lesion"


def test_best_worst_and_median_with_ties_in_the_order_of_cases(four: Candidates) -> None:
    assert names(four, RULES["best"].choose(four, 3)) == "bca"  # a before d: they are equal
    assert names(four, RULES["worst"].choose(four, 3)) == "adc"
    assert names(four, RULES["median"].choose(four, 2)) == "dc"  # of a d c b
    assert names(four, RULES["median"].choose(four, 3)) == "dcb"  # the odd one above
    for rule in ("best", "worst", "median"):
        assert sorted(names(four, RULES[rule].choose(four, 9))) == ["a", "b", "c", "d"]  # e is not ranked


def test_without_masks_quality_is_the_probability_of_the_truth(tmp_path: Path) -> None:
    of = candidates(tmp_path, {"one": [spread(0.5)] * 3}, [1, 0, 1], [], [0.9, 0.3, 0.6])
    np.testing.assert_allclose(of.quality, [0.9, 0.7, 0.6], atol=1e-6)
    assert of.quality_words == "probability of the true class"
    assert names(of, RULES["best"].choose(of, 3)) == "abc"
    assert names(of, choose(of, "best", 3)) == "acb"  # the positive class first, in a class by rank


def test_marked_lesions_come_first_then_the_positive_class(tmp_path: Path) -> None:
    of = candidates(tmp_path, {"one": [spread(0.5)] * 4}, [0, 1, 1, 0], ["c", "d"])
    assert names(of, choose(of, "random", 4))[:2] == "cd"
    assert sorted(names(of, choose(of, "random", 4))[2:]) == ["a", "b"]
    assert names(of, choose(of, "random", 4))[2] == "b"


def correlation(*maps: NDArray[np.floating]) -> float:
    (value,) = mean_correlation([of[None] for of in maps])
    return float(value)


def test_correlation_by_hand() -> None:
    # Deviations from 1/4: (3, -1, -1, -1) / 4 and (-1, -1, -1, 3) / 4; products (-3 + 1 + 1 - 3) / 16 over 12 / 16.
    assert correlation(spread(1.0), spread(0.0)) == pytest.approx(-1 / 3)
    assert correlation(spread(1.0), 5 * spread(1.0) - 3) == pytest.approx(1)


def test_a_constant_map_agrees_with_nothing() -> None:
    constant = np.full((2, 2), np.float32(0.1))
    assert np.isnan(correlation(constant, spread(0.3)))
    assert np.isnan(correlation(np.zeros((2, 2)), constant))


def test_maps_of_two_sizes_are_compared_at_the_finer_one() -> None:
    fine = np.kron(spread(0.3), np.ones((2, 2)))
    assert correlation(spread(0.3), fine) == pytest.approx(correlation(fine, spread(0.3)))
    assert 0.5 < correlation(spread(0.3), fine) < 1


def test_correlation_is_numpys() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 7, 7))
    assert correlation(one, other) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    many = np.random.default_rng(1).normal(size=(4, 6, 3, 5))  # models, images
    pairs = [[np.corrcoef(of.reshape(4, -1))[i, j] for j in range(4) for i in range(j)] for of in many.swapaxes(0, 1)]
    np.testing.assert_allclose(mean_correlation(list(many)), np.mean(pairs, axis=1))


def test_disagreement_is_the_lowest_mean_of_all_pairs(tmp_path: Path) -> None:
    constant = np.zeros((2, 2), dtype=np.float32)
    maps = {
        "one": [spread(1), spread(1), spread(1), constant],
        "two": [spread(1), spread(1), spread(0), spread(1)],
        "three": [spread(1), spread(0), constant, constant],
    }
    of = candidates(tmp_path, maps, [0, 1, 1, 1], [])
    # a: 1; b: (1 - 1/3 - 1/3) / 3; c: one pair alone, -1/3; d: no pair.
    np.testing.assert_allclose(of.agreement, [1, 1 / 9, -1 / 3, np.nan], atol=1e-6)
    assert names(of, RULES["disagreement"].choose(of, 4)) == "cba"
    assert names(of, choose(of, "disagreement", 2)) == "cb"


def test_one_model_agrees_and_disagrees_with_nobody(tmp_path: Path) -> None:
    of = candidates(tmp_path, {"one": [spread(1)] * 2}, [0, 1], [])
    assert choose(of, "disagreement", 6) == []


def test_only_images_that_every_model_has_and_the_shown_maps_too(tmp_path: Path) -> None:
    of = candidates(tmp_path, {"one": [spread(1)] * 3}, [0, 1, 1], [])
    raw, logits = np.zeros((2, 2, 2), dtype=np.float32), np.zeros((2, 2), dtype=np.float32)
    part = Heatmaps(np.array(["c", "a"]), np.array([1, 0]), raw, logits, "layer3")
    assert Candidates(of.pack, of.maps, {"one": part}, 0).cases == ["a", "c"]
    assert Candidates(of.pack, {**of.maps, "two": part}, of.maps, 0).cases == ["a", "c"]


def test_images_are_drawn_evenly_by_class_and_those_with_a_mask_first() -> None:
    labels = [0, 1] * 10
    masks = [row in (1, 13, 17) for row in range(20)]
    chosen = choose_cases(labels, masks, 6, seed=3)
    assert [labels[row] for row in chosen] == [1, 1, 1, 0, 0, 0]
    assert set(chosen[:3]) == {1, 13, 17}
    assert chosen == choose_cases(labels, masks, 6, seed=3)
    assert chosen != choose_cases(labels, masks, 6, seed=4)
    assert sorted(choose_cases([0, 0, 1], [False] * 3, 6, seed=0)) == [0, 1, 2]  # all there are
