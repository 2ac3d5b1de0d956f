"""The heat-maps of a study, beyond those that its evaluation keeps: other methods, their scores, tests and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch

from foveate import runs
from foveate.data.batches import Batches
from foveate.data.prepare import pack_of, split_file
from foveate.errors import FoveateError, UsageError
from foveate.evaluation.localisation_summary import summarise
from foveate.execution.wish import Shown
from foveate.explanation import attention_figures, attention_maps, charts, figures, heatmaps, panels, trust_charts
from foveate.explanation.cam.of_run import maps_of_run
from foveate.explanation.faithfulness.of_study import faithfulness_of_study
from foveate.explanation.localisation import score_study
from foveate.explanation.repeatability import repeatability
from foveate.explanation.sanity import sanity_of_study
from foveate.models import load_model
from foveate.runs import Run, StudyFolder

# Forward passes of an image: 3 orders with 20 steps of two curves and 8 images of ROAD; and 10 layers in two modes, of
# which on the whole less than half is run again.
FAITHFULNESS_PASSES, SANITY_PASSES = 3 * (2 * 20 + 8), 8
Advance = Callable[[int], None]
_NAMES = ["dataset", "policy", "model", "metric"]
_TESTED = ["mean", "sd_between_runs", "delta", "delta_low", "delta_high", "p", "p_holm", "method"]
SCORES, SUMMARY, REPEATABILITY = "localisation", "localisation-summary", "repeatability"
FAITHFULNESS, CURVES, MEANS, SANITY = "faithfulness", "faithfulness-curves", "faithfulness-summary", "sanity"


def table_file(folder: StudyFolder, name: str, variant: str = "") -> Path:
    """OUT/<name>.csv, or OUT/<name>-<variant>.csv for other maps than Grad-CAM of the true class."""
    return folder.path / f"{name}{f'-{variant}' if variant else ''}.csv"


def make_maps(
    folder: StudyFolder,
    evaluated: Sequence[Run],
    shown: Shown,
    device: torch.device,
    advance: Advance,
    note: Callable[[str], None],
) -> str:
    """Make sure that all runs have the maps of a method, tap and target; the name of that variant.

    Models that have none, as a plain one has no attention maps, and data sets without the target's class are left out
    and noted. Raises UsageError where no run has them, FoveateError for a run without weights.
    """
    if (shown.method, shown.tap, shown.target) == (heatmaps.GRAD_CAM, heatmaps.POOLING, heatmaps.TRUTH):
        return ""
    file, refused = "", dict[str, UsageError]()  # by data set and model
    for run in evaluated:
        of = f"{run.subject.name}/{run.model}"
        if of in refused:
            continue
        try:
            made = maps_of_run(folder, run, shown.method, shown.tap, shown.target, device=device, advance=advance)
            file = made.name
        except UsageError as error:
            refused[of] = error
    if not file:
        raise next(iter(refused.values()))
    for of, reason in refused.items():
        note(f"left out: {of}: {reason}")
    return file.removeprefix("heatmaps-").removesuffix(".npz")


def score(folder: StudyFolder, variant: str = "") -> None:
    """Write localisation.csv, its summary and repeatability.csv; none of the first two where nothing is marked."""
    scores = score_study(folder, variant)
    tables = {SCORES: scores, SUMMARY: summarise(folder, scores)} if len(scores) else {}
    for name in (SCORES, SUMMARY):
        if name not in tables:
            table_file(folder, name, variant).unlink(missing_ok=True)
    tables[REPEATABILITY] = repeatability(folder, variant)
    for name, table in tables.items():
        _write(table_file(folder, name, variant), table)


def draw(folder: StudyFolder, shown: Shown, variant: str = "") -> list[Path]:
    """Draw the figures of heat-maps, and how far maps agree between runs and models."""
    written = figures.draw_all(folder, shown.rules, shown.scale, variant, shown.cases)
    table = _read(table_file(folder, REPEATABILITY, variant))
    for name, own in _by_subject(folder, table):
        if own["correlation"].notna().any():
            with charts.style():
                figure = trust_charts.repeatability_chart(own, list(folder.study.models))
                written += figures.save(
                    figure, folder.figures, f"{name}-{table_file(folder, REPEATABILITY, variant).stem}"
                )
    return written


def measure_faithfulness(
    folder: StudyFolder, evaluated: Sequence[Run], device: torch.device, images: int, advance: Advance
) -> list[Path]:
    """Deletion, insertion and ROAD of each run's Grad-CAM: faithfulness*.csv and a figure a data set."""
    found = faithfulness_of_study(folder, evaluated, device, images, advance=advance)
    _write(table_file(folder, FAITHFULNESS), found.scores)
    _write(table_file(folder, CURVES), found.curves)
    _write(table_file(folder, MEANS), faithfulness_summary(folder, found.scores))
    written = []
    for name, own in _by_subject(folder, found.curves):
        with charts.style():
            figure = trust_charts.faithfulness_chart(own, list(folder.study.models))
            written += figures.save(figure, folder.figures, f"{name}-{FAITHFULNESS}")
    return written


def faithfulness_summary(folder: StudyFolder, scores: pd.DataFrame) -> pd.DataFrame:
    """A row a model and metric of faithfulness.csv: mean over cases and runs, controls, difference to the baseline.

    Means, deviations and tests are those of localisation scores (`summarise`), the random order in the place of chance.
    """
    known = scores.groupby(_NAMES, sort=False, as_index=False).agg(
        runs=("repeat", "nunique"),
        cases=("case", "nunique"),
        blank=("blank", "sum"),
        control_random=("control_random", "mean"),
        control_centre=("control_centre", "mean"),
    )
    found = summarise(folder, scores.rename(columns={"control_random": "chance"}))
    found = found[found["stratum"] == "all"].rename(columns={"value": "mean", "sd_runs": "sd_between_runs"})
    return known.merge(found[[*_NAMES, *_TESTED]], on=_NAMES)


def measure_sanity(
    folder: StudyFolder, evaluated: Sequence[Run], device: torch.device, images: int, advance: Advance
) -> list[Path]:
    """Whether the maps depend on what was learned: sanity.csv and a figure a data set."""
    found = sanity_of_study(folder, evaluated, device, images, advance)
    _write(table_file(folder, SANITY), found)
    written = []
    for name, own in _by_subject(folder, found):
        with charts.style():
            figure = trust_charts.sanity_chart(own, list(folder.study.models))
            written += figures.save(figure, folder.figures, f"{name}-{SANITY}")
    return written


def draw_attention(
    folder: StudyFolder, evaluated: Sequence[Run], device: torch.device, announce: Callable[[str], None]
) -> list[Path]:
    """Draw the attention maps of every attention model's repeat 1 beside its Grad-CAM; the files in OUT/figures."""
    written: list[Path] = []
    for subject in runs.subjects(folder.study):
        content = panels.panel(folder, subject)
        for run in (run for run in evaluated if run.subject == subject and run.repeat == 1):
            network = load_model(folder.run(run)).network.on(device)
            blocks = attention_maps.last_of_each_stage(network)
            if content is None or run.model not in content.models or not blocks:
                continue
            announce(f"drawing the attention maps of {subject.name}/{run.model}")
            chosen = attention_figures.choose(content)
            cases = [content.columns[number].case for number in chosen]
            batch = Batches(pack_of(folder, subject), cases, split_file(folder.study, 1), device)
            maps = attention_maps.attention_maps(network, batch.gather(torch.arange(len(cases), device=device))[0])
            drawn = {place: attention_maps.drawn(maps[place]) for place in blocks}
            with charts.style():
                figure = attention_figures.attention_figure(content, chosen, run.model, drawn)
                written += figures.save(figure, folder.figures, f"{subject.name}-attention-{run.model}")
    if not written:
        raise FoveateError(f"{folder.path} has no evaluated model with attention blocks, so there are no maps to draw.")
    return written


def _by_subject(folder: StudyFolder, table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each data set that has any, by its name in files."""
    found = []
    for subject in runs.subjects(folder.study):
        own = table[(table["dataset"] == subject.dataset) & (table["policy"] == subject.policy)]
        if len(own):
            found.append((subject.name, own))
    return found


def _write(path: Path, table: pd.DataFrame) -> None:
    runs.write_text(path, table.to_csv(index=False))


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(
        path, dtype={"dataset": str, "policy": str, "model": str, "other": str}, keep_default_na=False, na_values=[""]
    )
