"""The result tables: read from results.csv and localisation.csv, written as CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from foveate import runs
from foveate.config import Study
from foveate.evaluation.compare import compare_models
from foveate.explanation.charts import model_title
from foveate.report.published import PUBLISHED
from foveate.runs import Run, StudyFolder, Subject

MINUS = "−"  # U+2212, as wide as the plus sign
TEXT = dict.fromkeys(("dataset", "policy", "model", "case", "metric"), str)  # never numbers, never "missing"
PRIOR = "centre_prior"  # localisation.csv's name for a centred Gaussian
METRICS = ("energy", "pixel_auprc")


@dataclass(frozen=True)
class ModelResult:
    """One model's row of a result table; AUCs in per cent, None where a run is missing or has no AUC."""

    model: str
    tests: tuple[float | None, ...]  # AUC of repeats 1, 2, ...
    mean: float | None
    deviation: float | None  # sample standard deviation between runs; None below two runs
    delta: float | None  # mean less the baseline's mean, before rounding; None for the baseline
    published: float | None  # the paper's mean, where it has one
    published_delta: float | None

    @property
    def title(self) -> str:
        return model_title(self.model)

    @property
    def runs(self) -> int:
        return sum(test is not None for test in self.tests)


@dataclass(frozen=True)
class Score:
    """Means of one localisation metric over the maps of one model; None where there is no value."""

    value: float | None
    chance: float | None  # lesion's share of the image
    lift: float | None  # mean of value / chance
    prior: float | None  # the same metric of a Gaussian in the middle of the image


@dataclass(frozen=True)
class Localisation:
    """One model's row of the localisation table."""

    model: str
    maps: int  # images with a mask, over all runs
    blank: int  # maps without any positive value: they have no energy
    scores: dict[str, Score]  # by metric

    @property
    def title(self) -> str:
        return model_title(self.model)


def read_results(folder: StudyFolder) -> pd.DataFrame:
    """results.csv, a row a run; no rows where it is not there yet."""
    return _read(folder.path / "results.csv", ("dataset", "policy", "model", "repeat", "auc", "accuracy", "seconds"))


def read_localisation(folder: StudyFolder) -> pd.DataFrame:
    """localisation.csv, a row a map and metric; no rows where it is not there."""
    columns = ("dataset", "policy", "model", "repeat", "case", "metric", "value", "chance")
    return _read(folder.path / "localisation.csv", columns)


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    numbers = {name: ["", "nan", "NaN"] for name in columns if name not in TEXT}
    return pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values=numbers)


def of_subject(table: pd.DataFrame, subject: Subject) -> pd.DataFrame:
    """The rows of one data set under one policy."""
    return table[(table["dataset"] == subject.dataset) & (table["policy"] == subject.policy)]


def missing_runs(study: Study, results: pd.DataFrame) -> list[Run]:
    """The runs of the study that have no row in its results."""
    there = set(
        zip(
            results["dataset"],
            results["policy"],
            results["model"],
            results["repeat"].astype(int),
            strict=True,
        )
    )
    return [
        run for run in runs.grid(study) if (run.subject.dataset, run.subject.policy, run.model, run.repeat) not in there
    ]


def auc_table(study: Study, subject: Subject, results: pd.DataFrame) -> list[ModelResult]:
    """The rows of a data set's result table, a row a model, the baseline first."""
    here = of_subject(results, subject)
    found = {
        (str(m), int(r)): 100 * float(a) for m, r, a in zip(here["model"], here["repeat"], here["auc"], strict=True)
    }
    tests = {
        model: tuple(_number(found.get((model, repeat))) for repeat in range(1, study.repeats + 1))
        for model in study.models
    }
    compared = compare_models(here.dropna(subset="auc"), study.baseline).set_index("model")

    def ours(model: str, column: str) -> float | None:
        return _per_cent(compared.loc[model, column]) if model in compared.index else None

    paper = PUBLISHED.get(study.datasets[subject.dataset].published or "")
    published = {model: paper.mean(model) if paper else None for model in study.models}
    return [
        ModelResult(
            model,
            tests[model],
            ours(model, "mean_auc"),
            ours(model, "sd_auc"),
            ours(model, "delta"),
            published[model],
            None if model == study.baseline else _difference(published[model], published[study.baseline]),
        )
        for model in study.models
    ]


def localisation_table(study: Study, subject: Subject, localisation: pd.DataFrame) -> list[Localisation]:
    """The rows of a data set's localisation table, a row a model that has maps of images with masks."""
    here = of_subject(localisation, subject)
    rows = []
    for model in study.models:
        own = here[here["model"] == model]
        if own.empty:
            continue
        energy = own[own["metric"] == "energy"]
        maps = own.groupby(["repeat", "case"]).ngroups
        scores = {metric: _score(own, here[here["model"] == PRIOR], metric) for metric in METRICS}
        rows.append(Localisation(model, maps, int(energy["value"].isna().sum()), scores))
    return rows


def _score(own: pd.DataFrame, prior: pd.DataFrame, metric: str) -> Score:
    own, prior = own[own["metric"] == metric], prior[prior["metric"] == metric]
    lift = own["value"].astype(float) / own["chance"].astype(float)
    return Score(*(_number(column.mean()) for column in (own["value"], own["chance"], lift, prior["value"])))


def _number(value: object) -> float | None:
    """A float, or None for what is none: None, NaN."""
    number = float("nan") if value is None else float(str(value))
    return None if number != number else number


def _per_cent(fraction: object) -> float | None:
    number = _number(fraction)
    return None if number is None else 100 * number


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def decimals(value: float | None, places: int = 2) -> str:
    """93.284 -> 93.28; a dash for None and NaN."""
    return "–" if value is None or value != value else f"{value:.{places}f}".replace("-", MINUS)


def signed(value: float | None) -> str:
    """1.777 -> +1.78, -0.4 -> −0.40, 0.001 -> 0.00; nothing for None."""
    if value is None:
        return ""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def with_delta(mean: float | None, delta: float | None) -> str:
    """As the paper prints it: 95.06 (+1.78)."""
    return decimals(mean) + (f" ({signed(delta)})" if delta is not None else "")


def auc_csv(rows: list[ModelResult]) -> str:
    """The result table as CSV: per cent, two decimals, empty where there is no value."""
    head = [f"test_{repeat}" for repeat in range(1, len(rows[0].tests) + 1)]
    columns = ["mean_auc", "delta", "sd_auc", "published_mean_auc", "published_delta"]
    return _csv(
        [["model", *head, *columns]]
        + [
            [row.model]
            + [
                "" if value is None else f"{value:.2f}"
                for value in (
                    *row.tests,
                    row.mean,
                    row.delta,
                    row.deviation,
                    row.published,
                    row.published_delta,
                )
            ]
            for row in rows
        ]
    )


def auc_markdown(rows: list[ModelResult], table: int | None) -> str:
    """The result table as Markdown, laid out as in the paper; `table` is its number there, if it has one."""
    head = ["Model", *(f"Test {repeat}" for repeat in range(1, len(rows[0].tests) + 1)), "Mean AUC-ROC", "SD"]
    lines = [
        [row.title, *map(decimals, row.tests), with_delta(row.mean, row.delta), decimals(row.deviation)] for row in rows
    ]
    if table is not None:
        head.append(f"Published (table {table})")
        lines = [[*line, with_delta(row.published, row.published_delta)] for line, row in zip(lines, rows, strict=True)]
    return _markdown(head, lines)


def localisation_csv(rows: list[Localisation]) -> str:
    """The localisation table as CSV; all values but lift are fractions of 1."""
    kinds = ("mean", "chance", "lift", "centre_prior")  # the order of Score's fields
    head = ["model", "maps", "blank_maps", *(f"{metric}_{kind}" for metric in METRICS for kind in kinds)]
    lines = []
    for row in rows:
        values = [value for metric in METRICS for value in astuple(row.scores[metric])]
        numbers = ["" if value is None else f"{value:.4f}" for value in values]
        lines.append([row.model, str(row.maps), str(row.blank), *numbers])
    return _csv([head, *lines])


def localisation_markdown(rows: list[Localisation]) -> str:
    """The localisation table as Markdown."""
    head = ["Model", "Energy in the lesion", "Chance", "Lift", "Centre prior"]
    head += ["Pixel AUPRC", "Chance", "Centre prior", "Maps", "Blank maps"]
    lines = []
    for row in rows:
        energy, auprc = (row.scores[metric] for metric in METRICS)
        line = [percent(energy.value), percent(energy.chance), times(energy.lift), percent(energy.prior)]
        line += [decimals(auprc.value, 3), decimals(auprc.chance, 3), decimals(auprc.prior, 3)]
        lines.append([row.title, *line, str(row.maps), str(row.blank)])
    return _markdown(head, lines)


def percent(fraction: float | None) -> str:
    """0.1234 -> 12.3 %"""
    return "–" if fraction is None else f"{100 * fraction:.1f} %"


def times(ratio: float | None) -> str:
    """2.345 -> × 2.3"""
    return "–" if ratio is None else f"× {ratio:.1f}"


def _csv(rows: list[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    ruler = [":--", *("--:" for _ in head[1:])]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in (head, ruler, *rows))


def write_all(folder: StudyFolder) -> list[Path]:
    """Write OUT/tables/<data set>.csv and .md, and <data set>-localisation.* where there are masks."""
    study, results, localisation = folder.study, read_results(folder), read_localisation(folder)
    texts = {}
    for subject in runs.subjects(study):
        paper = PUBLISHED.get(study.datasets[subject.dataset].published or "")
        rows = auc_table(study, subject, results)
        texts[f"{subject.name}.csv"] = auc_csv(rows)
        texts[f"{subject.name}.md"] = auc_markdown(rows, paper.number if paper else None)
        located = localisation_table(study, subject, localisation)
        if located:
            texts[f"{subject.name}-localisation.csv"] = localisation_csv(located)
            texts[f"{subject.name}-localisation.md"] = localisation_markdown(located)
    for name, text in texts.items():
        runs.write_text(folder.tables / name, text)
    return [folder.tables / name for name in texts]
