"""What results tell against themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from foveate import runs
from foveate.config import dump_study, parse_study
from foveate.report.warnings import collect
from foveate.report.warnings.of_results import of_results
from foveate.report.warnings.warning import StudyWarning
from foveate.runs import StudyFolder

COLUMNS = ["dataset", "policy", "model", "repeat", "auc", "auc_low", "auc_high"]
GOOD = {"resnet18": (0.86, 0.8, 0.92), "resnet18+se": (0.88, 0.82, 0.94)}


def folder_of(place: Path, aucs: dict[str, tuple[float, float, float]], shortcuts: dict[str, Any]) -> StudyFolder:
    study = parse_study(
        {
            "name": "s",
            "models": list(GOOD),
            "datasets": {"d": {"source": "/d"}},
            "repeats": 1,
            "images": {"pixels": 128},
        }
    )
    (place / "study.yaml").write_text(dump_study(study))
    rows = [("d", "clean", model, 1, *ends) for model, ends in aucs.items()]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(place / "results.csv", index=False)
    audit = {"classes": {"a": ["a"], "b": ["b"]}, "positive_chosen_by": "study", "patients": 9, "parts": {}}
    runs.write_json(place / "data" / "d" / "audit.json", audit | {"findings": {"shortcuts": shortcuts}})
    return StudyFolder(place)


def auc(value: float, low: float) -> dict[str, Any]:
    return {"auc": {"value": value, "low": low, "high": 1.0, "by_label": {}}}


def warned(folder: StudyFolder) -> dict[str, StudyWarning]:
    (subject,) = runs.subjects(folder.study)
    return {own.key: own for own in of_results(folder, subject)}


def test_good_results_without_shortcuts_warn_of_nothing(tmp_path: Path) -> None:
    assert warned(folder_of(tmp_path, GOOD, {})) == {}


def test_a_shortcut_near_the_networks_is_told(tmp_path: Path) -> None:
    """35 of the 38 points above chance that the best network has."""
    (found,) = warned(folder_of(tmp_path, GOOD, {"file": auc(0.85, 0.8)})).values()
    assert found.key == "shortcut_as_good"
    assert "leads nearly as far as the networks: AUC 85.0 %, the best network 88.0 %" in found.sentence


def test_the_best_shortcut_is_named(tmp_path: Path) -> None:
    site = {"name": "site", **auc(0.95, 0.9)}
    found = warned(folder_of(tmp_path, GOOD, {"file": auc(0.85, 0.8), "facts": [site], "everything": None}))
    assert "(the site) leads as far as the networks: AUC 95.0 %" in found["shortcut_as_good"].sentence


def test_a_network_without_fault_has_no_interval_and_is_beside_the_shortcut_all_the_same(tmp_path: Path) -> None:
    perfect = {model: (1.0, float("nan"), float("nan")) for model in GOOD}
    found = warned(folder_of(tmp_path, perfect, {"file": auc(1.0, 0.75)}))
    assert "leads as far as the networks: AUC 100.0 %, the best network 100.0 %" in found["shortcut_as_good"].sentence


def test_weak_or_unsure_shortcuts_are_not(tmp_path: Path) -> None:
    weak = {"file": auc(0.8, 0.7), "everything": auc(0.9, 0.45)}  # 30 of 38 points; an interval that holds chance
    assert warned(folder_of(tmp_path, GOOD, weak)) == {}


def test_networks_at_chance_and_missing_runs(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"resnet18": (0.51, 0.44, 0.58)}, {"file": auc(0.505, 0.501)})
    found = warned(folder)
    assert found["not_learned"].models == ("resnet18",)
    assert found["runs_missing"].sentence == "Not complete: 1 of 2 runs on this data set are missing."
    written = collect.write_warnings(folder)
    stored = runs.read_json(tmp_path / collect.FILE)["warnings"]
    assert [own["key"] for own in stored] == [own.key for own in written]
    assert stored[0]["key"] == "not_learned"
    assert stored[0]["models"] == ["resnet18"]


def test_before_any_run_has_ended_nothing_is_said_of_results(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {}, {})
    assert warned(folder) == {}
