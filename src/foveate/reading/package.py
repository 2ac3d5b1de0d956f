"""OUT/reading: a study for readers in one folder, blind but for its key; only this folder moves to another host."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foveate import runs
from foveate.config import PHANTOM
from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.reading import render, selection
from foveate.reading.selection import Selected
from foveate.runs import Run, StudyFolder, Subject

IMAGES, KEY = "images", "key"  # folders
STUDY, CASES, SUMS, SHEET = "study.yaml", "cases.csv", "SHA256SUMS", "contact-sheet.png"
KEY_TABLE, SEED = "key.csv", "seed"  # in KEY
KEY_COLUMNS = ["name", "case", "truth", "stratum", "model", "repeat", "layer"]
_UNFINISHED = ".reading-"  # how the name of the folder begins until it is whole
_SUM = re.compile(r"([0-9a-f]{64})  (images/[0-9a-f]{32}\.png)")
_Advance = Callable[[int], None]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Strict):
    """What a reader is asked."""

    name: str
    text: str
    kind: Literal["choice", "text"]  # choice: one of the letters, none of them, or no judgement
    asked: Literal["case", "end"]  # at every showing, or once after the last


QUESTIONS = (
    Question(name="choice", text="Which model focuses on the most important region?", kind="choice", asked="case"),
    Question(
        name="description", text="Explain the answer in condensed clinical terminology", kind="text", asked="case"
    ),
    Question(name="summary", text="Summarise what you saw over all cases", kind="text", asked="end"),
)


class Options(_Strict):
    """How the cases are shown."""

    repeat_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1  # of the cases, shown twice
    gap: Annotated[int, Field(ge=1)] = 10  # showings between the two, where the study is that long
    go_back: bool = True  # readers may look at earlier cases again and change their answers


class ReadingStudy(_Strict):
    """study.yaml: what readers may know."""

    title: str  # of the data set
    models: Annotated[int, Field(ge=1)]  # how many; their names stand in the key alone
    show_truth: bool  # whether readers see each image's class
    questions: tuple[Question, ...] = QUESTIONS
    options: Options = Options()


def create(
    folder: StudyFolder,
    subject: Subject,
    cases: int | Sequence[str],
    repeat: int = 1,
    seed: int | None = None,
    show_truth: bool = False,
    questions: Sequence[Question] = QUESTIONS,
    options: Options | None = None,
    advance: _Advance = lambda count: None,
) -> Path:
    """Write OUT/reading for one data set, whole or not at all; the folder's path.

    cases: how many of each class are drawn, or the ids of the cases. repeat: whose heat-maps are shown. seed: of the
    drawing and of the readers' schedules; drawn itself where it is None. `advance` is called with the number of
    cases written. Raises FoveateError where OUT/reading is there already, a run or an image is missing, or the
    disk refuses.
    """
    place = folder.path / "reading"
    with folder.lock():
        if place.exists() or place.is_symlink():
            raise FoveateError(f"{place} is there already: readers may have answered. Move it away for a new one.")
        seed = secrets.randbits(63) if seed is None else seed
        if isinstance(cases, int):
            chosen = selection.draw(folder, subject, repeat, cases, seed)
        else:
            chosen = selection.named(folder, subject, repeat, cases)
        title = folder.study.datasets[subject.dataset].title or subject.dataset
        study = ReadingStudy(
            title=title,
            models=len(folder.study.models),
            show_truth=show_truth,
            questions=tuple(questions),
            options=options or Options(),
        )
        with _becoming(place) as new:
            _write(new / STUDY, yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
            _write(new / KEY / SEED, f"{seed}\n")
            _write_cases(new, folder, subject, repeat, chosen, show_truth, advance)
    return place


def _write_cases(
    place: Path,
    folder: StudyFolder,
    subject: Subject,
    repeat: int,
    chosen: Sequence[Selected],
    show_truth: bool,
    advance: _Advance,
) -> None:
    sources, hashes = _sources(folder, subject, chosen)
    maps = {run: heatmaps.load(folder.run(run) / "heatmaps.npz") for run in _runs(folder, subject, repeat)}
    rows = {run: {str(case): row for row, case in enumerate(of.case)} for run, of in maps.items()}
    settings = folder.study.images
    public, key, sums, thumbnails = [], [], [], []
    # Names are random, so that their order, in which everything is written, is a random order of the cases.
    for name, case in sorted(zip((_random_name() for _ in chosen), chosen, strict=True), key=lambda pair: pair[0]):
        pixels = render.original(sources[case.case], hashes[case.case])
        height, width = pixels.shape[:2]
        thumbnails.append((name, render.thumbnail(pixels)))
        sums.append(_write_image(place, name, pixels))
        public.append((name, width, height, case.truth) if show_truth else (name, width, height))
        for run, of in maps.items():
            if case.case not in rows[run]:
                raise FoveateError(f"the run {run.key} has no heat-map of {case.case}.")
            heat = render.on_original(of.raw[rows[run][case.case]], height, width, settings.pixels, settings.fit)
            layer = _random_name()
            sums.append(_write_image(place, layer, render.layer(heat)))
            key.append((name, case.case, case.truth, case.stratum, run.model, run.repeat, layer))
        advance(1)
    columns = ["name", "width", "height", *(["truth"] if show_truth else [])]
    _write(place / CASES, pd.DataFrame(public, columns=columns).to_csv(index=False))
    _write(place / KEY / KEY_TABLE, pd.DataFrame(key, columns=KEY_COLUMNS).to_csv(index=False))
    _write(place / SUMS, "".join(sorted(sums, key=lambda line: line[64:])))
    _write(place / SHEET, render.png(render.contact_sheet(thumbnails)))


def _runs(folder: StudyFolder, subject: Subject, repeat: int) -> Iterator[Run]:
    return (Run(subject, model, repeat) for model in folder.study.models)


def _random_name() -> str:
    return secrets.token_hex(16)


def _sources(
    folder: StudyFolder, subject: Subject, chosen: Sequence[Selected]
) -> tuple[dict[str, Path], dict[str, str]]:
    """Where the chosen cases' image files lie, and the hashes of their pixels."""
    source = folder.study.datasets[subject.dataset].source
    place = folder.data(subject) / "images" if source == PHANTOM else Path(source or "")
    manifest = folder.data(subject) / "manifest.csv"
    try:
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False).set_index("case")
        listed = table.loc[[case.case for case in chosen], ["path", "pixel_hash"]]
    except (OSError, ValueError, KeyError) as error:
        raise FoveateError(f"cannot find the chosen cases in {manifest}: {error}.") from error
    paths = {str(case): place / str(path) for case, path in listed["path"].items()}
    return paths, {str(case): str(own) for case, own in listed["pixel_hash"].items()}


@contextmanager
def _becoming(place: Path) -> Iterator[Path]:
    """A new folder, for its owner alone, that becomes `place` when the block ends well, and nothing when it does not.

    Hold the study's lock: what a killed process left is removed.
    """
    with runs.disk_errors(place):
        for left_over in place.parent.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left_over)
        new = Path(tempfile.mkdtemp(dir=place.parent, prefix=_UNFINISHED))
        try:
            for inner in (IMAGES, KEY):
                (new / inner).mkdir(mode=0o700)
            yield new
            now = int(time.time())
            for file in (new / IMAGES).iterdir():
                os.utime(file, (now, now))  # the order of writing would tell the model
            new.rename(place)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


def _write(path: Path, content: str | bytes) -> None:
    """Write a new file for its owner alone; the folder around it becomes visible when all of it is written."""
    data = content.encode() if isinstance(content, str) else content
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with io.FileIO(handle, "w") as raw, io.BufferedWriter(raw) as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _write_image(place: Path, name: str, pixels: NDArray[np.uint8]) -> str:
    """Write images/<name>.png; its line in SHA256SUMS."""
    data = render.png(pixels)
    _write(place / IMAGES / f"{name}.png", data)
    return f"{hashlib.sha256(data).hexdigest()}  {IMAGES}/{name}.png\n"


def load(place: Path) -> ReadingStudy:
    """Read study.yaml of OUT/reading. Raises FoveateError that names the file and what is wrong."""
    try:
        return ReadingStudy.model_validate(yaml.safe_load((place / STUDY).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FoveateError(f"cannot read {place / STUDY}: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "study"
        raise FoveateError(f"{place / STUDY}: {field}: {first['msg']}.") from error


def verify(place: Path) -> None:
    """See that the images of OUT/reading are those that `create` wrote, as `sha256sum -c SHA256SUMS` would.

    Raises FoveateError that names the first file that is changed, missing, or was not there.
    """
    try:
        lines = (place / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {place / SUMS}: {error}.") from error
    expected = {}
    for number, line in enumerate(lines, start=1):
        match = _SUM.fullmatch(line)
        if not match:
            raise FoveateError(f"{place / SUMS}, line {number}: no fingerprint of an image.")
        expected[match[2]] = match[1]
    for name, own in expected.items():
        file = place / name
        if file.is_symlink() or not file.is_file():
            raise FoveateError(f"{file} is missing.")
        with file.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != own:
                raise FoveateError(f"{file} has changed since the reader study was made.")
    for file in sorted((place / IMAGES).iterdir()):
        if f"{IMAGES}/{file.name}" not in expected:
            raise FoveateError(f"{file} was not there when the reader study was made.")
