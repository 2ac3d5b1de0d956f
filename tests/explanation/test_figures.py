from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from foveate import runs
from foveate.explanation import charts, figures
from foveate.explanation.figures import choose_cases, lesion_contour
from foveate.explanation.overlays import INFERNO, greyed, overlay
from tests.report import synthetic

GREY = np.full((2, 3, 3), 100, dtype=np.uint8)


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


def test_images_are_chosen_evenly_by_class_and_those_with_a_mask_first() -> None:
    labels = [0, 1] * 10
    masks = [row in (1, 13, 17) for row in range(20)]
    chosen = choose_cases(labels, masks, 6, seed=3)
    assert [labels[row] for row in chosen] == [0, 0, 0, 1, 1, 1]
    assert set(chosen[3:]) == {1, 13, 17}
    assert chosen == choose_cases(labels, masks, 6, seed=3)
    assert chosen != choose_cases(labels, masks, 6, seed=4)
    assert sorted(choose_cases([0, 0, 1], [False] * 3, 6, seed=0)) == [0, 1, 2]  # all there are


def test_models_have_names_for_people() -> None:
    assert [charts.model_title(name) for name in synthetic.MODELS] == [
        "ResNet-18",
        "ResNet-18 + SE",
        "ResNet-18 + CBAM",
        "ResNet-18 + GC",
    ]


def cell(**changes: object) -> figures.Cell:
    values = {"picture": GREY, "probability": 0.972, "predicted": "lesion", "blank": False, "peak": "centre"}
    return figures.Cell(**(values | changes))  # type: ignore[arg-type]


def grid_of(one: figures.Cell) -> list[str]:
    column = figures.Column("c", "lesion", GREY, np.empty((0, 2, 2)), {"resnet18": one})
    return texts(figures.grid_figure(figures.Panel((column,), ("resnet18",), (4, 4), "caption")))


def test_each_cell_says_the_probability_of_the_true_class() -> None:
    right = grid_of(cell())
    assert "P(lesion) 97.2 %" in right
    assert not any("✗" in text for text in right)
    assert figures.BLANK not in right


def test_a_wrong_prediction_is_marked_by_words() -> None:
    assert "✗ says normal" in grid_of(cell(predicted="normal", probability=0.3))


def test_a_blank_map_is_labelled() -> None:
    assert "no positive evidence" in grid_of(cell(blank=True))


def test_an_all_negative_map_becomes_a_blank_cell(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1)
    content = figures.panel(folder, runs.subjects(folder.study)[0])
    assert content is not None
    cells = [one for column in content.columns for one in column.cells.values()]
    assert {one.blank for one in cells} == {True, False}
    for one in cells:
        assert one.blank == bool((one.picture == one.picture[..., :1]).all())
    assert all(len(column.contour) > 0 for column in content.columns if column.truth == "lesion")
    assert "run 1" in content.caption.lower()
    assert "4 × 4" in content.caption


CHARTS = ("roc", "precision-recall", "calibration", "curves")


def files(*names: str) -> set[str]:
    return {f"{name}.{ending}" for name in names for ending in ("png", "svg")}


def test_all_figures_of_a_whole_study(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=2)
    written = figures.draw_all(folder)
    names = files("mri-grid", "mri-pair", *(f"mri-{name}" for name in CHARTS), "forest")
    assert {path.name for path in written} == names
    assert {path.name for path in folder.figures.iterdir()} == names
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.width > 900
    grid = (folder.figures / "mri-grid.svg").read_text(encoding="utf-8")
    assert "ResNet-18</text>" in grid
    before = grid
    figures.draw_all(folder)
    assert (folder.figures / "mri-grid.svg").read_text(encoding="utf-8") == before


def test_the_pair_is_the_baseline_and_the_best_attention_model(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1)
    subject = runs.subjects(folder.study)[0]
    for model, auc in zip(synthetic.MODELS, (0.99, 0.8, 0.7, 0.9), strict=True):
        runs.write_json(folder.run(runs.Run(subject, model, 1)) / "metrics.json", {"auc": auc})
    content = figures.panel(folder, subject)
    assert content is not None
    pair = figures.pair(folder, subject, content)
    assert pair is not None
    assert (pair[0].truth, *pair[1:]) == ("lesion", "resnet18", "resnet18+gc")


def test_missing_runs_leave_out_what_they_must(tmp_path: Path) -> None:
    absent = {"mri/resnet18/1", "mri/resnet18+gc/1", "mri/resnet18+gc/2"}
    folder = synthetic.build(tmp_path / "out", repeats=2, missing=absent)
    subject = runs.subjects(folder.study)[0]
    content = figures.panel(folder, subject)
    assert content is not None
    assert content.models == ("resnet18+se", "resnet18+cbam")
    names = {path.name for path in figures.draw_all(folder)}
    assert names == files("mri-grid", *(f"mri-{name}" for name in CHARTS), "forest")
    colours = {of.model: of.colour for of in charts.series(folder, subject)}
    assert colours["resnet18+cbam"] == charts.COLOURS[2]


def test_nothing_run_draws_nothing(tmp_path: Path) -> None:
    every = {f"mri/{model}/1" for model in synthetic.MODELS}
    assert figures.draw_all(synthetic.build(tmp_path / "out", repeats=1, missing=every)) == []


def test_odd_class_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, classes=("$a_b$", "肺炎 <b>"))
    figures.draw_all(folder)
    assert "P($a_b$)" in (folder.figures / "mri-grid.svg").read_text(encoding="utf-8")
