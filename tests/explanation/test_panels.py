"""The content of a grid: rule, repeat, method, scale and shape, and what its caption says of them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from foveate import runs
from foveate.errors import UsageError
from foveate.explanation import heatmaps
from foveate.explanation.attention_figures import Drawn, attention_figure
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.overlays import overlay
from foveate.explanation.panels import Panel, panel
from foveate.runs import Run, StudyFolder, Subject
from tests.report import synthetic


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("panels") / "out", repeats=2, images=24)


@pytest.fixture
def folder(built: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A copy that a test may change."""
    return StudyFolder(shutil.copytree(built.path, tmp_path / "out"))


def subject_of(folder: StudyFolder) -> Subject:
    return runs.subjects(folder.study)[0]


def content(folder: StudyFolder, rule: str = "random", **choice: object) -> Panel:
    found = panel(folder, subject_of(folder), rule, **choice)  # type: ignore[arg-type]
    assert found is not None
    return found


def rewrite(folder: StudyFolder, change: Callable[[int, Heatmaps], Heatmaps], variant: str = "") -> None:
    """Every model's maps of repeat 1, changed; change(number of the model, its maps)."""
    for number, model in enumerate(synthetic.MODELS):
        place = folder.run(Run(subject_of(folder), model, 1))
        maps = change(number, heatmaps.load(place / "heatmaps.npz"))
        maps.save(place / heatmaps.file_name(variant))


def sizes(folder: StudyFolder, width: int, height: int, fit: str) -> None:
    data = folder.data(subject_of(folder))
    index = runs.read_json(data / "pack" / "index.json")
    runs.write_json(data / "pack" / "index.json", index | {"fit": fit})
    pd.DataFrame({"case": index["cases"], "width": width, "height": height}).to_csv(data / "manifest.csv", index=False)


def test_an_all_negative_map_becomes_a_blank_cell(built: StudyFolder) -> None:
    found = content(built)
    cells = [one for column in found.columns for one in column.cells.values()]
    assert {one.blank for one in cells} == {True, False}
    for one in cells:
        assert one.blank == bool((one.picture == one.picture[..., :1]).all())
    assert all(len(column.contour) > 0 for column in found.columns if column.truth == "lesion")
    assert "run 1" in found.caption.lower()
    assert "4 × 4" in found.caption


def test_the_caption_says_how_images_were_chosen(built: StudyFolder) -> None:
    assert "in an order drawn with the study’s seed (0)" in content(built).caption
    best = content(built, "best")
    assert (
        "those with the highest energy in the lesion (mean over the models; a blank map counts 0), ties" in best.caption
    )
    assert {column.truth for column in best.columns} == {"lesion"}  # only they have masks
    assert "maps agree least" in content(built, "disagreement").caption


def test_repeats_can_be_chosen_and_are_named(built: StudyFolder) -> None:
    second = content(built, repeat=2)
    assert "Run 2 of each model." in second.caption
    assert "the validation part of run 2" in second.caption
    assert panel(built, subject_of(built), repeat=3) is None
    first = {column.case: column for column in content(built, "best").columns}
    same = [column for column in content(built, "best", repeat=2).columns if column.case in first]
    assert same
    for column in same:
        assert column.cells["resnet18"].probability != first[column.case].cells["resnet18"].probability


def test_each_map_by_its_own_maximum_or_one_for_all_models(folder: StudyFolder) -> None:
    ramp = np.linspace(0.5, 1, 4, dtype=np.float32)[:, None]
    rewrite(folder, lambda number, maps: replace(maps, raw=2.0**-number * ramp + np.zeros_like(maps.raw)))
    own, shared = content(folder), content(folder, scale="shared")
    for scale, found in (("image", own), ("shared", shared)):
        assert found.scale == scale
        for column in found.columns:
            heat = column.geometry.enlarge(ramp + np.zeros((4, 4)))
            for number, model in enumerate(synthetic.MODELS):
                expected = overlay(column.image, heat * (1.0 if scale == "image" else 2.0**-number))
                assert np.array_equal(column.cells[model].picture, expected)
                assert (
                    column.cells[model].values == ["0.5 to 1", "0.25 to 0.5", "0.125 to 0.25", "0.062 to 0.125"][number]
                )
    assert "divided by its own maximum" in own.caption
    assert "divided by the highest value among them" in shared.caption


def test_attention_maps_are_drawn_from_their_lowest_value_and_flat_ones_not_at_all(folder: StudyFolder) -> None:
    ramp = np.linspace(0.4, 0.6, 4, dtype=np.float32)[:, None]

    def gates(number: int, maps: Heatmaps) -> Heatmaps:
        values = ramp if number else np.full_like(ramp, 0.503)
        return replace(
            maps, raw=values + np.zeros_like(maps.raw), method="attention", target_words="", tap="last block"
        )

    rewrite(folder, gates, "attention")
    found = content(folder, variant="attention")
    assert not found.from_zero
    assert "from its own lowest value to its highest" in found.caption
    assert "Negative values" not in found.caption
    for column in found.columns:
        flat, *others = column.cells.values()
        assert flat.values == "flat: 0.503 everywhere"
        assert np.array_equal(flat.picture, column.image)
        heat = np.clip((column.geometry.enlarge(ramp + np.zeros((4, 4))) - 0.4) / 0.2, 0, 1)
        for cell in others:
            assert cell.values == "0.4 to 0.6"
            assert np.abs(cell.picture.astype(int) - overlay(column.image, heat)).max() <= 1


def test_lesions_stand_first(built: StudyFolder) -> None:
    truths = [column.truth for column in content(built).columns]
    assert truths == sorted(truths, key=lambda truth: truth != "lesion")
    assert truths[0] == "lesion"


def test_a_blank_map_stays_blank_beside_others_on_one_scale(folder: StudyFolder) -> None:
    rewrite(folder, lambda number, maps: replace(maps, raw=np.full_like(maps.raw, -1.0 if number == 0 else 1.0)))
    for column in content(folder, scale="shared").columns:
        assert [cell.blank for cell in column.cells.values()] == [True, False, False, False]
    rewrite(folder, lambda number, maps: replace(maps, raw=np.zeros_like(maps.raw)))
    for column in content(folder, scale="shared").columns:
        assert all(cell.blank for cell in column.cells.values())


def test_another_method_is_shown_on_the_same_images(folder: StudyFolder) -> None:
    def turned(number: int, maps: Heatmaps) -> Heatmaps:
        return replace(maps, raw=-maps.raw, tap="layer3", method="hires_cam", target_words="predicted")

    variant = heatmaps.variant("hires_cam", "layer3", "predicted")
    assert panel(folder, subject_of(folder), variant=variant) is None
    rewrite(folder, turned, variant)
    first, other = content(folder, "best"), content(folder, "best", variant=variant)
    assert [column.case for column in first.columns] == [column.case for column in other.columns]
    assert other.caption.startswith("HiResCAM at layer3 (4 × 4 values), for the logit of the predicted class")
    assert "by the Grad-CAM maps" in other.caption
    for before, after in zip(first.columns, other.columns, strict=True):
        for model, cell in before.cells.items():
            if cell.blank:  # negative everywhere, so the other is positive
                assert not after.cells[model].blank
            assert after.cells[model].probability == cell.probability


def test_an_unknown_rule_or_scale_is_refused_with_the_known_ones(built: StudyFolder) -> None:
    with pytest.raises(UsageError, match="no rule 'prettiest': give one of random, best, worst"):
        panel(built, subject_of(built), rule="prettiest")
    with pytest.raises(UsageError, match="no scale 'jet': give one of image, shared"):
        panel(built, subject_of(built), scale="jet")


def shapes(found: Panel) -> set[tuple[int, ...]]:
    pictures: list[NDArray[np.uint8]] = [column.image for column in found.columns]
    pictures += [cell.picture for column in found.columns for cell in column.cells.values()]
    return {picture.shape for picture in pictures}


@pytest.mark.parametrize(
    ("fit", "width", "height", "shape"),
    [
        ("stretch", 400, 200, (64, 128, 3)),
        ("stretch", 200, 300, (96, 64, 3)),
        ("pad", 400, 200, (32, 64, 3)),
        ("pad", 100, 400, (64, 16, 3)),
        ("crop", 400, 200, (64, 64, 3)),
        ("stretch", 300, 300, (64, 64, 3)),
    ],
)
def test_images_have_the_shape_of_their_originals(
    folder: StudyFolder, fit: str, width: int, height: int, shape: tuple[int, ...]
) -> None:
    sizes(folder, width, height, fit)
    found = content(folder)
    assert shapes(found) == {shape}
    said = {"stretch": "stretched to a square", "pad": "black edges", "crop": "saw the middle"}[fit]
    assert (said in found.caption) == (width != height)


def test_the_lesions_border_goes_with_the_image(folder: StudyFolder) -> None:
    square = {column.case: column.contour for column in content(folder).columns}
    sizes(folder, 400, 200, "stretch")
    for column in content(folder).columns:
        x, y = column.contour[..., 0], column.contour[..., 1]
        np.testing.assert_allclose(x + 0.5, 2 * (square[column.case][..., 0] + 0.5))  # twice as wide
        np.testing.assert_allclose(y, square[column.case][..., 1])


def test_a_method_without_a_class_claims_none(folder: StudyFolder) -> None:
    rewrite(folder, lambda number, maps: replace(maps, method="eigen_cam", target_words=""), "eigen_cam")
    caption = content(folder, variant="eigen_cam").caption
    assert caption.startswith("Eigen-CAM at the input of global average pooling (4 × 4 values), of no class")
    assert "speaks for that" not in caption


def test_attention_maps_take_the_shape_of_the_original_too(folder: StudyFolder) -> None:
    sizes(folder, 400, 200, "pad")  # the square's rows 16 to 47
    found = content(folder)
    values = np.zeros((1, 64, 64), dtype=np.float32)
    values[0, 16:48] = np.linspace(0.0, 1.0, 32)[:, None]
    maps = {"layer1.0.attention": Drawn("affinity", values, None)}
    axes = attention_figure(found, [0], "resnet18+se", maps).axes[2]
    image = found.columns[0].image
    expected = overlay(image, np.broadcast_to(np.linspace(0.0, 1.0, 32)[:, None].astype(np.float32), (32, 64)))
    assert np.array_equal(np.asarray(axes.images[0].get_array()), expected)
    # The cross marks the centre of the square's row and column 32: (32, 32), of which 16 rows are cut off.
    assert axes.lines[0].get_xydata().tolist() == [[32.0, 16.0]]


def test_titles_of_attention_maps_stay_above_their_pictures(folder: StudyFolder) -> None:
    values = np.linspace(0.0, 1.0, 16, dtype=np.float32).reshape(1, 4, 4)
    maps = {
        f"layer{stage}.1.attention": Drawn("channel width and channel height and spatial", values, None)
        for stage in (1, 2, 3, 4)
    }
    figure = attention_figure(content(folder), [0], "resnet18+se", maps)
    head, *titles = (text.get_window_extent() for text in figure.texts[:7])
    assert titles[-1].x1 <= figure.bbox.x1
    assert max(title.y1 for title in titles) < head.y0
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(titles))


def test_a_map_that_is_positive_only_in_the_black_edges_is_blank(folder: StudyFolder) -> None:
    raw = np.full((4, 4), -1.0, dtype=np.float32)
    raw[0] = 1.0  # the upper quarter; of a 2:1 image it is black, and enlarging reaches one eighth further
    rewrite(folder, lambda number, maps: replace(maps, raw=np.broadcast_to(raw, maps.raw.shape).copy()))
    sizes(folder, 400, 100, "pad")  # shown from 3/8 to 5/8 of the square
    for column in content(folder).columns:
        assert all(cell.blank for cell in column.cells.values())


def test_boxes_are_outlined_where_there_is_no_mask(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=24, masks=False)
    (subject,) = runs.subjects(folder.study)
    content = panel(folder, subject)
    assert content is not None
    assert not any(len(column.contour) for column in content.columns)
    case = content.columns[0].case
    table = f"case,width,height,x0,y0,x1,y1,x,y\n{case},64,64,10,20,30,40,,\n"
    (folder.data(subject) / "regions.csv").write_text(table, encoding="utf-8")
    content = panel(folder, subject)
    assert content is not None
    (marked,) = (column for column in content.columns if len(column.contour))
    assert marked.case == case
    assert len(marked.contour) == 80  # around 20 x 20 pixels
    assert "the border of the marked lesion" in content.caption
