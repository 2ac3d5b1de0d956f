import re
import shutil
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pandas as pd
import pytest

from foveate import runs
from foveate.config import dump_study, parse_study
from foveate.errors import UsageError
from foveate.report import tables
from foveate.report.cards import model_card
from foveate.report.limitations import limitations
from foveate.runs import StudyFolder, Subject
from tests.report import synthetic

MRI = Subject("mri", "paper", "mri")
NAMES = (
    "Model details", "Intended use", "Training data", "Training procedure", "Evaluation", "Calibration",
    "Heat-maps", "Limitations", "Seeds, software and hardware", "How to load it", "For the author to add",
)  # fmt: skip


def sections(card: str) -> dict[str, str]:
    title, *parts = card.split("\n## ")
    return {"": title} | {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def per_cent(value: float) -> str:
    return f"{100 * value:.2f}".replace("-", "−")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("whole") / "out", title="Brain <b>x</b>", images=60)


def test_the_sections_are_mitchells(whole: StudyFolder) -> None:
    card = model_card(whole, MRI, "resnet18+cbam")
    assert card.startswith("# Model card: ResNet-18 + CBAM on Brain &lt;b>x&lt;/b>\n")
    assert tuple(sections(card))[1:] == NAMES
    assert all(sections(card).values())
    assert "must not be used to diagnose" in sections(card)["Intended use"]
    assert "convolutional block attention (CBAM; Woo et al. 2018)" in sections(card)["Model details"]


@pytest.mark.parametrize("model", synthetic.MODELS)
def test_the_numbers_are_those_of_the_tables(whole: StudyFolder, model: str) -> None:
    card = sections(model_card(whole, MRI, model))
    results, comparison, tests = (pd.read_csv(whole.path / f"{n}.csv") for n in ("results", "comparison", "tests"))
    own = results[results["model"] == model]
    for row in own.to_dict("records"):
        line = f"| {row['repeat']} | {per_cent(row['auc'])} |"
        if not pd.isna(row["auc_low"]):
            line += f" {per_cent(row['auc_low'])} to {per_cent(row['auc_high'])} |"
        assert line in card["Evaluation"]
    assert f"Mean over three runs: {per_cent(fmean(own['auc']))} %" in card["Evaluation"]
    assert f"standard deviation {per_cent(stdev(own['auc']))}" in card["Evaluation"]
    mean = tests[(tests["model"] == model) & (tests["quantity"] == "mean AUC")].iloc[0]
    interval = f"95 % interval {per_cent(mean['ci_low'])} to {per_cent(mean['ci_high'])} ({mean['method']})."
    assert (f"no interval: {mean['note']}." if pd.isna(mean["ci_low"]) else interval) in card["Evaluation"]
    compared = comparison[comparison["model"] == model].iloc[0]
    if model == "resnet18":
        assert "the baseline that the study’s other models are compared with" in card["Evaluation"]
    else:
        assert f"{tables.signed(100 * compared['delta'])} points" in card["Evaluation"]
        assert f"adjusted after Holm p = {compared['p_holm']:.3f}" in card["Evaluation"]
        assert compared["method"] in card["Evaluation"]
    for column, title in {"specificity": "Specificity, threshold 0.5", "mcc_chosen": "Matthews correlation"}.items():
        assert re.search(rf"{title}.*\| {own[column].mean():.3f} \|", card["Evaluation"])
    assert f"| {own['brier'].mean():.3f} |" in card["Calibration"]
    maps = pd.read_csv(whole.path / "localisation.csv")
    energy = maps[(maps["model"] == model) & (maps["metric"] == "energy")]
    assert f"{tables.percent(energy.groupby('repeat')['value'].mean().mean())} of the heat" in card["Heat-maps"]
    blank = f"{energy['case'].nunique()} images with a marked lesion ({energy['value'].isna().sum()} maps blank)"
    assert blank in card["Heat-maps"]
    points = maps[(maps["model"] == model) & (maps["metric"] == "pointing")]["value"].mean()
    assert f"at the lesion in {tables.percent(points)} of the maps" in card["Heat-maps"]


def test_no_path_of_a_source_is_in_a_card(whole: StudyFolder) -> None:
    for model in synthetic.MODELS:
        assert "Jane" not in model_card(whole, MRI, model)


def test_data_and_records(whole: StudyFolder) -> None:
    card = sections(model_card(whole, MRI, "resnet18+se"))
    assert "| train | 15 | 15 |" in card["Training data"]
    assert "Seed: initialisation" in card["Seeds, software and hardware"]
    assert "PyTorch 2.13.0" in card["Seeds, software and hardware"]
    assert "Some CPU, 2 cores" in card["Seeds, software and hardware"]
    assert card["How to load it"].startswith("Not possible yet")


def test_how_to_load(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=20, repeats=2)
    for repeat in (1, 2):
        (folder.path / f"runs/mri/resnet18+se/{repeat}/weights.safetensors").touch()
    text = sections(model_card(folder, MRI, "resnet18+se"))["How to load it"]
    assert 'foveate.load_model("runs/mri/resnet18+se/1")' in text
    assert "`foveate export runs/mri/resnet18+se/1`" in text
    assert "Runs with weights: 1 and 2." in text


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=20, repeats=2, masks=False)
    assert "no lesions were marked" in model_card(folder, MRI, "resnet18+se")
    for name in ("tests", "comparison"):
        (folder.path / f"{name}.csv").unlink()
    file = folder.path / "results.csv"
    pd.read_csv(file)[["dataset", "policy", "model", "repeat", "auc"]].to_csv(file, index=False)
    card = sections(model_card(folder, MRI, "resnet18+se"))
    assert "tests.csv has no interval of it" in card["Evaluation"]
    assert "comparison.csv has none" in card["Evaluation"]
    assert "interval" not in card["Evaluation"].split("Mean")[0]
    assert "chosen threshold" not in card["Evaluation"]
    assert card["Calibration"].startswith("Not known")
    for name in ("runs", "data"):
        shutil.rmtree(folder.path / name)
    file.unlink()
    card = sections(model_card(folder, MRI, "resnet18+se"))
    assert tuple(card)[1:] == NAMES
    assert "(data/mri/audit.json) is missing" in card["Training data"]
    assert card["Evaluation"].startswith("No run of this model has ended yet")
    assert card["Heat-maps"] == "No heat-maps of this model are in the folder yet."
    assert "no run of this model has a run.json" in card["Seeds, software and hardware"]
    assert "audit.json is missing" in card["Limitations"]


def test_an_undefined_comparison_gives_its_reason(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=20, repeats=1)
    file = folder.path / "comparison.csv"
    table = pd.read_csv(file)
    table.loc[table["model"] == "resnet18+se", ["delta", "ci_low", "ci_high", "p", "p_holm"]] = None
    table.loc[table["model"] == "resnet18+se", "method"] = "undefined: no repeat has a run of every model"
    table.to_csv(file, index=False)
    text = sections(model_card(folder, MRI, "resnet18+se"))["Evaluation"]
    assert "not known: undefined: no repeat has a run of every model." in text


def test_unknown_model_or_data_set(whole: StudyFolder) -> None:
    with pytest.raises(UsageError, match="no model 'resnet18\\+eca' on 'mri'"):
        model_card(whole, MRI, "resnet18+eca")
    with pytest.raises(UsageError, match="on 'ct'"):
        model_card(whole, Subject("ct", "paper", "ct"), "resnet18")


def limits(folder: StudyFolder, **audit: Any) -> str:
    file = folder.data(runs.subjects(folder.study)[0]) / "audit.json"
    runs.write_json(file, runs.read_json(file) | audit)
    return "\n".join(limitations(folder, runs.subjects(folder.study)[0]))


def test_limitations_come_from_the_files(tmp_path: Path) -> None:
    text = limits(synthetic.build(tmp_path / "small", images=20, repeats=1, missing={"mri/resnet18+gc/1"}))
    assert (
        "Few images: only 5 validation images of the class normal and 5 validation images of the class lesion" in text
    )
    assert "The patients are not known" in text
    assert "Copies across parts: 1 validation image is also in the training part" in text
    assert "Contradicting labels: 1 picture has more than one label." in text
    assert "chosen by the names of the classes" in text
    assert "One data set only." in text
    assert "No external validation" in text
    assert "One run a model" in text
    assert "Not complete: 1 of 4 runs" in text
    assert "2 × 2 values" in text  # of 64 pixels


def test_limitations_that_do_not_hold_are_not_listed(tmp_path: Path) -> None:
    folder = synthetic.build(
        tmp_path / "out", datasets=("mri", "ct"), policies=("clean",), repeats=2, images=80, side=128
    )
    clean = {"groups": 0, "images": 0, "conflicting_groups": 0, "across_parts": 0, "removed": 0}
    parts = {"train": {"normal": 90, "lesion": 90}, "validation": {"normal": 30, "lesion": 30}}
    text = limits(folder, patients=60, positive_chosen_by="study", duplicates=clean, parts=parts, unreadable=[])
    assert text.splitlines() == [
        "No external validation: all numbers are of images held out of the same data set.",
        "Subgroups (age, sex, skin, device, site) were not looked at.",
        "All runs share one split: how far another split would move the numbers is not known.",
    ]


def test_an_epoch_chosen_on_the_validation_part_is_a_limitation(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    plain = {"name": "s", "models": ["resnet18"], "datasets": {"a": {"source": "phantom"}}}
    (tmp_path / "study.yaml").write_text(dump_study(parse_study({**plain, "recipe": {"report_epoch": "best"}})))
    text = "\n".join(limitations(folder, runs.subjects(folder.study)[0]))
    assert "optimistic" in text
    assert "synthetic" in text
    assert "Subgroups" not in text
