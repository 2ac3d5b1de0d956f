"""The audit as one self-contained page: sentences first, then tables and the pictures themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from foveate import runs
from foveate.data import audit_json, audit_words
from foveate.data.audit_pairs import picture_pairs
from foveate.data.audit_words import PARTS, percent
from foveate.data.duplicates import Tally
from foveate.data.examine import Audit
from foveate.data.findings import SMALL, Findings
from foveate.data.shortcuts import Auc, Shortcut, Shortcuts

TEMPLATES = Path(__file__).parent / "templates"
REPORT_CSS = Path(__file__).parents[1] / "report" / "templates" / "report.css"  # the house's one look, read as a file
_OPEN = 12  # pairs that are shown at once; the others unfold

Table = tuple[list[str], list[list[str]]]  # titles; rows, whose first cell is a title, too


def write_audit(audit: Audit, out: Path, name: str = "") -> Path:
    """Write audit.json and index.html into a folder and return the page's path. Raises FoveateError.

    `name` is what the page calls the data set [default: the name of its folder].
    """
    page = render(audit, name, with_json=True)
    runs.write_json(out / "audit.json", audit_json.as_json(audit))
    runs.write_text(out / "index.html", page)
    return out / "index.html"


def render(audit: Audit, name: str = "", with_json: bool = False) -> str:
    """The page, as `write_audit` writes it; `with_json`: an audit.json beside it lists all files."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("audit.html.j2").render(_page(audit, name), with_json=with_json)
    return page.replace(" %", "\u00a0%").replace(" × ", "\u00a0×\u00a0")  # no line ends within these


def _page(audit: Audit, name: str) -> dict[str, Any]:
    found, pairs = audit.found, picture_pairs(audit)
    styles = [REPORT_CSS, TEMPLATES / "audit.css"]
    return {
        "name": name or audit.source.folder.resolve().name,
        "headlines": audit_words.headlines(audit),
        "balance": balance_table(found),
        "duplicates": duplicates_table(found),
        "repeated": repeated_table(found),
        "pairs": pairs[:_OPEN],
        "more_pairs": pairs[_OPEN:],
        "clusters": len(found.twins.near),
        "patients": patients_table(found),
        "shortcuts": shortcuts_table(found.shortcuts),
        "recorded": shortcuts_table(found.recorded) if found.recorded and not found.recorded.file.same else None,
        "scalings": scalings_table(found),
        "outcome": f"{len(set(found.outcome))} {'classes' if audit.classes else 'labels'}",
        "several": len(set(found.outcome)) > 2,
        "unusable": unusable_table(audit),
        "unreadable": audit.unreadable,
        "limits": audit_json.limits(),
        "versions": ", ".join(f"{name} {own}" for name, own in audit_json.versions().items()),
        "css": Markup("".join(style.read_text(encoding="utf-8") for style in styles)),
    }


def balance_table(found: Findings) -> Table:
    """Images of each label in each part of the split, with their share of the part."""
    counts = audit_json.balance(found)
    parts = list(counts) if found.splits else ["all"]
    rows = []
    for label in counts["all"]:
        shares = [
            f"{counts[part][label]:,} ({percent(counts[part][label] / sum(counts[part].values()))})" for part in parts
        ]
        rows.append([label, *shares])
    if len(rows) > 1:
        rows.append(["all labels", *(f"{sum(counts[part].values()):,}" for part in parts)])
    return ["Label", *(PARTS.get(part, "all images") for part in parts)], rows


def duplicates_table(found: Findings) -> Table:
    """A row a kind of duplicate; columns that this data set cannot fill are left out."""
    kinds = (
        ("identical files", found.files),
        ("identical pixels", found.pixels),
        ("identical or nearly so", found.near),
    )
    columns = [("pictures that stand more than once", "clusters"), ("copies", "surplus"), ("pairs", "pairs")]
    if found.splits:
        columns.append(("pairs across parts", "pairs_across_splits"))
    columns.append(("pairs across labels", "pairs_across_labels"))
    if found.patients.ids:
        columns.append(("pairs across patients", "pairs_across_patients"))

    def cells(own: Tally) -> list[str]:
        return [f"{getattr(own, name):,}" for _, name in columns]

    return ["Kind", *(title for title, _ in columns)], [[title, *cells(own)] for title, own in kinds]


def repeated_table(found: Findings) -> Table | None:
    """Of each part and label: how many images stand in an earlier part, too. None where none does."""
    rows = []
    for one in found.repeated:
        if not one.near:
            continue
        labels = [image.label for image in found.images if image.split == one.of]
        for label in sorted(set(labels)):
            counts = [sum(found.images[row].label == label for row in own) for own in (one.identical, one.near)]
            title = f"{label}, {PARTS[one.of]} in {PARTS[one.where]}"
            rows.append([title, f"{labels.count(label):,}", *(f"{count:,}" for count in counts)])
            rows[-1].append(percent(counts[1] / labels.count(label)))
    return (["Label and parts", "images", "identical", "identical or nearly so", "share"], rows) if rows else None


def patients_table(found: Findings) -> Table | None:
    """A row a key of whom images belong to; None where there is no key at all."""
    rows = [
        [one.column, f"{one.ids:,}", f"{one.images:,}", f"{len(one.both_sides):,}" if found.splits else "–"]
        for one in found.identities
        if one.ids
    ]
    return (["Column", "different", "images that have one", "in more than one part"], rows) if rows else None


def shortcuts_table(shortcuts: Shortcuts) -> Table:
    """A row a fact, then all of them together."""
    together = {"file": "format, mode, size and aspect together", "everything": "with file bytes and brightness"}
    rows = [_shortcut_row(fact, fact.name) for fact in shortcuts.facts]
    rows += [
        _shortcut_row(own, together[own.name]) for own in (shortcuts.file, shortcuts.everything) if own is not None
    ]
    return ["Fact", "Cramér’s V", "AUC, per cent (95 % CI)", "what tells most"], rows


def _shortcut_row(own: Shortcut, title: str) -> list[str]:
    if own.same:
        return [title, "–", "–", "the same in all images"]
    telling = own.telling
    words = ""
    if telling is not None:
        words = f"{telling.value}: {percent(telling.often_share)} of {telling.often}, "
        words += f"{percent(telling.seldom_share)} of {telling.seldom}"
    elif own.auc is not None and own.auc.clearest:
        words = f"{own.auc.clearest} against the rest {100 * own.auc.by_label[own.auc.clearest]:.1f} %"
    return [title, "" if own.cramers_v is None else f"{own.cramers_v:.2f}", _interval(own.auc), words]


def _interval(auc: Auc | None) -> str:
    if auc is None:
        return "too few images"
    return f"{100 * auc.value:.1f} ({100 * auc.low:.1f} to {100 * auc.high:.1f})"


def scalings_table(found: Findings) -> Table | None:
    """A row a rule by which stored numbers became grey values, with its first image; None where there is one only."""
    if len(found.scalings) < 2:
        return None
    rules = [own.scaling for own in found.facts]
    rows = [
        [rule, *(f"{count:,}" for count in labels.values()), found.images[rules.index(rule)].path]
        for rule, labels in found.scalings.items()
    ]
    return ["Rule", *next(iter(found.scalings.values())), "the first"], rows


def unusable_table(audit: Audit) -> Table:
    """How many images cannot be read, show nothing or are small; and what is wrong with masks."""
    rows = [
        ["cannot be read", f"{len(audit.unreadable):,}"],
        ["one colour all over", f"{len(audit.found.constant):,}"],
        [f"shorter side below {SMALL} pixels", f"{len(audit.found.small):,}"],
        *([f"files left out of the images: {why}", f"{count:,}"] for why, count in audit.files.left_out.items()),
        *(
            [["slices of volumes left out: nearly all air", f"{audit.files.empty_slices:,}"]]
            if audit.files.empty_slices
            else []
        ),
    ]
    if audit.masks.images:
        rows += [
            ["images with a lesion mask", f"{audit.masks.images:,}"],
            ["masks that are empty", f"{len(audit.masks.empty):,}"],
            ["masks that look inverted", f"{len(audit.masks.inverted):,}"],
            ["masks that are grey", f"{len(audit.masks.grey):,}"],
            ["masks that cannot be used", f"{len(audit.masks.unusable):,}"],
        ]
    return ["What", "images"], rows
