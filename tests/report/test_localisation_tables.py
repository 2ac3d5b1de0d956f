"""Where the models look, in the report: tables and sentences from localisation-summary.csv."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foveate import runs
from foveate.evaluation.localisation_summary import SUMMARY_COLUMNS
from foveate.report import localisation_words, table_files
from foveate.report.html import write_report
from foveate.report.localisation_tables import (
    SHOWN,
    Localisation,
    Score,
    difference_table,
    group_table,
    groups,
    interval_table,
    localisation_table,
    read_summary,
    score_table,
)
from foveate.runs import StudyFolder
from tests.report import synthetic
from tests.report.test_html import Page
from tests.report.test_tables import MRI, study

METHOD = "some test; the 9 of 10 images where all runs have this score"


def row(model: str, metric: str, stratum: str = "all", **values: Any) -> dict[str, Any]:
    plain = dict.fromkeys(SUMMARY_COLUMNS, None) | {"dataset": "mri", "policy": "paper", "cases": 10, "undefined": 0}
    given = {"model": model, "metric": metric, "stratum": stratum, "method": "baseline", "chance": 0.1}
    return {**plain, **given, **values}


def summary() -> pd.DataFrame:
    priors: dict[str, Any] = {"centre_prior": 0.25, "mean_map": 0.3}
    tested: dict[str, Any] = {
        "delta": 0.1,
        "delta_low": -0.02,
        "delta_high": 0.22,
        "p": 0.02,
        "p_holm": 0.04,
        "method": METHOD,
    }
    rows = [
        row("resnet18", "energy", value=0.2, lift=2.5, undefined=3, **priors),
        row("resnet18+se", "energy", value=0.31, lift=3.5, undefined=0, ci_low=0.2, ci_high=0.45, **priors, **tested),
        row("resnet18", "pixel_auprc", value=0.5, **priors),
        row("resnet18+se", "pixel_auprc", value=0.6, **priors, **tested, chance=0.1),
        row("resnet18", "iou_otsu", value=0.5, chance=0.02),
        row("resnet18+se", "iou_otsu", value=0.6, chance=0.04),
        row("resnet18", "energy", "all_right", value=0.2, cases=6),
        row("resnet18+se", "energy", "all_right", value=0.4, cases=6, **tested),
    ]
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def located() -> list[Localisation]:
    return localisation_table(study(), MRI, summary())


def test_rows_of_the_summary() -> None:
    baseline, se = located()
    assert (baseline.model, baseline.images, baseline.blank) == ("resnet18", 10, 3)
    assert se.scores["energy"] == Score(
        value=0.31, own=(0.2, 0.45), chance=0.1, lift=3.5, centre_prior=0.25, mean_map=0.3, delta=0.1,
        interval=(-0.02, 0.22), p_holm=0.04, method=METHOD,
    )  # fmt: skip
    assert baseline.scores["hit_rate"] == Score()  # not scored
    assert localisation_table(study(), replace(MRI, policy="clean"), summary()) == []


def test_models_then_priors_then_chance() -> None:
    lines = score_table(located(), "").markdown().splitlines()
    assert lines[0].startswith("| Model | Energy | Lift | Pixel AUPRC | Pixel AUROC | Pointing game |")
    assert lines[2:] == [
        "| ResNet-18 | 20.0 % | × 2.5 | 0.500 | – | – | – | – | 0.500 | 3 |",
        "| ResNet-18 + SE | 31.0 % | × 3.5 | 0.600 | – | – | – | – | 0.600 | 0 |",
        "| Mean of all heat-maps | 30.0 % |  | 0.300 | – | – | – | – | – |  |",
        "| Centre prior (no network) | 25.0 % |  | 0.250 | – | – | – | – | – |  |",
        "| Chance | 10.0 % | × 1.0 | 0.100 | – | – | – | – | 0.030 |  |",  # Otsu: the mean of both models'
    ]


def test_means_with_their_intervals() -> None:
    table = interval_table(located(), "", 0.9)
    assert table is not None
    assert table.head == ("Model", "Energy", "90 % CI", "Pixel AUPRC", "90 % CI", "Pointing game", "90 % CI")
    assert table.rows == (
        ("ResNet-18", "20.0 %", "", "0.500", "", "–", ""),
        ("ResNet-18 + SE", "31.0 %", "20.0 % to 45.0 %", "0.600", "", "–", ""),
    )
    assert interval_table(located()[:1], "") is None
    assert "new training runs" in localisation_words.intervals_meaning(2)
    assert "these trained networks" in localisation_words.intervals_meaning(1)


def test_differences_in_points_with_interval_and_p() -> None:
    table = difference_table(located(), "", 0.9)
    assert table is not None
    assert table.head[:4] == ("Model", "Energy", "90 % CI", "p (Holm)")
    assert table.rows == (
        ("ResNet-18 + SE", "+10.0", "−2.0 to +22.0", "0.040", "+0.100", "−0.020 to +0.220", "0.040", "", "", ""),
    )
    assert difference_table(located()[:1], "") is None


def test_groups_of_images() -> None:
    table = group_table(groups(study(), MRI, summary()), "")
    assert table is not None
    assert [cells[:4] for cells in table.rows] == [
        ("Right in every run (6)", "ResNet-18", "20.0 %", ""),
        ("Right in every run (6)", "ResNet-18 + SE", "40.0 %", "+10.0 (−2.0 to +22.0)"),
    ]
    assert group_table({}, "") is None


def test_the_csv_has_every_number() -> None:
    head, _, values = table_files.localisation_csv(located()).replace('"', "").splitlines()
    found = dict(zip(head.split(","), values.split(","), strict=True))
    assert found["model"] == "resnet18+se"
    assert (found["images"], found["blank_maps"]) == ("10", "0")
    energy = {
        "mean": "0.31", "mean_low": "0.2", "mean_high": "0.45", "deviation": "", "chance": "0.1", "lift": "3.5",
        "centre_prior": "0.25", "mean_map": "0.3",
        "delta": "0.1", "p_holm": "0.04", "delta_low": "-0.02", "delta_high": "0.22",
    }  # fmt: skip
    assert {name: found[f"energy_{name}"] for name in energy} == energy
    assert len(found) == 3 + len(SHOWN) * len(energy)


def one(model: str, energy: float | None, mean_map: float | None = None) -> Localisation:
    scores = {metric: Score() for metric in SHOWN}
    scores["energy"] = Score(energy, chance=0.02, lift=2.0, centre_prior=0.05, mean_map=mean_map)
    return Localisation(model, 10, 0, scores)


def test_where_it_looks_names_who_does_not_beat_the_blob() -> None:
    said = localisation_words.where_it_looks([one("resnet18", 0.04), one("resnet18+cbam", 0.1)])
    assert "4.0 % for ResNet-18 and 10.0 % for ResNet-18 + CBAM" in said
    assert "would get 2.0 %" in said
    assert said.endswith("5.0 %; ResNet-18 did no better than that blob.")
    poor = localisation_words.where_it_looks([one("resnet18", 0.04), one("resnet18+cbam", 0.05)])
    assert poor.endswith("none of them did better than that blob.")


def test_where_many_look_names_the_ends() -> None:
    names = ("se", "cbam", "gc", "eca", "bam", "srm", "simam")
    rows = [one("resnet18", 0.08), *(one(f"resnet18+{name}", 0.1 + place / 100) for place, name in enumerate(names))]
    said = localisation_words.where_it_looks(rows)
    assert "8.0 % for ResNet-18, between 10.0 % (ResNet-18 + SE) and 16.0 % (ResNet-18 + SimAM) for the others." in said


def test_where_it_looks_names_who_does_not_beat_the_mean_map() -> None:
    said = localisation_words.where_it_looks([one("resnet18", 0.06, 0.07), one("resnet18+cbam", 0.1, 0.07)])
    assert said.endswith("the same for every image, gets 7.0 %; ResNet-18 did no better than that mean.")


def test_points_alone_can_be_spoken_of() -> None:
    row = one("resnet18", None)
    assert localisation_words.where_it_looks([row]).startswith("No heat-map has any positive value")
    row.scores["pointing"] = Score(0.5, chance=0.1)
    said = localisation_words.where_it_looks([row])
    assert said.endswith("was at a marked lesion in this share of the images: 50.0 % for ResNet-18; chance 10.0 %.")


def test_differences_and_blank_maps_in_words() -> None:
    rows = located()
    assert localisation_words.against_baseline(rows, 0.95) == (
        "Energy in the lesion less that of ResNet-18: +10.0 points for ResNet-18 + SE (95 % CI −2.0 to +22.0; "
        "p = 0.040 after Holm)."
    )
    assert localisation_words.against_baseline(rows[:1], 0.95) == ""
    single = replace(rows[1].scores["energy"], method="paired t over cases; one run a model, so these networks only")
    lone = [rows[0], replace(rows[1], scores={**rows[1].scores, "energy": single})]
    assert "these trained networks, not of the models" in localisation_words.against_baseline(lone, 0.95)
    assert "(3 of ResNet-18)" in localisation_words.localisation_meaning(rows)
    assert METHOD in localisation_words.differences_meaning(rows)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("located") / "out", repeats=2, images=24)


def test_the_page_shows_models_priors_and_groups(whole: StudyFolder) -> None:
    page = Page(write_report(whole).read_text("utf-8"))
    text = " ".join(page.text.split())
    for said in (
        "Heat-maps on the marked lesions, over all runs.",
        "Mean of all heat-maps",
        "Centre prior (no network)",
        "Difference to ResNet-18.",
        "Energy in the lesion less that of ResNet-18:",
        "High scores say that the heat is on the lesion, not that the network decided by it.",
        "P(true class) in the lower half (",
    ):
        assert said in text
    assert "significant" not in text.lower()
    groups_of_rows = [th for th in page.named("th") if th.get("scope") == "rowgroup"]
    assert {th["rowspan"] for th in groups_of_rows} == {"4"}
    assert sum("reference" in (tr.get("class") or "") for tr in page.named("tr")) == 3


def test_the_page_says_what_was_found_wrong_with_masks(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=20)
    file, warning = folder.data(MRI) / "audit.json", "3 of 10 masks cover more than half of the image and its border."
    assert warning not in Page(write_report(folder).read_text("utf-8")).text
    runs.write_json(file, runs.read_json(file) | {"mask_warnings": [warning]})
    assert warning in Page(write_report(folder).read_text("utf-8")).text


def test_without_a_summary_nothing_is_claimed(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=20)
    (folder.path / "localisation-summary.csv").unlink()
    assert read_summary(folder).empty
    assert "Heat-maps on the marked lesions" not in Page(write_report(folder).read_text("utf-8")).text
