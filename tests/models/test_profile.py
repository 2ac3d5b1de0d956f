"""The table of models: counts worked out by hand, gains of the authors' code."""

from __future__ import annotations

import pytest

from foveate.errors import UsageError
from foveate.models import create_model
from foveate.models.profile import flops, initial_gain, profile


def test_flops_by_hand() -> None:
    # At 33 pixels: stem 17 x 17, then 9, 5, 3 and 2 positions a side.
    stem = 17 * 17 * 64 * 3 * 49
    stage1 = 9 * 9 * 4 * 64 * 64 * 9
    sides, widths = (5, 3, 2), (128, 256, 512)
    others = 0
    for side, width in zip(sides, widths, strict=True):
        first = width * width // 2 * 9
        others += side * side * (first + 3 * width * width * 9 + width * width // 2)
    assert flops(create_model("resnet18"), 33) == 2 * (stem + stage1 + others + 512 * 2)


def test_flops_at_224_pixels_are_the_fields_number() -> None:
    # 1.81 G multiply-adds with 1,000 classes; 998 fewer classes save 0.5 M.
    assert flops(create_model("resnet18"), 224) / 2 == pytest.approx(1.814e9 - 0.0005e9, rel=1e-3)


def test_rows() -> None:
    plain, se, cbam = profile(["resnet18", "resnet18+se", "resnet18+cbam"], pixels=64, timed=False)
    assert (plain.parameters, se.parameters, cbam.parameters) == (11_177_538, 11_266_618, 11_267_418)
    assert plain.gain is None
    assert plain.step is None
    assert se.flops - plain.flops == 2 * sum(2 * 2 * width * width // 16 for width in (64, 128, 256, 512))
    # Of each block, SE keeps its input, from which it is computed again; CBAM little more.
    assert plain.activation_bytes < se.activation_bytes <= cbam.activation_bytes < 1.3 * plain.activation_bytes


def test_activation_memory_grows_with_the_image() -> None:
    small, large = (profile(["resnet18"], pixels, timed=False)[0].activation_bytes for pixels in (64, 128))
    assert large / small == pytest.approx(4, rel=0.05)


def test_steps_are_relative_to_the_first() -> None:
    first, second = profile(["resnet18", "resnet18+ran"], pixels=64)
    assert first.step == 1
    assert second.step is not None
    assert second.step > 0


def test_gain() -> None:
    assert initial_gain("gc") == 1
    assert initial_gain("cbam") == pytest.approx(0.25, abs=0.02)


def test_unknown_models_are_named() -> None:
    with pytest.raises(UsageError, match="did you mean cbam"):
        profile(["resnet18+cbm"])
