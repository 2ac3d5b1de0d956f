"""The same picture more than once: identical files, identical pixels, nearly identical pictures."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.data.image_facts import ImageFacts

Clusters = list[list[int]]  # rows of images that show the same; those of one image are left out
Grey = Callable[[int], NDArray[np.uint8]]  # row -> its (256, 256) grey copy

NEAR = 4  # bits in which the pHash, or the dHash, of a candidate differs at most
LOOSE = 8  # bits of the pHash where the dHash made the candidate
CLOSE = 0.99  # correlation from which on two pictures are nearly identical,
FAINT = 4.0  # or this mean difference, of 255, at a correlation of at least
ALIKE = 0.95  # which keeps two dark pictures apart
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: equal keys stay equal, others differ as good as always
_KEPT = 4096  # grey copies held at once, 256 MiB
_AT_ONCE = 256  # candidates


@dataclass(frozen=True)
class Twins:
    """Clusters of rows; each of these holds the one before it."""

    files: Clusters  # the very same file
    pixels: Clusters  # the same pixels, in whatever file
    near: Clusters  # the same pixels or nearly so

    def groups(self, own: Sequence[str]) -> list[str]:
        """A group for each row that a split must not part: rows of one cluster, or of one non-empty `own` group
        (a patient), directly or by way of others. The name is that of the first row in it."""
        joined = Union(len(own))
        for cluster in [*self.near, *group_by(own, leave_out="")]:
            for row in cluster[1:]:
                joined.join(cluster[0], row)
        return [str(joined.root(row)) for row in range(len(own))]


def find_twins(facts: Sequence[ImageFacts], grey: Grey) -> Twins:
    """Every kind of duplicate among images, without comparing each with each.

    `grey(row)` gives an image's (256, 256) uint8 grey copy; it is asked for candidates only, from several threads.
    Constant pictures are never near another one.
    """
    pixels = group_by([own.pixel_hash for own in facts])
    copies = {row for cluster in pixels for row in cluster[1:]}
    distinct = np.array([row for row, own in enumerate(facts) if row not in copies and not own.constant], dtype=np.intp)
    hashes = [[getattr(facts[row], name) for row in distinct] for name in ("perceptual", "gradient")]
    candidates = distinct[candidate_pairs(*(np.array(own, dtype=np.uint64) for own in hashes))]
    joined = Union(len(facts))
    for first, *others in pixels:
        for row in others:
            joined.join(first, row)
    for first, second in _confirmed(candidates, grey, joined):
        joined.join(first, second)
    return Twins(group_by([(own.file_hash, own.pixel_hash) for own in facts]), pixels, joined.clusters())


def group_by(values: Sequence[Hashable], leave_out: Hashable = None) -> Clusters:
    """Rows whose values are the same, where there are at least two, in the order of their first row."""
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        if value != leave_out:
            rows[value].append(row)
    return [cluster for cluster in rows.values() if len(cluster) > 1]


class Union:
    """Disjoint sets of rows (union-find); a set's root is its first row."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = row = self._parent[self._parent[row]]
        return row

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low

    def clusters(self) -> Clusters:
        return group_by([self.root(row) for row in range(len(self._parent))])


def candidate_pairs(perceptual: NDArray[np.uint64], gradient: NDArray[np.uint64]) -> NDArray[np.intp]:
    """(n,) and (n,) uint64 -> (m, 2) row numbers, first < second: pairs whose pHashes differ in at most 4 of 64 bits,
    or whose dHashes do and their pHashes in at most 8; the nearest first.

    Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): of 6 bands of a hash, 4 changed bits leave 2 alike;
    of 5 bands 1, and of 9 bands 8 changed bits leave 1. So only images that agree in about 20 bits are compared.
    """
    masks = [(first | second, 0) for first, second in itertools.combinations(_bands(6), 2)]
    masks += [(loose, near) for loose in _bands(9) for near in _bands(5)]
    found = [np.empty((0, 3), dtype=np.intp)]
    for loose, near in masks:
        keys = (perceptual & np.uint64(loose)) * _MIX ^ (gradient & np.uint64(near))
        for first, second in _equal(keys):
            one = np.bitwise_count(perceptual[first] ^ perceptual[second])
            other = np.bitwise_count(gradient[first] ^ gradient[second])
            good = (one <= NEAR) | ((other <= NEAR) & (one <= LOOSE))
            rows = np.sort(np.stack([first[good], second[good]], axis=1), axis=1)
            found.append(np.column_stack([one[good].astype(np.intp), rows]))
    nearest_first: NDArray[np.intp] = np.unique(np.concatenate(found), axis=0)[:, 1:]
    return nearest_first


def _bands(count: int) -> list[int]:
    """Masks that cut 64 bits into bands."""
    ends = [64 * band // count for band in range(count + 1)]
    return [(1 << end) - (1 << start) for start, end in itertools.pairwise(ends)]


def _equal(keys: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """All pairs of rows with the same key, at most n at a time."""
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.arange(len(keys), dtype=np.intp)
    for offset in range(1, len(keys)):
        starts = starts[: np.searchsorted(starts, len(keys) - offset)]
        starts = starts[ordered[starts] == ordered[starts + offset]]
        if not len(starts):
            return
        yield order[starts], order[starts + offset]


def _confirmed(candidates: NDArray[np.intp], grey: Grey, joined: Union) -> Iterator[tuple[int, int]]:
    """The candidates that are nearly identical by their pixels; none between rows that are joined by then."""
    kept: dict[int, NDArray[np.uint8]] = {}
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(candidates), _AT_ONCE):
            pairs = [pair for pair in candidates[start : start + _AT_ONCE].tolist() if _apart(pair, joined)]
            absent = sorted({row for pair in pairs for row in pair} - kept.keys())
            if len(kept) + len(absent) > _KEPT:
                kept, absent = {}, sorted({row for pair in pairs for row in pair})
            kept.update(zip(absent, pool.map(grey, absent), strict=True))
            for first, second in pairs:
                if _apart((first, second), joined) and nearly_identical(*difference(kept[first], kept[second])):
                    yield first, second


def _apart(pair: Sequence[int], joined: Union) -> bool:
    return joined.root(pair[0]) != joined.root(pair[1])


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean absolute difference in 0..255, and correlation, of two grey copies; 0 where one of them is constant."""
    one, other = first.astype(np.float32), second.astype(np.float32)
    mean = float(np.abs(one - other).mean())
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return mean, float((one * other).sum()) / scale if scale else 0.0


def nearly_identical(mean: float, correlation: float) -> bool:
    """Whether a `difference` is that of one picture, stored twice."""
    return correlation > CLOSE or (mean <= FAINT and correlation > ALIKE)


@dataclass(frozen=True)
class Tally:
    """How many duplicates of one kind there are; a pair is two images of one cluster."""

    clusters: int
    images: int  # in clusters
    surplus: int  # images that are copies of another one
    pairs: int
    pairs_across_splits: int
    pairs_across_labels: int
    pairs_across_patients: int
    clusters_across_splits: int
    clusters_across_labels: int


def tally(clusters: Clusters, splits: Sequence[str], labels: Sequence[str], patients: Sequence[str]) -> Tally:
    """Count clusters within and across splits, labels and patients; what is '' is not known, and across nothing."""
    images = sum(map(len, clusters))
    by_split = [_across(splits[row] for row in cluster) for cluster in clusters]
    by_label = [_across(labels[row] for row in cluster) for cluster in clusters]
    return Tally(
        clusters=len(clusters),
        images=images,
        surplus=images - len(clusters),
        pairs=sum(len(cluster) * (len(cluster) - 1) // 2 for cluster in clusters),
        pairs_across_splits=sum(by_split),
        pairs_across_labels=sum(by_label),
        pairs_across_patients=sum(_across(patients[row] for row in cluster) for cluster in clusters),
        clusters_across_splits=sum(map(bool, by_split)),
        clusters_across_labels=sum(map(bool, by_label)),
    )


def _across(values: Iterable[str]) -> int:
    """Pairs of different values among those that are not ''."""
    counts = Counter(value for value in values if value).values()
    return (sum(counts) ** 2 - sum(count**2 for count in counts)) // 2


def seen_before(clusters: Clusters, splits: Sequence[str], of: str, where: str) -> list[int]:
    """Rows of the split `of` whose picture stands in the split `where` too."""
    return sorted(
        row
        for cluster in clusters
        if any(splits[other] == where for other in cluster)
        for row in cluster
        if splits[row] == of
    )
