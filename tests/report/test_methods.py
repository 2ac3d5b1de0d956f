import shutil
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from foveate import runs
from foveate.attention import MECHANISMS as KNOWN
from foveate.attention import mechanism_of
from foveate.config import Augmentation, Model, parse_study
from foveate.data.augment import TONES, WARPS
from foveate.report.architecture import MECHANISMS, describe
from foveate.report.methods import methods_paragraph
from foveate.report.words import AUGMENTED
from foveate.runs import StudyFolder
from tests.report import synthetic

BASE = {"name": "s", "models": ["resnet18", "resnet18+se"], "datasets": {"mri": {"source": "/secret/Jane"}}}


def configured(path: Path, **changes: Any) -> str:
    """The paragraph of a study of which nothing but the configuration is there."""
    folder = StudyFolder(path)
    folder.create(parse_study(BASE | changes))
    return methods_paragraph(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.build(tmp_path_factory.mktemp("built") / "out", images=40).path


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> StudyFolder:
    """A study that is done, to be changed."""
    return StudyFolder(shutil.copytree(built, tmp_path / "out"))


def change(folder: StudyFolder, name: str, **columns: Any) -> StudyFolder:
    file = folder.path / f"{name}.csv"
    pd.read_csv(file).assign(**columns).to_csv(file, index=False)
    return folder


def test_a_study_that_is_done(folder: StudyFolder) -> None:
    text = methods_paragraph(folder)
    assert 150 <= len(text.split()) <= 300
    for said in (
        "The data set was mri (20 normal, 20 lesion).",
        "80 % for training (20) and 20 % for validation (20), regardless of copies and patients.",
        "stretched to 64 × 64 pixels",
        "The baseline was a ResNet-18 (He et al. 2016), compared with the same network with squeeze-and-excitation "
        "(SE; Hu et al. 2018), convolutional block attention (CBAM; Woo et al. 2018) and global context (GC; Cao et "
        "al. 2019) blocks before the addition of every residual block.",
        "12 epochs by stochastic gradient descent on cross-entropy (batch size 64, momentum 0.9, weight decay 0.0001, "
        "learning rate 0.05, multiplied by 0.1 after 30, 60 and 90 % of the epochs); the weights of the last epoch",
        "trained three times on the same split with different seeds (study seed 0); models of a repeat shared the",
        "95 % confidence intervals after DeLong et al. (1988) on the logit scale",
        "Obuchowski and Rockette (1995) with training runs as readers, in its factorial form (Hillis 2007), and "
        "p-values adjusted over three comparisons (Holm 1979).",
        "Grad-CAM heat-maps (Selvaraju et al. 2017) of the true class were taken at the input of global average pool",
        "scored on lesions by energy (Wang et al. 2020), pixel AUPRC and pointing game (Zhang et al. 2016)",
        "foveate 0.1.0, PyTorch 2.13.0, NumPy 2.4.6 and Python 3.11.2, training in 32-bit arithmetic on Some CPU, 2",
    ):
        assert said in text
    assert "Jane" not in text
    assert "\n" not in text


def test_options_that_are_not_in_use_are_not_listed(folder: StudyFolder) -> None:
    text = methods_paragraph(folder)
    for option in ("threshold", "prevalence", "bootstrap", "ratio", "bias", "grey", "mirrored", "given", "best"):
        assert option not in text


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("Obuchowski-Rockette, runs as readers, nested", "training runs as readers, nested in models (Hillis 2014)"),
        ("Obuchowski-Rockette, runs as readers, factorial, repeats 1, 3 only", "(Hillis 2007), over repeats 1 and 3"),
        (
            "DeLong, paired; one run a model, so these trained networks only",
            "by the paired test of DeLong et al. (1988)",
        ),
        ("Nadeau-Bengio corrected t, re-splits", "corrected t-test of Nadeau and Bengio (2003) over splits"),
        ("undefined: no repeat has a run of every model", "Means were compared without a statistical test."),
    ],
)
def test_the_test_is_the_one_in_the_table(folder: StudyFolder, method: str, said: str) -> None:
    text = methods_paragraph(change(folder, "comparison", method=method))
    assert said in text
    names = ("Obuchowski", "Nadeau", "paired test of DeLong", "without a statistical test")
    assert sum(name in text for name in names) == 1


def test_holm_only_where_several_p_values_are(folder: StudyFolder) -> None:
    one = [None, 0.04, None, None]
    assert "Holm" not in methods_paragraph(change(folder, "comparison", p_holm=one))
    two = [None, 0.04, None, 0.5]
    assert "adjusted over two comparisons (Holm 1979)" in methods_paragraph(change(folder, "comparison", p_holm=two))


def test_nothing_is_claimed_that_the_tables_lack(folder: StudyFolder) -> None:
    for name, columns in {"results": 5, "comparison": 6}.items():
        file = folder.path / f"{name}.csv"
        pd.read_csv(file).iloc[:, :columns].to_csv(file, index=False)
    (folder.path / "localisation.csv").unlink()
    text = methods_paragraph(folder)
    assert "Means were compared without a statistical test." in text
    for absent in ("confidence", "Obuchowski", "Holm", "Wang et al."):
        assert absent not in text


def test_patients_that_are_known(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=40, policies=("clean",), repeats=1)
    text = methods_paragraph(folder)
    assert "Pixel-identical copies were removed (3 images)" in text
    assert "which images were of one patient was not known" in text
    file = folder.path / "data" / "mri" / "audit.json"
    runs.write_json(file, runs.read_json(file) | {"patients": 30})
    text = methods_paragraph(folder)
    assert "with each patient’s in one part" in text
    assert "clustered by patient (Obuchowski 1997)" in text
    assert "AUCs of one run each were compared with the baseline’s by the paired test of DeLong" in text


def test_missing_runs_are_told(tmp_path: Path) -> None:
    text = methods_paragraph(synthetic.build(tmp_path / "out", images=20, repeats=2, missing={"mri/resnet18+se/2"}))
    assert (
        "was to be trained twice on the same split with different seeds (study seed 0; 7 of 8 planned runs had ended)"
        in text
    )


def test_several_data_sets_and_policies(tmp_path: Path) -> None:
    folder = synthetic.build(
        tmp_path / "out", images=20, repeats=1, datasets=("mri", "ct"), policies=("paper", "clean")
    )
    text = methods_paragraph(folder)
    assert "The data sets were mri (10 normal, 10 lesion) and ct (10 normal, 10 lesion)." in text
    assert "In the paper arm, images were split at random" in text
    assert "In the clean arm, pixel-identical copies were removed (6 images)" in text
    assert "three comparisons of each data set" in text


def test_the_paragraph_follows_the_configuration(tmp_path: Path) -> None:
    text = configured(
        tmp_path,
        models={
            "resnet50": {"weights": "/secret/Jane.safetensors"},
            "resnet50+non_local": {"init": "identity"},
            "a": {"backbone": "resnet18", "attention": "se", "placement": "after_block", "stages": [3, 4]},
        },
        policies=["shipped"],
        images={"channels": 1, "fit": "pad", "pixels": 96},
        recipe={"report_epoch": "best", "augmentation": ["flip"], "decay_at": [], "epochs": 7, "learning_rate": 0.2},
        repeats=2,
        seed=11,
    )
    for said in (
        "The archive’s own split into training and validation images was kept.",
        "turned to grey, scaled to 96 pixels at the longer side and padded",
        "training images were mirrored at random",
        "The baseline was a ResNet-50 (He et al. 2016), compared with the same network with non-local (Wang et al. "
        "2018) blocks behind every second residual block of stages 2 and 3; with a ResNet-18 (He et al. 2016) with "
        "squeeze-and-excitation (SE; Hu et al. 2018) blocks behind every residual block of stages 3 and 4.",
        "ResNet-50 started from given weights. Other weights were initialised after He et al. (2015)",
        "for 7 epochs",
        "learning rate 0.2)",
        "the weights of the epoch with the best validation AUC were evaluated",
        "study seed 11",
    ):
        assert said in text
    for absent in ("Jane", "(AUC) of each", "Grad-CAM", "The software", "statistical test", "pixel-identical"):
        assert absent not in text


def test_epochs_splits_and_single_models(tmp_path: Path) -> None:
    text = configured(
        tmp_path,
        models=["resnet18+cbam"],
        datasets={"a": {"source": "/x", "title": "Lung  CT", "epochs": 500}, "b": {"source": "phantom"}},
        repeats_differ_in="split",
    )
    assert "for 500 epochs (b: 100)" in text
    assert "Lung CT and b (images drawn by foveate itself)" in text
    assert "anew for each repeat" in text
    assert "different random splits" in text
    assert "The network was a ResNet-18 (He et al. 2016) with convolutional block attention" in text
    assert "compared" not in text


def test_options_of_a_mechanism_are_told() -> None:
    model = Model(backbone="resnet18", attention="se", attention_options={"bias": False, "ratio": 0.125})
    assert "squeeze-and-excitation (SE; Hu et al. 2018; without bias; ratio 0.125) blocks before" in describe(model)
    assert describe(Model(backbone="resnet34")) == "a ResNet-34 (He et al. 2016)"
    assert describe(Model(backbone="resnet18", attention="my_own")).endswith("with my-own blocks")


def test_places_and_papers_are_those_of_the_mechanisms() -> None:
    assert set(MECHANISMS) <= set(KNOWN)
    for name, (_, paper, where, stages, every) in MECHANISMS.items():
        mechanism = mechanism_of(name)
        assert (mechanism.place.where, mechanism.place.stages, mechanism.place.every) == (where, stages, every), name
        author, year = paper.split(" et al. ")
        first_line = str(mechanism.__doc__).partition("\n")[0]
        assert f"({author}, " in first_line, name
        assert year in first_line, name


def test_every_augmentation_has_words_that_give_its_numbers() -> None:
    assert {*AUGMENTED} == {*get_args(Augmentation)} - {"standard"}
    for name, (limit, *_) in (WARPS | TONES).items():
        assert f" {limit:.0f}°" in AUGMENTED[name] or f" {100 * limit:.0f} %" in AUGMENTED[name]
