"""A part of a data set as one uint8 tensor on the device; a batch is one gather and one normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foveate.data.pack import Pack


class Batches:
    """Images and labels of some cases, ready to be gathered.

    Images stay (n, side, side, 1 or 3) uint8, so that a gathered batch is channels_last without a copy.
    """

    def __init__(self, pack: Pack, cases: Sequence[str], split: str, device: torch.device) -> None:
        rows = [pack.row[case] for case in cases]
        index = pack.index
        self.cases = list(cases)
        self.channels = index.channels
        self.images = torch.from_numpy(pack.pixels[rows]).to(device)
        self.positives = index.positives  # classes at the end that are disease
        self.labels = torch.tensor([index.labels[row] for row in rows], device=device)
        normalisation = index.normalisation[split]
        self.mean = torch.tensor(normalisation.mean, device=device)
        self.scale = 1 / torch.tensor(normalisation.std, device=device)

    def __len__(self) -> int:
        return len(self.cases)

    def gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(b,) rows -> normalised float32 images (b, channels, side, side) in channels_last, and labels (b,)."""
        images = self.images.index_select(0, rows).to(torch.float32)  # (b, side, side, 1 or 3)
        if images.shape[-1] == 1 and self.channels == 3:
            # The statistics of a grey image are the same in every channel: normalise once, then repeat.
            images = ((images - self.mean[0]) * self.scale[0]).expand(-1, -1, -1, 3).contiguous()
        else:
            images = (images - self.mean) * self.scale
        return images.permute(0, 3, 1, 2), self.labels.index_select(0, rows)
