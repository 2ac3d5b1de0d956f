"""The look of all charts, training curves, and every run's AUC. numpy and matplotlib, no torch, no pyplot."""

from __future__ import annotations

import abc
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from foveate import runs
from foveate.columns import shortened
from foveate.runs import Run, StudyFolder, Subject

Scores = tuple[NDArray[np.bool_], NDArray[np.float64]]  # (n,) whether each case is diseased; (n,) higher for disease
INK, FAINT = "#1d2025", "#9aa0a8"  # text and the baseline's curves; axes
MUTED = "#5f6670"  # text that stands back
COLOURS = (INK, "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito 2008
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 1.5)),
    (0, (2.5, 1)),
    (0, (6, 1.5, 1.5, 1.5)),
)  # told apart in grey print too
MARKERS = "osD^v"
WIDTH = 3.4  # inches: one column of a journal page
STYLE = {
    "font.family": "sans-serif",
    "font.size": 8.0,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $x$
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "foveate",  # the same figure gives the same file
}
ATTENTION = {
    "bam": "BAM", "botnet": "BoTNet", "cbam": "CBAM", "coordinate": "Coordinate", "criss_cross": "Criss-cross",
    "eca": "ECA", "gather_excite": "Gather-excite", "gc": "GC", "non_local": "Non-local", "ran": "RAN", "se": "SE",
    "selective_kernel": "SK", "simam": "SimAM", "srm": "SRM", "triplet": "Triplet",
}  # fmt: skip
BACKBONES: dict[str, str] = {}  # titles of plugins' backbones


@dataclass(frozen=True)
class Scored(abc.ABC):
    """One model's scored runs, and their look, which only depends on its place among the models."""

    model: str
    colour: str
    dashes: Any
    marker: str

    @property
    @abc.abstractmethod
    def aucs(self) -> list[float]:
        """AUC of each run, per cent; NaN where a run has none."""

    @property
    @abc.abstractmethod
    def scores(self) -> list[Scores]:
        """The scores of each run that has cases of both classes."""

    @property
    def mean_auc(self) -> float:
        return float(np.mean(self.aucs))


@dataclass(frozen=True)
class Series(Scored):
    """The runs of a study that have ended."""

    folders: tuple[Path, ...]

    @property
    def aucs(self) -> list[float]:
        values = [runs.read_json(folder / "metrics.json")["auc"] for folder in self.folders]
        return [100 * float("nan" if value is None else value) for value in values]

    @property
    def scores(self) -> list[Scores]:
        return with_both_classes([_scores(folder) for folder in self.folders])


@dataclass(frozen=True)
class Given(Scored):
    """Runs whose scores were given in a table."""

    given: tuple[Scores, ...]
    given_aucs: tuple[float, ...]  # fractions of 1, NaN where a run has none

    @property
    def aucs(self) -> list[float]:
        return [100 * value for value in self.given_aucs]

    @property
    def scores(self) -> list[Scores]:
        return with_both_classes(self.given)


def with_both_classes(found: Sequence[Scores]) -> list[Scores]:
    return [scores for scores in found if scores[0].any() and not scores[0].all()]


def _scores(folder: Path) -> Scores:
    """Whether each of a run's cases is positive, and its score, the sum over the positive classes: they come last."""
    record = folder / "run.json"
    positives = int(runs.read_json(record).get("input", {}).get("positives", 1)) if record.is_file() else 1
    table = pd.read_csv(folder / "predictions.csv", dtype={"case": str, "label": str}, keep_default_na=False)
    columns = [str(name) for name in table.columns if str(name).startswith("p_")][-positives:]
    diseased = table["label"].isin([name.removeprefix("p_") for name in columns]).to_numpy(dtype=bool)
    return diseased, table[columns].to_numpy(dtype=np.float64).sum(axis=1)


def model_title(name: str) -> str:
    """A model's name for people: resnet18+se -> ResNet-18 + SE."""
    backbone, _, attention = name.partition("+")
    backbone = BACKBONES.get(backbone) or re.sub(r"^resnet(\d+)", r"ResNet-\1", backbone)
    return f"{backbone} + {ATTENTION.get(attention, attention)}" if attention else backbone


def label(name: str) -> str:
    """A model's name for people as a chart has room for it."""
    return shortened(model_title(name), 32)


@contextmanager
def style() -> Iterator[None]:
    """Draw and save with this module's look; names in scripts that the font lacks are no reason to warn."""
    with mpl.rc_context(cast(Any, STYLE)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def series(folder: StudyFolder, subject: Subject) -> list[Series]:
    """The models of a data set that have runs with metrics, in the study's order."""
    found = []
    for number, model in enumerate(folder.study.models):
        paths = [folder.run(Run(subject, model, repeat)) for repeat in range(1, folder.study.repeats + 1)]
        ended = tuple(path for path in paths if (path / "metrics.json").is_file())
        if ended:
            found.append(Series(model, *look(number), ended))
    return found


def look(number: int) -> tuple[str, Any, str]:
    """Colour, dashes and marker of the study's model at this place."""
    return COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], MARKERS[number % len(MARKERS)]


def runs_chart(drawn: Sequence[Scored]) -> Figure:
    """Every run's AUC as a dot and each model's mean as a bar: how far runs of one model lie apart."""
    figure = Figure(figsize=(WIDTH, 0.9 + 0.5 * len(drawn)), layout="constrained")
    axes = figure.add_subplot()
    for number, of in enumerate(drawn):
        axes.plot(of.aucs, [number] * len(of.aucs), of.marker, color=of.colour, markersize=5, alpha=0.75)
        axes.plot([of.mean_auc] * 2, [number - 0.3, number + 0.3], color=of.colour, linewidth=2)
    axes.set_yticks(range(len(drawn)), [label(of.model) for of in drawn])
    axes.set(ylim=(len(drawn) - 0.5, -0.5), xlabel="AUC (%); bar: mean")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.6)
    axes.spines["left"].set_visible(False)
    return figure


def loss_chart(drawn: Sequence[Series]) -> Figure:
    """The training loss of each epoch."""
    figure, axes = chart(drawn)
    _draw_loss(axes, drawn)
    figure.legend(loc="outside lower center")
    return figure


def auc_chart(drawn: Sequence[Series]) -> Figure:
    """The validation AUC at the epochs where it was measured."""
    figure, axes = chart(drawn)
    _draw_auc(axes, drawn)
    figure.legend(loc="outside lower center")
    return figure


def curves_figure(drawn: Sequence[Series]) -> Figure:
    """Training loss and validation AUC side by side."""
    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.08})
    _draw_loss(left, drawn)
    _draw_auc(right, drawn)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(names)))
    return figure


def chart(drawn: Sequence[Scored]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 3.1 + 0.16 * len(drawn)), layout="constrained")
    return figure, figure.add_subplot()


def _draw_loss(axes: Axes, drawn: Sequence[Series]) -> None:
    for of in drawn:
        _draw_history(axes, of, "loss", 1)
    axes.set(xlabel="epoch", ylabel="training loss (cross entropy)")
    axes.update_datalim([(1, 0)], updatex=False)  # so that the margin above is a share of the whole axis
    axes.autoscale_view()
    axes.set_ylim(bottom=0)


def _draw_auc(axes: Axes, drawn: Sequence[Series]) -> None:
    for of in drawn:
        _draw_history(axes, of, "validation_auc", 100, of.marker)
    axes.set(xlabel="epoch", ylabel="validation AUC (%)")


def _draw_history(axes: Axes, of: Series, column: str, factor: float, marker: str | None = None) -> None:
    """Each run thin, the mean over the runs thick."""
    histories = [pd.read_csv(folder / "history.csv")[["epoch", column]].dropna() for folder in of.folders]
    for history in histories if len(histories) > 1 else []:
        epochs, values = history["epoch"].to_numpy(), history[column].to_numpy(dtype=np.float64)
        axes.plot(epochs, factor * values, linewidth=0.6, alpha=0.4, color=of.colour)
    mean = pd.concat(histories).groupby("epoch")[column].mean()
    axes.plot(
        mean.index.to_numpy(), factor * mean.to_numpy(dtype=np.float64), linewidth=1.6, color=of.colour,
        linestyle=of.dashes, marker=marker or (of.marker if len(mean) == 1 else None), markersize=3.5,
        label=label(of.model),
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
