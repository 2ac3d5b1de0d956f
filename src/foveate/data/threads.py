"""Many images at once, and not all of them: work by threads, a bounded number of results in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from foveate.data.decoders import quiet_pillow

CHUNK = 64  # images in work, or done and not yet taken
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(one: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[list[Result]]:
    """`one(item)` of all items in order, in lists of up to CHUNK; decoding libraries do not warn meanwhile."""
    remaining = iter(items)
    with quiet_pillow(), ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(remaining, CHUNK)):
            yield list(pool.map(one, chunk))
