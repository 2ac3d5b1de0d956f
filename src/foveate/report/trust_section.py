"""How far the heat-maps can be trusted: agreement between runs, faithfulness, sanity, and other methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import unquote

import pandas as pd
from matplotlib.figure import Figure

from foveate.explanation import charts, trust_charts
from foveate.explanation.captions import METHODS
from foveate.explanation.charts import model_title
from foveate.explanation.repeatability import MODELS, REPEATS
from foveate.report.page_charts import inline_svg
from foveate.report.tables import decimals, number, of_subject, percent, read_table
from foveate.runs import StudyFolder, Subject

FAITHFULNESS = {  # in faithfulness-summary.csv -> here
    "deletion": "Deletion (lower is better)",
    "insertion": "Insertion (higher)",
    "road": "ROAD (higher)",
    "road_accuracy": "ROAD, accuracy (higher)",
}
CONTROLS = {"control_random": "Random order", "control_centre": "From the centre outwards"}
Rows = list[list[tuple[str, str]]]
_TESTED = 3  # measures whose differences fit into one table; the others are in the file
_CLEAR = 0.05  # of a mean correlation; a smaller lead is none


def trust_section(folder: StudyFolder, subject: Subject, prefix: str) -> dict[str, Any]:
    """Figures, tables and sentences for the template; empty where nothing was measured."""
    found: dict[str, Any] = dict.fromkeys(("agreement", "faithfulness", "sanity", "methods"))
    models = list(folder.study.models)
    agreement = _rows(folder.path / "repeatability.csv", subject)
    if len(agreement) and agreement["correlation"].notna().any():
        figure = _drawn(trust_charts.repeatability_chart, agreement, models)
        words = "Mean correlation of heat-maps between runs of one model, and between models."
        found["agreement"] = inline_svg(figure, f"{prefix}-agreement", words)
        found["agreement_words"] = agreement_words(agreement)
    means = _rows(folder.path / "faithfulness-summary.csv", subject)
    if len(means):
        curves = _rows(folder.path / "faithfulness-curves.csv", subject)
        figure = _drawn(trust_charts.faithfulness_chart, curves, models)
        words = "Probability of the true class while pixels are taken away or given back, hottest first."
        found["curves"] = inline_svg(figure, f"{prefix}-faithfulness", words)
        found["faithfulness"] = faithfulness_tables(means, models)
    sanity = _rows(folder.path / "sanity.csv", subject)
    if len(sanity):
        figure = _drawn(trust_charts.sanity_chart, sanity, models)
        words = "Correlation of heat-maps with the trained network's while layers lose their weights."
        found["sanity"] = inline_svg(figure, f"{prefix}-sanity", words)
        found["sanity_words"] = sanity_words(sanity)
    found["methods"] = method_table(folder, subject, models)
    return found if any(found.values()) else {}


def _rows(file: Path, subject: Subject) -> pd.DataFrame:
    """A table's rows of one data set; none where it was not written."""
    return of_subject(read_table(file, ("dataset", "policy", "correlation")), subject)


def _drawn(chart: Any, table: pd.DataFrame, models: Sequence[str]) -> Figure:
    with charts.style():
        figure: Figure = chart(table, models)
        return figure


def agreement_words(table: pd.DataFrame) -> str:
    """What the correlations say, from a data set's rows of repeatability.csv."""
    own = table[(table["coefficient"] == "pearson") & table["correlation"].notna()]
    repeats, models = own[own["kind"] == REPEATS], own[own["kind"] == MODELS]
    said = []
    if len(repeats):
        named = [(model_title(str(row["model"])), decimals(row["correlation"])) for row in repeats.to_dict("records")]
        listed = "; ".join(f"{value} for {title}" for title, value in named)
        said.append(f"Mean correlation over images of the maps of two trainings of one model: {listed}.")
    if len(models):
        low, high = models["correlation"].min(), models["correlation"].max()
        span = decimals(low) if len(models) == 1 else f"{decimals(low)} to {decimals(high)}"
        said.append(f"Between two models, the maps of one image correlate {span}.")
    others = own["other_cases"].mean()
    if others == others:
        said.append(
            f"Maps of different images correlate {decimals(others)} already: what is above that is of the image."
        )
    if len(repeats) and len(models) and repeats["correlation"].mean() - models["correlation"].mean() < _CLEAR:
        said.append(
            "Trainings of one model differ about as much as models do: a difference between two single maps is not a "
            "difference between two models."
        )
    return " ".join(said)


def faithfulness_tables(means: pd.DataFrame, models: Sequence[str]) -> list[dict[str, Any]]:
    """A row a model and a column a measure: the values with those of orders that know nothing, then the differences."""
    found = {(str(row["model"]), str(row["metric"])): row for row in means.to_dict("records")}
    there = [model for model in models if any(key[0] == model for key in found)]
    metrics = [metric for metric in FAITHFULNESS if any(key[1] == metric for key in found)]
    values: Rows = []
    for model in there:
        values.append([(model_title(model), ""), *((_spread(found[model, metric]), "number") for metric in metrics)])
    for column, title in CONTROLS.items():
        controls = [fmean(found[model, metric][column] for model in there) for metric in metrics]
        values.append([(title, ""), *((decimals(value, 3), "number") for value in controls)])
    differences: Rows = [
        [(model_title(model), ""), *((_interval(found[model, metric]), "number") for metric in metrics[:_TESTED])]
        for model in there[1:]
    ]
    head = [("Model", ""), *((FAITHFULNESS[metric], "number") for metric in metrics)]
    cases = int(means["cases"].max())
    shown = {
        "title": "Faithfulness",
        "note": f"Area under the curves above, mean over {cases} images and all runs, ± standard deviation between "
        "runs. A map is faithful where it beats the order by chance and that from the centre outwards; models that are "
        "more certain have other curves, so compare a model with the controls first.",
        "columns": head,
        "rows": values,
    }
    against = {
        "title": f"Faithfulness, difference to {model_title(models[0])}",
        "note": "With its interval.",
        "columns": head[: _TESTED + 1],
        "rows": differences,
    }
    return [shown, against] if differences else [shown]


def _spread(row: Mapping[Any, Any]) -> str:
    deviation = number(row["sd_between_runs"])
    return decimals(row["mean"], 3) + ("" if deviation is None else f" ± {decimals(deviation, 3)}")


def _interval(row: Mapping[Any, Any]) -> str:
    delta, low, high = (number(row[name]) for name in ("delta", "delta_low", "delta_high"))
    if delta is None:
        return "–"
    return _signed(delta) + ("" if low is None or high is None else f" ({_signed(low)} to {_signed(high)})")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + decimals(value, 3)


def sanity_words(table: pd.DataFrame) -> str:
    """How much of the maps is left when all layers are random."""
    own = table[table["mode"] == "cascading"]
    last = own[own["position"] == own.groupby("model")["position"].transform("max")]
    left = last.groupby("model", sort=False)["correlation"].mean()
    listed = "; ".join(f"{decimals(value)} for {model_title(str(model))}" for model, value in left.items())
    return (
        "Signed maps of the true class against those of the trained network, rank correlation, while layers get random "
        f"weights. With all layers random it is {listed}: near 0 means that the maps show what was learned, "
        "not the image alone."
    )


def method_table(folder: StudyFolder, subject: Subject, models: Sequence[str]) -> dict[str, Any] | None:
    """Energy and pixel AUPRC of each method's maps, where further methods than Grad-CAM were scored."""
    files = {"": folder.path / "localisation-summary.csv"}
    files |= {
        path.stem.removeprefix("localisation-summary-"): path for path in folder.path.glob("localisation-summary-*.csv")
    }
    if len(files) < 2:
        return None
    rows: Rows = []
    for variant, file in sorted(files.items()):
        table = _rows(file, subject)
        table = table[table["stratum"] == "all"]
        for metric, title in (("energy", "energy"), ("pixel_auprc", "pixel AUPRC")):
            own = {str(row["model"]): row for row in table[table["metric"] == metric].to_dict("records")}
            if own:
                found = [own.get(model, {}).get("value") for model in models] + [next(iter(own.values()))["chance"]]
                shown = [percent(number(v)) if metric == "energy" else decimals(number(v), 3) for v in found]
                cells = [variant_title(variant), title, *shown]
                rows.append([(cell, "number" if place > 1 else "") for place, cell in enumerate(cells)])
    if not rows:
        return None
    columns = ["Method", "Measure", *(model_title(model) for model in models), "Chance"]
    return {
        "title": "Other methods on the same lesions",
        "note": "Each method has a scale of its own; what can be compared is whether a method ranks the models as "
        "another does.",
        "columns": [(name, "number" if place > 1 else "") for place, name in enumerate(columns)],
        "rows": rows,
    }


def variant_title(variant: str) -> str:
    """`hires_cam@layer3-predicted` -> HiResCAM, layer3, predicted"""
    if not variant:
        return METHODS["grad_cam"]
    method, _, target = variant.partition("-")
    method, _, tap = method.partition("@")
    return ", ".join(part for part in (METHODS.get(method, method), tap, unquote(target)) if part)
