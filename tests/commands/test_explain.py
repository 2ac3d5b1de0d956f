"""`foveate explain`: what it writes for what it is asked, and what it says to what makes no sense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.commands.explain import explain
from foveate.config import dump_study, parse_study
from foveate.execution.progress import Silent
from foveate.execution.wish import Shown, Wish
from foveate.pipeline import report
from foveate.runs import StudyFolder
from tests.explanation.trained import give_weights, narrow
from tests.report import synthetic

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyFolder]:
    """Two models with two runs each over 12 validation images, half of them with a lesion."""
    place = tmp_path_factory.mktemp("explain") / "study"
    with narrow():
        built = synthetic.build(place, repeats=2, images=24, side=64, masks=True)
        data = built.study.model_dump(mode="json")
        data["models"] = {name: data["models"][name] for name in ("resnet18", "resnet18+cbam")}
        (place / "study.yaml").write_text(dump_study(parse_study(data)), encoding="utf-8")
        folder = StudyFolder(place)
        for run in runs.grid(folder.study):
            give_weights(folder, run)
        yield folder


def call(
    folder: StudyFolder,
    methods: tuple[str, ...] = ("grad_cam",),
    images: tuple[str, ...] = (),
    shown: Shown = Shown(),  # noqa: B008 - it is frozen
    wish: Wish = Wish(),  # noqa: B008
) -> int:
    """The exit status."""
    try:
        explain(folder.path, methods, images, shown, wish, (), "cpu", True)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def table(folder: StudyFolder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder.path / f"{name}.csv", dtype={"case": str})


def test_the_main_job_scores_compares_and_draws(folder: StudyFolder) -> None:
    assert call(folder) == 0
    scores = table(folder, "localisation")
    assert set(scores["model"]) == {"resnet18", "resnet18+cbam", "centre_prior", "mean_map"}
    summary = table(folder, "localisation-summary").set_index(["model", "metric", "stratum"])
    own = scores[(scores["model"] == "resnet18") & (scores["metric"] == "pixel_auroc")]
    assert summary.loc[("resnet18", "pixel_auroc", "all"), "value"] == pytest.approx(own["value"].mean())
    assert set(table(folder, "repeatability")["kind"]) == {"repeats", "models"}
    for ending in ("png", "svg", "pdf"):
        assert (folder.figures / f"mri-grid.{ending}").is_file()
        assert (folder.figures / f"mri-repeatability.{ending}").is_file()
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.*") if path.name != ".lock"}
    assert call(folder) == 0
    assert before == {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.*") if path.name != ".lock"}


def test_another_method_at_another_tap_for_another_class(folder: StudyFolder) -> None:
    assert call(folder, ("layer_cam",), ("best", "disagreement"), Shown(tap="layer3", target="lesion:normal")) == 0
    variant = "layer_cam@layer3-lesion%3Anormal"
    for run in runs.grid(folder.study):
        assert (folder.run(run) / f"heatmaps-{variant}.npz").is_file()
    assert len(table(folder, f"localisation-{variant}"))
    assert len(table(folder, f"localisation-summary-{variant}"))
    assert (folder.figures / f"mri-grid-best-{variant}.png").is_file()
    assert (folder.figures / f"mri-grid-disagreement-{variant}.svg").is_file()


def test_several_methods_and_images_by_their_case(folder: StudyFolder) -> None:
    cases = tuple(table(folder, "runs/mri/resnet18/1/predictions")["case"][:2])
    assert call(folder, ("grad_cam", "eigen_cam"), cases, Shown(scale="shared")) == 0
    assert (folder.figures / "mri-grid-chosen.png").is_file()
    assert (folder.figures / "mri-grid-chosen-eigen_cam.png").is_file()
    assert (folder.path / "localisation-eigen_cam.csv").is_file()


def test_faithfulness_and_sanity_stand_in_the_report(folder: StudyFolder) -> None:
    assert call(folder, wish=Wish(faithfulness=2, sanity=3)) == 0
    scores = table(folder, "faithfulness")
    assert set(scores["metric"]) == {"deletion", "insertion", "road", "road_accuracy"}
    assert scores.groupby(["model", "repeat"])["case"].nunique().eq(2).all()
    means = table(folder, "faithfulness-summary").set_index(["model", "metric"])
    for metric in ("deletion", "road"):
        first, second = (means.loc[(model, metric), "mean"] for model in ("resnet18", "resnet18+cbam"))
        own = scores[(scores["model"] == "resnet18") & (scores["metric"] == metric)]
        assert first == pytest.approx(own["value"].mean())
        assert means.loc[("resnet18+cbam", metric), "delta"] == pytest.approx(second - first)
        assert means.loc[("resnet18", metric), "sd_between_runs"] == pytest.approx(
            own.groupby("repeat")["value"].mean().std(ddof=1)
        )
        assert means.loc[("resnet18", metric), "control_centre"] == pytest.approx(own["control_centre"].mean())
        assert means.loc[("resnet18", metric), ["runs", "cases"]].tolist() == [2, 2]
    assert set(table(folder, "sanity")["mode"]) == {"cascading", "independent"}
    page = report(folder, Silent()).read_text(encoding="utf-8")
    for words in ("How far the heat-maps can be trusted", "Area under the curves", "With all layers random it is"):
        assert words in page
    assert "Not measured here" not in page


def test_models_without_attention_are_left_out(folder: StudyFolder) -> None:
    assert call(folder, ("attention",)) == 0
    assert not (folder.run(runs.grid(folder.study)[0]) / "heatmaps-attention.npz").exists()
    assert set(table(folder, "localisation-attention")["model"]) == {"resnet18+cbam", "centre_prior", "mean_map"}


def test_attention_maps(folder: StudyFolder) -> None:
    assert call(folder, wish=Wish(attention=True)) == 0
    assert (folder.figures / "mri-attention-resnet18+cbam.png").is_file()


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"methods": ("gradcam",)}, 2, "there is no heat-map method 'gradcam': known are grad_cam, hires_cam"),
        ({"methods": ("layer_cam",), "shown": Shown(tap="layer9")}, 2, "'layer9'"),
        ({"shown": Shown(target="cancer")}, 2, "there is nothing called 'cancer' to explain"),
        ({"shown": Shown(scale="log")}, 2, "--scale must be one of image, shared, not 'log'"),
        (
            {"images": ("0000000000000000",)},
            2,
            "there is no heat-map of the image '0000000000000000': 12 were",
        ),
        ({"images": ("bset",)}, 2, "there is no heat-map of the image 'bset'"),
        ({"wish": Wish(faithfulness=-1)}, 2, "--faithfulness must be a number of images, 1 or more, not -1"),
    ],
)
def test_what_makes_no_sense(
    folder: StudyFolder, capsys: Captured, more: dict[str, object], status: int, message: str
) -> None:
    assert call(folder, **more) == status  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) <= 2


def test_a_folder_that_is_no_study(tmp_path: Path, capsys: Captured) -> None:
    assert call(StudyFolder(tmp_path)) == 2
    assert "is no study's folder" in capsys.readouterr().err
