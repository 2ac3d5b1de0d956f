"""Room on a disk: what would fill it is refused before."""

from __future__ import annotations

import shutil
from pathlib import Path

from foveate import runs
from foveate.errors import FoveateError

LEFT = 2**28  # bytes that stay free: other programs write, too


def refuse_to_fill(folder: Path, size: int) -> None:
    """Raises FoveateError where so many bytes more in the folder would leave the disk without room."""
    with runs.disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if size > free - LEFT:
        raise FoveateError(
            f"{folder} has room for {max(free - LEFT, 0) / 2**20:,.0f} MiB, and {size / 2**20:,.0f} MiB are needed: "
            "make room, or take a folder on another disk, and start the same command again."
        )
