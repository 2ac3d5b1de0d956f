"""What was found when a data set was read: audit.json's counts as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foveate import runs
from foveate.config.dataset import PHANTOM
from foveate.report import words
from foveate.report.warnings.of_images import burned_in, few_images, odd, patients_unknown, positive_guessed
from foveate.report.warnings.warning import StudyWarning
from foveate.runs import StudyFolder, Subject

Audit = Mapping[str, Any]


def read_audit(folder: StudyFolder, subject: Subject) -> dict[str, Any]:
    """audit.json of one data set; empty where its images are not read yet."""
    file = folder.data(subject) / "audit.json"
    audit: dict[str, Any] = runs.read_json(file) if file.is_file() else {}
    return audit


def of_data(folder: StudyFolder, subject: Subject) -> Iterator[StudyWarning]:
    """Warnings of one data set."""
    study, audit, name = folder.study, read_audit(folder, subject), subject.name
    phantom = study.datasets[subject.dataset].source == PHANTOM
    if phantom:
        yield StudyWarning("synthetic", "The images are synthetic and say nothing of patients.", dataset=name)
    else:
        seen = "age, sex, skin" if study.repeats_differ_in == "sites" else "age, sex, skin, device, site"
        yield StudyWarning("no_subgroups", f"Subgroups ({seen}) were not looked at.", dataset=name)
    if not audit:
        missing = "What the images hide (copies, patients) is not known: audit.json is missing."
        yield StudyWarning("unknown_images", missing, dataset=name)
        return
    which = "" if study.repeats_differ_in == "seeds" else " in the split of run 1"
    yield from _copies(audit, name, which)
    if not phantom:
        yield from positive_guessed(_positives(audit), str(audit.get("positive_chosen_by")), name)
        yield from _patients(audit, subject)
    yield from few_images(audit.get("parts", {}).get("validation", {}), name, "only", which)
    yield from _shortcuts(audit, name)
    yield from _pixels(audit, name)
    yield from odd(audit.get("warnings") or [], name)


def _positives(audit: Audit) -> list[str]:
    return list(audit.get("positives") or list(audit["classes"])[-1:])


def _copies(audit: Audit, name: str, which: str) -> Iterator[StudyWarning]:
    exact, near = audit.get("duplicates") or {}, audit.get("near_duplicates") or {}
    clean = "--policy clean keeps copies in one part."
    if exact.get("across_parts"):
        across = words.in_training_too(exact["across_parts"])
        yield StudyWarning("copies_across_parts", f"Copies across parts{which}: {across}.", clean, name)
    if near.get("across_parts"):
        yield StudyWarning("near_copies_across_parts", words.near_across(near["across_parts"], which), clean, name)
    if exact.get("conflicting_groups") and not exact.get("removed"):
        pictures = words.amount(exact["conflicting_groups"], "picture has", "pictures have")
        sentence = f"Contradicting labels: {pictures} more than one label."
        yield StudyWarning("contradicting_labels", sentence, "--policy clean leaves them out.", name)


def _patients(audit: Audit, subject: Subject) -> Iterator[StudyWarning]:
    patients, across = audit.get("patients"), (audit.get("findings") or {}).get("patients_in_several_parts")
    if not patients:
        yield patients_unknown(subject.name)
    elif subject.policy == "shipped" and across is not None:
        if across:
            several = words.amount(across, "patient has", "patients have")
            sentence = f"{several} images in more than one part of the archive’s own split: the numbers are too good."
            remedy = "--policy clean keeps a patient’s images together."
            yield StudyWarning("patients_across_parts", sentence, remedy, subject.name)
    elif subject.policy != "clean":
        yield StudyWarning(
            "patients_not_together",
            f"The split does not keep the images of a patient together ({subject.policy} policy).",
            "--policy clean does.",
            subject.name,
        )


def _shortcuts(audit: Audit, name: str) -> Iterator[StudyWarning]:
    """The audit's own sentences."""
    findings = audit.get("findings") or {}
    remedy = "audit.html shows which; make the images alike, or say so wherever the numbers are quoted."
    for sentence in findings.get("shortcut_sentences", []):
        yield StudyWarning("shortcut", sentence, remedy, name)
    for sentence in findings.get("scaling_sentences", []):
        yield StudyWarning("mixed_scalings", sentence, "docs/data.md says how numbers are scaled.", name)


def _pixels(audit: Audit, name: str) -> Iterator[StudyWarning]:
    for sentence in audit.get("mask_warnings") or []:
        yield StudyWarning("masks", sentence, "audit.html shows the first of them.", name)
    if audit.get("unreadable"):
        left_out = words.unreadable(audit["unreadable"])
        yield StudyWarning("left_out", f"{left_out}.", "Repair them: nobody knows what they would have shown.", name)
    if audit.get("burned_in"):
        yield burned_in(audit["burned_in"], name)
