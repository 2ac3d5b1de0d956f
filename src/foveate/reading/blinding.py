"""Which model stands behind which letter, and the order in which a reader sees the cases. Numpy only."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_TO_REPEAT = 10  # cases; in a shorter study a reader would know the case again
Order = tuple[int, ...]


@dataclass(frozen=True)
class Showing:
    """One case as one reader sees it once."""

    case: int  # row of the study's cases
    order: Order  # the model at letter A, B, C, ...
    repeat: bool  # the second time that this reader sees the case


def letters(cases: int, models: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Which model stands at letter A, B, C, ... for each case: (cases, models) int64, each row a permutation.

    Every `models` rows are a Latin square of their own, its rows, columns and symbols permuted at random: in it
    every model stands once at every letter. The last square is cut where the cases end. Raises ValueError for
    fewer than no cases or less than one model.
    """
    if cases < 0 or models < 1:
        raise ValueError(f"letters need cases and at least one model, not {cases} cases and {models} models")
    squares = [_latin_square(models, generator) for _ in range(-(-cases // models))]
    return np.concatenate([np.empty((0, models), dtype=np.int64), *squares])[:cases]


def _latin_square(side: int, generator: np.random.Generator) -> NDArray[np.int64]:
    rows, columns, symbols = (generator.permutation(side) for _ in range(3))
    square: NDArray[np.int64] = symbols[(rows[:, None] + columns[None, :]) % side].astype(np.int64)
    return square


def repeats(cases: int, repeat_share: float = 0.1) -> int:
    """How many of the cases are shown a second time.

    The share, rounded, but at least one; none in a study of fewer than ten cases, or where the share is 0.
    """
    if cases < FEWEST_TO_REPEAT or repeat_share == 0:
        return 0
    return max(1, round(repeat_share * cases))


def schedule(
    cases: int,
    models: int,
    of_order: np.random.Generator,
    of_letters: np.random.Generator,
    repeat_share: float = 0.1,
    gap: int = 10,
) -> tuple[Showing, ...]:
    """One reader's showings, first to last: all cases in a random order, some a second time (see `repeats`).

    Order and letters are drawn by a generator each. The letters of the first showings are balanced in the order of
    showing (`letters`), so they are nearly so too for a reader who stops early. The second time no model stands at the
    letter where it stood the first time, where there is more than one model. Between a case's places in the order
    there are at least `gap` steps; in a study of fewer cases than that exactly as many as there are cases, which is the
    most that holds for all repeats at once. Raises ValueError for no case, no model, a share outside [0, 0.5] or a gap
    below 1.
    """
    if cases < 1 or not 0 <= repeat_share <= 0.5 or gap < 1:
        raise ValueError(
            f"a schedule needs at least one case, a share of repeats between 0 and 0.5 and a gap of at least 1, "
            f"not {cases}, {repeat_share} and {gap}"
        )
    rows = letters(cases, models, of_letters)
    firsts = [
        Showing(int(case), _order(row), repeat=False)
        for case, row in zip(of_order.permutation(cases), rows, strict=True)
    ]
    second_of = _second_places(cases, repeats(cases, repeat_share), min(gap, cases), of_order)
    shown: list[Showing] = []
    remaining = iter(firsts)
    for place in range(cases + len(second_of)):
        if place in second_of:
            first = shown[second_of[place]]
            shown.append(Showing(first.case, _new_order(first.order, of_letters), repeat=True))
        else:
            shown.append(next(remaining))
    return tuple(shown)


def _second_places(cases: int, count: int, gap: int, generator: np.random.Generator) -> dict[int, int]:
    """Place of a second showing in the order -> place of its first showing, at least `gap` before.

    The places are drawn, and moved back where too few first showings lie far enough before. With a share of at most
    a half and a gap of at most `cases` there is always room: the last `count` places would do.
    """
    drawn = np.sort(generator.choice(np.arange(gap, cases + count), size=count, replace=False))
    places: dict[int, int] = {}
    taken: set[int] = set()
    for number, start in enumerate(drawn.tolist(), start=1):
        place = max(start, max(places, default=0) + 1)
        while len(early := [at for at in range(place - gap + 1) if at not in places]) < number:
            place += 1
        free = [at for at in early if at not in taken]
        places[place] = free[generator.integers(len(free))]
        taken.add(places[place])
    return places


def _new_order(order: Order, generator: np.random.Generator) -> Order:
    """A permutation that agrees with `order` at no letter, all of those alike likely; one model has no other."""
    while len(order) > 1:
        new = generator.permutation(len(order))
        if (new != np.array(order)).all():
            return _order(new)
    return order


def _order(row: NDArray[np.int64]) -> Order:
    return tuple(int(model) for model in row)


def reader_schedule(
    secret: bytes, reader: str, cases: int, models: int, repeat_share: float = 0.1, gap: int = 10
) -> tuple[Showing, ...]:
    """The schedule of one reader: the same whenever it is asked for, and another for every reader and every secret.

    secret: 32 random bytes of the study; reader: the reader's id. Raises ValueError as `schedule` does.
    """
    of_order, of_letters = drawing(secret, reader, "order"), drawing(secret, reader, "letters")
    return schedule(cases, models, of_order, of_letters, repeat_share, gap)


def drawing(secret: bytes, reader: str, purpose: str) -> np.random.Generator:
    """A reader's generator for one purpose, from 256 bits that nobody finds by trying, nor from another purpose's.

    HMAC-SHA256 (RFC 2104) of reader and purpose under the secret. The order is known to whoever sees the database, and
    numpy's generators are not made to hide what they draw next: so letters are drawn by another one than the order.
    """
    digest = hmac.digest(secret, f"{reader}\0{purpose}".encode(), "sha256")
    sequence = np.random.SeedSequence(int.from_bytes(digest), pool_size=8)  # words of 32 bits: all of the digest
    return np.random.default_rng(sequence)
