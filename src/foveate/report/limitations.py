"""What a study's files show to speak against its own numbers."""

from __future__ import annotations

from typing import Any

from foveate import runs
from foveate.config.dataset import PHANTOM
from foveate.report import tables, words
from foveate.runs import StudyFolder, Subject

STRIDE = 32  # input pixels behind one position of a ResNet's last feature map


def limitations(folder: StudyFolder, subject: Subject) -> list[str]:
    """What the files of a study show to speak against its numbers on one data set, as sentences."""
    study, file = folder.study, folder.data(subject) / "audit.json"
    audit: dict[str, Any] = runs.read_json(file) if file.is_file() else {}
    phantom = study.datasets[subject.dataset].source == PHANTOM
    found = [] if audit else ["What the images hide (copies, patients) is not known: audit.json is missing."]
    found += ["The images are synthetic and say nothing of patients."] if phantom else []
    few = {name: n for name, n in audit.get("parts", {}).get("validation", {}).items() if n < words.FEW}
    for name, count in few.items():
        found.append(f"Few images: only {words.amount(count, 'validation image')} of the class {name}.")
    patients = audit.get("patients")
    if audit and not patients and not phantom:
        found.append("The patients are not known: images of one patient may stand in both parts.")
    elif patients and subject.policy != "clean":
        found.append(f"The split does not keep the images of a patient together ({subject.policy} policy).")
    copies = audit.get("duplicates", {})
    if copies.get("across_parts"):
        across = words.amount(copies["across_parts"], "validation image is", "validation images are")
        found.append(f"Copies across parts: {across} also in the training part, pixel for pixel.")
    if copies.get("conflicting_groups") and not copies.get("removed"):
        both = words.amount(copies["conflicting_groups"], "picture stands", "pictures stand")
        found.append(f"Contradicting labels: {both} under both labels.")
    if audit.get("positive_chosen_by") in ("name", "alphabet"):
        by = "the names of the classes" if audit["positive_chosen_by"] == "name" else "the alphabet"
        found.append(f"Which class is the disease was chosen by {by}: please check.")
    if len({other.dataset for other in runs.subjects(study)}) == 1:
        found.append("One data set only.")
    found.append("No external validation: all numbers are of images held out of the same data set.")
    if not phantom:
        found.append("Subgroups (age, sex, skin, device, site) were not looked at: no file of the study names them.")
    if study.recipe.report_epoch == "best":
        found.append("The reported epoch was chosen on the part it is scored on: the numbers are optimistic.")
    if study.repeats == 1:
        found.append("One run a model: how far another training would land is not known.")
    elif study.repeats_differ_in == "seeds":
        found.append("All runs share one split: how far another split would move the numbers is not known.")
    missing = [run for run in tables.missing_runs(study, tables.read_results(folder)) if run.subject == subject]
    if missing:
        of = len(study.models) * study.repeats
        found.append(f"Not complete: {len(missing)} of {of} runs on this data set are missing.")
    side = -(-study.images.pixels // STRIDE)
    return [*found, *filter(None, [words.coarse((side, side))])]
