"""What a heat-map explains: the logit of one class, or that of one class less that of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foveate.errors import UsageError
from foveate.explanation.heatmaps import TRUTH

PREDICTED = "predicted"


@dataclass(frozen=True)
class Target:
    """A target that was read by `target_of`."""

    words: str  # the same for each way of writing the same target
    classes: tuple[int, ...]  # A, or A and B of the contrast A:B; none for truth and predicted

    def weights(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Weights over the logits, so that the explained score is (logits * weights).sum(1).

        `logits`: (N, classes); `labels`: (N,) true class indices. Returns (N, classes) in the logits' dtype.
        """
        weights = torch.zeros_like(logits)
        if self.words in (TRUTH, PREDICTED):
            rows = labels if self.words == TRUTH else logits.argmax(1)
            return weights.scatter_(1, rows[:, None], 1.0)
        for index, sign in zip(self.classes, (1.0, -1.0), strict=False):
            weights[:, index] = sign
        return weights


def target_of(words: str, classes: Sequence[str]) -> Target:
    """Read `truth`, `predicted`, a class's name, or the contrast of two classes, `A:B`: logit A less logit B.

    `truth` and `predicted` always mean what they say, and a class's whole name goes before a contrast. A name in
    double quotation marks is always a class's: `"truth"`, `"a:b":c`. Raises UsageError where no class is meant,
    where more than one reading is possible, or where a class is set against itself.
    """
    if words in (TRUTH, PREDICTED):
        return Target(words, ())
    readings = _readings(words, classes)
    if not readings:
        raise UsageError(
            f"there is nothing called {words!r} to explain: it may be {TRUTH}, {PREDICTED}, one of the classes "
            f"{', '.join(classes)}, or two of them as A:B."
        )
    if len(readings) > 1:
        raise UsageError(f'{words!r} can be read in several ways: put the classes in quotation marks, "A":"B".')
    (reading,) = readings
    if len(set(reading)) < len(reading):
        raise UsageError(f"{words!r} sets a class against itself: name two different ones as A:B.")
    plain = ":".join(classes[index] for index in reading)
    quoted = ":".join(f'"{classes[index]}"' for index in reading)
    unmistakable = plain not in (TRUTH, PREDICTED) and _readings(plain, classes) == {reading}
    return Target(plain if unmistakable else quoted, reading)


def _readings(words: str, classes: Sequence[str]) -> set[tuple[int, ...]]:
    """Class indices that the words may mean: of one class, or of the two of a contrast."""
    known = {f'"{name}"': index for index, name in enumerate(classes)}
    known |= {name: index for index, name in enumerate(classes)}
    if words in known:
        return {(known[words],)}
    sides = [(words[:at], words[at + 1 :]) for at, letter in enumerate(words) if letter == ":"]
    return {(known[left], known[right]) for left, right in sides if left in known and right in known}
