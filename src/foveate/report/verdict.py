"""What the tests say, in words: which differences are more than chance, and sentences that may be quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveate.report.tables import ModelResult, between, p_equals, p_value, signed
from foveate.report.words import counted, listed, word

_ALL = 50.0  # points of AUC between chance and never wrong
ALPHA = 0.05  # of a family: all comparisons with the baseline on one data set, by Holm


def verdict(tables: Mapping[str, Sequence[ModelResult]], unlearned: str = "") -> str:
    """Which differences are more than new runs and new images would bring by chance; `tables` by the data set's title.

    Says what a study that shows none leaves open, and what one run of each model cannot show. `unlearned` says which
    networks have not learned (learning.unlearned): that comes first, for their comparison says nothing.
    """
    return " ".join(filter(None, [unlearned, _of_differences(tables)]))


def _of_differences(tables: Mapping[str, Sequence[ModelResult]]) -> str:
    if all(row.deviation is None for rows in tables.values() for row in rows):
        return (
            "With one run of each model nobody can tell how much of a difference is chance: a second training of the "
            "same network would give another number. A test of the trained networks says nothing about the models."
        )
    tested = [(title, row, row.p_holm) for title, rows in tables.items() for row in rows if row.p_holm is not None]
    spread = _spread(tables)
    if not tested:
        reasons = {row.method.removeprefix("undefined: ") for rows in tables.values() for row in rows[1:] if row.method}
        why = f": {'; '.join(sorted(reasons))}" if reasons else ""
        return f"{spread} No model could be tested against the baseline{why}."
    several, family = len(tables) > 1, _family(tables)
    adjusted = f", after Holm’s adjustment for {counted(family, 'comparison')}" if family > 1 else ""
    adjusted += " on each data set" if adjusted and several else ""
    named = [
        f"{row.title}{f' on {title}' if several else ''} ({signed(row.delta)} points, {p_equals(p)})"
        for title, row, p in tested
        if p < ALPHA
    ]
    if not named:
        none = "The difference is not" if len(tested) == 1 else f"None of the {word(len(tested))} differences is"
        text = f"{none} larger than new training runs and new images would bring by chance "
        least = min(p for *_, p in tested)
        chance = p_equals(least) if len(tested) == 1 else f"p ≥ {p_value(least)}"
        text += f"({chance}{adjusted}). That does not show that the models are "
        bounds = [abs(bound) for _, row, _ in tested if row.interval for bound in row.interval]
        fit = f": {_fitting(max(bounds))} still fit these data" if bounds else ""
        return f"{text}equally good{fit}. {spread}"
    rest = len(tested) - len(named)
    text = f"More than chance explains{adjusted}: {listed(named)}."
    if rest:
        text += f" The other {counted(rest, 'difference') if rest > 1 else 'difference'} may be chance."
    return f"{text} {spread}"


def _fitting(points: float) -> str:
    """Differences that an interval does not exclude; of few runs it can be wider than AUCs can be apart."""
    return f"true differences of up to {points:.2f} points" if points < _ALL else "true differences of any size"


def _family(tables: Mapping[str, Sequence[ModelResult]]) -> int:
    return max(sum(row.p_holm is not None for row in rows) for rows in tables.values())


def _spread(tables: Mapping[str, Sequence[ModelResult]]) -> str:
    """How far runs of one model lie apart."""
    values = [[test for test in row.tests if test is not None] for rows in tables.values() for row in rows]
    widest = max((max(own) - min(own) for own in values if len(own) > 1), default=0.0)
    return f"Runs of one and the same model were up to {widest:.2f} points apart."


def quotes(
    title: str, rows: Sequence[ModelResult], images: int | None, confidence: float, noun: str = "validation images"
) -> list[str]:
    """One sentence a model that states its difference to the baseline with interval, p and method."""
    baseline, family = rows[0], sum(row.p_holm is not None for row in rows)
    said = []
    for row in rows[1:]:
        if row.delta is None or row.mean is None or baseline.mean is None:
            continue
        on = f"On {title}" + (f" ({images:,} {noun})" if images else "")
        over = f"over {counted(row.runs, 'training run')} of each model" if row.runs == baseline.runs else "on average"
        text = (
            f"{on}, {row.title} reached a mean AUC-ROC of {row.mean:.2f} % {over}, against {baseline.mean:.2f} % for "
        )
        text += f"{baseline.title}: a difference of {signed(row.delta)} percentage points"
        if abs(row.delta - (row.mean - baseline.mean)) > 0.005:
            text += " over the runs that were tested"
        if row.p is None or row.p_holm is None:
            said.append(f"{text} (no test: {row.method.removeprefix('undefined: ')}).")
            continue
        text += f" ({100 * confidence:g} % CI {between(row.interval) or 'none: nothing varies'}; {p_equals(row.p)}; "
        if family > 1:
            text += f"{p_value(row.p_holm)} after Holm’s adjustment for {counted(family, 'comparison')}; "
        said.append(f"{text}{row.method}).")
    return said
