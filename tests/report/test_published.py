import csv
from pathlib import Path

import pytest

from foveate.report.published import PUBLISHED


def test_means_of_the_tests_by_hand() -> None:
    assert PUBLISHED["mri"].mean("resnet18") == pytest.approx((93.15 + 92.49 + 95.37) / 3)
    assert PUBLISHED["cxr"].mean("resnet18+gc") == pytest.approx(96.8667, abs=1e-4)
    assert PUBLISHED["skin"].mean("resnet50") is None


def test_all_four_tables_have_all_four_models() -> None:
    assert {name: table.number for name, table in PUBLISHED.items()} == {"skin": 1, "cxr": 3, "mri": 5, "ct": 6}
    models = ["resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc"]
    assert all(list(table.tests) == models for table in PUBLISHED.values())


@pytest.mark.shared_data
def test_they_are_what_the_paper_printed(shared: Path) -> None:
    with (shared / "paper" / "published.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row in rows:
        table = PUBLISHED[row["dataset"]]
        assert table.number == int(row["table"])
        assert table.tests[row["model"]] == tuple(float(row[f"test_{number}"]) for number in (1, 2, 3))
        assert table.mean(row["model"]) == pytest.approx(float(row["mean_auc"]), abs=0.0101)
