"""Every block of code in README.md and docs/ does what it says: Python is executed, as are commands that are quick;
YAML is read as studies are; every other command line is parsed by the program's own parser.

The blocks are found, not listed: a new one is tested by its language, and one without a language is an error. Output,
folders and other things that are no input are ```text. A Python block that begins with `# name.py` is that file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
import yaml
from PIL import Image
from typer.testing import CliRunner

from foveate import pipeline
from foveate.cli import app
from foveate.config import parse_study, read_study
from foveate.config.dataset import Dataset
from foveate.data.phantom import write_phantom
from foveate.data.sources import read_dataset
from foveate.execution.preparing import prepare_data
from foveate.execution.progress import Silent
from foveate.reading import questions
from foveate.runs import StudyFolder
from foveate.training import acceleration
from tests.plugin_files import without_plugins

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands of others that documents may tell people to use
OTHERS = ("pip", "python3", ".venv/bin/pip", "make", "python")
# What is executed on the small world below; all else takes minutes, a network, a reader or a whole machine.
QUICK = ("data audit", "data card", "evaluate", "explain", "predict", "reading create", "run --plugin")
PLACEHOLDER = re.compile(r"[A-Z]+(\.[a-z]+)?")  # OUT, DIR, FILE.csv
SMALL = ["--pixels", "40", "--epochs", "1", "--repeats", "1"]


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    line: int
    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    """All fenced blocks, indented ones, too."""
    text = document.read_text(encoding="utf-8")
    found = re.finditer(r"^( *)```([^\n]*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [Block(text[: own.start()].count("\n") + 1, own[2].strip(), own[3]) for own in found]


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def commands(document: Path) -> Iterator[tuple[str, bool]]:
    """Each line of shell, and each `foveate ...` in running text; the latter may leave its arguments out."""
    for block in blocks(document):
        for line in block.text.splitlines():
            if block.language == "sh" and line.strip():
                yield line, True
            elif block.language == "console" and line.startswith("$ "):
                yield line.removeprefix("$ "), True
            elif block.language == "ini" and (started := re.search(r"=\S*/(foveate .*)", line)):
                yield started[1], True
    prose = re.sub(r"^ *```.*?^ *```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in re.findall(r"`(foveate [^`]+)`", prose):
        yield command, False


def words(line: str) -> list[str]:
    """A command line as its program gets it, without its comment; what brackets say may be left out is there."""
    bare = re.sub(r"(^|\s)#.*$", "", line).replace("…", "").replace(" [", " ").replace("]", "")
    return ["2" if word == "N" else word for word in shlex.split(bare)]


def refusal(arguments: list[str]) -> str:
    """What foveate's own parser says against a command line; empty where nothing. The command is not carried out."""
    said = io.StringIO()
    program = typer.main.get_command(app)  # made anew each time
    _disarm(program)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            program.main(arguments, "foveate")
    except SystemExit as ended:
        return "" if not ended.code else said.getvalue()
    return ""


def _disarm(command: Any) -> None:
    """Nothing is done once everything is parsed."""
    command.callback = lambda **options: None
    for below in getattr(command, "commands", {}).values():
        _disarm(below)


def is_quick(arguments: list[str]) -> bool:
    """Whether a command line is carried out here."""
    if any(PLACEHOLDER.fullmatch(word) for word in arguments):
        return False
    if any(word.startswith("foveate-") and not Path(word).exists() for word in arguments):
        return False  # a study that was not made
    verbs = [f"{arguments[0]} --plugin" if "--plugin" in arguments else "", arguments[0], " ".join(arguments[:2])]
    return any(verb in QUICK for verb in verbs)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, of as little as will do."""
    place = tmp_path_factory.mktemp("demo") / "foveate-demo"
    data = read_study("demo")
    data["datasets"]["phantom"] |= {"phantom_images": 80, "phantom_size": 32}
    data |= {"repeats": 1, "models": ["resnet18", "resnet18+cbam"], "threads": 1, "images": {"pixels": 40}}
    folder, progress = StudyFolder(place), Silent()
    folder.create(parse_study({**data, "recipe": {"epochs": 1, "curve_points": 0}, "precision": "float32"}))
    prepare_data(folder, progress)
    pipeline.train(folder, torch.device("cpu"), progress)
    pipeline.evaluate(folder, torch.device("cpu"), progress)
    return place


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder with what the documents speak of: images, tables, scores, a study; what plugins add is taken away."""
    write_phantom(tmp_path / "scans", 20, 0, 32)
    pixels = np.random.default_rng(0)
    for label in ("benign", "malignant"):
        (tmp_path / "lesions" / label).mkdir(parents=True)
        for number in range(1, 5):
            image = pixels.integers(0, 255, (40, 40), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "lesions" / label / f"{number:03}.png")
    for number, file in enumerate(sorted((tmp_path / "scans").rglob("*.png"))[:2]):
        file.rename(tmp_path / "scans" / f"{number:04}.png")
    write_scores(tmp_path / "scores.csv")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    document = request.node.callspec.params["document"]
    if "foveate-demo" in document.read_text(encoding="utf-8"):
        (tmp_path / "foveate-demo").symlink_to(request.getfixturevalue("demo"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(acceleration, "default_threads", lambda: 1)  # several wait for each other where others work
    with without_plugins():
        yield tmp_path


def write_scores(file: Path) -> None:
    draw, rows = np.random.default_rng(0), ["case,label,model,repeat,score,patient"]
    for model in ("resnet18", "ours"):
        for repeat in (1, 2):
            for case in range(20):
                score = draw.uniform() / 2 + (case % 2) / 3
                rows.append(f"scan-{case},{case % 2},{model},{repeat},{score:.3f},p-{case // 2}")
    file.write_text("\n".join(rows), encoding="utf-8")


def test_every_document_is_here() -> None:
    assert len(DOCUMENTS) > 8
    assert sum(len(blocks(document)) for document in DOCUMENTS) > 25


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_block_says_what_it_is(document: Path) -> None:
    for block in blocks(document):
        known = ("python", "sh", "console", "yaml", "csv", "ini", "nginx", "text")
        assert block.language in known, f"{named(document)}, line {block.line}: say ```text for what is no input"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_command_line_is_one(document: Path) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line, whole in commands(document):
        program, *arguments = words(line) or [""]
        if program == "foveate":
            said = refusal(arguments)
            assert not said or (not whole and "Missing" in said), f"{named(document)}: {line}: {said}"
        elif program == "make":
            assert set(arguments) <= set(targets), f"{named(document)}: {line}"
        else:
            assert program in (*OTHERS, ""), f"{named(document)}: {line}: what is {program}?"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_code_runs_as_it_stands(document: Path, world: Path) -> None:
    """In the document's order, Python in one namespace."""
    namespace: dict[str, Any] = {}
    for block in blocks(document):
        if block.language == "python" and (name := re.match(r"# (\w+\.py)\n", block.text)):
            Path(name[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            code = "\n" * block.line + block.text  # so that a traceback names the document's line
            exec(compile(code, str(document), "exec"), namespace)
        elif block.language in ("sh", "console"):
            for line in block.text.splitlines():
                _, *arguments = words(line.removeprefix("$ ")) or [""]
                if line.removeprefix("$ ").startswith("foveate ") and is_quick(arguments):
                    carry_out(arguments)


def carry_out(arguments: list[str]) -> None:
    ended = CliRunner().invoke(app, [*arguments, *(SMALL if arguments[0] == "run" else [])])
    assert ended.exit_code == 0, f"foveate {shlex.join(arguments)}: {ended.output} {ended.exception!r}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_yaml_is_understood(document: Path, tmp_path: Path) -> None:
    for block in blocks(document):
        if block.language == "yaml":
            file = tmp_path / "my.yaml"
            file.write_text(as_file(block.text), encoding="utf-8")
            if isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), list):
                assert questions.read_questions(file)
            else:
                study = parse_study(read_study(file), f"{named(document)}, line {block.line}")
                for dataset in study.datasets.values():
                    if dataset.source and not dataset.rules:  # those are for archives of one layout
                        made = make_files(dataset)
                        assert {image.label for image in read_dataset(dataset).images} == made


def make_files(dataset: Dataset) -> set[str]:
    """Images, masks and a table as the data set describes them; the labels that it should be read with."""
    folder, rows = Path(dataset.source or ""), [[*dataset.columns.label, dataset.columns.path, dataset.columns.patient]]
    for label in ("other", *(dataset.positive or ("malignant",))):
        for number, own in enumerate(dataset.merge.get(label, (label,))):
            name = f"{own}-{number}" if dataset.table else f"{own}/{number}"
            for place in (folder, Path(dataset.masks)) if dataset.masks else (folder,):
                (place / f"{name}.png").parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (16, 16)).save(place / f"{name}.png")
            rows.append([own, name, f"patient of {name}"])
    if dataset.table:
        Path(dataset.table).write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    return {"other", *(dataset.positive or ("malignant",))}


def as_file(text: str) -> str:
    """A whole study, or the keys of a data set in one."""
    if not text.startswith("    "):
        return text
    source = "" if "source:" in text else "    source: images\n"
    return f"models: [resnet18]\ndatasets:\n  some:\n{source}{text}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_tables_have_the_columns_of_their_headers(document: Path) -> None:
    for block in blocks(document):
        if block.language == "csv":
            header, *rows = csv.reader(io.StringIO(block.text))
            assert {"case", "label", "model", "repeat", "score"} <= set(header)
            assert all(len(row) == len(header) for row in rows)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("foveate run lesions --pixel 128", "No such option"),
        ("foveate trian OUT", "No such command"),
        ("foveate predict RUN", "Missing argument"),
        ("foveate run --pixels many", "Invalid value"),
        ("foveate data audit", "Missing argument"),
        ("foveate report OUT more", "unexpected extra argument"),
        ("foveate explain OUT [--sanity N] [--maps]  # quick", ""),
    ],
)
def test_a_broken_line_is_found(broken: str, said: str) -> None:
    assert said in refusal(words(broken)[1:])
    assert bool(refusal(words(broken)[1:])) is bool(said)


def test_blocks_are_found_by_themselves(tmp_path: Path) -> None:
    file = tmp_path / "new.md"
    file.write_text("a\n```\nfoveate\n```\n\n  ```python\n  1 / 0\n  ```\n", encoding="utf-8")
    assert [(own.line, own.language) for own in blocks(file)] == [(2, ""), (6, "python")]


@pytest.mark.parametrize(
    ("line", "quick"),
    [
        ("predict RUN IMAGE", False),
        ("predict foveate-none/runs/some/resnet18/1 scans", False),
        ("data audit lesions", True),
        ("run lesions --plugin ese.py", True),
        ("run demo", False),
    ],
)
def test_what_is_carried_out(line: str, quick: bool) -> None:
    assert is_quick(line.split()) is quick
