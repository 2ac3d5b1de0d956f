"""How fine a heat-map can be: what one of its values stands for, and when there are too few of them."""

from __future__ import annotations

STRIDE = 32  # input pixels behind one position of a ResNet's last feature map
FEWEST = 4  # values a side, below which a map can localise nothing
FINE = (FEWEST - 1) * STRIDE + 1  # pixels from which on there are as many
ADVISED = 128  # pixels for a first look: 4 x 4 values, and no slower to speak of than 100
FINER = (
    f"Images of {FINE} pixels or more give {FEWEST} × {FEWEST} values: --pixels {ADVISED}, or images.pixels in the "
    "study’s file."
)


def map_size(pixels: int) -> tuple[int, int]:
    """Height and width of a heat-map for images of so many pixels a side."""
    return (-(-pixels // STRIDE),) * 2


def coarse(size: tuple[int, int]) -> str:
    """A warning where heat-maps (height, width) are too coarse to localise anything; '' where they are not."""
    height, width = size
    if min(size) >= FEWEST:
        return ""
    return (
        f"The heat-maps have {height} × {width} values: they can localise nothing, whatever they look like when "
        "enlarged."
    )
