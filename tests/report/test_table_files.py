"""The tables as files: laid out as in the paper, ours beside the published."""

from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.report import table_files, tables
from foveate.runs import StudyFolder
from tests.report import synthetic
from tests.report.test_tables import MRI, SIX, TESTED, comparison, results, study


def test_the_table_is_laid_out_as_in_the_paper() -> None:
    rows = tables.auc_table(study(), MRI, results(SIX), TESTED)
    assert table_files.auc_display(rows, "", 5).markdown().splitlines() == [
        "| Model | Test 1 | Test 2 | Test 3 | Mean AUC-ROC | SD | Difference, 95 % CI | p (Holm) "
        "| Published 1 | Published 2 | Published 3 | Published mean (table 5) |",
        "| :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
        "| ResNet-18 | 90.00 | 92.00 | 94.00 | 92.00 | 2.00 |  |  | 93.15 | 92.49 | 95.37 | 93.67 |",
        "| ResNet-18 + SE | 95.00 | 95.00 | 98.00 | 96.00 (+4.00) | 1.73 | −0.50 to +8.50 | 0.070 "
        "| 98.43 | 96.29 | 93.34 | 96.02 (+2.35) |",
    ]
    assert table_files.auc_csv(rows).splitlines() == [
        '"model","test_1","test_2","test_3","mean_auc","delta","sd_auc","ci_low","ci_high","p","p_holm",'
        '"published_mean_auc","published_delta","published_test_1","published_test_2","published_test_3"',
        '"resnet18",90.00,92.00,94.00,92.00,"",2.00,"","","","",93.67,"",93.15,92.49,95.37',
        '"resnet18+se",95.00,95.00,98.00,96.00,4.00,1.73,-0.50,8.50,0.07,0.0704,96.02,2.35,98.43,96.29,93.34',
    ]
    assert "Published" not in table_files.auc_display(rows, "", None).markdown()


def test_one_model_has_no_columns_of_a_comparison() -> None:
    (row,) = tables.model_results(["m"], [1], results({("m", 1): 0.9}), comparison())
    assert table_files.auc_display([row], "", None).head == ("Model", "Test 1", "Mean AUC-ROC", "SD")


def test_files_of_a_study_with_two_policies(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", policies=("paper", "clean"), repeats=2, images=20)
    names = sorted(path.name for path in table_files.write_all(folder))
    assert names == sorted(
        f"{name}.{ending}"
        for name in ("policies", "mri@paper", "mri@clean", "mri@paper-localisation", "mri@clean-localisation")
        for ending in ("csv", "md", "tex", "html")
    )
    written = pd.read_csv(folder.tables / "mri@clean.csv")
    truth = pd.read_csv(folder.path / "results.csv").query("policy == 'clean' and model == 'resnet18'")["auc"]
    assert written.loc[0, "mean_auc"] == pytest.approx(100 * truth.mean(), abs=0.005)


def test_no_masks_no_localisation_table(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, masks=False, images=20)
    assert [path.name for path in table_files.write_all(folder)] == ["mri.csv", "mri.md", "mri.tex", "mri.html"]


def test_before_any_run(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    folder.create(study())
    table_files.write_all(folder)
    assert '"resnet18+se","","","","","",' in (folder.tables / "mri.csv").read_text(encoding="utf-8")
    assert len(tables.missing_runs(folder.study, tables.read_results(folder))) == len(runs.grid(folder.study))
