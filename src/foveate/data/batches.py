"""A part of a data set as uint8 on the device, or read from disk where it does not fit; a batch is one gather and one
normalisation."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foveate.data.pack import Pack

_CHUNK = 1024  # images read at once on the way to the device


class Batches:
    """Images and labels of some cases, ready to be gathered.

    Images stay (n, side, side, 1 or 3) uint8, so that a gathered batch is channels_last without a copy. They lie on
    the device (resident), or are read from the memory-mapped pack batch by batch (streamed): the same batches, bit for
    bit. Where `resident` is None, they lie there if they take at most half of the memory that is free.
    """

    def __init__(
        self, pack: Pack, cases: Sequence[str], split: str, device: torch.device, resident: bool | None = None
    ) -> None:
        rows = [pack.row[case] for case in cases]
        index = pack.index
        self.cases = list(cases)
        self.channels = index.channels
        self.device = device
        self.positives = index.positives  # classes at the end that are disease
        self.labels = torch.tensor([index.labels[row] for row in rows], device=device)
        normalisation = index.normalisation[split]
        _, _, side, stored = pack.pixels.shape
        # Of a whole row of pixels: one long addition is faster than many of three numbers.
        self._row_mean = torch.tensor(normalisation.mean[:stored], device=device).repeat(side)  # (side * stored,)
        self._row_scale = (1 / torch.tensor(normalisation.std[:stored], device=device)).repeat(side)
        self._pack, self._rows = pack, np.array(rows, dtype=np.int64)
        if resident is None:
            resident = pack.pixels[:1].nbytes * len(rows) <= free_memory(device) // 2
        self.images = self._load() if resident else None  # (n, side, side, 1 or 3) uint8

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def index_device(self) -> torch.device:
        """Where the rows for `gather` are best given: what is streamed would have to wait for a GPU to say them."""
        return torch.device("cpu") if self.images is None else self.device

    def buffer(self, batch_size: int) -> Tensor:
        """(batch_size, side, side, channels) float32 for `gather` to fill."""
        side = self._pack.pixels.shape[1]
        return torch.empty((batch_size, side, side, self.channels), device=self.device)

    def gather(
        self, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None, buffer: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(b,) rows -> normalised float32 images (b, channels, side, side) in channels_last, and labels (b,).

        `change` may augment the pixels, (b, 1 or 3, side, side) float32 in 0..255, before they are normalised. With a
        `buffer` for b images or more, the images hold until it is filled anew: on a CPU, fresh memory for every batch
        takes longer to get than to fill.
        """
        stored = self._stored(rows)
        whole = self.buffer(len(rows)) if buffer is None else buffer[: len(rows)]
        grey = stored.shape[-1] < self.channels  # normalised once, then repeated: its statistics are the same in each
        images = (torch.empty(stored.shape, device=self.device) if grey else whole).copy_(stored)
        if change is not None:
            images = change(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).contiguous()
        images.view(*images.shape[:2], -1).sub_(self._row_mean).mul_(self._row_scale)
        if grey:
            images = whole.copy_(images)
        return images.permute(0, 3, 1, 2), self.labels.index_select(0, rows.to(self.device))

    def _stored(self, rows: Tensor) -> Tensor:
        """(b,) rows -> (b, side, side, 1 or 3) uint8 on the device."""
        if self.images is None:
            return self._read(rows)
        if self.device.type == "cpu":  # torch would wake its threads for every single image
            return torch.from_numpy(self.images.numpy()[rows.numpy()])
        return self.images.index_select(0, rows.to(self.device))

    def _load(self) -> Tensor:
        images = torch.empty((len(self), *self._pack.pixels.shape[1:]), dtype=torch.uint8, device=self.device)
        for rows in torch.split(torch.arange(len(self)), _CHUNK):
            images[rows[0] : rows[-1] + 1] = self._read(rows)
        return images

    def _read(self, rows: Tensor) -> Tensor:
        """(b,) rows -> (b, side, side, 1 or 3) uint8 on the device, read in the order in which they lie on disk."""
        mapped, wanted = self._pack.pixels, self._rows[rows.cpu().numpy()]
        on_gpu = self.device.type == "cuda"  # from pinned memory, the copy need not be waited for
        pixels = torch.empty((len(wanted), *mapped.shape[1:]), dtype=torch.uint8, pin_memory=on_gpu)
        target = pixels.numpy()
        for place in wanted.argsort():
            target[place] = mapped[wanted[place]]
        return pixels.to(self.device, non_blocking=on_gpu)


def free_memory(device: torch.device) -> int:
    """Bytes that a device can still give: a GPU's own memory, else the machine's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    facts = Path("/proc/meminfo")
    if facts.is_file():
        values = dict(line.split(":", 1) for line in facts.read_text().splitlines())
        if "MemAvailable" in values:
            return int(values["MemAvailable"].split()[0]) * 1024  # it is given in kB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # macOS does not say what is free
