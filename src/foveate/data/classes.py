"""Which labels make the classes, and which classes are the disease."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from foveate.config import did_you_mean
from foveate.errors import UsageError

_HEALTHY = re.compile(
    r"(normal|benign|negative|neg|healthy|control|controls|absent|0|no|none|no[ _-].+)", re.IGNORECASE
)


_LONGEST = 40  # characters of the name of a class that several labels make


def two_classes(labels: Sequence[str], positive: Sequence[str], source: str) -> dict[str, list[str]]:
    """Class name -> the labels it is made of; the positive class (disease) is the second.

    A class of one label keeps its name; that of several is made of theirs (`_names`). With two labels and no choice
    made, the one that sounds healthy is negative, else the second in the alphabet is positive. Raises UsageError for a
    positive label that does not exist, and for more than two labels without a choice.
    """
    names, positive = sorted(set(labels)), [unicodedata.normalize("NFC", label) for label in positive]
    for label in positive:
        if label not in names:
            meant = did_you_mean(label, names)
            raise UsageError(f"{source} has no class {label!r}{meant}: its classes are {', '.join(names)}.")
    if not positive:
        if len(names) > 2:
            diseased = [name for name in names if not _HEALTHY.fullmatch(name)]
            example = ",".join(diseased if len(diseased) < len(names) else names[1:])
            raise UsageError(
                f"{source} has {len(names)} classes ({', '.join(names)}): name those that count as disease, such as\n"
                f"  --positive {example}"
            )
        positive = [_diseased(names)]
    negative = [name for name in names if name not in positive]
    if not negative:
        raise UsageError(f"{source}: every class is named positive; at least one must be left as negative.")
    positive = sorted(set(positive))
    return dict(zip(_names(negative, positive), (negative, positive), strict=True))


def classes_of(
    labels: Sequence[str], positive: Sequence[str], each: bool, source: str
) -> tuple[dict[str, list[str]], int]:
    """Class name -> the labels it is made of, and how many classes at the end are positive (disease).

    Without `each` there are two, as `two_classes` makes them. With it every label is a class of its own, the
    positive ones last; where none is named, those that do not sound healthy are positive. Raises UsageError.
    """
    if not each:
        return two_classes(labels, positive, source), 1
    names = sorted(set(labels))
    if len(names) == 2:
        return two_classes(names, positive, source), 1
    healthy = [name for name in names if _HEALTHY.fullmatch(name)]
    chosen = list(positive) or ([name for name in names if name not in healthy] if healthy else [])
    if not chosen:
        raise UsageError(
            f"{source} has {len(names)} classes ({', '.join(names)}), and no name tells which count as disease when "
            f"models are compared: name them, such as --positive {','.join(names[1:])}"
        )
    two_classes(names, chosen, source)  # refuses what does not exist, and all of them
    ordered = [*(name for name in names if name not in chosen), *(name for name in names if name in chosen)]
    return {name: [name] for name in ordered}, len(set(chosen))


def chosen_by(names: Sequence[str], positive: Sequence[str]) -> str:
    """What made the positive class positive: the "study", the "name" of a class, or the "alphabet"."""
    if positive:
        return "study"
    if len(names) > 2:
        return "name"
    return "name" if _named_diseased(names) else "alphabet"


def _diseased(names: Sequence[str]) -> str:
    return _named_diseased(names) or names[1]


def _named_diseased(names: Sequence[str]) -> str:
    """The one of two labels whose counterpart sounds healthy; '' where neither does."""
    first, second = names
    for one, other in ((first, second), (second, first)):
        negation = re.fullmatch(r"non?[ _-]?(.+)", one, re.IGNORECASE)
        if _HEALTHY.fullmatch(one) or (negation and negation[1].lower() == other.lower()):
            return other
    return ""


def _names(negative: Sequence[str], positive: Sequence[str]) -> tuple[str, str]:
    """What the two classes are called: by their labels, glioma+meningioma, or where those are too long by what they are
    not, not_normal, or else no_disease and disease. Never alike, and never like another label."""
    taken = {*negative, *positive}
    names = _name(negative, positive, "no_disease", taken), _name(positive, negative, "disease", taken)
    return names if names[0] != names[1] else ("no_disease", "disease")


def _name(labels: Sequence[str], others: Sequence[str], several: str, taken: set[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    forms = ["+".join(map(_safe, labels))]
    if len(others) == 1:
        forms.append(f"not_{_safe(others[0])}")
    fitting = [form for form in forms if len(form) <= _LONGEST and form not in taken]
    while several in taken:
        several += "_"
    return fitting[0] if fitting else several


def _safe(label: str) -> str:
    """A label as it can be part of a column's and a file's name: blanks and slashes become _."""
    return re.sub(r"[^\w.-]+", "_", label)
