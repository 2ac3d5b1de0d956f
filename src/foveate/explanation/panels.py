"""The content of the figures: images chosen by rule, with every model's heat-map laid on them. No torch, no pyplot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate import runs
from foveate.data.pack import Pack
from foveate.errors import UsageError
from foveate.explanation import captions, charts, display_range, heatmaps, selection
from foveate.explanation.geometry import Geometry, geometry, original_sizes
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.localisation.region_table import Regions
from foveate.explanation.overlays import greyed, lesion_contour, overlay
from foveate.explanation.selection import Candidates
from foveate.runs import Run, StudyFolder, Subject

COLUMNS = 6  # images in the grid, as in the paper's figure 7


@dataclass(frozen=True)
class Cell:
    """What one model says about one image."""

    picture: NDArray[np.uint8]  # (H, W, 3): image under heat-map; greyed where it is blank, plain where it is flat
    probability: float  # of the true class, softmax of the logits
    predicted: str  # the class with the highest probability
    values: str  # the map's lowest and highest value, or that it is blank or flat
    peak: str  # where it is highest: "upper left", "centre", ...; empty where it is not drawn
    blank: bool = False  # the map is zero everywhere


@dataclass(frozen=True)
class Column:
    """One image and what each model says about it, in the shape of the original."""

    case: str
    truth: str  # the true class
    image: NDArray[np.uint8]  # (H, W, 3)
    contour: NDArray[np.float64]  # (n, 2, 2) segments around the lesion, none where there is no mask
    cells: dict[str, Cell]  # by model's name
    geometry: Geometry  # how the network's square becomes this shape


@dataclass(frozen=True)
class Panel:
    """The images of the grid, chosen by rule, with the heat-maps of every model that has them."""

    columns: tuple[Column, ...]  # those with a marked lesion first, then those of the positive classes
    models: tuple[str, ...]
    map_size: tuple[int, int]  # of the raw maps: height, width
    caption: str
    scale: str = "image"  # a key of captions.SCALES
    from_zero: bool = True  # the clear end of the colours is 0, not the lowest value


def panel(
    folder: StudyFolder,
    subject: Subject,
    rule: str = "random",
    repeat: int = 1,
    variant: str = "",
    scale: str = "image",
    cases: Sequence[str] = (),
) -> Panel | None:
    """The grid's content; None where there are no such heat-maps yet, or no image that the rule can rank.

    rule: a key of `selection.RULES`; it ranks the Grad-CAM maps of heatmaps.npz whatever is shown, so that the grids of
    all methods show the same images. variant: show heatmaps-<variant>.npz, or heatmaps.npz where it is empty. scale: a
    key of `captions.SCALES`. cases: show these instead of a rule's, in this order. Raises UsageError for an unknown
    rule or scale, and for cases without heat-maps.
    """
    for kind, given, known in (("rule", rule, list(selection.RULES)), ("scale", scale, list(captions.SCALES))):
        if given not in known:
            raise UsageError(f"figures have no {kind} {given!r}: give one of {', '.join(known)}.")
    candidates = read_candidates(folder, subject, repeat, variant)
    if candidates is None:
        return None
    words = "asked for by their case numbers" if cases else ""
    cases = (
        _known(candidates, cases)
        if cases
        else [candidates.cases[row] for row in selection.choose(candidates, rule, COLUMNS)]
    )
    if not cases:
        return None
    sizes = original_sizes(folder.data(subject) / "manifest.csv")
    columns = tuple(_column(candidates, case, sizes, scale) for case in cases)
    first = next(iter(candidates.shown.values()))
    blank = "; a blank map counts 0" if any(candidates.has_mask) else ""
    quality = f"{candidates.quality_words} (mean over the models{blank})"
    if not words:
        words = selection.RULES[rule].words.format(quality=quality, seed=folder.study.seed)
        words += ", by the Grad-CAM maps" if variant and rule != "random" else ""
    notes = " The cyan line is the border of the marked lesion." if any(len(of.contour) for of in columns) else ""
    if any(len(set(sizes.get(case, ()))) == 2 for case in cases):
        notes += captions.FITS[candidates.pack.index.fit]
    text = captions.caption(first, scale, words, repeat, notes)
    size = (first.raw.shape[1], first.raw.shape[2])
    return Panel(columns, tuple(candidates.shown), size, text, scale, first.from_zero)


def _known(candidates: Candidates, cases: Sequence[str]) -> list[str]:
    """The cases, if all have heat-maps of every model and fit into one figure. Raises UsageError."""
    unknown = [case for case in cases if case not in set(candidates.cases)]
    if unknown:
        example = f", such as {candidates.cases[0]}" if candidates.cases else ""
        raise UsageError(
            f"there is no heat-map of the image {unknown[0]!r}: {len(candidates.cases)} were evaluated{example}; rules "
            f"are {', '.join(selection.RULES)}."
        )
    if len(cases) > COLUMNS:
        raise UsageError(f"a figure holds {COLUMNS} images, {len(cases)} are asked for: name fewer at a time.")
    return list(dict.fromkeys(cases))


def read_candidates(folder: StudyFolder, subject: Subject, repeat: int = 1, variant: str = "") -> Candidates | None:
    """The images to choose from, with the maps of the models that have both Grad-CAM's and the variant's; or None."""
    ranked = read_maps(folder, subject, repeat)
    shown = read_maps(folder, subject, repeat, variant) if variant else ranked
    models = [model for model in ranked if model in shown]
    if not models:
        return None
    again = (repeat,) if repeat > 1 else ()  # an order of their own for further repeats, whose splits may differ
    seed = runs.derive_seed(folder.study.seed, subject.dataset, subject.policy, "figure", *again)
    pack = Pack(folder.data(subject) / "pack")
    kept, drawn = ({model: maps[model] for model in models} for maps in (ranked, shown))
    return Candidates(pack, kept, drawn, seed, Regions(folder, subject))


def read_maps(folder: StudyFolder, subject: Subject, repeat: int = 1, variant: str = "") -> dict[str, Heatmaps]:
    """The heat-maps of one repeat's models that have them, in the study's order."""
    name = heatmaps.file_name(variant)
    paths = {model: folder.run(Run(subject, model, repeat)) / name for model in folder.study.models}
    return {model: heatmaps.load(path) for model, path in paths.items() if path.is_file()}


def geometry_of(pack: Pack, case: str, sizes: Mapping[str, tuple[int, int]]) -> Geometry:
    """How a case is shown; as the square that it is in the pack where its original's size is not known."""
    side = pack.index.pixels
    return geometry(*sizes.get(case, (side, side)), side, pack.index.fit)


def _column(candidates: Candidates, case: str, sizes: Mapping[str, tuple[int, int]], scale: str) -> Column:
    pack, classes = candidates.pack, candidates.pack.index.classes
    own, truth = geometry_of(pack, case, sizes), pack.index.labels[pack.row[case]]
    image, mask = own.picture(pack.image(case)), candidates.marked(case)
    contour = np.empty((0, 2, 2)) if mask is None else own.points(lesion_contour(mask))
    values = {model: own.enlarge(of.drawable[selection.rows_of(of)[case]]) for model, of in candidates.shown.items()}
    from_zero = all(of.from_zero for of in candidates.shown.values())
    shared = display_range.shared_ends(values.values(), from_zero) if scale == "shared" else None
    cells = {}
    for model, of in values.items():
        one = display_range.shown(of, from_zero, shared)
        share = selection.softmax(candidates.maps[model].logits[candidates.rows[model][case]])
        picture = greyed(image) if one.blank else overlay(image, one.heat)
        says = float(share[truth]), classes[int(share.argmax())]
        cells[model] = Cell(picture, *says, one.words, _peak(one.heat) if one.heat.any() else "", one.blank)
    return Column(case, classes[truth], image, contour, cells, own)


def _peak(heat: NDArray[np.floating]) -> str:
    """Where a map is highest, in ninths of the image."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    level = ("upper", "middle", "lower")[3 * int(row) // heat.shape[0]]
    side = ("left", "centre", "right")[3 * int(column) // heat.shape[1]]
    return "centre" if (level, side) == ("middle", "centre") else f"{level} {side}"


def pair(folder: StudyFolder, subject: Subject, content: Panel) -> tuple[Column, str, str] | None:
    """Figure 1's column, baseline, and the attention model with the highest mean AUC; None before they ran.

    The case is the grid's first of the positive class.
    """
    baseline = folder.study.baseline
    means = {of.model: of.mean_auc for of in charts.series(folder, subject) if of.model in content.models}
    others = [model for model, mean in means.items() if model != baseline and mean == mean]
    if baseline not in content.models or not others:
        return None
    order = Pack(folder.data(subject) / "pack").index.classes  # the positive ones come last
    positive = max((column.truth for column in content.columns), key=order.index)
    column = next(column for column in content.columns if column.truth == positive)
    return column, baseline, max(others, key=means.__getitem__)
