"""An audit in sentences: what a reader must know first, and what makes --strict fail."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.data import lesion_masks
from foveate.data.examine import Audit
from foveate.data.findings import Findings, Identity, Repeated
from foveate.data.shortcuts import Auc, Shortcut, Shortcuts
from foveate.data.sources import said
from foveate.data.sources.volumes import burned_in_said

PARTS = {"train": "training", "val": "validation", "test": "test"}
_TELLS = 0.6  # an AUC, at the lower end of its interval, from which on a shortcut is called one,
_TELLS_ONE = 0.75  # or that of one label against the rest
_MUCH = 0.75  # the same of what the disease may change, too
_CLEAR = 0.2  # difference of shares from which on a value is worth a word
_HOLLOW = 0.1  # share of repeated test images from which on scores say nothing


@dataclass(frozen=True)
class Headline:
    """One sentence or two."""

    text: str
    grave: bool  # something to put right, or to tell in every paper that uses the data


def headlines(audit: Audit) -> list[Headline]:
    """What was found, what is grave first; also what was looked for in vain."""
    found = audit.found
    lines = [*_repeated(found), *_duplicates(found), *_patients(found), *_shortcuts(found), *_scalings(found)]
    lines += _unusable(audit)
    lines += [Headline(f"{warning.rstrip('.')}.", False) for warning in audit.source.warnings]
    lines += [Headline(burned_in_said(audit.source.burned_in), False)] if audit.source.burned_in else []
    lines.append(Headline(f"{said(audit.files, audit.source)}.", False))
    return sorted(lines, key=lambda line: not line.grave)


def without_names(audit: Audit) -> list[str]:
    """What a report must say of the images, repeated pictures, shortcuts and scales, without the name of a file or
    patient."""
    repeated = [line.text for line in _repeated(audit.found) if line.grave]
    return [*repeated, *shortcut_sentences(audit), *scaling_sentences(audit)]


def shortcut_sentences(audit: Audit) -> list[str]:
    """Those of the shortcuts alone, which hold for any split of the images."""
    return [line.text for line in _shortcuts(audit.found) if line.grave]


def scaling_sentences(audit: Audit) -> list[str]:
    """Those of the rules by which stored numbers became grey values."""
    return [line.text for line in _scalings(audit.found) if line.grave]


def concerns(audit: Audit, skip_unreadable: bool = False) -> list[str]:
    """Why --strict fails, in a few words each; empty where it does not."""
    found, near = audit.found, audit.found.near
    reasons = []
    if near.clusters_across_splits:
        reasons.append(f"{amount(near.clusters_across_splits, 'picture')} in more than one part of the shipped split")
    if near.clusters_across_labels:
        reasons.append(f"{amount(near.clusters_across_labels, 'picture')} under more than one label")
    if found.patients.both_sides:
        reasons.append(
            f"{amount(len(found.patients.both_sides), 'patient')} in more than one part of the shipped split"
        )
    if audit.unreadable and not skip_unreadable:
        reasons.append(f"{amount(len(audit.unreadable), 'image')} that cannot be read")
    if audit.masks.unusable and not skip_unreadable:
        reasons.append(f"{amount(len(audit.masks.unusable), 'mask')} that cannot be used")
    return reasons


def amount(count: int, what: str) -> str:
    """Such as 1 image, 2,000 images."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A share in whole per cent, but never 0 or 100 where it is neither."""
    whole = 100 * share
    return f"{whole:.1f} %" if 0 < whole < 1 or 99 < whole < 100 else f"{whole:.0f} %"


def auc_words(auc: Auc) -> str:
    """Such as AUC 92.3 % (91.2 to 93.4), with the label that is told best where there are several."""
    text = f"AUC {100 * auc.value:.1f} % ({100 * auc.low:.1f} to {100 * auc.high:.1f})"
    best = auc.clearest
    return f"mean {text}, {best} against the rest {100 * auc.by_label[best]:.1f} %" if best else text


def tells(auc: Auc) -> bool:
    """Whether this is a shortcut worth a warning."""
    return auc.low > _TELLS or max(auc.by_label.values(), default=0.0) > _TELLS_ONE


def _repeated(found: Findings) -> list[Headline]:
    lines = [_repeated_line(one) for one in found.repeated if one.near]
    if found.repeated and not lines and found.near.surplus:
        lines.append(Headline("No picture stands in more than one part of the shipped split, not even nearly.", False))
    return lines


def _repeated_line(one: Repeated) -> Headline:
    of, where, same, near = PARTS[one.of], PARTS[one.where], len(one.identical), len(one.near)
    how, first = ("pixel-identical", same) if same else ("nearly identical", near)
    text = f"{first:,} of {one.images:,} {of} images {'is' if first == 1 else 'are'} {how} to a {where} image"
    if near > first:
        text += f", {near:,} identical or nearly so"
    if near >= _HOLLOW * one.images:
        text += ": scores on the shipped split say nothing about new patients."
    else:
        text += ": leave them out before scores on the shipped split are quoted."
    return Headline(text, True)


def _duplicates(found: Findings) -> list[Headline]:
    count, pixels, near = len(found.images), found.pixels, found.near
    lines = []
    if not near.surplus:
        lines.append(Headline(f"No picture stands twice among {count:,} images, not even nearly.", False))
    else:
        text = f"{count:,} images show {count - pixels.surplus:,} different pictures"
        if near.surplus > pixels.surplus:
            text += f", {count - near.surplus:,} where nearly identical ones count as one"
        lines.append(Headline(f"{text}.", bool(near.clusters_across_splits)))
    clash = [cluster for cluster in found.twins.near if len(found.labels_of(cluster)) > 1]
    if clash:
        labels = sorted({label for cluster in clash for label in found.labels_of(cluster)})
        stand = "stands" if len(clash) == 1 else "stand"
        text = f"{amount(len(clash), 'picture')} {stand} under more than one label ({', '.join(labels)})"
        lines.append(Headline(f"{text}: of each, at least one label is in doubt.", True))
    if pixels.pairs_across_patients:
        pairs = pixels.pairs_across_patients
        text = f"{amount(pairs, 'pair')} of identical images {'is' if pairs == 1 else 'are'}"
        lines.append(Headline(f"{text} said to be of two different patients: at least one key is wrong.", True))
    return lines


def _patients(found: Findings) -> list[Headline]:
    lines = [_patient_line(found.patients, bool(found.splits))]
    for one in found.identities[1:]:
        if one.both_sides:
            count = f"{len(one.both_sides):,} of {one.ids:,}"
            text = f"By the column {one.column}, {count} would have images in more than one part of the shipped split"
            lines.append(Headline(f"{text}: find out which key is the right one.", not found.patients.ids))
    return lines


def _patient_line(patients: Identity, split: bool) -> Headline:
    if not patients.ids:
        return Headline(
            "No patient is named, so whether images of one patient stand on both sides of a split cannot be seen.", True
        )
    if not split:
        return Headline(f"{amount(patients.ids, 'patient')} are named.", False)
    both = len(patients.both_sides)
    if not both:
        return Headline(f"None of the {patients.ids:,} patients has images in more than one part of the split.", False)
    has = "has" if both == 1 else "have"
    text = f"{both:,} of {amount(patients.ids, 'patient')} {has} images in more than one part of the shipped split"
    return Headline(f"{text}: scores on it are too good.", True)


def _shortcuts(found: Findings) -> list[Headline]:
    lines = [_shortcut_line(found.shortcuts, "")]
    if found.recorded is not None and not found.recorded.file.same:
        lines.append(_shortcut_line(found.recorded, " of the originals, which manifest.csv records,"))
    site = next((fact.auc for fact in found.shortcuts.facts if fact.name == "site"), None)
    if site is not None:
        lines.append(
            Headline(f"The site that an image is from tells {_how_much(site)}: {auc_words(site)}.", tells(site))
        )
    everything = found.shortcuts.everything
    if everything is not None and everything.auc is not None:
        more = "" if found.shortcuts.file.same else ", together with these,"
        text = f"File bytes and brightness{more} tell {_how_much(everything.auc)}: {auc_words(everything.auc)}"
        text += "; a part of that may follow from the disease" if tells(everything.auc) else ""
        lines.append(Headline(f"{text}.", everything.auc.low > _MUCH))
    return lines


def _how_much(auc: Auc) -> str:
    return "the label" if tells(auc) else "little of the label"


def _shortcut_line(shortcuts: Shortcuts, whose: str) -> Headline:
    titles = {"format": "file format", "mode": "colour mode", "size": "size in pixels"}
    names = [titles[fact.name] for fact in shortcuts.facts if not fact.same and fact.name in titles]
    if shortcuts.file.same:
        own = whose or " of all images"
        return Headline(f"File format, colour mode and size{own} are the same: they give no label away.", False)
    what = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names).capitalize() + whose
    if shortcuts.file.auc is None:
        return Headline(f"{what}: a label has too few images to say how far it can be told by that.", False)
    give, auc = "gives" if len(names) == 1 else "give", auc_words(shortcuts.file.auc)
    text = f"{what} {give} {_how_much(shortcuts.file.auc)} away"
    if not tells(shortcuts.file.auc):
        return Headline(f"{text}: {auc}.", False)
    told = f"{text} before the picture is seen: {auc}"
    return Headline(f"{told}{_most_telling(shortcuts.facts)}.", True)


def _most_telling(facts: list[Shortcut]) -> str:
    """The single value that stands out, as a clause, where one does."""
    own = [(fact.name, fact.telling) for fact in facts if fact.telling is not None]
    own = [(name, one) for name, one in own if one.often_share - one.seldom_share >= _CLEAR and one.value != "other"]
    if not own:
        return ""
    name, one = max(own, key=lambda entry: entry[1].often_share - entry[1].seldom_share)
    shares = f"{percent(one.often_share)} of {one.often}, but {percent(one.seldom_share)} of {one.seldom}"
    return f". {shares[0].upper()}{shares[1:]} have the {name} {one.value}"


def _scalings(found: Findings) -> list[Headline]:
    counts = {rule: sum(labels.values()) for rule, labels in found.scalings.items()}
    if len(counts) < 2:
        return []
    listed = ", ".join(f"{amount(count, 'image')} by {rule}" for rule, count in counts.items())
    text = f"Stored numbers became grey values by different rules ({listed})"
    text += ": what is equally bright in two pictures need not have been so. Store all images on one scale."
    fact = next(fact for fact in found.shortcuts.facts if fact.name == "scaling")
    if fact.auc is not None and tells(fact.auc):
        text += f" The rule alone tells {_how_much(fact.auc)}: {auc_words(fact.auc)}{_most_telling([fact])}."
    return [Headline(text, True)]


def _unusable(audit: Audit) -> list[Headline]:
    lines = []
    if audit.unreadable:
        count = len(audit.unreadable)
        text = f"{count:,} of {amount(len(audit.source.images), 'image')} cannot be read"
        lines.append(Headline(f"{text}: {audit.unreadable[0][0]} {audit.unreadable[0][1]}" + _more(count - 1), True))
    for rows, what in ((audit.found.constant, "one colour all over"), (audit.found.small, "smaller than 64 pixels")):
        if rows:
            are = "is" if len(rows) == 1 else "are"
            first = audit.found.images[rows[0]].path
            text = f"{amount(len(rows), 'image')} {are} {what}: {first}"
            lines.append(Headline(text + _more(len(rows) - 1), what.startswith("one")))
    whole = amount(audit.masks.images, "mask")
    if audit.masks.unusable:
        (path, reason), count = audit.masks.unusable[0], len(audit.masks.unusable)
        text = f"{count:,} of {whole} cannot be used: that of {path} {reason}"
        lines.append(Headline(text + _more(count - 1), True))
    for kind, paths in (("inverted", audit.masks.inverted), ("grey", audit.masks.grey)):
        if paths:
            text = lesion_masks.sentence(kind, len(paths), audit.masks.images).removesuffix(".")
            lines.append(Headline(f"{text}; the first is that of {paths[0]}.", True))
    if audit.masks.empty:
        count = len(audit.masks.empty)
        text = f"{count:,} of {whole} {'is' if count == 1 else 'are'} empty: that of {audit.masks.empty[0]}"
        lines.append(Headline(text + _more(count - 1), True))
    return lines


def _more(count: int) -> str:
    return f" and {count:,} more." if count else "."
