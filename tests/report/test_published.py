import csv
from pathlib import Path

import pytest

from foveate.report.published import PUBLISHED, published_slips


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
        assert table.printed_means[row["model"]] == float(row["mean_auc"])


def test_five_printed_means_slip_in_rounding_and_the_text_once_by_a_digit() -> None:
    found = {(slip.where, slip.model, slip.printed): slip.mean for name in PUBLISHED for slip in published_slips(name)}
    assert {key: round(mean, 2) for key, mean in found.items()} == {
        ("table 1", "resnet18", 93.28): 93.29,
        ("table 5", "resnet18", 93.68): 93.67,
        ("table 5", "resnet18+se", 96.03): 96.02,
        ("table 5", "resnet18+cbam", 96.77): 96.76,
        ("table 5", "resnet18+gc", 91.25): 91.24,
        ("text", "resnet18+gc", 96.97): 96.87,
    }
    assert published_slips("another data set") == []


@pytest.mark.shared_data
def test_the_slip_in_the_text_stands_there(shared: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (shared / "paper").glob("*.txt"))
    assert "96.97% (-0.4 lower than ResNet-18)" in text
    assert "96.87% (-0.4)" in text
