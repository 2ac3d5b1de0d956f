import html as htmllib
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.config import Study, parse_study
from foveate.report import glossary, words
from foveate.report.assumptions import assumptions, deviations
from foveate.report.html import write_report
from foveate.report.tables import ModelResult
from foveate.runs import Subject
from tests.report import synthetic

MRI = Subject("mri", "paper", "mri")


class Page(HTMLParser):
    """The elements of a page, its text, and whether every element is closed in order."""

    void = {"meta", "link", "img", "path", "use", "rect", "wbr", "br"}  # noqa: RUF012

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data.replace("\u00a0", " ")

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    folder = synthetic.build(tmp_path_factory.mktemp("whole") / "out", title="Brain <script>alert(1)</script>")
    source = write_report(folder).read_text(encoding="utf-8")
    return source, Page(source)


def test_the_page_is_well_formed_and_named(whole: tuple[str, Page]) -> None:
    _, page = whole
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.named(landmark)) >= 1
    assert all("scope" in attributes for attributes in page.named("th"))
    assert all("alt" in attributes for attributes in page.named("img"))
    assert all(attributes.get("aria-label") for attributes in page.named("svg"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_from_outside(whole: tuple[str, Page]) -> None:
    source, page = whole
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!#)", source)
    assert "default-src 'none'" in source
    assert len(source) < 2_000_000


def test_names_are_escaped(whole: tuple[str, Page]) -> None:
    source, page = whole
    assert "<script>alert" not in source
    assert "Brain <script>alert(1)</script>" in page.text
    assert len(page.named("script")) == 1


def test_no_path_of_the_source_is_in_the_page(whole: tuple[str, Page]) -> None:
    assert "Jane" not in htmllib.unescape(whole[0])
    assert "1 unreadable image left out, as the study asks (truncated file)." in whole[1].text


def test_what_a_clinician_reads(whole: tuple[str, Page]) -> None:
    _, page = whole
    text = " ".join(page.text.split())
    assert "over three runs of each model, ResNet-18 reached a mean AUC of" in text
    assert "Runs of one and the same model were up to" in text
    assert "Holm’s adjustment for three comparisons" in text
    assert (
        "p is adjusted by Holm for all models of this table (Obuchowski-Rockette, runs as readers, factorial)" in text
    )
    assert "it prints others for ResNet-18 (93.68 in its table, the tests give 93.67)" in text
    assert "not a medical device" in text
    assert "significant" not in text.lower()
    assert "all images were put together and split at random, 80 % for training and 20 %" in text
    assert "Published: table 5 of the paper" in text
    assert "93.67" in text
    assert "12 epochs instead of 100." in text
    assert "foveate run study.yaml" in text
    assert "PyTorch 2.13.0" in text
    assert "Some CPU, 2 cores" in text
    assert "12 min for 12 runs" in text
    assert "1 validation image is also in the training part, pixel for pixel." in text
    assert "not complete" not in text


def test_the_sentences_to_quote_say_what_the_tables_say(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=40)
    text = " ".join(Page(write_report(folder).read_text("utf-8")).text.split())
    compared = pd.read_csv(folder.path / "comparison.csv").set_index("model").loc["resnet18+cbam"]
    low, high = (f"{100 * compared[end]:+.2f}".replace("-", "−") for end in ("ci_low", "ci_high"))
    assert (
        f"On mri (20 validation images), ResNet-18 + CBAM reached a mean AUC-ROC of {100 * compared['mean_auc']:.2f} %"
        in text
    )
    assert f"(95 % CI {low} to {high}; p" in text
    tests = pd.read_csv(folder.path / "tests.csv")
    one = tests[(tests["quantity"] == "difference in one run") & (tests["model"] == "resnet18+se")].iloc[1]
    value = f"{100 * one['estimate']:.2f}".replace("-", "−")
    assert f"Difference in one runResNet-18 + SE, run 2{value}" in text  # cells side by side
    assert "the smallest p" in text
    assert "Sensitivity, chosen threshold" in text


def test_over_data_sets_stand_a_forest_and_ranks(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", datasets=("mri", "ct", "cxr"), repeats=2, images=20)
    page = Page(write_report(folder).read_text("utf-8"))
    text = " ".join(page.text.split())
    assert "Mean rank over data sets" in text
    assert "Smallest p that a test of the ranks can reach" in text
    assert "ResNet-18 + GC (96.97 in its text, the tests give 96.87)" in text
    assert any(str(svg["aria-label"]).startswith("Each model's difference") for svg in page.named("svg"))


def test_heat_maps_are_a_table_with_words(whole: tuple[str, Page]) -> None:
    _, page = whole
    pictures = [str(image["alt"]) for image in page.named("img")]
    assert sum("heat-map of image" in alt for alt in pictures) == 24
    assert any(alt.endswith("no positive evidence") for alt in pictures)
    assert any("strongest in the" in alt for alt in pictures)
    assert "no positive evidence" in page.text
    assert "built-in" not in page.text
    assert re.search(r"\b0 to 0\.\d+", page.text)  # each map's lowest and highest value
    assert "says normal" in page.text
    assert "input of global average pooling (4 × 4 values)" in page.text


def test_charts_change_with_the_page(whole: tuple[str, Page]) -> None:
    source, page = whole
    assert len(page.named("svg")) == 7
    assert "currentColor" in source
    for colour in ("#1d2025", "#0072b2"):
        inside = [part for part in re.findall(r"<svg.*?</svg>", source, re.DOTALL) if colour in part]
        assert inside == []
    assert "mean AUC" in "".join(re.findall(r"<text.*?</text>", source, re.DOTALL))


def test_warnings_are_a_box_with_the_weightiest_first(whole: tuple[str, Page], tmp_path: Path) -> None:
    source, page = whole
    box = source[source.index('<aside class="warnings"') : source.index("</aside>")]
    told = re.findall(r'<li class="(\w+)">', box)
    assert len(told) >= 4
    assert told == sorted(told, key=("grave", "serious").index)
    assert "Copies across parts: 1 validation image is also in the training part" in box
    assert "<code>--pixels</code> 128" in box  # no line end parts an option
    assert "No external validation" not in box  # folded away: every study has it
    assert "What this study leaves open" in page.text
    assert "No external validation" in page.text


def test_the_words_of_the_page_are_explained_in_it(whole: tuple[str, Page]) -> None:
    source, _ = whole
    words_of_page = source[source.index('<dl class="glossary">') :]
    assert "<dt>Energy</dt>" in words_of_page
    assert "<dt>Holm</dt>" in words_of_page
    assert 20 < words_of_page.count("<dt>") < len(glossary.terms())  # those that it uses
    assert source.count('href="#words"') == 2


def test_missing_runs_are_named(tmp_path: Path) -> None:
    absent = {"mri/resnet18/1", "mri/resnet18+gc/2", "mri/resnet18+gc/3"}
    page = Page(write_report(synthetic.build(tmp_path / "out", missing=absent, images=20)).read_text("utf-8"))
    text = " ".join(page.text.split())
    assert "This study is not complete: 3 of 12 runs are missing." in text
    assert "mri, ResNet-18: run 1" in text
    assert "mri, ResNet-18 + GC: runs 2 and 3" in text
    assert "over the runs that have ended" in text
    assert "No heat-maps of run 1 yet: ResNet-18." in text


def test_nothing_run_yet(tmp_path: Path) -> None:
    every = {f"mri/{model}/1" for model in synthetic.MODELS}
    page = Page(write_report(synthetic.build(tmp_path / "out", repeats=1, missing=every)).read_text("utf-8"))
    assert "no run of ResNet-18 has ended yet" in page.text
    assert "mri: every run" in page.text
    assert "No heat-maps of run 1 yet." in page.text


def test_coarse_maps_without_masks(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, masks=False, map_side=2, images=20)
    page = Page(write_report(folder).read_text("utf-8"))
    assert "2 × 2 values: they can localise nothing" in page.text
    assert "97 pixels or more give 4 × 4" in page.text
    assert "shown but not scored" in page.text
    assert "With one run of each model nobody can tell" in page.text


def test_several_data_sets_and_policies(tmp_path: Path) -> None:
    folder = synthetic.build(
        tmp_path / "out", datasets=("mri", "ct"), policies=("paper", "clean"), repeats=2, images=20
    )
    page = Page(write_report(folder).read_text("utf-8"))
    links = [str(link["href"]) for link in page.named("a")]
    assert links[1:6] == ["#all", "#data-1", "#data-2", "#data-3", "#data-4"]
    assert "ct (clean split)" in page.text
    assert "combinations of data set and split" in page.text
    assert "epochs instead of 500." in page.text
    assert "a patient may be in both parts" in page.text


def test_the_same_study_gives_the_same_page(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", repeats=1, images=20)
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


def row(model: str, *tests: float, delta: float | None = None) -> ModelResult:
    mean = sum(tests) / len(tests)
    return ModelResult(model, tests, mean, None, delta, None, None, None, "", None, None, ())


def test_the_answer_in_words() -> None:
    rows = [row("resnet18", 90, 92), row("resnet18+se", 94, 94, delta=3), row("resnet18+gc", 91, 91, delta=0.001)]
    assert words.answer("MRI", rows) == (
        "On MRI, over two runs of each model, ResNet-18 reached a mean AUC of 91.00 %; "
        "ResNet-18 + SE was 3.00 points higher (94.00 %) and ResNet-18 + GC was the same (91.00 %)."
    )
    apart = [rows[0], row("resnet18+se", 94)]
    assert words.answer("MRI", apart).endswith(
        "ResNet-18 + SE cannot be compared: no repeat has a run of every model (94.00 %)."
    )


def test_the_answer_for_many_models_names_the_ends() -> None:
    names = ("se", "bam", "cbam", "eca", "gc", "srm", "ran")
    others = [row(f"resnet18+{name}", 90 + place, delta=place - 3.5) for place, name in enumerate(names)]
    assert words.answer("MRI", [row("resnet18", 93.5), *others]) == (
        "On MRI, over one run of each model, ResNet-18 reached a mean AUC of 93.50 %; seven other models were "
        "between 90.00 % (ResNet-18 + SE) and 96.00 % (ResNet-18 + RAN), three of them above it."
    )
    below = [row(f"resnet18+{name}", 90, delta=-9) for name in names]
    assert words.answer("MRI", [row("resnet18", 99), *below]).endswith("none of them above it.")


def paper_study(**changes: object) -> Study:
    models = {"resnet18": {}, "resnet18+se": {"attention_options": {"bias": False}}, "resnet18+cbam": {},
              "resnet18+gc": {}}  # fmt: skip
    datasets = {"mri": {"source": "x"}, "ct": {"source": "x", "published": "ct"}}
    plain = {"name": "p", "models": models, "datasets": datasets,
             "policies": ["paper"]}  # fmt: skip
    return parse_study(plain | changes)


def test_the_papers_recipe_departs_from_nothing() -> None:
    assert deviations(paper_study(), MRI) == []
    assert deviations(paper_study(), Subject("ct", "paper", "ct")) == ["100 epochs instead of 500."]


def test_deviations_are_plain() -> None:
    recipe = {"epochs": 12, "batch_size": 32, "decay_at": [0.5]}
    found = deviations(paper_study(recipe=recipe, repeats=1, validation_fraction=0.3), MRI)
    assert found == [
        "12 epochs instead of 100.",
        "Batch size: 32 instead of 64.",
        "The learning rate falls at these shares of the epochs: 0.5 instead of 0.3, 0.6, 0.9.",
        "1 run a model instead of 3.",
        "30 % of the images for validation instead of 20 %.",
    ]


def test_assumptions_say_what_was_chosen_and_where_to_change_it() -> None:
    chosen = {one.topic: one for one in assumptions(paper_study())}
    assert chosen["GC’s ratio"].chosen == "1/16."
    assert "without biases" in chosen["SE’s layers"].chosen
    assert chosen["Input size"].chosen == "Every image is stretched to 224 × 224 pixels."
    assert chosen["Reported epoch"].chosen == "The last."
    best = {one.topic: one for one in assumptions(paper_study(recipe={"report_epoch": "best"}))}
    assert "optimistic" in best["Reported epoch"].why
    assert "no part is left untouched" in best["Validation part"].chosen
    assert "extrapolation" in chosen["GC in ResNet-18"].why


def test_assumptions_name_keys_that_exist() -> None:
    fields = {"images", "recipe", "models", "repeats_differ_in", "precision"}
    for one in assumptions(paper_study()):
        for key in filter(None, one.key.split(", ")):
            assert key.split(".")[0] in fields


def test_times_and_lists() -> None:
    assert [words.duration(s) for s in (12, 61.5, 3725, None)] == ["12 s", "1 min", "1 h 2 min", "–"]
    assert [words.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
    assert runs.grid(paper_study())[0].key == "mri/resnet18/1"
