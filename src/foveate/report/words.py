"""The report's sentences: what the numbers say, in words for a clinician, and no more than they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foveate.config import Study
from foveate.data.sources import Tally, said
from foveate.explanation.charts import model_title
from foveate.report.tables import ModelResult, signed
from foveate.runs import Run, Subject

COUNTED = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)

# What is done to training images at random (recipe.augmentation); the numbers are those of foveate.data.augment.
AUGMENTED = {
    "flip": "mirrored",
    "vertical_flip": "mirrored top to bottom",
    "shift": "shifted by a few pixels",
    "rotation": "rotated by up to 15°",
    "scale": "scaled by up to 10 %",
    "translation": "moved by up to 5 % of the side",
    "brightness": "made up to 10 % brighter or darker",
    "contrast": "given up to 10 % more or less contrast",
}


FEW = 20  # validation images of a class below which the page warns
MANY = 6  # models beside the baseline; of more, a sentence names only the lowest and the highest


def word(number: int) -> str:
    """3 -> three, 13 -> 13"""
    return COUNTED[number] if number < len(COUNTED) else f"{number:,}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """3, "run" -> three runs"""
    return f"{word(number)} {noun if number == 1 else plural or noun + 's'}"


def amount(number: int, noun: str, plural: str = "") -> str:
    """1240, "image" -> 1,240 images"""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def subject_title(study: Study, subject: Subject) -> str:
    """A data set's name for people, with its split policy where the study has several."""
    title = study.datasets[subject.dataset].title or subject.dataset
    return f"{title} ({subject.policy} split)" if len(study.policies) > 1 else title


def answer(title: str, rows: Sequence[ModelResult]) -> str:
    """What one data set's means say, the attention models against the baseline."""
    baseline, others = rows[0], [row for row in rows[1:] if row.mean is not None]
    if baseline.mean is None:
        return f"On {title} no run of {baseline.title} has ended yet, so there is nothing to compare with."
    runs = {row.runs for row in (baseline, *others)}
    over = f"over {counted(runs.pop(), 'run')} of each model" if len(runs) == 1 else "over the runs that have ended"
    first = f"On {title}, {over}, {baseline.title} reached a mean AUC of {baseline.mean:.2f} %"
    compared = listed([f"{row.title} {_apart(row.delta)} ({row.mean:.2f} %)" for row in others])
    if len(rows) == 1:
        return f"{first}."
    if len(others) > MANY:
        above = sum(row.delta is not None and row.delta > 0 for row in others)
        between = between_ends([(row.title, row.mean) for row in others], "{:.2f} %".format)
        which = f"{word(above) if above else 'none'} of them above it"
        return f"{first}; {word(len(others))} other models were between {between}, {which}."
    return f"{first}; {compared}." if compared else f"{first}; no other model has ended a run yet."


def between_ends(values: Sequence[tuple[str, float | None]], shown: Callable[[float], str]) -> str:
    """The lowest and the highest of some models' values: 93.60 % (ResNet-18 + BoTNet) and 99.36 % (ResNet-18 + SK)"""
    known = sorted((value, title) for title, value in values if value is not None)
    return f"{shown(known[0][0])} ({known[0][1]}) and {shown(known[-1][0])} ({known[-1][1]})"


def _apart(delta: float | None) -> str:
    if delta is None:
        return "cannot be compared: no repeat has a run of every model"
    if f"{abs(delta):.2f}" == "0.00":
        return "was the same"
    return f"was {abs(delta):.2f} points {'higher' if delta > 0 else 'lower'}"


def summary(study: Study, tables: Mapping[Subject, Sequence[ModelResult]]) -> str:
    """What several data sets' means say together: on how many each attention model was above the baseline."""
    noun = "data sets" if len(study.policies) == 1 else "combinations of data set and split"
    said: list[str] = []
    for model in list(study.models)[1:]:
        rows = [row for table in tables.values() for row in table if row.model == model]
        deltas = [row.delta for row in rows if row.delta is not None]
        if deltas:
            higher = f"on {sum(delta > 0 for delta in deltas)} of {len(deltas)} {'' if said else noun}".rstrip()
            said.append(f"{rows[0].title} {higher} ({signed(min(deltas))} to {signed(max(deltas))} points)")
    if not said:
        return "No attention model can be compared with the baseline yet."
    return f"The mean AUC was above that of {model_title(study.baseline)}: {'; '.join(said)}."


def policy(subject: Subject, study: Study, patients: int | None) -> str:
    """How the images were split, in words."""
    share = f"{100 - 100 * study.validation_fraction:g} % for training and {100 * study.validation_fraction:g} %"
    if study.repeats_differ_in == "folds":
        share = f"into {study.repeats} folds, each of which is used once"
    elif study.repeats_differ_in == "sites":
        return (
            f"Each of the {study.repeats} sites was left out of training in one run and used for validation: the runs "
            "say how well networks work at a hospital that they have not seen."
            + (" Duplicates were removed first." if subject.policy == "clean" else "")
        )
    match subject.policy:
        case "paper":
            return (
                f"As the paper describes it, all images were put together and split at random, {share} for "
                "validation. Duplicates were kept and patients not looked at: copies of an image, and "
                "images of one patient, may be in both parts and make every network look better than "
                "it is."
            )
        case "shipped":
            return "The archive’s own split into training and test images was kept, duplicates included."
        case _:
            together = "and all images of a patient were kept in one part"
            if patients is None:
                together = "but which images belong to one patient is not known, so a patient may be in both parts"
            return (
                f"Duplicates were removed first; then the images were split at random, {share} for "
                f"validation, {together}."
            )


def positive_classes(audit: Mapping[str, Any]) -> str:
    """The classes that count as disease, as words; '' where the audit is missing."""
    names = list(audit.get("classes") or {})
    return " or ".join(audit.get("positives") or names[-1:])


def data_facts(audit: Mapping[str, Any]) -> list[str]:
    """What the audit found, as sentences without any file's name."""
    labels, classes = audit.get("labels", {}), audit.get("classes", {})
    found = listed([f"{count:,} {label}" for label, count in labels.items()])
    facts = [f"The source has {amount(audit['images'], 'image')} ({found}); {audit['used']:,} were used."]
    merged = [f"“{name}” is made of {listed(of)}" for name, of in classes.items() if list(of) != [name]]
    positive = positive_classes(audit)
    chosen = "as the study says"
    if audit.get("positive_chosen_by") == "name":
        chosen = "by the names of the classes: please check"
    elif audit.get("positive_chosen_by") == "alphabet":
        chosen = "the last in the alphabet, since neither name tells: please check"
    facts.append("; ".join([*merged, f"the disease, that is the positive class, is “{positive}” ({chosen})"]) + ".")
    if len(classes) > 2:
        facts.append(
            f"The networks tell {len(classes)} classes apart; models are compared by disease against the rest, with "
            "the sum of the probabilities of the positive classes as the score."
        )
    fewest = min(audit.get("parts", {}).get("validation", {}).values(), default=FEW)
    if fewest < FEW:
        facts.append(
            f"A class has only {amount(fewest, 'image')} in the validation part: an AUC of so few says next to nothing."
        )
    facts += [_duplicates(audit.get("duplicates") or {})]
    near = audit.get("near_duplicates") or {}
    if near.get("across_parts"):
        facts.append(near_across(near["across_parts"]))
    elif near.get("clusters"):
        pictures = amount(near["clusters"], "picture is", "pictures are")
        facts.append(f"{pictures} among them more than once, identical or nearly so, and always in one part.")
    facts += (audit.get("findings") or {}).get("sentences", [])
    patients = audit.get("patients")
    known = f"Images of {amount(patients, 'patient')}." if patients else "The patients are not known."
    facts.append(known)
    if audit.get("unreadable"):
        facts.append(f"{unreadable(audit['unreadable'])}.")
    if audit.get("files"):
        facts.append(f"{said(Tally(**audit['files']))}.")
    elif audit.get("ignored_files"):  # of a study that was prepared before its files were counted
        facts.append(f"{amount(audit['ignored_files'], 'other file')} in the folder ignored.")
    if audit.get("masks"):
        facts.append(f"{amount(audit['masks'], 'image')} with a mask of the lesion.")
    if audit.get("regions"):
        facts.append(f"{amount(audit['regions'], 'image')} with boxes or points on the lesion.")
    return [sentence(fact) for fact in facts]


def _duplicates(duplicates: Mapping[str, Any]) -> str:
    if not duplicates.get("images"):
        return "No two images have the same pixels."
    text = f"{amount(duplicates['images'], 'image is', 'images are')} an exact copy of another"
    if duplicates.get("conflicting_groups"):
        conflicting = amount(duplicates["conflicting_groups"], "picture has", "pictures have")
        text += f"; {conflicting} more than one label"
    removed = duplicates.get("removed")
    text += f"; {removed:,} removed." if removed else "; none was removed."
    if duplicates.get("across_parts"):
        text += f" {in_training_too(duplicates['across_parts'])}."
    return text


def in_training_too(count: int) -> str:
    """1 validation image is also in the training part, pixel for pixel"""
    across = amount(count, "validation image is", "validation images are")
    return f"{across} also in the training part, pixel for pixel"


def near_across(count: int, which: str = "") -> str:
    """What nearly identical pictures in both parts mean; `which` says of which split."""
    pictures = amount(count, "picture is", "pictures are")
    return f"{pictures} in both parts{which}, identical or nearly so: these validation images were seen in training."


def unreadable(entries: Sequence[Sequence[object]]) -> str:
    """How many images were left out and why; `entries` (label, reason) as in audit.json."""
    reasons = "; ".join(sorted({str(entry[1]) for entry in entries}))
    return f"{amount(len(entries), 'unreadable image')} left out, as the study asks ({reasons})"


def missing(study: Study, absent: Sequence[Run]) -> list[str]:
    """Which runs are missing, a line a data set and model, or one line where a data set has none."""
    lines = []
    for subject in dict.fromkeys(run.subject for run in absent):
        of_model: dict[str, list[str]] = {}
        for run in absent:
            if run.subject == subject:
                of_model.setdefault(run.model, []).append(str(run.repeat))
        title = subject_title(study, subject)
        if sum(map(len, of_model.values())) == len(study.models) * study.repeats:
            lines.append(f"{title}: every run")
        else:
            lines += [
                f"{title}, {model_title(model)}: {'run' if len(repeats) == 1 else 'runs'} {listed(repeats)}"
                for model, repeats in of_model.items()
            ]
    return lines


def duration(seconds: float | None) -> str:
    """3725 -> 1 h 2 min; a dash for None"""
    if seconds is None:
        return "–"
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
