"""What the list of a data set's images tells before they are opened: a guessed disease, unknown patients, few."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.data.classes import chosen_by, classes_of
from foveate.data.sources import Source
from foveate.data.sources.volumes import burned_in_said
from foveate.report import words
from foveate.report.warnings.warning import StudyWarning

_HOW = {"name": "the names of the classes", "alphabet": "the alphabet, since neither name tells"}


def of_images(study: Study, sources: Mapping[str, Source]) -> Iterator[StudyWarning]:
    """Warnings of the data sets in `sources`, by the study's names for them."""
    for name, source in sources.items():
        dataset = study.datasets[name]
        if dataset.source == PHANTOM:
            continue
        classes, positives = classes_of(list(source.labels), dataset.positive, dataset.each_class, str(source.folder))
        yield from positive_guessed(list(classes)[-positives:], chosen_by(list(source.labels), dataset.positive), name)
        if not any(image.patient for image in source.images):
            yield patients_unknown(name)
        if "shipped" not in study.policies and study.repeats_differ_in == "seeds":
            counts = {own: sum(source.labels[label] for label in of) for own, of in classes.items()}
            expected = {own: round(count * study.validation_fraction) for own, count in counts.items()}
            yield from few_images(expected, name, "about")
        if source.burned_in:
            yield burned_in(source.burned_in, name)
        yield from odd(source.warnings, name)


def positive_guessed(positives: Sequence[str], by: str, dataset: str) -> Iterator[StudyWarning]:
    """Where nobody said which class is the disease; `by` is audit.json's positive_chosen_by."""
    if by in _HOW:
        classes = words.listed(list(positives))
        yield StudyWarning(
            f"positive_by_{by}",
            f"Which class is the disease was chosen by {_HOW[by]}: {classes}.",
            f"Please check; --positive {shlex.quote(','.join(positives))} confirms it, another label changes it.",
            dataset,
        )


def patients_unknown(dataset: str) -> StudyWarning:
    return StudyWarning(
        "patients_unknown",
        "The patients are not known: images of one patient may be in both parts.",
        "A table with a column patient names them (docs/data.md).",
        dataset,
    )


def few_images(counts: Mapping[str, int], dataset: str, how: str, which: str = "") -> Iterator[StudyWarning]:
    """Classes with few validation images; `how` comes before the number: only, about; `which` says of which split."""
    few = {name: count for name, count in counts.items() if count < words.FEW}
    if few:
        amounts = {name: words.amount(count, "validation image") for name, count in few.items()}
        named = words.listed([f"{amount} of the class {name}" for name, amount in amounts.items()])
        yield StudyWarning(
            "few_images",
            f"Few images{which}: {how} {named}; an AUC of so few says little.",
            "More images, or folds, in which every image is once used for validation (repeats_differ_in: folds).",
            dataset,
        )


def burned_in(files: int, dataset: str) -> StudyWarning:
    remedy = "Look at these images before anybody else sees them."
    return StudyWarning("burned_in_texts", burned_in_said(files), remedy, dataset)


def odd(sentences: Sequence[str], dataset: str) -> Iterator[StudyWarning]:
    """What the source says of its own images: patients of several labels, labels that no image needs, ..."""
    for sentence in sentences:
        yield StudyWarning("odd_source", f"{words.sentence(sentence).rstrip('.')}.", dataset=dataset)
