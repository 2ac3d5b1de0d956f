"""What the localisation scores say, in words for a clinician, and what they cannot say."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.report.localisation_tables import HEADLINE, SHOWN, Localisation, Score, difference
from foveate.report.tables import p_equals, percent
from foveate.report.words import MANY, amount, between_ends, listed


def where_it_looks(rows: Sequence[Localisation]) -> str:
    """What the localisation scores of one data set say."""
    energies = [(row, row.scores["energy"]) for row in rows if row.scores["energy"].value is not None]
    if not energies:
        return _where_it_points(rows)
    shares = listed([f"{percent(score.value)} for {row.title}" for row, score in energies])
    if len(energies) > 1 + MANY:
        between = between_ends([(row.title, score.value) for row, score in energies[1:]], percent)
        shares = f"{percent(energies[0][1].value)} for {energies[0][0].title}, between {between} for the others"
    first = energies[0][1]
    text = f"This share of the heat-maps’ strength was inside the marked lesions: {shares}. "
    text += f"A map that knows nothing would get {percent(first.chance)}, the lesions’ share of the image"
    if first.centre_prior is None:
        return f"{text}."
    prior, what = first.centre_prior, "that blob"
    text += f", and one and the same blob in the middle of every image {percent(prior)}"
    if first.mean_map is not None:
        text += f"; the mean of all the heat-maps, the same for every image, gets {percent(first.mean_map)}"
        if first.mean_map > prior:
            prior, what = first.mean_map, "that mean"
    below = [row.title for row, score in energies if score.value is not None and score.value <= prior]
    if len(below) > 1 and len(below) == len(energies):
        return f"{text}; none of them did better than {what}."
    return f"{text}; {listed(below)} did no better than {what}." if below else f"{text}."


def _where_it_points(rows: Sequence[Localisation]) -> str:
    """Where lesions are points, maps can only be asked whether they point there."""
    pointing = [(row, row.scores["pointing"]) for row in rows if row.scores["pointing"].value]
    if not pointing:
        return "No heat-map has any positive value over the images with a marked lesion."
    shares = listed([f"{percent(score.value)} for {row.title}" for row, score in pointing])
    chance = percent(pointing[0][1].chance)
    return (
        f"The heat-maps’ hottest place was at a marked lesion in this share of the images: {shares}; chance {chance}."
    )


def against_baseline(rows: Sequence[Localisation], confidence: float) -> str:
    """The differences of energy to the baseline as a sentence; '' where nothing is compared."""
    metric = "energy" if any(row.scores["energy"].delta is not None for row in rows) else "pointing"
    said = []
    for row in rows[1:]:
        delta, ends, _ = difference(row, metric)
        p = row.scores[metric].p_holm
        if delta and ends and p is not None:
            said.append(f"{delta} points for {row.title} ({100 * confidence:g} % CI {ends}; {p_equals(p)} after Holm)")
    if not said:
        return ""
    what = f"{SHOWN[metric][0]}" + (" in the lesion" if metric == "energy" else "")
    text = f"{what} less that of {rows[0].title}: {listed(said)}."
    if any("one run a model" in row.scores[metric].method for row in rows[1:]):
        text += " This speaks of these trained networks, not of the models: one run a model is too few."
    return text


def localisation_meaning(rows: Sequence[Localisation]) -> str:
    """The localisation table's columns in one sentence each."""
    text = (
        "Energy is the share of the heat-map’s total inside the lesion; lift is energy divided by the lesion’s share "
        "of the image, averaged over images. Pixel AUPRC and AUROC ask whether lesion pixels are hotter than others. "
        "Pointing game: is the hottest place within 15/224 of the side from the lesion; hit rate: is it inside. "
        "IoU: how well the lesion is covered by as many of the hottest pixels as it has, and by what Otsu’s threshold "
        "marks. 1 or 100 % is perfect everywhere."
    )
    blank = [f"{row.blank} of {row.title}" for row in rows if row.blank]
    if blank:
        text += (
            f" Blank maps, where nothing speaks for the class ({listed(blank)}), have no energy and count as misses in "
            "the last four scores."
        )
    return text


def intervals_meaning(repeats: int) -> str:
    """What the intervals of the models' own means are for."""
    if repeats == 1:
        return "Intervals are for new images and these trained networks: one run says nothing of other trainings."
    return (
        "Intervals are for new images and new training runs of the model, so with few runs they are wide; two of them "
        "say less about a difference than the table of differences does."
    )


def differences_meaning(rows: Sequence[Localisation]) -> str:
    """What the table of differences holds, and the test behind it."""
    titles: dict[str, list[str]] = {}
    for metric in HEADLINE:
        for method in dict.fromkeys(row.scores[metric].method for row in rows[1:] if row.scores[metric].method):
            titles.setdefault(method, []).append(SHOWN[metric][0])
    told = [f"{listed(names)}: {method}" if len(titles) > 1 else method for method, names in titles.items()]
    return (
        "Energy and pointing game in percentage points. Intervals are of single differences; p is adjusted by Holm for "
        f"the models of one metric, not for looking at several metrics. {'. '.join(told)}."
    )


def groups_meaning(rows: Sequence[Localisation]) -> str:
    """What the groups of images are, and what a difference within one says."""
    return (
        f"Differences are to {rows[0].title}, on the same images for all models, with intervals of single differences. "
        "Groups are smaller than the whole, so their intervals are wider, and a difference in one group only may "
        "be chance. The halves are by the mean probability that all runs give to the true class."
    )


def localisation_limits(rows: Sequence[Localisation]) -> str:
    """What the table can and cannot show."""
    images = max(row.images for row in rows)
    return (
        f"A map must beat not only chance but also the two maps that are the same for all {amount(images, 'image')}: "
        "lesions are often near the middle. High scores say that the heat is on the lesion, not that the network "
        "decided by it. A network that classifies better may also seem to look better: the images that all networks "
        "get right are compared apart below. Heat-maps are coarse, so a low IoU need not be the network’s fault."
    )


def card_sentence(row: Localisation) -> str:
    """One model's scores for its card."""
    energy, auprc, pointing = (row.scores[metric] for metric in ("energy", "pixel_auprc", "pointing"))
    parts = [
        f"{percent(energy.value)} of the heat is inside the lesion, {_beside(energy)}"
        if energy.value is not None
        else "",
        f"pixel AUPRC {SHOWN['pixel_auprc'][1](auprc.value)}, {_beside(auprc, 'pixel_auprc')}"
        if auprc.value is not None
        else "",
        f"the hottest place is at the lesion in {percent(pointing.value)} of the maps, {_beside(pointing)}"
        if pointing.value is not None
        else "",
    ]
    return "; ".join(filter(None, parts))


def _beside(score: Score, metric: str = "energy") -> str:
    written = SHOWN[metric][1]
    return (
        f"by chance {written(score.chance)}, a blob in the middle of the image {written(score.centre_prior)}, the mean "
        f"of all heat-maps {written(score.mean_map)}"
    )
