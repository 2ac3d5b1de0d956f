"""Where the models look, as tables: scores beside chance and priors, differences to the baseline, groups of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from foveate.config import Study
from foveate.evaluation.localisation_summary import SUMMARY_COLUMNS
from foveate.explanation.charts import model_title
from foveate.report.latex import Table
from foveate.report.tables import between, decimals, number, of_subject, p_value, percent, read_table, signed, times
from foveate.runs import StudyFolder, Subject


def _three(value: float | None) -> str:
    return decimals(value, 3)


# Name in localisation-summary.csv -> title and how its values are written, in the order of the table.
SHOWN: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "energy": ("Energy", percent),
    "pixel_auprc": ("Pixel AUPRC", _three),
    "pixel_auroc": ("Pixel AUROC", _three),
    "pointing": ("Pointing game", percent),
    "hit_rate": ("Hit rate", percent),
    "iou_matched": ("IoU, lesion’s area", _three),
    "iou_otsu": ("IoU, Otsu", _three),
}
HEADLINE = ("energy", "pixel_auprc", "pointing")  # whose differences the page shows


@dataclass(frozen=True)
class Score:
    """One metric of one model over some images: a row of localisation-summary.csv; None where there is no value."""

    value: float | None = None
    own: tuple[float, float] | None = None  # interval of value
    deviation: float | None = None  # between runs
    chance: float | None = None
    lift: float | None = None  # mean of value / chance
    centre_prior: float | None = None  # the same metric of a Gaussian in the middle of the image
    mean_map: float | None = None  # and of the mean of all heat-maps
    delta: float | None = None  # less the baseline
    interval: tuple[float, float] | None = None  # of delta
    p_holm: float | None = None
    method: str = ""


@dataclass(frozen=True)
class Localisation:
    """One model's row of the localisation table."""

    model: str
    images: int  # that have a region and a map
    blank: int  # maps, over all runs, without any positive value: they have no energy
    scores: dict[str, Score]  # by metric, all of SHOWN

    @property
    def title(self) -> str:
        return model_title(self.model)


def read_summary(folder: StudyFolder) -> pd.DataFrame:
    """localisation-summary.csv, a row a model, metric and stratum; no rows where it is not there."""
    return read_table(folder.path / "localisation-summary.csv", SUMMARY_COLUMNS)


def localisation_table(
    study: Study, subject: Subject, summary: pd.DataFrame, stratum: str = "all"
) -> list[Localisation]:
    """The rows of a data set's localisation table, a row a model that has maps of images with regions."""
    here = of_subject(summary, subject)
    here = here[here["stratum"] == stratum]
    found = []
    for model in study.models:
        own = {str(row["metric"]): row for row in here[here["model"] == model].to_dict("records")}
        if own:
            blank = int(own["energy"]["undefined"]) if "energy" in own else 0
            images = max(int(row["cases"]) for row in own.values())
            scores = {metric: _score(own[metric]) if metric in own else Score() for metric in SHOWN}
            found.append(Localisation(model, images, blank, scores))
    return found


def _score(row: Mapping[Any, Any]) -> Score:
    return Score(
        value=number(row["value"]),
        own=_ends(row, "ci"),
        deviation=number(row["sd_runs"]),
        chance=number(row["chance"]),
        lift=number(row["lift"]),
        centre_prior=number(row["centre_prior"]),
        mean_map=number(row["mean_map"]),
        delta=number(row["delta"]),
        interval=_ends(row, "delta"),
        p_holm=number(row["p_holm"]),
        method=str(row["method"]),
    )


def _ends(row: Mapping[Any, Any], of: str) -> tuple[float, float] | None:
    low, high = number(row[f"{of}_low"]), number(row[f"{of}_high"])
    return None if low is None or high is None else (low, high)


def groups(study: Study, subject: Subject, summary: pd.DataFrame) -> dict[str, list[Localisation]]:
    """The localisation table of each group of images, by its title."""
    names = [name for name in dict.fromkeys(of_subject(summary, subject)["stratum"]) if name != "all"]
    return {group_title(name): localisation_table(study, subject, summary, name) for name in names}


def group_title(stratum: str) -> str:
    """all_right -> Right in every run"""
    kind, _, name = stratum.partition(":")
    match kind, name:
        case "all_right", _:
            return "Right in every run"
        case "p_truth", _:
            return f"P(true class) in the {'lower' if name == 'low' else 'upper'} half"
        case "class", _:
            return f"Class {name}"
        case _:
            return stratum


def score_table(rows: Sequence[Localisation], caption: str) -> Table:
    """A row a model, then the two priors and chance: as many as `REFERENCES`."""
    head = ["Model"]
    for metric, (title, _) in SHOWN.items():
        head += [title, "Lift"] if metric == "energy" else [title]
    lines = [[row.title, *_cells(row, "value"), str(row.blank)] for row in rows]
    lines += [[title, *_cells(rows[0], kind), ""] for title, kind in REFERENCES.items() if kind != "chance"]
    lines.append(["Chance", *_chance(rows), ""])
    return Table(caption, (*head, "Blank maps"), tuple(map(tuple, lines)))


REFERENCES = {"Mean of all heat-maps": "mean_map", "Centre prior (no network)": "centre_prior", "Chance": "chance"}


def _cells(row: Localisation, kind: str) -> list[str]:
    cells = []
    for metric, (_, written) in SHOWN.items():
        score = row.scores[metric]
        cells.append(written(getattr(score, kind)))
        if metric == "energy":
            cells.append(times(score.lift) if kind == "value" else "")
    return cells


def _chance(rows: Sequence[Localisation]) -> list[str]:
    """The mean over models: only that of IoU at Otsu's threshold is not the same for all."""
    cells = []
    for metric, (_, written) in SHOWN.items():
        known = [row.scores[metric].chance for row in rows]
        values = [value for value in known if value is not None]
        cells.append(written(sum(values) / len(values) if values else None))
        if metric == "energy":
            cells.append(times(1.0))
    return cells


def interval_table(rows: Sequence[Localisation], caption: str, confidence: float = 0.95) -> Table | None:
    """The headline metrics of each model with their intervals; None where there is none."""
    if not any(row.scores[metric].own for row in rows for metric in HEADLINE):
        return None
    head = [cell for metric in HEADLINE for cell in (SHOWN[metric][0], f"{100 * confidence:g} % CI")]
    lines = [
        (row.title, *(cell for metric in HEADLINE for cell in _with_ends(row.scores[metric], metric))) for row in rows
    ]
    return Table(caption, ("Model", *head), tuple(lines))


def _with_ends(score: Score, metric: str) -> tuple[str, str]:
    written = SHOWN[metric][1]
    return written(score.value), " to ".join(map(written, score.own)) if score.own else ""


def difference_table(rows: Sequence[Localisation], caption: str, confidence: float = 0.95) -> Table | None:
    """The models less the baseline, in the headline metrics; None where nothing is compared."""
    others = [row for row in rows if any(row.scores[metric].delta is not None for metric in HEADLINE)]
    if not others:
        return None
    titles = [SHOWN[metric][0] for metric in HEADLINE]
    head = [cell for title in titles for cell in (title, f"{100 * confidence:g} % CI", "p (Holm)")]
    lines = [[row.title, *(cell for metric in HEADLINE for cell in difference(row, metric))] for row in others]
    return Table(caption, ("Model", *head), tuple(map(tuple, lines)))


def difference(row: Localisation, metric: str) -> tuple[str, str, str]:
    """Difference, interval and p as they are written: +3.8, +1.8 to +5.7 and 0.007, shares in points."""
    score = row.scores[metric]
    factor, places = (100.0, 1) if SHOWN[metric][1] is percent else (1.0, 3)
    delta = None if score.delta is None else factor * score.delta
    ends = None if score.interval is None else (factor * score.interval[0], factor * score.interval[1])
    return signed(delta, places), between(ends, places), p_value(score.p_holm)


def group_table(tables: dict[str, list[Localisation]], caption: str, confidence: float = 0.95) -> Table | None:
    """The headline metrics in each group of images, a row a group and model; None where there is no group."""
    lines = []
    for title, rows in tables.items():
        for row in rows:
            cells: list[str] = []
            for metric in HEADLINE:
                delta, ends, _ = difference(row, metric)
                cells += [SHOWN[metric][1](row.scores[metric].value), f"{delta} ({ends})" if ends else delta]
            lines.append((f"{title} ({row.images})", row.title, *cells))
    apart = f"Difference, {100 * confidence:g} % CI"
    head = ["Images", "Model", *(cell for metric in HEADLINE for cell in (SHOWN[metric][0], apart))]
    return Table(caption, tuple(head), tuple(lines)) if lines else None
