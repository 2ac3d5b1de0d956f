"""The report: one self-contained page, from what lies in a study's folder."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup, escape
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from foveate import runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.explanation import overlays, panels, resolution
from foveate.explanation.charts import model_title
from foveate.reading.results import DatasetResults
from foveate.report import (
    detail_tables,
    glossary,
    learning,
    policy_table,
    reading_section,
    tables,
    verdict,
    viewer,
    warnings_box,
    words,
)
from foveate.report.assumptions import assumptions, deviations
from foveate.report.localisation_section import localisation_section
from foveate.report.localisation_tables import read_summary
from foveate.report.methods import methods_paragraph
from foveate.report.page_charts import overall_charts, section_charts
from foveate.report.published import PUBLISHED, published_slips
from foveate.report.trust_section import trust_section
from foveate.runs import Run, StudyFolder, Subject

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL = 224  # pixels, side of the images in the page


def write_report(folder: StudyFolder) -> Path:
    """Write OUT/report/index.html and return its path. Runs that are missing are named in it."""
    runs.write_text(folder.report, rendered("report.html.j2", _page(folder)))
    return folder.report


def rendered(template: str, content: dict[str, Any]) -> str:
    """A page from one of the templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(decimals=tables.decimals, signed=tables.signed, percent=tables.percent)
    environment.filters.update(between=tables.between, p_value=tables.p_value, title_of=model_title)
    environment.filters.update(with_delta=tables.with_delta, times=tables.times, breakable=_breakable)
    environment.filters.update(options=_options)
    whole = environment.get_template(template)
    explained = glossary.used_in(whole.render(content, glossary=""))
    words_used = Markup(environment.get_template("glossary.html.j2").render(terms=explained))
    page = whole.render(content, glossary=words_used)
    return page.replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0")  # no line ends between a number and these


def _page(folder: StudyFolder) -> dict[str, Any]:
    study, results = folder.study, tables.read_results(folder)
    subjects, summary = runs.subjects(study), read_summary(folder)
    comparison, tests = tables.read_comparison(folder), tables.read_tests(folder)
    rows = {subject: tables.auc_table(study, subject, results, comparison) for subject in subjects}
    learned = {words.subject_title(study, subject): learning.learnings(study, subject, results) for subject in subjects}
    located = {subject: localisation_section(folder, subject, summary) for subject in subjects}
    policies = policy_table.policy_table(study, rows)
    readings = reading_section.readings(folder)
    absent, total = tables.missing_runs(study, results), len(runs.grid(study))
    one = subjects[0] if len(subjects) == 1 else None
    answer = words.answer(words.subject_title(study, one), rows[one]) if one else words.summary(study, rows)
    if one and located[one]:
        answer += " " + located[one]["looks"]
    elif not any(located.values()):
        answer += " No lesion masks were given, so where the networks look is shown but not scored."
    return {
        "study": study,
        "answer": answer,
        "chance": verdict.verdict(
            {words.subject_title(study, subject): rows[subject] for subject in subjects},
            learning.unlearned(learned, study.evaluation.confidence),
        ),
        "warnings": warnings_box.warnings_box(folder),
        "missing": words.missing(study, absent),
        "missing_count": f"{len(absent)} of {total}",
        "models": [model_title(model) for model in study.models],
        "sections": [
            _section(
                folder, subject, number, rows[subject], located[subject], results, tests, readings.get(subject.name)
            )
            for number, subject in enumerate(subjects, 1)
        ],
        "policies": policy_table.shown(policies) if policies else None,
        "overall": overall_charts(folder, tests) if len(subjects) > 1 else {},
        "confidence": f"{100 * study.evaluation.confidence:g} %",
        "methods": methods_paragraph(folder),
        "assumptions": assumptions(study),
        "facts": _facts(folder),
        "yaml": _study_text(study),
        "css": asset("report.css", "viewer.css", *(["reading.css"] if readings else [])),
        "script": asset("report.js", "viewer.js"),
        "finer": resolution.FINER,
        "inferno": ", ".join("rgb({} {} {})".format(*overlays.on_white(value / 8)) for value in range(9)),
    }


def asset(*names: str) -> Markup:
    """Styles or scripts, one behind the other, as they go into a page."""
    return Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names))


def _breakable(key: str) -> Markup:
    """A dotted key that may be broken into lines after its dots and underscores."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(key))))


def _options(text: str) -> Markup:
    """A sentence with each option of the command line as code, which no line end parts."""
    return Markup(re.sub(r"(?<!\S)(--[a-z][a-z-]*)", r"<code>\1</code>", str(escape(text))))


def _section(
    folder: StudyFolder,
    subject: Subject,
    number: int,
    rows: list[tables.ModelResult],
    located: dict[str, Any],
    results: pd.DataFrame,
    tests: pd.DataFrame,
    reading: DatasetResults | None,
) -> dict[str, Any]:
    """What the template needs of one data set."""
    study, title = folder.study, words.subject_title(folder.study, subject)
    own, images = tables.of_subject(results, subject), None
    if "cases" in own and own["cases"].nunique() == 1:
        images = int(own["cases"].iloc[0])
    file = folder.data(subject) / "audit.json"
    audit = runs.read_json(file) if file.is_file() else None
    content = panels.panel(folder, subject)
    pair = panels.pair(folder, subject, content) if content else None
    return {
        "id": f"data-{number}",
        "title": title,
        "answer": words.answer(title, rows),
        "policy": words.policy(subject, study, audit.get("patients") if audit else None),
        "facts": words.data_facts(audit) if audit else [],
        "parts": audit["parts"] if audit else {},
        "classes": list(audit["classes"]) if audit else [],
        "rows": rows,
        "repeats": range(1, study.repeats + 1),
        "published": PUBLISHED.get(study.datasets[subject.dataset].published or ""),
        "slips": published_slips(study.datasets[subject.dataset].published or ""),
        "used": audit["used"] if audit else None,
        "method": next((row.method for row in rows[1:] if row.p is not None), ""),
        "quotes": verdict.quotes(title, rows, images, study.evaluation.confidence),
        "tests": detail_tables.finding_lines(tables.of_subject(tests, subject)),
        "measures": detail_tables.measure_lines(own, list(study.models)),
        "models": [model_title(model) for model in study.models],
        "charts": section_charts(folder, subject, f"chart-{number}", title),
        "panel": _grid(content) if content else None,
        "coarse": resolution.coarse(content.map_size) if content else "",
        "without_maps": [model_title(m) for m in study.models if content and m not in content.models],
        "pair": _pair(*pair) if pair else None,
        "viewer": viewer.content(folder, subject),
        "trust": trust_section(folder, subject, f"chart-{number}"),
        "located": located,
        "reading": reading_section.reading_section(reading, list(study.models), f"chart-{number}") if reading else None,
        "deviations": deviations(study, subject),
        "runs": _run_rows(folder, subject, results),
    }


def _grid(content: panels.Panel) -> dict[str, Any]:
    columns = [
        {
            "truth": column.truth,
            "src": data_uri(column.image, column.contour),
            "alt": f"Image {number}, {column.truth}" + (", lesion outlined" if len(column.contour) else ""),
        }
        for number, column in enumerate(content.columns, 1)
    ]
    rows = [
        {
            "title": model_title(model),
            "cells": [_cell(column, model, f"image {number}") for number, column in enumerate(content.columns, 1)],
        }
        for model in content.models
    ]
    return {"columns": columns, "rows": rows, "caption": content.caption}


def _cell(column: panels.Column, model: str, of: str, side: int = THUMBNAIL) -> dict[str, Any]:
    cell = column.cells[model]
    wrong = cell.predicted != column.truth
    alt = f"{model_title(model)}, heat-map of {of}: "
    alt += f"strongest in the {cell.peak}" if cell.peak else cell.values
    return {
        "title": model_title(model),
        "src": data_uri(cell.picture, column.contour, side),
        "probability": f"P({column.truth}) {100 * cell.probability:.1f} %",
        "wrong": f"says {cell.predicted}" if wrong else "",
        "span": cell.values,
        "alt": alt,
    }


def _pair(column: panels.Column, baseline: str, other: str) -> dict[str, Any]:
    image = {"src": data_uri(column.image, column.contour, 320), "alt": f"The image, {column.truth}"}
    maps = [_cell(column, model, "this image", 320) for model in (baseline, other)]
    return {"image": image, "truth": column.truth, "maps": maps, "other": model_title(other)}


def data_uri(picture: NDArray[np.uint8], contour: NDArray[np.float64], side: int = THUMBNAIL) -> str:
    """A picture (H, W, 3) and the lesion's border on it as a data: address, a WebP `side` pixels wide."""
    height, width = picture.shape[:2]
    large = (2 * side, round(2 * side * height / width))  # drawn at twice the size, so that lines are smooth
    image = Image.fromarray(picture).resize(large, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    ends = (contour.reshape(-1, 4) + 0.5) * 2 * side / width
    for colour, radius in (("black", 3.5), (overlays.CONTOUR, 1.5)):
        for left, top, right, bottom in ends.tolist():  # level or upright: a rectangle is a thick line with ends
            draw.rectangle((left - radius, top - radius, right + radius, bottom + radius), fill=colour)
    file = io.BytesIO()
    image.resize((side, large[1] // 2), Image.Resampling.LANCZOS).save(file, "WEBP", quality=82, method=6)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _run_rows(folder: StudyFolder, subject: Subject, results: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for row in tables.of_subject(results, subject).to_dict("records"):
        model, repeat = str(row["model"]), int(row["repeat"])
        file = folder.run(Run(subject, model, repeat)) / "run.json"
        record = runs.read_json(file) if file.is_file() else {}
        rows.append(
            {
                "title": model_title(model),
                "repeat": repeat,
                "auc": tables.decimals(100 * row["auc"]),
                "accuracy": tables.decimals(100 * row["accuracy"]),
                "parameters": f"{record['parameters']:,}" if "parameters" in record else "–",
                "time": words.duration(record.get("seconds")),
                "seeds": ", ".join(f"{name} {seed}" for name, seed in record.get("seeds", {}).items()),
            }
        )
    return rows


def _facts(folder: StudyFolder) -> list[tuple[str, str]]:
    """What the runs were made with; several values where runs differ."""
    paths = [folder.run(run) / "run.json" for run in runs.grid(folder.study)]
    records = [runs.read_json(path) for path in paths if path.is_file()]
    names = {"foveate": "foveate", "torch": "PyTorch", "numpy": "NumPy", "python": "Python"}
    versions = [(title, _distinct(record["versions"].get(name) for record in records)) for name, title in names.items()]
    comparison = {
        "factorial": "run 1 of all models shares split and order of images, so does run 2, ... (factorial)",
        "nested": "each run of each model has a batch order of its own (nested)",
    }
    seconds = [float(record["seconds"]) for record in records if record["seconds"] is not None]
    return [
        ("Software", ", ".join(f"{title} {version}" for title, version in versions)),
        ("Hardware", _distinct(record["hardware"] for record in records)),
        (
            "Device and arithmetic",
            _distinct(f"{record['device']}, {record['precision']}" for record in records),
        ),
        ("Processor threads of a run", _distinct(record["threads"] for record in records)),
        (
            "Training time",
            f"{words.duration(sum(seconds))} for {words.amount(len(seconds), 'run')}, one after the other",
        ),
        ("Seed of the study", str(folder.study.seed)),
        ("What runs share", _distinct(comparison.get(r["comparison"], r["comparison"]) for r in records)),
        ("Fingerprints of the data", _distinct(record["data_fingerprint"] for record in records)),
    ]


def _distinct(values: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values)) or "–"


def _study_text(study: Study) -> str:
    """The study as YAML, without defaults and without this machine's folders, whose names may be people's."""
    data = study.model_dump(mode="json", exclude_defaults=True)
    for part, keys in (("datasets", ("source", "masks", "regions", "table", "label_table")), ("models", ("weights",))):
        for entry in data[part].values():
            for key in keys:
                if entry.get(key, PHANTOM) != PHANTOM:
                    entry[key] = "…"
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=88)
