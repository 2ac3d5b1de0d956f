"""What the split does to the numbers: each policy's mean AUC in a column of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from foveate.config import Study
from foveate.report.latex import Table
from foveate.report.tables import ModelResult, with_delta
from foveate.runs import Subject

COLUMNS = {"paper": "Split as in the paper", "shipped": "Archive’s own split", "clean": "Clean split"}
NOTE = (
    "Mean AUC in per cent, in brackets the difference to the baseline. The paper’s way keeps copies of training images "
    "in the validation part; clean removes identical pictures and keeps patients and near duplicates on one side. "
    "Validation images differ between the columns, so their differences are not tested."
)


def policy_table(study: Study, rows: Mapping[Subject, Sequence[ModelResult]]) -> Table | None:
    """A row a data set and model, a column a policy and the published mean; None for a study of one policy."""
    if len(study.policies) < 2:
        return None
    lines: list[tuple[str, ...]] = []
    for name, dataset in study.datasets.items():
        own = {subject.policy: table for subject, table in rows.items() if subject.dataset == name}
        for place in range(len(next(iter(own.values()), ()))):
            results = [own[policy][place] for policy in study.policies]
            means = [with_delta(result.mean, result.delta) for result in results]
            published = with_delta(results[0].published, results[0].published_delta)
            lines.append((f"{dataset.title or name}, {results[0].title}", *means, published))
    head = ["Data set and model", *(COLUMNS[policy] for policy in study.policies), "Published"]
    if all(line[-1] == "–" for line in lines):
        head, lines = head[:-1], [line[:-1] for line in lines]
    return Table(NOTE, tuple(head), tuple(lines))


def policy_csv(table: Table) -> list[list[Decimal | str]]:
    """The rows for a CSV, the header first: mean AUCs in per cent, without the differences in brackets."""
    return [list(table.head), *([line[0], *map(_mean, line[1:])] for line in table.rows)]


def _mean(cell: str) -> Decimal | str:
    mean = cell.partition(" (")[0]
    return "" if mean == "–" else Decimal(mean)


def shown(table: Table) -> dict[str, Any]:
    """The table for the page's template."""
    kinds = ["", *["number"] * (len(table.head) - 1)]
    return {
        "title": "What the split does",
        "note": table.caption,
        "columns": list(zip(table.head, kinds, strict=True)),
        "rows": [list(zip(line, kinds, strict=True)) for line in table.rows],
    }
