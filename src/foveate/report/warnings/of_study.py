"""What a study's file alone tells, before any image is looked at."""

from __future__ import annotations

from collections.abc import Iterator

from foveate import runs
from foveate.config import Study
from foveate.explanation import resolution
from foveate.report.warnings.warning import StudyWarning


def of_study(study: Study) -> Iterator[StudyWarning]:
    """Warnings of the whole study."""
    if study.recipe.report_epoch == "best":
        yield StudyWarning(
            "best_epoch",
            "The reported epoch was chosen on the part it is scored on: the numbers are optimistic.",
            "recipe.report_epoch: last, in the study’s file, reports the last epoch.",
        )
    coarse = resolution.coarse(resolution.map_size(study.images.pixels))
    if coarse:
        yield StudyWarning("coarse_maps", coarse, resolution.FINER)
    if study.repeats == 1:
        yield StudyWarning(
            "one_run", "One run a model: how far another training would land is not known.", "--repeats 3 shows it."
        )
    elif study.repeats_differ_in == "seeds":
        yield StudyWarning(
            "one_split", "All runs share one split: how far another split would move the numbers is not known."
        )
    if len({subject.dataset for subject in runs.subjects(study)}) == 1:
        yield StudyWarning("one_data_set", "One data set only.")
    sites = study.repeats_differ_in == "sites"
    held_out = (
        "the sites that were left out are of the same data set"
        if sites
        else "all numbers are of images held out of the same data set"
    )
    yield StudyWarning("no_external_validation", f"No external validation: {held_out}.")
