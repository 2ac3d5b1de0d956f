"""Many images at once, and not all of them: work by threads, a bounded number of results in memory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from foveate.data.pixels import quiet_pillow

WORKERS = 1 + (os.cpu_count() or 1)  # one more, since one may wait for the disk
SOME = 8  # images handed over to a thread together
CHUNK = 64  # images handed over at once; as many are in work meanwhile
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(one: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[list[Result]]:
    """`one(item)` of all items in order, in lists of up to CHUNK; decoding libraries do not warn meanwhile."""
    remaining = iter(items)
    with quiet_pillow(), ThreadPoolExecutor(WORKERS) as pool:
        now = _handed_over(pool, one, remaining)
        try:
            while now:
                following = _handed_over(pool, one, remaining)
                yield [result for some in now for result in some.result()]
                now = following
        finally:
            pool.shutdown(cancel_futures=True)  # nothing to wait for where an error or Ctrl-C ends this


def _handed_over(
    pool: ThreadPoolExecutor, one: Callable[[Item], Result], remaining: Iterator[Item]
) -> list[Future[list[Result]]]:
    """The next CHUNK items in work, some to a call: a call for each took a quarter longer."""

    def several(items: list[Item]) -> list[Result]:
        return [one(item) for item in items]

    chunk = list(itertools.islice(remaining, CHUNK))
    return [pool.submit(several, chunk[start : start + SOME]) for start in range(0, len(chunk), SOME)]
