"""The methods section of a paper, in plain prose, from a study's configuration and its records.

A sentence stands here only where the configuration or a file says so: no test that was not made, no interval that is
not in the tables, no option that is not in use. What no file knows (where the images come from, who labelled them, who
approved the study) is for the author to add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from foveate import runs
from foveate.config import Model, Study
from foveate.config.dataset import PHANTOM
from foveate.explanation.charts import model_title
from foveate.report import tables, words
from foveate.report.architecture import attention_of, backbone_of, describe, place_of
from foveate.report.words import AUGMENTED, listed
from foveate.runs import StudyFolder, Subject

FITS = {
    "stretch": "stretched to {0} × {0} pixels",
    "pad": "scaled to {0} pixels at the longer side and padded to a square",
    "crop": "scaled to {0} pixels at the shorter side and cropped to the middle square",
}
COMPARED = "mean AUCs were compared with the baseline’s "
COMPARISONS = {  # how a method in comparison.csv begins -> in words
    "Obuchowski-Rockette, runs as readers, factorial": f"{COMPARED}after Obuchowski and Rockette (1995) with "
    "training runs as readers, in its factorial form (Hillis 2007)",
    "Obuchowski-Rockette, runs as readers, nested": f"{COMPARED}after Obuchowski and Rockette (1995) with "
    "training runs as readers, nested in models (Hillis 2014)",
    "DeLong, paired": "AUCs of one run each were compared with the baseline’s by the paired test of DeLong et al. "
    "(1988), which speaks of these trained networks only",
    "Nadeau-Bengio": f"{COMPARED}by the corrected t-test of Nadeau and Bengio (2003) over splits",
}


def methods_paragraph(folder: StudyFolder) -> str:
    """The methods of a study as one paragraph in the past tense.

    Of a study that is done, 150 to 300 words; every further data set or policy adds some.
    """
    study, results = folder.study, tables.read_results(folder)
    audits = {subject: _json(folder.data(subject) / "audit.json") for subject in runs.subjects(study)}
    records = list(filter(None, (_json(folder.run(run) / "run.json") for run in runs.grid(study))))
    sentences = [
        _data(study, audits),
        *(_split(study, policy, audits) for policy in study.policies),
        preprocessing(study),
        *_models(study),
        training(study, runs.subjects(study)),
        _repeats(study, records, len(tables.missing_runs(study, results))),
        *_discrimination(study, audits, results),
        *_comparison(study, tables.read_comparison(folder)),
        _heatmaps(folder),
        _software(records),
    ]
    return " ".join(f"{words.sentence(text)}." for text in sentences if text)


def _json(path: Path) -> dict[str, Any]:
    return dict(runs.read_json(path)) if path.is_file() else {}


def _data(study: Study, audits: dict[Subject, dict[str, Any]]) -> str:
    sets: dict[str, str] = {}
    for subject, audit in audits.items():
        dataset = study.datasets[subject.dataset]
        held = ["images drawn by foveate itself"] if dataset.source == PHANTOM else []
        for name, labels in audit.get("classes", {}).items():
            count = sum(audit.get("labels", {}).get(label, 0) for label in labels)
            held.append(f"{count:,} {name}" + ("" if labels == [name] else f" [{listed(labels)}]"))
        title = _title(study, subject)
        sets.setdefault(subject.dataset, f"{title} ({', '.join(held)})" if held else title)
    return f"the {'data set was' if len(sets) == 1 else 'data sets were'} {listed(list(sets.values()))}"


def _title(study: Study, subject: Subject) -> str:
    return " ".join(study.datasets[subject.dataset].title.split()) or subject.dataset


def _split(study: Study, policy: str, audits: dict[Subject, dict[str, Any]]) -> str:
    """How images came into the two parts under a policy, and how many."""
    own = {subject: audit for subject, audit in audits.items() if subject.policy == policy and audit}
    training, validation = (_counts(list(own.values()), part) for part in ("train", "validation"))
    share = 100 * study.validation_fraction
    parts = f"{100 - share:g} % for training{training} and {share:g} % for validation{validation}"
    anew = ", anew for each repeat" if study.repeats_differ_in == "split" else ""
    text = f"images were split at random within classes, {parts}{anew}"
    if study.repeats_differ_in == "folds":
        text = f"images were divided at random within classes into {study.repeats} folds, each of which validated once"
    elif study.repeats_differ_in == "sites":
        text = f"each of the {study.repeats} sites was left out of training in turn, and validated"
    if policy == "shipped":
        text = f"the archive’s own split into training{training} and validation images{validation} was kept"
    elif policy == "paper":
        text += ", regardless of copies and patients"
    elif own:
        known = [subject.name for subject, audit in own.items() if audit.get("patients")]
        if known and study.repeats_differ_in != "sites":
            among = "" if len(known) == len(own) else f" (in {listed(known)})"
            text = f"images were split at random, about {parts}{anew}"
            if study.repeats_differ_in == "folds":
                text = f"images were divided at random into {study.repeats} folds, each of which validated once"
            text += f", with each patient’s in one part{among}"
        elif any(study.datasets[subject.dataset].source != PHANTOM for subject in own):
            text += "; which images were of one patient was not known"
        removed = sum(audit["duplicates"]["removed"] for audit in own.values())
        copies = f"pixel-identical copies were removed ({removed:,} images)" if removed else "no image was there twice"
        text = f"{copies}; {text}"
    return f"in the {policy} arm, {text}" if len(study.policies) > 1 else text


def _counts(audits: Sequence[dict[str, Any]], part: str) -> str:
    """How many images a part holds; nothing for more than two data sets, whose numbers belong in a table."""
    counts = [f"{sum(audit['parts'].get(part, {}).values()):,}" for audit in audits]
    return f" ({listed(counts)})" if 0 < len(counts) < 3 else ""


def preprocessing(study: Study) -> str:
    """How a decoded image becomes the network's input, as a clause."""
    images = study.images
    grey = "turned to grey, " if images.channels == 1 else ""
    changed = listed([AUGMENTED[kind] for kind in study.recipe.augmentation])
    augmented = f"; training images were {changed} at random" if changed else ", without augmentation"
    return (
        f"images were {grey}{FITS[images.fit].format(images.pixels)} and normalised with the training part’s mean and "
        f"standard deviation{augmented}"
    )


def _models(study: Study) -> Iterable[str]:
    """The baseline, what it was compared with, and how their weights began."""
    baseline, *others = study.models.values()
    first = f"the {'baseline' if others else 'network'} was {describe(baseline)}"
    alike: dict[tuple[str, bool, str], list[Model]] = {}
    for model in others:
        alike.setdefault((model.backbone, bool(model.attention), place_of(model)), []).append(model)
    compared = []
    for (backbone, attention, place), models in alike.items():
        same = backbone == baseline.backbone and not baseline.attention
        network = "the same network" if same else f"a {backbone_of(models[0])}"
        blocks = f" with {listed(list(map(attention_of, models)))} blocks {place}".rstrip()
        compared.append(network + blocks if attention else network)
    yield f"{first}, compared with {'; with '.join(compared)}" if compared else first
    given = [model_title(name) for name, model in study.models.items() if model.weights]
    if given:
        yield f"{listed(given)} started from given weights"
    if len(given) < len(study.models):
        starts = {"official": "as in their authors’ code", "identity": "as identities", "he": "likewise"}
        used = dict.fromkeys(model.init for model in study.models.values() if model.attention)
        of_blocks = f", attention blocks {' or '.join(starts[init] for init in used)}" if used else ""
        yield f"{'other ' if given else ''}weights were initialised after He et al. (2015){of_blocks}"


def training(study: Study, subjects: Sequence[Subject]) -> str:
    """How networks were trained on these data sets, as a clause."""
    recipe = study.recipe
    own = {_title(study, subject): study.epochs(subject.dataset) for subject in subjects}
    usual = next(iter(own.values()))
    other = [f"{name}: {count:,}" for name, count in own.items() if count != usual]
    epochs = words.amount(usual, "epoch") + (f" ({', '.join(other)})" if other else "")
    decay = f"{listed([f'{100 * share:g}' for share in recipe.decay_at])} %" if recipe.decay_at else ""
    falls = f", multiplied by {recipe.decay_factor:g} after {decay} of the epochs" if decay else ""
    chosen = "last epoch" if recipe.report_epoch == "last" else "epoch with the best validation AUC"
    return (
        f"networks were trained for {epochs} by stochastic gradient descent on cross-entropy (batch size "
        f"{recipe.batch_size}, momentum {recipe.momentum:g}, weight decay {recipe.weight_decay:g}, learning rate "
        f"{recipe.learning_rate:g}{falls}); the weights of the {chosen} were evaluated"
    )


def _repeats(study: Study, records: Sequence[dict[str, Any]], missing: int) -> str:
    count = {1: "once", 2: "twice"}.get(study.repeats, f"{words.word(study.repeats)} times")
    same = study.repeats_differ_in == "seeds" or study.policies == ("shipped",)
    differ = {
        "split": "different random splits",
        "folds": f"{study.repeats} folds, each validating once",
        "sites": "the other sites, each site validating once",
    }.get("" if same else study.repeats_differ_in, "the same split with different seeds")
    text = f"each model was {'to be ' if missing else ''}trained {count}" + (
        f" on {differ}" if study.repeats > 1 else ""
    )
    planned = len(runs.grid(study))
    ended = f"; {planned - missing} of {planned} planned runs had ended" if missing else ""
    text += f" (study seed {study.seed}{ended})"
    if len(study.models) > 1 and records and all(record.get("comparison") == "factorial" for record in records):
        text += "; models of a repeat shared the order of images"
    return text


def _discrimination(study: Study, audits: dict[Subject, dict[str, Any]], results: pd.DataFrame) -> Iterable[str]:
    if results.empty:
        return
    text = "the area under the ROC curve (AUC) of each run was computed in the validation part"
    if "auc_low" in results:
        known = [subject.name for subject, audit in audits.items() if audit.get("patients")]
        among = "" if len(known) == len(audits) else f" in {listed(known)}"
        level = f"{100 * study.evaluation.confidence:g} %"
        text += f", with {level} confidence intervals after DeLong et al. (1988) on the logit scale"
        text += f", clustered by patient{among} (Obuchowski 1997)" if known else ""
    yield text
    judged, columns = study.evaluation, set(map(str, results))
    if "sensitivity_chosen" in columns and judged.threshold != "youden":
        yield f"cases were called positive at a threshold chosen for {100 * judged.threshold:g} % sensitivity elsewhere"
    if judged.prevalence is not None and any(column.endswith("_at_prevalence") for column in columns):
        yield f"predictive values were also computed for a prevalence of {100 * judged.prevalence:g} %"


def _comparison(study: Study, comparison: pd.DataFrame) -> Iterable[str]:
    """The tests that comparison.csv shows, with the data sets where they differ, and Holm's family."""
    if len(study.models) == 1 or comparison.empty:
        return
    tested: dict[str, dict[str, None]] = {}
    families: dict[int, None] = {}
    for subject in runs.subjects(study):
        own = tables.of_subject(comparison, subject)
        for method in map(str, own["method"]) if "method" in own else ():
            shared = method.partition(", repeats ")[2].removesuffix(" only")  # where some models lack some repeats
            over = f", over repeat{'s' if ',' in shared else ''} {listed(shared.split(', '))}" if shared else ""
            for told in (text for begin, text in COMPARISONS.items() if method.startswith(begin)):
                tested.setdefault(told + over, {})[subject.name] = None
        families[int(own["p_holm"].notna().sum()) if "p_holm" in own else 0] = None
    several = " or ".join(words.word(count) for count in families if count > 1)
    each = " of each data set" if len(runs.subjects(study)) > 1 else ""
    holm = f", and p-values adjusted over {several} comparisons{each} (Holm 1979)" if several else ""
    for told, names in tested.items():
        everywhere = len(names) == len(runs.subjects(study))
        yield (told if everywhere else f"on {listed(list(names))}, {told}") + holm
    if not tested:
        yield "means were compared without a statistical test"


SCORED = {  # the localisation metrics whose differences the report shows -> how a methods section names them
    "energy": "energy (Wang et al. 2020)",
    "pixel_auprc": "pixel AUPRC",
    "pointing": "pointing game (Zhang et al. 2016)",
}


def _heatmaps(folder: StudyFolder) -> str:
    if not any((folder.run(run) / "heatmaps.npz").is_file() for run in runs.grid(folder.study)):
        return ""
    text = (
        "Grad-CAM heat-maps (Selvaraju et al. 2017) of the true class were taken at the input of global average pooling"
    )
    metrics = set(tables.read_localisation(folder)["metric"])
    told = listed([name for metric, name in SCORED.items() if metric in metrics])
    return text + (f" and scored on lesions by {told}" if told else "")


def _software(records: Sequence[dict[str, Any]]) -> str:
    if not records:
        return ""
    names = {"foveate": "foveate", "torch": "PyTorch", "numpy": "NumPy", "python": "Python"}
    versions = [f"{title} {_distinct(r['versions'].get(name) for r in records)}" for name, title in names.items()]
    arithmetic = {"float32": "32-bit", "bfloat16": "mixed 16-bit"}
    precision = _distinct(arithmetic.get(record["precision"], record["precision"]) for record in records)
    hardware = _distinct(record["hardware"] for record in records)
    return f"the software was {listed(versions)}, training in {precision} arithmetic on {hardware}"


def _distinct(values: Iterable[object]) -> str:
    return " or ".join(dict.fromkeys(str(value) for value in values))
