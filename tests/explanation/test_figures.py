import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from foveate import runs
from foveate.explanation import charts, figures, panels, selection
from foveate.explanation.charts import Series
from foveate.explanation.display_range import BLANK
from foveate.explanation.geometry import geometry
from foveate.explanation.overlays import INFERNO, greyed, lesion_contour, overlay
from foveate.runs import StudyFolder
from tests.report import synthetic

GREY = np.full((2, 3, 3), 100, dtype=np.uint8)
OWN = geometry(3, 2, 3, "pad")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj() if hasattr(text, "get_text") and text.get_text()]


def test_no_heat_leaves_the_image_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    assert np.array_equal(overlay(image, np.zeros((5, 4))), image)


def test_full_heat_is_the_top_colour_and_half_heat_half_of_its_own() -> None:
    shown = overlay(GREY, np.array([[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]))
    assert shown[0, 0].tolist() == INFERNO[255].tolist()
    half = INFERNO[128].astype(float)  # 0.5 * 255 = 127.5, rounded to even
    assert shown[0, 2].tolist() == np.rint(0.5 * 100 + 0.5 * half).astype(int).tolist()


def test_a_flat_map_is_not_stretched() -> None:
    shown = overlay(GREY, np.full((2, 3), 0.2))
    assert np.ptp(shown, axis=(0, 1)).tolist() == [0, 0, 0]
    assert shown[0, 0].tolist() == np.rint(0.8 * 100 + 0.2 * INFERNO[51].astype(float)).astype(int).tolist()


@pytest.mark.parametrize("heat", [np.zeros((3, 2)), np.full((2, 3), 1.5), np.full((2, 3), np.nan)])
def test_an_overlay_that_makes_no_sense_is_refused(heat: np.ndarray) -> None:
    with pytest.raises(ValueError, match="heat-map"):
        overlay(GREY, heat)


def test_blank_maps_are_shown_as_grey() -> None:
    shown = greyed(np.array([[[255, 0, 0]]], dtype=np.uint8))
    assert shown.tolist() == [[[140, 140, 140]]]  # 110 + 0.4 * 0.299 * 255 = 140.5, rounded to even


def test_the_contour_of_one_pixel_is_its_four_sides() -> None:
    mask = np.zeros((3, 3), dtype=bool)
    mask[1, 2] = True  # at the image's border: closed all the same
    sides = {tuple(map(tuple, side)) for side in lesion_contour(mask).tolist()}
    assert sides == {
        ((1.5, 0.5), (2.5, 0.5)),
        ((1.5, 1.5), (2.5, 1.5)),
        ((1.5, 0.5), (1.5, 1.5)),
        ((2.5, 0.5), (2.5, 1.5)),
    }
    assert lesion_contour(np.zeros((2, 2), dtype=bool)).shape == (0, 2, 2)


def test_models_have_names_for_people() -> None:
    assert [charts.model_title(name) for name in synthetic.MODELS] == [
        "ResNet-18",
        "ResNet-18 + SE",
        "ResNet-18 + CBAM",
        "ResNet-18 + GC",
    ]


def cell(**changes: object) -> panels.Cell:
    values = {"picture": GREY, "probability": 0.972, "predicted": "lesion", "values": "0 to 2.5", "peak": "centre"}
    return panels.Cell(**(values | changes))  # type: ignore[arg-type]


def grid_drawn(*cells: panels.Cell, scale: str = "image", from_zero: bool = True) -> Figure:
    contour = np.empty((0, 2, 2))
    columns = tuple(panels.Column("c", "lesion", one.picture, contour, {"resnet18": one}, OWN) for one in cells)
    return figures.grid_figure(panels.Panel(columns, ("resnet18",), (4, 4), "caption", scale, from_zero))


def grid_of(one: panels.Cell) -> list[str]:
    return texts(grid_drawn(one))


def test_each_cell_says_the_probability_of_the_true_class() -> None:
    right = grid_of(cell())
    assert "P(lesion) 97.2 %" in right
    assert not any("✗" in text for text in right)
    assert "0 to 2.5" in right


def test_a_wrong_prediction_is_marked_by_words() -> None:
    assert "✗ says normal" in grid_of(cell(predicted="normal", probability=0.3))


def test_a_blank_map_is_labelled() -> None:
    assert "no positive evidence" in grid_of(cell(values=BLANK, blank=True))
    assert "flat: 0.503 everywhere" in grid_of(cell(values="flat: 0.503 everywhere"))


def test_the_scale_says_what_its_end_is() -> None:
    assert {"0", "the map’s own highest value"} <= set(texts(grid_drawn(cell())))
    assert "the highest value of all models’ maps of the image" in texts(grid_drawn(cell(), scale="shared"))
    gates = set(texts(grid_drawn(cell(), from_zero=False)))
    assert {"the map’s own lowest value", "the map’s own highest value"} <= gates
    assert "0" not in gates


def test_cells_are_as_high_as_their_images_need() -> None:
    wide, tall = np.zeros((50, 100, 3), dtype=np.uint8), np.zeros((100, 80, 3), dtype=np.uint8)
    flat, square, upright = (
        grid_drawn(*(cell(picture=picture) for picture in pictures)).axes[0]
        for pictures in ((wide,), (np.zeros((9, 9, 3), np.uint8),), (wide, tall))
    )
    shape = [float(of.bbox.height / of.bbox.width) for of in (flat, square, upright)]
    assert shape == pytest.approx([0.6, 1, 1.25])  # 0.5 is flatter than any cell


CHARTS = ("roc", "precision-recall", "calibration", "curves")


def files(*names: str) -> set[str]:
    return {f"{name}.svg" for name in names}


@pytest.fixture
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw SVG alone, which is the fastest; `test_a_figure_is_three_files` sees to the others."""
    monkeypatch.setattr(figures, "FORMATS", {"svg": {"Date": None}})


def test_a_figure_is_three_files_of_the_same_bytes_each_time(tmp_path: Path) -> None:
    contents = []
    for number in range(2):
        with charts.style():
            figure = grid_drawn(cell(predicted="$normal$", probability=0.3))
            written = figures.save(figure, tmp_path / str(number), "mri-grid")
        assert [path.name for path in written] == ["mri-grid.png", "mri-grid.svg", "mri-grid.pdf"]
        contents.append([path.read_bytes() for path in written])
    png, svg, pdf = contents[0]
    assert contents[0] == contents[1]
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert b"ResNet-18</text>" in svg
    assert b"<dc:date>" not in svg
    with Image.open(io.BytesIO(png)) as image:
        assert image.width == 2298  # 7.66 inches at 300 dots


@pytest.mark.parametrize("losses", [(0.6996, 0.7028), (0.7, 0.7), (0.0, 0.0)])
def test_losses_of_one_epoch_are_whole_markers(tmp_path: Path, losses: tuple[float, float]) -> None:
    drawn = []
    for number, loss in enumerate(losses):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "history.csv").write_text(f"epoch,loss\n1,{loss}\n", encoding="utf-8")
        drawn.append(Series(f"m{number}", *charts.look(number), (tmp_path / str(number),)))
    with charts.style():
        (axes,) = charts.loss_chart(drawn).axes
    low, high = axes.get_ylim()
    assert low == 0
    assert high >= 1.04 * max(losses)
    assert high > 0


@pytest.mark.usefixtures("one_format")
def test_all_figures_of_a_whole_study(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=2, images=24)
    written = figures.draw_all(folder, rules=("random", "best"))
    names = files("mri-grid", "mri-grid-best", "mri-pair", *(f"mri-{name}" for name in CHARTS), "forest")
    assert {path.name for path in written} == names
    assert {path.name for path in folder.figures.iterdir()} == names


def drawn_names(folder: StudyFolder, **choice: Any) -> set[str]:
    drawings = figures._drawings(folder, runs.subjects(folder.study)[0], **choice)
    return {name for name in drawings if name.startswith("grid")}


def test_each_rule_and_method_has_a_file_of_its_own(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=24)
    rules = tuple(selection.RULES)
    assert drawn_names(folder, rules=rules, scale="shared", variant="") == {
        "grid",
        "grid-best",
        "grid-worst",
        "grid-median",
        "grid-disagreement",
    }
    assert drawn_names(folder, rules=rules, scale="image", variant="hires_cam@layer3") == set()
    for run in runs.grid(folder.study):
        file = folder.run(run) / "heatmaps.npz"
        shutil.copy(file, file.with_name("heatmaps-hires_cam@layer3.npz"))
    assert drawn_names(folder, rules=("random", "best"), scale="image", variant="hires_cam@layer3") == {
        "grid-random-hires_cam@layer3",
        "grid-best-hires_cam@layer3",
    }


def test_the_pair_is_the_baseline_and_the_best_attention_model(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=24)
    subject = runs.subjects(folder.study)[0]
    for model, auc in zip(synthetic.MODELS, (0.99, 0.8, 0.7, 0.9), strict=True):
        runs.write_json(folder.run(runs.Run(subject, model, 1)) / "metrics.json", {"auc": auc})
    content = panels.panel(folder, subject)
    assert content is not None
    pair = panels.pair(folder, subject, content)
    assert pair is not None
    assert (pair[0].truth, *pair[1:]) == ("lesion", "resnet18", "resnet18+gc")
    with charts.style():
        assert texts(figures.pair_figure(*pair)).count("ResNet-18 + GC") == 1


@pytest.mark.usefixtures("one_format")
def test_missing_runs_leave_out_what_they_must(tmp_path: Path) -> None:
    absent = {"mri/resnet18/1", "mri/resnet18+gc/1", "mri/resnet18+gc/2"}
    folder = synthetic.build(tmp_path / "out", repeats=2, missing=absent, images=24)
    subject = runs.subjects(folder.study)[0]
    content = panels.panel(folder, subject)
    assert content is not None
    assert content.models == ("resnet18+se", "resnet18+cbam")
    names = {path.name for path in figures.draw_all(folder)}
    assert names == files("mri-grid", *(f"mri-{name}" for name in CHARTS), "forest")
    colours = {of.model: of.colour for of in charts.series(folder, subject)}
    assert colours["resnet18+cbam"] == charts.COLOURS[2]


def test_nothing_run_draws_nothing(tmp_path: Path) -> None:
    every = {f"mri/{model}/1" for model in synthetic.MODELS}
    assert figures.draw_all(synthetic.build(tmp_path / "out", repeats=1, missing=every, images=24)) == []


@pytest.mark.usefixtures("one_format")
def test_odd_class_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, classes=("$a_b$", "肺炎 <b>"), images=24)
    figures.draw_all(folder)
    assert "P($a_b$)" in (folder.figures / "mri-grid.svg").read_text(encoding="utf-8")
