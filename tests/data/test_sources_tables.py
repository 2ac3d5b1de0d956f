"""Tables as people have them: names by other names, files without endings, one column a class, labels elsewhere."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow
import pytest
import yaml
from PIL import Image
from pyarrow import parquet

from foveate.config import parse_study
from foveate.config.dataset import Dataset
from foveate.data.sources import Source, open_image, read_dataset
from foveate.errors import FoveateError
from tests.data.test_sources import touch

ROWS = [["image_id", "dx", "lesion_id"], ["ISIC_1", "mel", "L1"], ["ISIC_2", "nv", "L2"], ["ISIC_3", "nv", "L2"]]
COLUMNS = {"path": "image_id", "label": "dx", "patient": "lesion_id"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return touch(tmp_path / "images", "part_1/ISIC_1.jpg", "part_1/ISIC_2.jpg", "part_2/ISIC_3.jpg")


def read(images: Path, table: Path | str, **more: Any) -> Source:
    """Read with a table: a file, or the text of one."""
    if isinstance(table, str):
        file = images.parent / "table.csv"
        file.write_text(table)
        table = file
    return read_dataset(Dataset.model_validate({"source": str(images), "table": str(table), **more}))


def as_csv(rows: list[list[Any]], separator: str = ",") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def write(file: Path, rows: list[list[Any]]) -> Path:
    """A table in the format that the file's ending names."""
    if file.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(file)
    elif file.suffix == ".parquet":
        columns = {str(name): [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
        parquet.write_table(pyarrow.table(columns), file)
    else:
        file.write_text(as_csv(rows, "\t" if file.suffix == ".tsv" else ","), encoding="utf-8")
    return file


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "xlsx"])
def test_columns_by_any_name_and_files_without_ending(images: Path, ending: str) -> None:
    source = read(images, write(images.parent / f"table.{ending}", ROWS), columns=COLUMNS)
    assert [(image.path, image.label, image.patient) for image in source.images] == [
        ("part_1/ISIC_1.jpg", "mel", "L1"),
        ("part_1/ISIC_2.jpg", "nv", "L2"),
        ("part_2/ISIC_3.jpg", "nv", "L2"),
    ]


@pytest.mark.parametrize("ending", ["parquet", "xlsx"])
def test_numbers_are_as_a_person_would_type_them(images: Path, ending: str) -> None:
    rows: list[list[Any]] = [["path", "label", "patient"], ["ISIC_1", 1, 17.0], ["ISIC_2", 0, None], ["ISIC_3", 0, 2.5]]
    source = read(images, write(images.parent / f"table.{ending}", rows))
    assert [(image.label, image.patient) for image in source.images] == [("1", "17"), ("0", ""), ("0", "2.5")]
    assert source.warnings == ["1 of 3 images has no patient: each counts as another patient's"]


def test_all_columns(images: Path) -> None:
    touch(images, "masks/ISIC_1.png")
    text = (
        "path,label,split,mask,site,age\npart_1/ISIC_1.jpg,a,Training,masks/ISIC_1.png,north,3\nISIC_2.jpg,b,test,,,\n"
    )
    first, second = read(images, text).images
    assert (first.split, first.mask, first.site) == ("train", str(images / "masks/ISIC_1.png"), "north")
    assert (second.path, second.split, second.mask, second.site) == ("part_1/ISIC_2.jpg", "test", "", "")
    renamed = read(images, text.replace("site", "clinic"), columns={"site": "clinic"})
    assert renamed.images[0].site == "north"


def test_several_pictures_in_a_file(images: Path) -> None:
    pictures = [Image.fromarray(np.full((20, 20), grey, np.uint8)) for grey in (10, 20, 30)]
    pictures[0].save(images / "stack.tif", save_all=True, append_images=pictures[1:])
    source = read(images, "path,label,frame\nstack,a,2\nstack,b,0\nISIC_1,b,\n")
    assert [image.path for image in source.images] == ["stack.tif#2", "stack.tif#0", "part_1/ISIC_1.jpg"]
    assert [open_image(source, image).pixels[0, 0] for image in source.images[:2]] == [30, 10]
    assert source.ignored == ["part_1/ISIC_2.jpg", "part_2/ISIC_3.jpg"]
    with pytest.raises(FoveateError, match=r"line 3: frame 'last' is no picture's number: it is 0, 1, 2"):
        read(images, "path,label,z\nstack,a,2\nstack,b,last\n", columns={"frame": "z"})
    with pytest.raises(FoveateError, match=r"line 3: stack\.tif#2 stands in line 2 already"):
        read(images, "path,label,frame\nstack,a,2\nstack.tif,b,2\n")


@pytest.mark.parametrize("text", ["path;label\nISIC_1;a\nISIC_2;b\n", "\ufeffpath,label\nISIC_1,a\n\nISIC_2,b\n"])
def test_semicolons_byte_order_mark_and_empty_lines(images: Path, text: str) -> None:
    assert read(images, text).labels == {"a": 1, "b": 1}


def test_absolute_and_windows_paths(images: Path) -> None:
    text = f"path,label\n{images}/part_1/ISIC_1.jpg,a\npart_1\\ISIC_2.jpg,b\n"
    assert [image.path for image in read(images, text).images] == ["part_1/ISIC_1.jpg", "part_1/ISIC_2.jpg"]


@pytest.mark.parametrize(("yes", "no"), [("1.0", "0.0"), ("1", "0"), ("TRUE", "False")])
def test_one_column_a_class(images: Path, yes: str, no: str) -> None:
    text = f"image,MEL,NV,BCC\nISIC_1,{yes},{no},{no}\nISIC_2,{no},{yes},{no}\nISIC_3,{no},{no},{yes}\n"
    columns = {"path": "image", "label": ["MEL", "NV", "BCC"]}
    assert read(images, text, columns=columns).labels == {"BCC": 1, "MEL": 1, "NV": 1}


def test_labels_in_a_second_table(images: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,dx\nISIC_2.jpg,b\nISIC_1,a\nISIC_3,a\nISIC_9,b\n")
    more = {"label_table": str(tmp_path / "truth.csv"), "label_columns": {"path": "image", "label": "dx"}}
    source = read(images, "path,patient\npart_1/ISIC_1.jpg,P1\nISIC_2,P2\nISIC_3,P3\n", **more)
    assert [image.label for image in source.images] == ["a", "b", "a"]
    assert source.warnings == ["the table of labels has those of 1 images that the table of images does not name"]
    (tmp_path / "truth.csv").write_text("image,dx\nISIC_1,a\n")
    with pytest.raises(
        FoveateError, match=r"truth\.csv has no label of 2 images that table\.csv names: ISIC_2, ISIC_3"
    ):
        read(images, "path\nISIC_1\nISIC_2\nISIC_3\n", **more)
    (tmp_path / "truth.csv").write_text("image,dx\nISIC_1,a\nISIC_1.jpg,b\n")
    with pytest.raises(FoveateError, match=r"truth\.csv, line 3: 'ISIC_1\.jpg' stands in line 2 already"):
        read(images, "path\nISIC_1\n", **more)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("path,label\nISIC_1,a\nISIC_7,b\nISIC_8,b\nISIC_9,b\nISIC_0,b\n", {}, r": ISIC_7, ISIC_8, ISIC_9, \.\.\."),
        ("path,label\nx/ISIC_1.jpg,a\n", {}, r"x/ISIC_1\.jpg\. part_1/ISIC_1\.jpg is: paths are relative to"),
        ("path,label\n../secret.png,a\n", {}, r"line 2: '\.\./secret\.png' leads out of"),
        ("path,label\n/etc/passwd,a\n", {}, r"line 2: '/etc/passwd' leads out of"),
        ("path,label\nC:\\data\\1.png,a\n", {}, r"leads out of"),
        ("path,label\nISIC_1,a\npart_1/ISIC_1.jpg,b\n", {}, r"line 3: part_1/ISIC_1\.jpg stands in line 2 already"),
        ("path,label\nISIC_1,a,b\n", {}, r"line 2 has 3 cells, the header has 2"),
        ("path,label,label\nISIC_1,a,b\n", {}, r"has the column 'label' 2 times: rename all but one"),
        ("Path,label\nISIC_1,a\n", {}, r"has no column 'path': did you mean 'Path'\?"),
        ("path,label \nISIC_1,a\n", {}, r"has no column 'label': did you mean 'label '\?"),
        ("path,label\nISIC_1,a\n", {"patient": "pid"}, r"has no column 'pid': its columns are 'path', 'label'\."),
        ("path,diagnosis\nISIC_1,a\n", {"label": "diagnossis"}, r"did you mean 'diagnosis'\?"),
        ("path,label\nISIC_1,a\nISIC_2, \n", {}, r"line 3: label must not be empty"),
        ("path,label\nISIC_1,a\nISIC_2, a\n", {}, r"' a' \(1 images\) and 'a' \(1\) differ only in case or spaces"),
        ("path,label\nISIC_1,a \nISIC_2,b\n", {}, r"the label 'a ' has stray spaces"),
        ("path,label\nISIC_1,Nevus\nISIC_2,nevus\n", {}, r"'Nevus' \(1 images\) and 'nevus' \(1\)"),
        ("path,label,split\nISIC_1,a,fold1\n", {}, r"line 2: split 'fold1' is none of train, val, test"),
        ("path,label,mask\nISIC_1,a,no.png\n", {}, r"names 1 masks that are not there: no\.png"),
        ("path,a,b\nISIC_1,1,1\n", {"label": ["a", "b"]}, r"line 2: a and b are set: exactly one of a, b must be 1"),
        ("path,a,b\nISIC_1,0,0\n", {"label": ["a", "b"]}, r"line 2: none of the classes is set"),
        ("path,a,b\nISIC_1,1,\n", {"label": ["a", "b"]}, r"line 2: b is '', it must be 0 or 1"),
        ("path,label\n", {}, r"holds no images"),
    ],
)  # fmt: skip
def test_bad_tables(images: Path, text: str, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(FoveateError, match=message):
        read(images, text, columns=columns)


def test_names_that_fit_several_files(images: Path) -> None:
    touch(images, "part_2/ISIC_1.png")
    with pytest.raises(FoveateError, match=r"line 2: 'ISIC_1' may be part_1/ISIC_1\.jpg or part_2/ISIC_1\.png"):
        read(images, "path,label\nISIC_1,a\n")
    assert read(images, "path,label\nISIC_1.png,a\nISIC_2,b\n").images[0].path == "part_2/ISIC_1.png"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "path,label\nISIC_1,n\xe6vus\n".encode("latin-1"),
            r"line 2: byte 0xe6 \(number 20 of the file\) is not UTF-8",
        ),
        (
            "path,label\n".encode("utf-16"),
            r"line 1: byte 0xff \(number 1 of the file\) is UTF-16: save the table as UTF-8",
        ),
    ],
)
def test_other_encodings(images: Path, data: bytes, message: str) -> None:
    (images.parent / "table.csv").write_bytes(data)
    with pytest.raises(FoveateError, match=message):
        read(images, images.parent / "table.csv")


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "xls"])
def test_files_that_are_no_tables(images: Path, ending: str) -> None:
    file = images.parent / f"table.{ending}"
    file.write_text("hello")
    with pytest.raises(FoveateError, match=r"is not a readable|is no table that can be read: save it as one of \.csv"):
        read(images, file)


def test_an_absent_table(images: Path) -> None:
    with pytest.raises(FoveateError, match=r"the table .*absent\.csv does not exist"):
        read(images, images.parent / "absent.csv")


def test_a_table_beside_the_images(images: Path, tmp_path: Path) -> None:
    """One that does not lie where the study says is looked for in the source, as in a zip."""
    (images / "labels.csv").write_text("path,label\nISIC_1,a\nISIC_2,b\n")
    source = read(images, tmp_path / "labels.csv")
    assert source.labels == {"a": 1, "b": 1}
    assert source.ignored == ["part_2/ISIC_3.jpg"]


def test_without_the_packages_the_message_names_them(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, ending in (("pyarrow", "parquet"), ("openpyxl", "xlsx")):
        file = write(images.parent / f"table.{ending}", ROWS)
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(
            FoveateError, match=rf"{module} is needed: pip install 'foveate\[tables\]', or save it as CSV"
        ):
            read(images, file)


def test_the_studies_of_the_documentation_are_right() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) == 3
    for block in map(yaml.safe_load, blocks):
        datasets = block if "datasets" in block else {"datasets": {"d": {"source": "x", **block}}}
        parse_study({"name": "s", "models": ["resnet18"], **datasets})
