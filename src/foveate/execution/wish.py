"""What `foveate explain` can be asked for beyond what the main job does."""

from __future__ import annotations

from dataclasses import dataclass, field

from foveate.explanation.heatmaps import GRAD_CAM, POOLING, TRUTH


@dataclass(frozen=True)
class Shown:
    """Which maps the figures show, of which images, and how."""

    method: str = GRAD_CAM
    tap: str = POOLING
    target: str = TRUTH
    rules: tuple[str, ...] = ("random",)
    cases: tuple[str, ...] = ()  # images by their case ids, in a figure of their own
    scale: str = "image"


@dataclass(frozen=True)
class Wish:
    """Maps and figures, tests of the heat-maps, and figures of what attention blocks compute."""

    shown: Shown = field(default_factory=Shown)
    faithfulness: int = 0  # images a run
    sanity: int = 0  # images a run
    attention: bool = False
