"""The report and a reader study: nothing while it is blind, a section and the paper's tables once it is not."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from foveate.errors import FoveateError
from foveate.reading import results
from foveate.reading.answers import read_answers
from foveate.report import table_files
from foveate.report.html import write_report
from foveate.runs import StudyFolder
from tests.report import synthetic
from tests.report.synthetic_reading import CASES, UNBLINDED_AT, simulated
from tests.report.test_html import Page


def read(folder: StudyFolder) -> tuple[str, Page]:
    source = write_report(folder).read_text(encoding="utf-8")
    return source, Page(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("reading") / "out", repeats=1, images=20)


@pytest.fixture(scope="module")
def blind(folder: StudyFolder) -> str:
    return read(folder)[0]


def unblinded(folder: StudyFolder, *studies: results.DatasetResults) -> tuple[str, Page]:
    results.write(folder.path / "reading", UNBLINDED_AT, studies)
    return read(folder)


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_a_study_that_is_blind_is_not_mentioned(folder: StudyFolder, blind: str, tmp_path: Path) -> None:
    assert "reader" not in Page(blind).text.lower().replace("runs as readers", "")
    place = tmp_path / "out"
    built = synthetic.build(place, repeats=1, images=20)
    (place / "reading" / "key").mkdir(parents=True)
    (place / "reading" / "study.yaml").write_text("datasets: []\n")
    (place / "reading" / "results").mkdir()  # as an unblinding that was cut off before its end leaves it
    (place / "reading" / "results" / "answers-mri.csv").write_text("reader\n")
    assert read(built)[0] == blind
    assert not [path for path in table_files.write_all(built) if "readers" in path.name]


def test_the_section_and_nothing_else_is_new(folder: StudyFolder, blind: str) -> None:
    source, page = unblinded(folder, simulated(0.7))
    start, end = source.index('<h3 id="data-1-readers">'), source.index("<h3>Where this differs from the paper</h3>")
    style = re.search(r"\.readers th, .*?(?=\n</style>)", source, re.DOTALL)
    assert style is not None
    assert (source[:start] + source[end:]).replace(style[0], "") == blind
    text = words(page)
    assert (
        "Five readers chose ResNet-18 + CBAM most often, in 45 of 57 choices over twelve cases (79 %, 95 % interval"
        in text
    )
    assert "(within-case permutation p < 0.001). That tells whose heat-maps these readers found best" in text
    assert "Design: letters drawn anew" in text
    assert "Pairs of readers who agree" in text
    assert "Attention follows the rim of the lesion. Two cases showed the skull instead." in text
    assert "Every choice with its description (60)" in text
    svgs = [str(svg["aria-label"]) for svg in page.named("svg")]
    assert sum(label.startswith("How often each model was chosen") for label in svgs) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("scope" in attributes for attributes in page.named("th"))


def test_the_section_says_so_where_there_is_no_preference(folder: StudyFolder) -> None:
    text = words(unblinded(folder, simulated(0.24))[1])
    assert "The choices are no more uneven than chance would bring" in text
    assert "which does not show that the heat-maps are equally good." in text


def test_a_table_as_short_as_the_papers_stands_open(folder: StudyFolder) -> None:
    source, page = unblinded(folder, simulated(0.7, readers=1, cases=CASES[:6]))
    assert "Every choice with its description" not in words(page)
    assert source.index("Best model and its description") < source.index("How often each model was chosen.")
    assert "One reader took part: the results hold for this reader only." in words(page)


def test_what_readers_wrote_is_escaped(folder: StudyFolder) -> None:
    own = simulated(0.7, readers=1)
    evil = replace(own.answers[0], description="<script>alert(2)</script>")
    source, page = unblinded(folder, replace(own, answers=(evil, *own.answers[1:])))
    assert "<script>alert" not in source
    assert "<script>alert(2)</script>" in page.text


def test_nobody_has_read(folder: StudyFolder) -> None:
    text = words(unblinded(folder, simulated(0.7, readers=0))[1])
    assert "No reader has chosen a heat-map, so nothing can be said of a preference." in text


def test_results_of_another_study_are_refused(folder: StudyFolder) -> None:
    results.write(folder.path / "reading", UNBLINDED_AT, [simulated(0.7, name="ct")])
    with pytest.raises(FoveateError, match="results.json: data set 'ct' is not of this study, which has mri: put"):
        write_report(folder)


def test_each_data_set_has_its_own_section(tmp_path: Path) -> None:
    several = synthetic.build(tmp_path / "out", datasets=("mri", "ct"), repeats=1, images=20)
    _, page = unblinded(several, simulated(0.7, name="ct"))
    assert [attributes["id"] for tag, attributes in page.elements if tag == "h3" and "id" in attributes] == [
        "data-2-readers"
    ]


def test_the_papers_tables_are_files(folder: StudyFolder) -> None:
    own = simulated(0.7, readers=1, cases=CASES[:6])
    first = replace(own.answers[0], description="=B + & 5 %")
    results.write(folder.path / "reading", UNBLINDED_AT, [replace(own, answers=(first, *own.answers[1:]))])
    names = {path.name for path in table_files.write_all(folder)}
    assert {f"mri-readers.{kind}" for kind in ("csv", "md", "tex", "html")} <= names
    with (folder.tables / "mri-readers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = {row.case: row for row in read_answers(folder.path / "reading" / "results" / "answers-mri.csv")}
    assert [row["case"] for row in rows] == list(CASES[:6])
    assert [row["best_model"] for row in rows] == [answers[case].choice for case in CASES[:6]]
    spoken = next(row for row in rows if row["case"] == first.case)
    assert spoken["description"] == "'=B + & 5 %"
    assert spoken["letters"].startswith("B = ResNet-18")
    tex = (folder.tables / "mri-readers.tex").read_text(encoding="utf-8")
    assert r"\begin{tabular}{llp{0.55\linewidth}}" in tex
    assert r"=B + \& 5 \% {[}B = ResNet-18" in tex
    markdown = (folder.tables / "mri-readers.md").read_text(encoding="utf-8").splitlines()
    assert markdown[:2] == ["| Column | Best model | Description |", "| :-- | :-- | :-- |"]
    assert len(markdown) == 2 + 6
