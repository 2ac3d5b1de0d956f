"""The page's viewer: some images, chosen by rule, with the raw heat-maps by every method that any model has."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate import runs
from foveate.explanation import captions, panels, selection
from foveate.explanation.charts import model_title
from foveate.explanation.display_range import FLAT
from foveate.explanation.geometry import original_sizes
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.overlays import INFERNO, lesion_contour
from foveate.explanation.selection import RULES, Candidates
from foveate.runs import Run, StudyFolder, Subject

IMAGES = 24  # at the most, of one data set
OF_A_RULE = 6  # at the most; as many as the grid has, so that those drawn for the grid come first here
BUDGET = 2_800_000  # characters for the viewers of all data sets of a page; images may take two thirds of them
LONGEST = 320  # pixels, of an image in the viewer


def content(folder: StudyFolder, subject: Subject) -> str:
    """What viewer.js shows of a data set, as JSON; empty where there are no heat-maps of repeat 1.

    It names no file and no case. Images and methods that do not fit into the data set's share of BUDGET are left out,
    and the latter are named.
    """
    candidates = panels.read_candidates(folder, subject)
    if candidates is None or not candidates.cases:
        return ""
    budget = BUDGET // len(runs.subjects(folder.study))
    sizes = original_sizes(folder.data(subject) / "manifest.csv")
    shown: dict[str, dict[str, Any]] = {}
    for case, (rule, reasons) in chosen_images(candidates).items():
        image = _image(candidates, case, sizes) | {"why": reasons, "rule": rule}
        if shown and _length([*shown.values(), image]) > budget * 2 // 3:
            break
        shown[case] = image
    cases = sorted(shown, key=lambda case: (not shown[case]["contour"], list(RULES).index(shown[case]["rule"])))
    page: dict[str, Any] = {
        "flat": FLAT,
        "inferno": base64.b64encode(INFERNO.tobytes()).decode(),
        "models": [model_title(model) for model in candidates.maps],
        "images": [shown[case] for case in cases],
        "methods": [],
        "without": [],
    }
    used = _length(page)
    for maps in methods(folder, subject, candidates):
        first = next(of for of in maps.values() if of is not None)
        title = captions.short_title(first)
        packed = [of and packed_maps(of, cases) for of in maps.values()]
        one = {"title": title, "from_zero": first.from_zero, "models": packed}
        length = _length(one)
        if used + length <= budget or not page["methods"]:
            page["methods"].append(one)
            used += length
        else:
            page["without"].append(title)
    return json.dumps(page, ensure_ascii=False, separators=(",", ":"))


def _length(value: object) -> int:
    """Characters in the page, where a quotation mark takes five."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text) + 4 * text.count('"')


def chosen_images(candidates: Candidates) -> dict[str, tuple[str, list[str]]]:
    """Case -> the rule that it is shown by and all reasons in words: each rule's first, then each rule's second, ..."""
    rows = {rule: of.choose(candidates, OF_A_RULE) for rule, of in RULES.items()}
    found: dict[str, tuple[str, list[str]]] = {}
    for rank in range(OF_A_RULE):
        for rule, chosen in rows.items():
            if rank < len(chosen):
                case = candidates.cases[chosen[rank]]
                if case in found or len(found) < IMAGES:
                    found.setdefault(case, (rule, []))[1].append(_reason(candidates, rule, chosen[rank]))
    return found


def _reason(candidates: Candidates, rule: str, row: int) -> str:
    words = RULES[rule].label.format(quality=candidates.quality_words)
    if rule == "random":
        return words
    if rule == "disagreement":
        return f"{words} (correlation {candidates.agreement[row]:.2f})".replace("-", "−")
    return f"{words} ({100 * candidates.quality[row]:.0f} %)"


def methods(folder: StudyFolder, subject: Subject, candidates: Candidates) -> list[dict[str, Heatmaps | None]]:
    """The maps by model of heatmaps.npz, and of every variant that any of these models has, in the order of names.

    None for a model that has no such maps, as a plain one has no attention maps.
    """
    places = [folder.run(Run(subject, model, 1)) for model in candidates.maps]
    names = sorted({path.name for place in places for path in place.glob("heatmaps-*.npz")})
    variants = [name.removeprefix("heatmaps-").removesuffix(".npz") for name in names]
    read = [panels.read_maps(folder, subject, variant=variant) for variant in variants]
    return [dict(candidates.maps), *({model: maps.get(model) for model in candidates.maps} for maps in read)]


def packed_maps(maps: Heatmaps, cases: list[str]) -> dict[str, Any]:
    """One model's maps of some cases: their values in 255ths of the way from each one's lowest to its highest.

    Of evidence the negative part is cut off. `lows` and `peaks` are the lowest and the highest value, None for a case
    that has no map.
    """
    rows = selection.rows_of(maps)
    height, width = maps.raw.shape[1:]
    levels = np.zeros((len(cases), height, width), dtype=np.uint8)
    lows: list[float | None] = [None] * len(cases)
    peaks = list(lows)
    for number, case in enumerate(cases):
        if case not in rows:
            continue
        values = maps.drawable[rows[case]].astype(np.float64)
        low, peak = float(values.min()), float(values.max())
        lows[number], peaks[number] = float(f"{low:.6g}"), float(f"{peak:.6g}")
        if peak > low:
            levels[number] = np.rint(255 * (values - low) / (peak - low))
    return {
        "height": height,
        "width": width,
        "levels": base64.b64encode(levels.tobytes()).decode(),
        "lows": lows,
        "peaks": peaks,
    }


def _image(candidates: Candidates, case: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """One image, its shape as in `geometry.Geometry`, its lesion's border, and what the models say."""
    pack, classes = candidates.pack, candidates.pack.index.classes
    own, truth = panels.geometry_of(pack, case, sizes), pack.index.labels[pack.row[case]]
    mask, across, down = candidates.marked(case), own.side / own.columns, own.side / own.rows
    says = []
    for model, maps in candidates.maps.items():
        share = selection.softmax(maps.logits[candidates.rows[model][case]])
        says.append([round(float(share[truth]), 4), classes[int(share.argmax())]])
    return {
        "src": _webp(own.picture(pack.image(case))),
        "square": [own.rows, own.columns],
        "window": [own.top, own.left, own.height, own.width],
        "truth": classes[truth],
        "says": says,
        "contour": "" if mask is None else contour_path(mask),
        "box": " ".join(f"{of:g}" for of in (own.left * across, own.top * down, own.width * across, own.height * down)),
    }


def contour_path(mask: NDArray[np.bool_]) -> str:
    """The border of a mask (H, W) as an SVG path in whole pixels, (0, 0) the corner of the first one."""
    ends = np.rint(lesion_contour(mask).reshape(-1, 4) + 0.5).astype(int)
    level = sorted((y, x) for x, y, _, end in ends.tolist() if y == end)
    upright = sorted((x, y) for x, y, end, _ in ends.tolist() if x == end)
    lines = [f"M{start} {y}h{length}" for y, start, length in _runs(level)]
    return "".join(lines + [f"M{x} {start}v{length}" for x, start, length in _runs(upright)])


def _runs(steps: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Steps of length one along lines, sorted (line, start), joined: (line, start, length)."""
    joined = []
    for (line, _), group in groupby(enumerate(steps), key=lambda step: (step[1][0], step[1][1] - step[0])):
        places = [start for _, (_, start) in group]
        joined.append((line, places[0], len(places)))
    return joined


def _webp(picture: NDArray[np.uint8]) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=80, method=6)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
