"""Locks between processes, and one line where a file system gives none."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import filelock

from foveate.errors import FoveateError

# What NFS without its lock service, FUSE and cluster file systems answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


@contextlib.contextmanager
def held(file: Path, option: str, wait: bool = True) -> Iterator[None]:
    """Hold the lock `file` while the block runs; a killed process leaves it free.

    Raises filelock.Timeout where another process holds it and `wait` is not set; FoveateError where the file system
    gives no locks, which names the `option` that chooses another; OSError for what else the disk refuses.
    """
    lock = filelock.FileLock(file)
    try:
        lock.acquire(blocking=wait)
    except (OSError, NotImplementedError) as error:  # the latter of filelock before it did without such locks itself
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise FoveateError(
            f"cannot lock {file}: the file system gives no locks ({getattr(error, 'strerror', None) or error}). Give a "
            f"folder on a local disk with {option}, or have locks turned on for this file system."
        ) from error
    try:
        yield
    finally:
        lock.release()
