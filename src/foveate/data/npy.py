"""A .npy file that grows row by row, and can be gone on with after a kill."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from foveate import runs


class GrowingArray:
    """Appends rows to a file that np.load reads once it is closed."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic], count: int = 0) -> None:
        """Begin a file of rows of this shape or, where it is there, go on behind its first `count` rows.

        A file that is there keeps its own shape of a row.
        """
        self.path, self.dtype, self.count = path, np.dtype(dtype), count
        self.shape = _row_shape(path) if path.is_file() else shape
        self._open()

    def _open(self) -> None:
        self._file = self.path.open("r+b" if self.path.is_file() else "w+b")
        write_header(self._file, (self.count, *self.shape), self.dtype)
        self._file.truncate(self._file.tell() + self.count * self._row_bytes)
        self._file.seek(0, os.SEEK_END)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @staticmethod
    def holds(path: Path, count: int) -> bool:
        """Whether the file is there with at least so many rows, whatever its header says of them."""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            try:
                shape, _, dtype = _read_header(file)
            except ValueError:
                return False
            return path.stat().st_size >= file.tell() + count * int(np.prod(shape[1:])) * dtype.itemsize

    def append(self, row: NDArray[np.generic]) -> None:
        """Raises ValueError for another shape than the rows'."""
        if row.shape != self.shape:
            raise ValueError(f"a row of shape {row.shape} does not fit rows of shape {self.shape}")
        self._file.write(np.ascontiguousarray(row, dtype=self.dtype).data)
        self.count += 1

    def flush(self) -> None:
        """Hand all rows to the operating system: they outlive this process."""
        self._file.flush()

    def close(self) -> None:
        """Say in the header how many rows there are, and wait for the disk."""
        self._file.seek(0)
        write_header(self._file, (self.count, *self.shape), self.dtype)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def widen(self, channels: int) -> None:
        """Repeat the one channel of all rows (..., 1) so far; after a kill the file is the old one or the new."""
        self.close()
        old, shape = np.load(self.path, mmap_mode="r"), (*self.shape[:-1], channels)
        with runs.writing(self.path, "wb") as file:
            write_header(file, (self.count, *shape), self.dtype)
            for row in old:
                file.write(np.ascontiguousarray(np.broadcast_to(row, shape)).tobytes())
        self.shape = shape
        self._open()

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """Begin, or begin anew, a .npy file; its length does not depend on the number of rows."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)


def _row_shape(path: Path) -> tuple[int, ...]:
    with path.open("rb") as file:
        return _read_header(file)[0][1:]
