"""Times in words."""

from __future__ import annotations

import pytest

from foveate.execution.duration import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "1 second"), (59, "59 seconds"), (90, "2 minutes"), (3600, "60 minutes"), (7200, "2.0 hours")],
)
def test_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
