"""What tells the labels apart without the picture: what a file says of itself, its size, its border.

A network that can read the label off these need not look at the organ. Each is set against the labels: Cramér's V, the
value that stands out most, and the AUC of a classifier that sees nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from foveate.data.image_facts import ImageFacts

CATEGORIES = ("format", "mode", "scaling", "size", "site")
OF_THE_FILE = ("format", "mode", "size", "aspect")  # a disease cannot change these
OF_THE_PICTURE = ("file bytes", "border brightness", "mean brightness")  # these it can, somewhat
# A site is told by a table, and by what it leaves in its pictures; the scaling may follow from the brightest pixel.
ELSEWHERE = ("scaling", "site")
_COLUMNS = {"size": ["width", "height"]}  # what the classifier sees of a fact, where it is not its own column
RARE = 10  # images; sizes that are rarer count as one, "other"
FOLDS, TREES, _CONFIDENCE = 5, 25, 0.95


@dataclass(frozen=True)
class Auc:
    """A cross-validated AUC and its 95 % confidence interval; of several labels the mean, each against the rest."""

    value: float
    low: float
    high: float
    by_label: dict[str, float]  # of more than two labels, each against the rest

    @property
    def clearest(self) -> str:
        """The label that is told best from the rest; '' of two labels."""
        return max(self.by_label, key=lambda label: self.by_label[label], default="")


@dataclass(frozen=True)
class Telling:
    """The value of a fact whose share differs most between two labels."""

    value: str
    often: str  # the label that has it most
    often_share: float
    seldom: str  # the label that has it least
    seldom_share: float

    @property
    def auc(self) -> float:
        """Of the rule "has this value", between these two labels."""
        return (1 + self.often_share - self.seldom_share) / 2


@dataclass(frozen=True)
class Shortcut:
    """How much one fact, or several together, tell of the label."""

    name: str
    same: bool  # in all images: it tells nothing
    cramers_v: float | None = None  # of categories
    telling: Telling | None = None
    auc: Auc | None = None  # None where a label has too few images, or patients, to cross-validate


@dataclass(frozen=True)
class Shortcuts:
    """What is known without the picture, fact by fact and together."""

    facts: list[Shortcut]
    file: Shortcut  # all that no disease can change
    everything: Shortcut | None  # with file bytes and brightness, where they were measured


def measured(facts: Sequence[ImageFacts]) -> pd.DataFrame:
    """One row an image, with all that `find_shortcuts` can use."""
    table = pd.DataFrame(
        {
            "format": [own.format for own in facts],
            "mode": [own.mode for own in facts],
            "scaling": [own.scaling for own in facts],
            "width": [own.width for own in facts],
            "height": [own.height for own in facts],
            "file bytes": [own.file_bytes for own in facts],
            "border brightness": [own.border for own in facts],
            "mean brightness": [own.brightness for own in facts],
        }
    )
    return with_size(table)


def with_size(table: pd.DataFrame) -> pd.DataFrame:
    """Add size ("512 × 512") and aspect (width by height) where width and height are known."""
    if not {"width", "height"} <= set(table):
        return table
    sizes = [f"{width:g} × {height:g}" for width, height in zip(table["width"], table["height"], strict=True)]
    return table.assign(size=sizes, aspect=table["width"] / table["height"])


def find_shortcuts(table: pd.DataFrame, outcome: Sequence[str], groups: Sequence[str], seed: int = 0) -> Shortcuts:
    """Set each fact of a table (`measured`, or some of its columns) against the outcome of each row.

    Rows of one group (a patient, copies of a picture) are never in two folds; '' is a group of its own.
    """
    own = np.array([group or f"\0{row}" for row, group in enumerate(groups)])
    known = np.asarray(outcome)

    def together(name: str, facts: Sequence[str]) -> Shortcut:
        columns = [column for fact in facts for column in _COLUMNS.get(fact, [fact])]
        varied = [column for column in columns if table[column].nunique() > 1]
        auc = cross_validated_auc(_numbers(table[varied]), known, own, seed) if varied else None
        return Shortcut(name, same=not varied, auc=auc)

    def alone(fact: str) -> Shortcut:
        found = together(fact, [fact])
        if found.same or fact not in CATEGORIES:
            return found
        values = _without_rare([str(value) for value in table[fact]])
        return Shortcut(fact, False, cramers_v(values, outcome), most_telling(values, outcome), found.auc)

    file = [fact for fact in OF_THE_FILE if fact in table]
    picture = [fact for fact in OF_THE_PICTURE if fact in table]
    return Shortcuts(
        [alone(fact) for fact in (*file, *picture, *(fact for fact in ELSEWHERE if fact in table))],
        together("file", file),
        together("everything", [*file, *picture]) if picture else None,
    )


def _numbers(table: pd.DataFrame) -> NDArray[np.float64]:
    """(n, p): categories as numbers, sorted by name. Never in the order of the rows, which are sorted by label."""
    columns = []
    for name in table:
        values = list(table[name])
        names = {value: place for place, value in enumerate(sorted(set(values)))} if name in CATEGORIES else {}
        columns.append([float(names.get(value, value)) for value in values])
    return np.array(columns, dtype=np.float64).T


def _without_rare(values: Sequence[str]) -> list[str]:
    counts = Counter(values)
    return [value if counts[value] >= RARE else "other" for value in values]


def cramers_v(values: Sequence[str], outcome: Sequence[str]) -> float:
    """Association of two categorical variables, 0 to 1, corrected for its bias (Bergsma, J Korean Stat Soc 42:323,
    2013); 0 where one of them does not vary."""
    table = pd.crosstab(pd.Series(list(values)), pd.Series(list(outcome))).to_numpy(dtype=np.float64)
    (rows, columns), count = table.shape, table.sum()
    if min(rows, columns) < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / count
    phi2 = float(((table - expected) ** 2 / expected).sum()) / count
    corrected = max(0.0, phi2 - (rows - 1) * (columns - 1) / (count - 1))
    rows_corrected = rows - (rows - 1) ** 2 / (count - 1)
    columns_corrected = columns - (columns - 1) ** 2 / (count - 1)
    smaller = min(rows_corrected, columns_corrected) - 1
    return float(min(1.0, np.sqrt(corrected / smaller))) if smaller > 0 else 0.0


def most_telling(values: Sequence[str], outcome: Sequence[str]) -> Telling:
    """The value with the largest difference of its share between two labels."""
    shares = pd.crosstab(pd.Series(list(values)), pd.Series(list(outcome)), normalize="columns")
    value = str((shares.max(axis=1) - shares.min(axis=1)).idxmax())
    labels = [str(label) for label in shares.columns]
    row = dict(zip(labels, shares.to_numpy()[list(shares.index).index(value)].tolist(), strict=True))
    often, seldom = max(row, key=lambda label: row[label]), min(row, key=lambda label: row[label])
    return Telling(value, often, row[often], seldom, row[seldom])


def cross_validated_auc(
    features: NDArray[np.float64], outcome: NDArray[np.str_], groups: NDArray[np.str_], seed: int = 0
) -> Auc | None:
    """The AUC of a random forest on images that it was not trained on: (n, p), (n,), (n,) -> the mean over 5 folds.

    The interval is by the influence curve (LeDell, Petersen and van der Laan, Electron J Stat 9:1583, 2015), summed by
    group, and widened for training sets that overlap (Nadeau and Bengio, Mach Learn 52:239, 2003): without that, of
    facts that tell nothing 85 % of intervals hold 0.5. Its lower end is at most 1 - 3/m, its upper at least 3/m, for m
    groups of the rarest label: where m of m go well, the rule of three leaves that open (Hanley and Lippman-Hand, JAMA
    249:1743, 1983). None where a label has fewer than two groups.
    """
    labels = sorted(set(outcome.tolist()))
    fewest = min(len(set(groups[outcome == label].tolist())) for label in labels)
    folds = min(FOLDS, fewest)
    if folds < 2 or len(labels) < 2:
        return None
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    values: list[dict[str, float]] = []  # fold by fold
    influence = np.zeros(len(outcome))
    used = 0
    for train, test in splitter.split(features, outcome, groups):
        if not len(test) or len(set(outcome[train].tolist())) < 2:  # a few large groups can make such folds
            continue
        forest = RandomForestClassifier(TREES, min_samples_leaf=5, random_state=seed).fit(
            features[train], outcome[train]
        )
        scores = dict(zip(forest.classes_.tolist(), forest.predict_proba(features[test]).T, strict=True))
        found = {label: (auc, own) for label, auc, own in _one_against_rest(scores, outcome[test])}
        if found:
            values.append({label: auc for label, (auc, _) in found.items()})
            influence[test] = np.mean([own for _, own in found.values()], axis=0)
            used += len(test)
    if not values:
        return None
    _, member = np.unique(groups, return_inverse=True)
    by_group = np.bincount(member, weights=influence)
    overlap = 1 + folds / (folds - 1)  # a fold's variance is (1/k + test/train) of one split's, not 1/k
    error = float(np.sqrt(overlap * np.square(by_group).sum())) / used
    auc = float(np.mean([np.mean(list(fold.values())) for fold in values]))
    reach = float(norm.ppf((1 + _CONFIDENCE) / 2)) * error
    means = {label: float(np.mean([fold[label] for fold in values if label in fold])) for label in values[0]}
    low, high = max(0.0, min(auc - reach, 1 - 3 / fewest)), min(1.0, max(auc + reach, 3 / fewest))
    return Auc(auc, low, high, means if len(labels) > 2 else {})


def _one_against_rest(
    scores: Mapping[str, NDArray[np.float64]], outcome: NDArray[np.str_]
) -> Iterator[tuple[str, float, NDArray[np.float64]]]:
    """Each label that a fold holds, its AUC, and what each image contributes to that."""
    names = sorted(scores)
    for label in names[1:] if len(names) == 2 else names:
        diseased = outcome == label
        positive, negative = int(diseased.sum()), int((~diseased).sum())
        if not positive or not negative:
            continue
        ranks, own = rankdata(scores[label]), np.empty(len(outcome))
        own[diseased] = rankdata(scores[label][diseased])
        own[~diseased] = rankdata(scores[label][~diseased])
        below = (ranks - own) / np.where(diseased, negative, positive)  # share of the other group that scores lower
        auc = float(below[diseased].mean())
        share = np.where(diseased, positive, negative) / len(outcome)
        yield label, auc, np.where(diseased, below - auc, (1 - below) - auc) / share
