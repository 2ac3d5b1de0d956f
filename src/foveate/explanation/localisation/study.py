"""The heat-maps of a study's runs, scored where a lesion is marked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.explanation.localisation.metrics import score
from foveate.explanation.localisation.overlap import Heat, Laid
from foveate.explanation.localisation.priors import CENTRE_PRIOR, MEAN_MAP, MeanMap, centre_prior
from foveate.explanation.localisation.region_table import Regions
from foveate.explanation.localisation.regions import Region
from foveate.runs import Run, StudyFolder, Subject, grid, subjects

COLUMNS = ["dataset", "policy", "model", "repeat", "case", "metric", "value", "chance"]
Row = tuple[object, ...]


def score_study(folder: StudyFolder, variant: str = "") -> pd.DataFrame:
    """Every run's heat-maps of the validation cases that have a region, as rows of localisation.csv.

    `variant`: `heatmaps.variant(...)` of another method, tap or target than Grad-CAM of the true class.
    After a data set's runs come its priors, once a case, with repeat 0. Runs without the file are left out. Raises
    FoveateError where a file is damaged, or its maps are of images that the data set lacks.
    """
    found = [row for subject in subjects(folder.study) for row in _rows(folder, subject, variant)]
    return pd.DataFrame(found, columns=COLUMNS)


def _rows(folder: StudyFolder, subject: Subject, variant: str) -> Iterator[Row]:
    files = {run: folder.run(run) / heatmaps.file_name(variant) for run in grid(folder.study) if run.subject == subject}
    maps = {run: _by_case(file) for run, file in files.items() if file.is_file()}
    if not maps:
        return
    regions = Regions(folder, subject)
    for run, own in maps.items():
        if unknown := own.keys() - regions.pack.row.keys():
            raise FoveateError(
                f"{files[run]} has a map of {min(unknown)}, which {subject.name} does not hold: remove the file."
            )
    side, names = regions.pack.index.pixels, (subject.dataset, subject.policy)
    cases = [case for case in dict.fromkeys(case for own in maps.values() for case in own) if regions.marks(case)]
    centre, mean = centre_prior(side), MeanMap(side)
    of_run: dict[Run, list[Row]] = {run: [] for run in maps}
    of_prior: dict[str, list[Row]] = {CENTRE_PRIOR: [], MEAN_MAP: []}
    for case in cases:  # and within it the runs, so that a region is made once, and only one is in memory
        region = regions.of(case)
        for run, own in maps.items():
            if case in own:
                heat = heatmaps.heat(own[case], side, side)
                mean.add(heat)
                of_run[run] += _scored((*names, run.model, run.repeat, case), heat, region)
        of_prior[CENTRE_PRIOR] += _scored((*names, CENTRE_PRIOR, 0, case), centre, region)
    average = mean.heat()
    for case in cases:
        of_prior[MEAN_MAP] += _scored((*names, MEAN_MAP, 0, case), average, regions.of(case))
    yield from itertools.chain(*of_run.values(), *of_prior.values())


def _by_case(file: Path) -> dict[str, NDArray[np.float32]]:
    maps = heatmaps.load(file)
    return dict(zip(map(str, maps.case), maps.raw, strict=True))


def _scored(names: Row, heat: Heat, region: Region) -> Iterator[Row]:
    for metric, (value, chance) in score(Laid(heat, region)).items():
        yield (*names, metric, value, chance)
