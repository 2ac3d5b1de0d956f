"""Tables of boxes and points, and what is said of those that are wrong."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from foveate.errors import FoveateError
from foveate.explanation.localisation import adopt, read_regions
from foveate.explanation.localisation.region_table import Regions, form_said
from tests.explanation.localisation.small import SUBJECT, build


def written(place: Path, text: str) -> Path:
    file = place / "boxes.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_boxes_and_points_of_one_table(tmp_path: Path) -> None:
    file = written(tmp_path, "path,x0,y0,x1,y1,x,y\na.png,1,2,3.5,4,,\na.png,,,,,7,8\n")
    assert [(one.image, one.place, one.where) for one in read_regions(file)] == [
        ("a.png", (1, 2, 3.5, 4), f"{file}, line 2"),
        ("a.png", (7, 8), f"{file}, line 3"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,left\na,1\n", "has no column 'x0' or 'x': a box is x0, y0, x1, y1, a point is x, y, in pixels"),
        ("path,x0,y0,x1\na,1,2,3\n", "has no column 'y1'"),
        ("image,x,y\na,1,2\n", "has no column 'path'"),
        ("path,x,y\n", "has no rows"),
        ("path,x,y,width\na,1,2,3\n", "has width beside x, y: a box is x0, y0, x1, y1, or x, y, width, height; a po"),
        ("path,x,y,x1,y1\na,1,2,3,4\n", "has x1, y1 beside x, y"),
        ("path,x,y,w,h,x1,y1,x2,y2\na,1,2,3,4,,,,\n", "says a box in two ways, x1, y1, x2, y2 and x, y, w, h: leave"),
        ("path,x0,y0,x1,y1,x2,y2\na,1,2,3,4,5,6\n", "says a box in two ways, x0, y0, x1, y1 and x1, y1, x2, y2"),
        ("case,width,height,x0,y0,x1,y1,x,y\na,9,9,1,2,3,4,,\n", "says a box in two ways"),
        ("path,x,y,width,height\na,1,2,0,4\n", "line 2: width is 0, so that the box ends at 1 and begins at 1: by"),
        ("path,x,y,width,height\na,1,2,3,-4\n", "line 2: height is -4, .* a box is its left top corner, width and h"),
        ("path,bbox\na,[1; 2; 3]\n", "line 2: bbox is '.1; 2; 3.', it must be .x, y, width, height. in pixels"),
        ("path,x,y,width,height,Target\na,1,2,3,4,0\n", "line 2 holds a place, and says that nothing is marked"),
        ("path,x,y,width,height,Target\na,,,,,1\n", "line 2 holds neither a box nor a point: fill x, y, width, hei"),
        ("path,x,y,width,height,Target\na,,,,,0\n", "has no rows that mark anything"),
        ("path,x,y\n,1,2\n", "line 2: path must not be empty"),
        ("path,x,y\na,1,two\n", "line 2: y is 'two', it must be a number of pixels"),
        ("path,x,y\na,nan,2\n", "line 2: x is 'nan', it must be a number of pixels"),
        ("path,x,y\na,1,\n", "line 2: y is '', it must be a number of pixels"),
        ("path,x,y\na,1,2\nb,,\n", "line 3 holds neither a box nor a point"),
        ("path,x0,y0,x1,y1,x,y\na,1,2,3,4,5,6\n", "line 2 holds a box and a point: fill either"),
        (
            "path,x0,y0,x1,y1\na,5,2,3,4\n",
            "line 2: x1 is 3, so that the box ends at 3 and begins at 5: by these columns a box is its",
        ),
        ("path,x0,y0,x1,y1\na,1,2,3,2\n", "line 2: y1 is 2, so that the box ends at 2 and begins at 2"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FoveateError, match=message):
        read_regions(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,x,y\ntwo,1,2\n", "line 2: 'two' may be lesion/two.png or other/two.png: write it with its folder"),
        ("path,x,y\nfour.png,1,2\n", "line 2: d has no image 'four.png': name it as in manifest.csv, such as lesion/o"),
        ("path,x,y\none,12.5,2\n", "line 2: 12.5 lies outside one, which is 12 x 6 pixels"),
        ("path,x0,y0,x1,y1\none,1,2,3,7\n", "line 2: 7 lies outside one"),
        ("path,x,y\none,-1,2\n", "line 2: -1 lies outside one"),
    ],
)
def test_what_does_not_fit_the_images_is_named(tmp_path: Path, text: str, message: str) -> None:
    folder = build(tmp_path / "out", {}, size=(12, 6))
    with pytest.raises(FoveateError, match=message):
        adopt(folder, SUBJECT, written(tmp_path, text))
    assert not (folder.data(SUBJECT) / "regions.csv").exists()


def test_images_are_found_by_path_name_and_case(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {}, size=(12, 6))
    table = "path,x,y\nlesion/one.png,1,1\none,2,1\nlesion\\two,3,1\n3.png,4,1\nc,5,1\n"
    assert adopt(folder, SUBJECT, written(tmp_path, table)) == 4
    kept = folder.data(SUBJECT) / "regions.csv"
    assert [line.split(",")[0] for line in kept.read_text().splitlines()[1:]] == ["a", "a", "b", "d", "c"]


def test_regions_lie_on_the_square(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {}, size=(16, 8), fit="pad")  # 8 x 4 on the square, two rows of black above
    adopt(folder, SUBJECT, written(tmp_path, "case,x0,y0,x1,y1\na,0,0,4,4\n"))
    regions = Regions(folder, SUBJECT)
    assert regions.marks("a")
    assert not regions.marks("b")
    assert np.argwhere(regions.of("a").mask).tolist() == [[2, 0], [2, 1], [3, 0], [3, 1]]
    with pytest.raises(KeyError):
        regions.of("b")


@pytest.mark.parametrize(
    "text",
    [
        "path,x0,y0,x1,y1\na,1,2,4,6\n",
        "path,x1,y1,x2,y2\na,1,2,4,6\n",
        "path,width,height,class,xmin,ymin,xmax,ymax\na,640,480,nodule,1,2,4,6\n",  # of TensorFlow: the image's size
        "path,x_min,y_min,x_max,y_max\na,1,2,4,6\n",
        "path,left,top,right,bottom\na,1,2,4,6\n",
        "path,left,top,right,bottom,width,height\na,1,2,4,6,3,4\n",
        "path,x,y,width,height\na,1,2,3,4\n",
        "path;X;Y;W;H\na;1,0;2,0;3,0;4,0\n",
        "path,left,top,width,height\na,1,2,3,4\n",
        "path,Finding Label,Bbox [x,y,w,h],,,\na,Mass,1,2,3,4,,,\n",
        'path,bbox\na,"[1, 2.0, 3, 4]"\n',
        "path,bbox\na,[1.0 2.0 3.0 4.0]\n",
        "path,x_center,y_center,width,height\na,2.5,4,3,4\n",
        "path,cx,cy,w,h\na,2.5,4,3,4\n",
    ],
)
def test_boxes_as_other_tools_write_them(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    assert [one.place for one in read_regions(file)] == [(1, 2, 4, 6)]
    assert bool(form_said(file)) == ("x0" not in text)


@pytest.mark.parametrize(
    "text",
    [
        "path,x,y,width,height,Target\na,1,2,3,4,1\nb,,,,,0\n",
        "path,class_name,x_min,y_min,x_max,y_max\na,Mass,1,2,4,6\nb,No finding,,,,\n",
    ],
)
def test_rows_that_say_that_nothing_is_marked(tmp_path: Path, text: str) -> None:
    assert [one.image for one in read_regions(written(tmp_path, text))] == ["a"]


def test_centres_in_shares_of_the_image(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {}, size=(12, 6))
    table = "path,x_center,y_center,width,height\none,0.5,0.5,0.5,1\nlesion/two,0.25,0.16667,0.5,0.33334\n"
    adopt(folder, SUBJECT, written(tmp_path, table))
    rows = [line.split(",") for line in (folder.data(SUBJECT) / "regions.csv").read_text().splitlines()[1:]]
    assert [list(map(float, row[3:7])) for row in rows] == [[3, 0, 9, 6], [0, 0, 6, pytest.approx(2, abs=1e-3)]]


def test_names_are_found_whatever_their_accents_and_capitals(tmp_path: Path) -> None:
    folder = build(tmp_path / "out", {}, size=(12, 6))
    manifest = folder.data(SUBJECT) / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("lesion/one", unicodedata.normalize("NFD", "lesion/Hélène")))
    assert adopt(folder, SUBJECT, written(tmp_path, "path,x,y\nhélène.PNG,1,2\nHélène,2,2\n")) == 1


def test_shares_of_the_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FoveateError, match="must be pixels, not shares of the image"):
        read_regions(written(tmp_path, "path,x0,y0,x1,y1\none,0.1,0.2,0.4,1\ntwo,0,0,1,1\n"))
