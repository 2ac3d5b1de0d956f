"""The charts show what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from foveate.explanation import charts
from foveate.explanation.trust_charts import (
    faithfulness_chart,
    layer_order,
    repeatability_chart,
    sanity_chart,
)

MODELS = ("resnet18", "resnet18+se")


def curves() -> pd.DataFrame:
    rows = []
    for place, model in enumerate(MODELS):
        for repeat in (1, 2):
            for metric, fractions in (("deletion", np.linspace(0, 1, 21)), ("road_most", np.array([0.2, 0.8]))):
                for order, slope in (("heat", 0.9), ("random", 0.5), ("centre", 0.6)):
                    level = 1 - 0.1 * place - 0.02 * repeat
                    rows += [("mri", "p", model, repeat, metric, order, f, level - slope * f) for f in fractions]
    columns = ["dataset", "policy", "model", "repeat", "metric", "order", "fraction", "probability"]
    return pd.DataFrame(rows, columns=columns)


def test_faithfulness() -> None:
    with charts.style():
        figure = faithfulness_chart(curves(), MODELS)
        first, second = figure.axes
        figure.canvas.draw()
    lines = {str(line.get_label()): line for line in first.lines}
    assert list(lines) == ["ResNet-18", "ResNet-18 + SE", "random order", "centre first"]
    # Mean of both runs at fraction 0: 1 - 0.1 - 0.02 x 1.5 = 0.87; controls over both models' runs: 0.92.
    assert np.asarray(lines["ResNet-18 + SE"].get_ydata())[0] == pytest.approx(87)
    assert np.asarray(lines["random order"].get_ydata())[0] == pytest.approx(92)
    assert np.asarray(lines["ResNet-18 + SE"].get_xdata())[-1] == pytest.approx(100)
    assert len(first.collections) == 2  # a band a model
    assert to_hex(str(lines["ResNet-18 + SE"].get_color())) == charts.COLOURS[1]
    assert "ROAD" in second.get_title(loc="left")


def test_a_model_without_rows_is_left_out() -> None:
    table = curves()
    with charts.style():
        figure = faithfulness_chart(table[table["model"] == "resnet18"], MODELS)
    assert "ResNet-18 + SE" not in [line.get_label() for line in figure.axes[0].lines]


def test_sanity() -> None:
    rows = [
        ("mri", "p", model, repeat, mode, position, layer, 4, 0, value + 0.1 * repeat)
        for model in MODELS
        for repeat in (1, 2)
        for mode in ("cascading", "independent")
        for position, (layer, value) in enumerate([("fc", 0.5), ("layer4.1", 0.2), ("conv1", float("nan"))], start=1)
    ]
    columns = ["dataset", "policy", "model", "repeat", "mode", "position", "layer", "cases", "undefined", "correlation"]
    with charts.style():
        figure = sanity_chart(pd.DataFrame(rows, columns=columns), MODELS)
        figure.canvas.draw()
    left, _ = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["trained", "fc", "layer4.1", "conv1"]
    drawn = np.asarray(left.lines[0].get_ydata())
    assert drawn[:3] == pytest.approx([1, 0.65, 0.35])
    assert np.isnan(drawn[3])


def test_layers_of_several_networks_in_one_order() -> None:
    assert layer_order([["fc", "b", "a"], ["fc", "b", "gate", "a", "stem"]]) == ["fc", "b", "gate", "a", "stem"]
    assert layer_order([]) == []


def test_repeatability() -> None:
    none = float("nan")
    rows = [
        ("mri", "p", "repeats", "resnet18", "resnet18", "pearson", 3, 20, 0, 0.8, 0.7, 0.9, 0.1),
        ("mri", "p", "repeats", "resnet18+se", "resnet18+se", "pearson", 0, 0, 0, none, none, none, none),
        ("mri", "p", "models", "resnet18", "resnet18+se", "pearson", 3, 20, 0, 0.4, 0.3, 0.5, 0.3),
        ("mri", "p", "models", "resnet18", "resnet18+se", "spearman", 3, 20, 0, 0.1, 0.3, 0.5, 0.3),
    ]  # fmt: skip
    columns = [
        "dataset", "policy", "kind", "model", "other", "coefficient", "pairs", "cases", "undefined", "correlation",
        "ci_low", "ci_high", "other_cases",
    ]  # fmt: skip
    with charts.style():
        figure = repeatability_chart(pd.DataFrame(rows, columns=columns), MODELS)
        figure.canvas.draw()
    axes = figure.axes[0]
    words = {text.get_text() for text in axes.texts}
    assert words == {"0.80\n0.70 to 0.90", "one\nrun", "0.40\n0.30 to 0.50"}
    shades: NDArray[np.float64] = np.ma.asarray(axes.images[0].get_array()).filled(np.nan)
    np.testing.assert_allclose(shades, [[0.8, np.nan], [0.4, np.nan]])
    assert "Maps of different images: 0.20" in figure.get_supxlabel()


def test_one_model() -> None:
    row = ("mri", "p", "repeats", "resnet18", "resnet18", "pearson", 3, 20, 0, 0.8, float("nan"), float("nan"), 0.1)
    columns = [
        "dataset", "policy", "kind", "model", "other", "coefficient", "pairs", "cases", "undefined", "correlation",
        "ci_low", "ci_high", "other_cases",
    ]  # fmt: skip
    with charts.style():
        figure = repeatability_chart(pd.DataFrame([row], columns=columns), MODELS)
        figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.80"]
