"""What the page says of how far the heat-maps can be trusted, from tables whose values are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from foveate import runs
from foveate.config import parse_study
from foveate.report.trust_section import (
    agreement_words,
    faithfulness_tables,
    method_table,
    sanity_words,
    trust_section,
    variant_title,
)
from foveate.runs import StudyFolder

MODELS = ["resnet18", "resnet18+se"]


def study(path: Path) -> StudyFolder:
    folder = StudyFolder(path)
    folder.create(parse_study({"name": "t", "models": MODELS, "datasets": {"d": {"source": "/x"}}}))
    return folder


def agreement(repeats: float, models: float, others: float = 0.1) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {"kind": "repeats", "model": model, "other": model, "correlation": repeats, "other_cases": others}
        for model in MODELS
    ]
    rows.append(
        {"kind": "models", "model": MODELS[0], "other": MODELS[1], "correlation": models, "other_cases": others}
    )
    return pd.DataFrame(rows).assign(dataset="d", policy="clean", coefficient="pearson", ci_low=0.1, ci_high=0.9)


def test_trainings_that_differ_as_much_as_models_are_said_to() -> None:
    alike = "a difference between two single maps is not a difference between two models"
    said = agreement_words(agreement(0.61, 0.60))
    assert "two trainings of one model: 0.61 for ResNet-18; 0.61 for ResNet-18 + SE." in said
    assert "Between two models, the maps of one image correlate 0.60." in said
    assert "Maps of different images correlate 0.10 already" in said
    assert alike in said
    assert alike not in agreement_words(agreement(0.8, 0.6))


def test_one_run_a_model_says_nothing_of_trainings() -> None:
    table = agreement(float("nan"), 0.5)
    assert "two trainings" not in agreement_words(table)


def test_faithfulness() -> None:
    rows = [
        {"model": model, "metric": metric, "mean": mean, "sd_between_runs": deviation, "control_random": 0.5,
         "control_centre": 0.4, "delta": delta, "delta_low": low, "delta_high": high, "cases": 32}
        for model, metric, mean, deviation, delta, low, high in [
            ("resnet18", "deletion", 0.3, 0.01, None, None, None),
            ("resnet18", "road", 0.2, float("nan"), None, None, None),
            ("resnet18+se", "deletion", 0.25, 0.02, -0.05, -0.09, -0.01),
            ("resnet18+se", "road", 0.3, float("nan"), 0.1, None, None),
        ]
    ]  # fmt: skip
    values, differences = faithfulness_tables(pd.DataFrame(rows), MODELS)
    assert [name for name, _ in values["columns"]] == ["Model", "Deletion (lower is better)", "ROAD (higher)"]
    assert [[cell for cell, _ in row] for row in values["rows"]] == [
        ["ResNet-18", "0.300 ± 0.010", "0.200"],
        ["ResNet-18 + SE", "0.250 ± 0.020", "0.300"],
        ["Random order", "0.500", "0.500"],
        ["From the centre outwards", "0.400", "0.400"],
    ]
    assert [[cell for cell, _ in row] for row in differences["rows"]] == [
        ["ResNet-18 + SE", "−0.050 (−0.090 to −0.010)", "+0.100"]
    ]


def test_sanity_speaks_of_the_last_layer_of_each_model() -> None:
    table = pd.DataFrame(
        [("resnet18", "cascading", 1, 0.9), ("resnet18", "cascading", 2, 0.04), ("resnet18", "independent", 2, 0.5),
         ("resnet18+se", "cascading", 3, -0.1)],
        columns=["model", "mode", "position", "correlation"],
    )  # fmt: skip
    assert "0.04 for ResNet-18; −0.10 for ResNet-18 + SE" in sanity_words(table)


def test_methods_beside_each_other(tmp_path: Path) -> None:
    folder = study(tmp_path / "out")
    (subject,) = runs.subjects(folder.study)
    for name, factor in (("", 1.0), ("-hires_cam@layer3", 0.5)):
        rows = [
            (model, metric, "all", factor * value, 0.02)
            for model, value in zip(MODELS, (0.4, 0.6), strict=True)
            for metric in ("energy", "pixel_auprc")
        ]
        table = pd.DataFrame(rows, columns=["model", "metric", "stratum", "value", "chance"])
        table.assign(dataset="d", policy=subject.policy).to_csv(folder.path / f"localisation-summary{name}.csv")
    found = method_table(folder, subject, MODELS)
    assert found is not None
    assert [[cell for cell, _ in row] for row in found["rows"]] == [
        ["Grad-CAM", "energy", "40.0 %", "60.0 %", "2.0 %"],
        ["Grad-CAM", "pixel AUPRC", "0.400", "0.600", "0.020"],
        ["HiResCAM, layer3", "energy", "20.0 %", "30.0 %", "2.0 %"],
        ["HiResCAM, layer3", "pixel AUPRC", "0.200", "0.300", "0.020"],
    ]


def test_titles_of_variants() -> None:
    assert variant_title("grad_cam_plus_plus") == "Grad-CAM++"
    assert variant_title("layer_cam@layer4.0-predicted") == "LayerCAM, layer4.0, predicted"


def test_nothing_measured_is_no_section(tmp_path: Path) -> None:
    folder = study(tmp_path / "out")
    assert trust_section(folder, runs.subjects(folder.study)[0], "c") == {}
