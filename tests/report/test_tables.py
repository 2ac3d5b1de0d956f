import math
from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.config import Study, parse_study
from foveate.report import tables
from foveate.runs import StudyFolder, Subject
from tests.report import synthetic

MRI = Subject("mri", "paper", "mri")


def study(repeats: int = 3) -> Study:
    plain = {
        "name": "s",
        "models": ["resnet18", "resnet18+se"],
        "datasets": {"mri": {"source": "x", "published": "mri"}},
        "policies": ["paper"],
        "repeats": repeats,
    }
    return parse_study(plain)


def results(aucs: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = [("mri", "paper", model, repeat, auc, 0.9, 60.0) for (model, repeat), auc in aucs.items()]
    names = ["dataset", "policy", "model", "repeat", "auc", "accuracy", "seconds"]
    return pd.DataFrame(rows, columns=names)


SIX = {
    ("resnet18", 1): 0.90, ("resnet18", 2): 0.92, ("resnet18", 3): 0.94,
    ("resnet18+se", 1): 0.95, ("resnet18+se", 2): 0.95, ("resnet18+se", 3): 0.98,
}  # fmt: skip


def test_mean_deviation_and_delta_by_hand() -> None:
    baseline, se = tables.auc_table(study(), MRI, results(SIX))
    assert baseline.mean == pytest.approx(92)
    assert baseline.deviation == pytest.approx(2)  # of 90, 92, 94 with n - 1
    assert baseline.delta is None
    assert se.mean == pytest.approx(96)
    assert se.delta == pytest.approx(4)
    assert se.deviation == pytest.approx(math.sqrt(3))  # of 95, 95, 98
    assert baseline.published == pytest.approx(93.67)
    assert se.published_delta == pytest.approx(96.02 - 93.67)


def test_one_repeat_has_no_deviation() -> None:
    rows = tables.auc_table(study(1), MRI, results({("resnet18", 1): 0.9, ("resnet18+se", 1): 0.8}))
    assert [row.deviation for row in rows] == [None, None]
    assert rows[1].delta == pytest.approx(-10)


def test_missing_runs_and_runs_without_an_auc() -> None:
    table = results({("resnet18", 1): 0.9, ("resnet18", 2): float("nan")})
    baseline, se = tables.auc_table(study(), MRI, table)
    assert baseline.tests[1:] == (None, None)
    assert baseline.mean == pytest.approx(90)
    assert baseline.runs == 1
    assert (se.mean, se.delta, se.runs) == (None, None, 0)
    missing = tables.missing_runs(study(), table)
    assert [run.key for run in missing] == [
        "mri/resnet18+se/1",
        "mri/resnet18+se/2",
        "mri/resnet18/3",
        "mri/resnet18+se/3",
    ]


def test_the_table_is_laid_out_as_in_the_paper() -> None:
    rows = tables.auc_table(study(), MRI, results(SIX))
    assert tables.auc_markdown(rows, 5).splitlines() == [
        "| Model | Test 1 | Test 2 | Test 3 | Mean AUC-ROC | SD | Published (table 5) |",
        "| :-- | --: | --: | --: | --: | --: | --: |",
        "| ResNet-18 | 90.00 | 92.00 | 94.00 | 92.00 | 2.00 | 93.67 |",
        "| ResNet-18 + SE | 95.00 | 95.00 | 98.00 | 96.00 (+4.00) | 1.73 | 96.02 (+2.35) |",
    ]
    assert tables.auc_csv(rows).splitlines() == [
        "model,test_1,test_2,test_3,mean_auc,delta,sd_auc,published_mean_auc,published_delta",
        "resnet18,90.00,92.00,94.00,92.00,,2.00,93.67,",
        "resnet18+se,95.00,95.00,98.00,96.00,4.00,1.73,96.02,2.35",
    ]
    assert "Published" not in tables.auc_markdown(rows, None)


@pytest.mark.parametrize(
    ("value", "text"), [(1.777, "+1.78"), (-0.4, "−0.40"), (0.001, "0.00"), (-0.001, "0.00"), (None, "")]
)
def test_differences_have_a_sign(value: float | None, text: str) -> None:
    assert tables.signed(value) == text


def test_decimals() -> None:
    assert [tables.decimals(value) for value in (93.284, None, float("nan"))] == ["93.28", "–", "–"]


def test_localisation_by_hand() -> None:
    def row(model: str, case: str, metric: str, value: float | None, chance: float) -> tuple[object, ...]:
        return ("mri", "paper", model, 0 if model == "centre_prior" else 1, case, metric, value, chance)

    rows = [
        row("resnet18", "a", "energy", 0.2, 0.1), row("resnet18", "b", "energy", 0.4, 0.05),
        row("resnet18", "c", "energy", None, 0.3), row("resnet18", "a", "pixel_auprc", 0.5, 0.1),
        row("resnet18", "b", "pixel_auprc", 0.7, 0.05), row("resnet18", "c", "pixel_auprc", 0.3, 0.3),
        row("centre_prior", "a", "energy", 0.25, 0.1), row("centre_prior", "b", "energy", 0.35, 0.05),
    ]  # fmt: skip
    names = ["dataset", "policy", "model", "repeat", "case", "metric", "value", "chance"]
    (only,) = tables.localisation_table(study(), MRI, pd.DataFrame(rows, columns=names))
    assert (only.model, only.maps, only.blank) == ("resnet18", 3, 1)
    energy, auprc = only.scores["energy"], only.scores["pixel_auprc"]
    assert energy.value == pytest.approx(0.3)
    assert energy.lift == pytest.approx((0.2 / 0.1 + 0.4 / 0.05) / 2)  # 5: the mean of ratios, not their ratio
    assert energy.chance == pytest.approx(0.15)
    assert energy.prior == pytest.approx(0.3)
    assert auprc.value == pytest.approx(0.5)
    assert auprc.prior is None
    line = tables.localisation_markdown([only]).splitlines()[2]
    assert line == "| ResNet-18 | 30.0 % | 15.0 % | × 5.0 | 30.0 % | 0.500 | 0.150 | – | 3 | 1 |"
    head, values = tables.localisation_csv([only]).splitlines()
    assert dict(zip(head.split(","), values.split(","), strict=True)) == {
        "model": "resnet18", "maps": "3", "blank_maps": "1",
        "energy_mean": "0.3000", "energy_chance": "0.1500", "energy_lift": "5.0000", "energy_centre_prior": "0.3000",
        "pixel_auprc_mean": "0.5000", "pixel_auprc_chance": "0.1500", "pixel_auprc_lift": "6.6667",
        "pixel_auprc_centre_prior": "",
    }  # fmt: skip


def test_files_of_a_study_with_two_policies(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", policies=("paper", "clean"), repeats=2, images=20)
    names = sorted(path.name for path in tables.write_all(folder))
    assert names == sorted(
        f"mri@{policy}{kind}.{ending}"
        for policy in ("paper", "clean")
        for kind in ("", "-localisation")
        for ending in ("csv", "md")
    )
    written = pd.read_csv(folder.tables / "mri@clean.csv")
    truth = pd.read_csv(folder.path / "results.csv").query("policy == 'clean' and model == 'resnet18'")["auc"]
    assert written.loc[0, "mean_auc"] == pytest.approx(100 * truth.mean(), abs=0.005)


def test_no_masks_no_localisation_table(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, masks=False, images=20)
    assert [path.name for path in tables.write_all(folder)] == ["mri.csv", "mri.md"]


def test_before_any_run(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    folder.create(study())
    tables.write_all(folder)
    assert "resnet18+se,,,,,," in (folder.tables / "mri.csv").read_text(encoding="utf-8")
    assert len(tables.missing_runs(folder.study, tables.read_results(folder))) == len(runs.grid(folder.study))


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    plain = {"name": "s", "models": ["1e5", "NA"], "datasets": {"007": {"source": "x"}}, "policies": ["paper"]}
    folder.create(parse_study(plain))
    runs.write_text(
        folder.path / "results.csv",
        "dataset,policy,model,repeat,auc,accuracy,cases,positives,epochs,seconds\n"
        "007,paper,1e5,1,0.5,0.5,4,2,1,1\n007,paper,NA,1,,0.5,4,2,1,1\n",
    )
    first, second = tables.auc_table(folder.study, runs.subjects(folder.study)[0], tables.read_results(folder))
    assert first.tests == (50, None, None)
    assert second.mean is None
