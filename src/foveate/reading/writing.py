"""A new OUT/reading: whole or not at all, for its owner alone, every case and heat-map under a random name."""

from __future__ import annotations

import hashlib
import io
import math
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.config.dataset import PHANTOM
from foveate.data.sources import folder_of
from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.explanation.geometry import is_flat_on_original, on_original
from foveate.reading import render
from foveate.reading.cases_and_key import CASES, KEY, KEY_TABLE, KeyRow, PublicCase, cases_csv, key_csv
from foveate.reading.selection import Shown
from foveate.runs import Run, StudyFolder, Subject

IMAGES = "images"  # a folder
SUMS, SHEET = "SHA256SUMS", "contact-sheet.png"
_UNFINISHED = ".reading-"  # how the name of the folder begins until it is whole

Advance = Callable[[int], None]
Map = NDArray[np.float32]
Picture = NDArray[np.uint8]


@contextmanager
def becoming(place: Path) -> Iterator[Path]:
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


def write(path: Path, content: str | bytes) -> None:
    """Write a new file for its owner alone; the folder around it becomes visible when all of it is written."""
    data = content.encode() if isinstance(content, str) else content
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with io.FileIO(handle, "w") as raw, io.BufferedWriter(raw) as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def write_cases(
    place: Path, folder: StudyFolder, shown: Sequence[Shown], show_truth: bool, advance: Advance = lambda count: None
) -> None:
    """Write the images of these cases, what readers may know of them, their key and their fingerprints.

    `advance` is called with the number of cases written. Raises FoveateError where a heat-map or an image is missing.
    """
    sources, maps, scores = _sources(folder, shown), _maps(folder, shown), Scores(folder, shown)
    public, key, thumbnails = [], [], []
    pictures: dict[str, Callable[[], Picture]] = {}
    # Names are random, so that their order, in which the tables are written, is a random order of the cases.
    for name, one in sorted(((_random_name(), one) for one in shown), key=lambda pair: pair[0]):
        case, dataset = one.selected, one.subject.name
        draw = partial(render.original, *sources[one.subject, case.case])
        pixels = draw()
        height, width = pixels.shape[:2]
        thumbnails.append((name, render.thumbnail(pixels)))
        pictures[name] = draw  # anew: the pixels of all cases at once may be more than fits
        public.append(PublicCase(dataset, name, one.practice, width, height, case.truth))
        for run in _runs(folder, one):
            layer = _random_name()
            pictures[layer] = partial(_layer, folder, maps[run][case.case], height, width)
            known = (dataset, name, one.practice, case.case, case.truth, case.stratum)
            key.append(KeyRow(*known, run.model, run.repeat, layer, *scores.of(run, case.case)))
    write(place / CASES, cases_csv(public, show_truth))
    write(place / KEY / KEY_TABLE, key_csv(key))
    write(place / SHEET, render.png(render.contact_sheet(thumbnails)))
    of_cases = {case.name for case in public}
    write(
        place / SUMS, "".join(sorted(_write_pictures(place, pictures, of_cases, advance), key=lambda line: line[64:]))
    )


def _write_pictures(
    place: Path, pictures: Mapping[str, Callable[[], Picture]], of_cases: Collection[str], advance: Advance
) -> Iterator[str]:
    """Draw and write each picture; their lines in SHA256SUMS.

    In a random order of all of them, of a case and of all cases: the system numbers and dates files as they come, and
    the order of the models would stand there for whoever sees the folder.
    """
    names = list(pictures)
    secrets.SystemRandom().shuffle(names)
    for name in names:
        yield _write_image(place, name, pictures[name]())
        if name in of_cases:
            advance(1)


def _layer(folder: StudyFolder, raw: Map, height: int, width: int) -> Picture:
    """A heat-map as it is laid over its image of this size."""
    heat = on_original(raw, height, width, folder.study.images.pixels, folder.study.images.fit)
    if is_flat_on_original(raw, heat):  # it points nowhere, as a blank one: no sheet of colour on the image
        heat = np.zeros_like(heat)
    return render.layer(heat)


def _write_image(place: Path, name: str, pixels: Picture) -> str:
    """Write images/<name>.png; its line in SHA256SUMS."""
    data = render.png(pixels)
    write(place / IMAGES / f"{name}.png", data)
    return f"{hashlib.sha256(data).hexdigest()}  {IMAGES}/{name}.png\n"


def _random_name() -> str:
    return secrets.token_hex(16)


def _runs(folder: StudyFolder, one: Shown) -> list[Run]:
    """Whose heat-maps a case shows, in the order of the study's models."""
    return [Run(one.subject, model, one.repeat) for model in folder.study.models]


def _sources(folder: StudyFolder, shown: Sequence[Shown]) -> dict[tuple[Subject, str], tuple[Path, str, str]]:
    """The folder and path of each case's image, and the hash of its pixels."""
    found = {}
    for subject in dict.fromkeys(one.subject for one in shown):
        manifest = folder.data(subject) / "manifest.csv"
        try:
            table = pd.read_csv(manifest, dtype=str, keep_default_na=False).set_index("case")
            listed = table.loc[[one.selected.case for one in shown if one.subject == subject], ["path", "pixel_hash"]]
        except (OSError, ValueError, KeyError) as error:
            raise FoveateError(f"cannot find the chosen cases in {manifest}: {error}.") from error
        for case, path, pixel_hash in listed.itertuples(name=None):
            found[subject, str(case)] = (_folder(folder, subject), str(path), str(pixel_hash))
    return found


def _folder(folder: StudyFolder, subject: Subject) -> Path:
    """What paths in the manifest are relative to."""
    dataset = folder.study.datasets[subject.dataset]
    return folder.data(subject) / "images" if dataset.source == PHANTOM else folder_of(dataset)


def _maps(folder: StudyFolder, shown: Sequence[Shown]) -> dict[Run, dict[str, Map]]:
    """The raw heat-maps that are shown, (h, w) each, by run and case."""
    wanted: dict[Run, list[str]] = {}
    for one in shown:
        for run in _runs(folder, one):
            wanted.setdefault(run, []).append(one.selected.case)
    found: dict[Run, dict[str, Map]] = {}
    for run, cases in wanted.items():
        maps = heatmaps.load(folder.run(run) / "heatmaps.npz")
        rows = {str(case): row for row, case in enumerate(maps.case)}
        if lacking := [case for case in cases if case not in rows]:
            raise FoveateError(f"the run {run.key} has no heat-map of {lacking[0]}.")
        found[run] = {case: maps.raw[rows[case]].copy() for case in cases}  # and none of the other maps
    return found


class Scores:
    """How the shown runs and heat-maps scored, from OUT/results.csv and OUT/localisation.csv where they are there."""

    def __init__(self, folder: StudyFolder, shown: Sequence[Shown]) -> None:
        cases = {one.selected.case for one in shown}
        self._aucs = _values(folder.path / "results.csv", ["dataset", "policy", "model", "repeat"], "auc")
        columns = ["dataset", "policy", "model", "repeat", "case", "metric"]
        self._metrics = {
            row: value
            for row, value in _values(folder.path / "localisation.csv", columns, "value").items()
            if row[4] in cases
        }

    def of(self, run: Run, case: str) -> tuple[float | None, float | None, float | None]:
        """The run's AUC, and energy and pixel AUPRC of its heat-map of the case; None where there is no value."""
        own = (run.subject.dataset, run.subject.policy, run.model, run.repeat)
        energy, auprc = (self._metrics.get((*own, case, metric)) for metric in ("energy", "pixel_auprc"))
        return self._aucs.get(own), energy, auprc


def _values(path: Path, columns: list[str], value: str) -> dict[tuple[object, ...], float]:
    """One column of a table by others; without empty cells. Raises FoveateError where the table is damaged."""
    if not path.is_file():
        return {}
    types = {name: int if name == "repeat" else str for name in [*columns, value]}
    try:
        table = pd.read_csv(path, dtype=types, usecols=[*columns, value], keep_default_na=False)
        table = table[table[value] != ""]
        numbers = [float(text) for text in table[value]]  # to the last digit, which pandas' own reading is not
    except (OSError, ValueError) as error:
        raise FoveateError(f"cannot read {path}: {error}. Remove it and start `foveate run` again.") from error
    rows = zip(table[columns].itertuples(index=False, name=None), numbers, strict=True)
    return {row: number for row, number in rows if math.isfinite(number)}
