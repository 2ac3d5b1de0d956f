"""Labels and names of a study's YAML stay as they are written."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.config import dump_study, load_study, parse_study
from foveate.config.yaml_texts import load_yaml
from foveate.errors import UsageError

MISREAD = [
    "yes",
    "no",
    "on",
    "off",
    "True",
    "null",
    "1",
    "01",
    "1e3",
    "1.0",
    "0x1F",
    "2020-01-01",
    "1_000",
    "1:30",
    ".5",
]


@pytest.mark.parametrize("label", MISREAD)
def test_labels_are_what_stands_there(label: str) -> None:
    text = f"datasets: {{d: {{positive: [{label}], merge: {{{label}: [{label}, b]}}, columns: {{label: [{label}]}}}}}}"
    dataset = load_yaml(text)["datasets"]["d"]
    assert dataset == {"positive": [label], "merge": {label: [label, "b"]}, "columns": {"label": [label]}}


@pytest.mark.parametrize("label", [name for name in MISREAD if name != "null"])
def test_one_label_without_a_list(label: str) -> None:
    text = f"datasets: {{d: {{positive: {label}, columns: {{label: {label}, patient: {label}}}, source: {label}}}}}"
    dataset = load_yaml(text)["datasets"]["d"]
    assert dataset == {"positive": label, "columns": {"label": label, "patient": label}, "source": label}


def test_names_of_models_and_data_sets(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: 2026-01-01\nmodels: [resnet18]\ndatasets: {1: {source: 007}, no: {}}\n")
    study = load_study(tmp_path / "s.yaml")
    assert study.name == "2026-01-01"
    assert list(study.datasets) == ["1", "no"]
    assert study.datasets["1"].source == str(tmp_path / "007")
    assert load_yaml("models: [1e3]") == {"models": ["1e3"]}


def test_numbers_truths_and_nothing_stay_elsewhere() -> None:
    text = "seed: 1\nskip_unreadable: yes\nmodels: {m: {stages: [1, 2]}}\ndatasets: {d: {table: null, epochs: 3}}\n"
    assert load_yaml(text) == {
        "seed": 1,
        "skip_unreadable": True,
        "models": {"m": {"stages": [1, 2]}},
        "datasets": {"d": {"table": None, "epochs": 3}},
    }
    assert load_yaml("") is None


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1), min_size=1))
def test_labels_come_back_from_a_study_that_is_written(labels: list[str]) -> None:
    unique = sorted(set(labels))
    data = {"name": "s", "models": ["resnet18"], "datasets": {"d": {"positive": unique, "merge": {"all": unique}}}}
    study = parse_study(data)
    assert parse_study(load_yaml(dump_study(study))) == study


@pytest.mark.parametrize("value", [True, 1.0, date(2020, 1, 1)])
def test_labels_of_a_dictionary_that_are_no_text(value: Any) -> None:
    """In Python, or from another reader of YAML: the text is lost, so it is asked for."""
    for keys in ({"positive": [value]}, {"positive": value}, {"merge": {"x": [value]}}, {"merge": {value: ["x"]}}):
        with pytest.raises(UsageError, match=r"is no label: write it in quotes"):
            parse_study({"name": "s", "models": ["resnet18"], "datasets": {"d": {"source": "x", **keys}}})
