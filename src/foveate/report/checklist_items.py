"""The topics of the three guidelines in a manuscript's order, with what shows each or what the author must write."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from foveate.data.prepare import split_file
from foveate.explanation.charts import model_title
from foveate.report import methods, tables, words
from foveate.report.checklist_draft import Draft
from foveate.report.limitations import limitations
from foveate.runs import Subject

NO_PATIENTS = "The program draws the images itself: there are no patients."
TRUE_LABELS = "The program draws the images itself: their labels are true by construction."


# One call an item; wrapped by hand, since a line an argument would make five of each.
# fmt: off
def _front(d: Draft) -> None:
    d.section = "Title, abstract, introduction and design"
    d.ask("A title that names artificial intelligence and a measure of accuracy", "CTS",
          "Name deep learning, the disease, the images, and a measure such as the AUC.")
    d.ask("A structured abstract", "CTS", "Sum up design, images and parts, results with intervals, what is open.")
    d.ask("Clinical background, intended use, users and place in care", "CTS",
          "Say what is done today, and who would use such a model, for which patients, at which point of their care.")
    d.ask("Known inequalities in health", "T", "Say which groups are known to fare worse.", NO_PATIENTS)
    d.ask("Aims and hypotheses", "CTS", "State them; study.yaml has the question. Models are developed and tested.")
    d.ask("Prospective or retrospective; goal of the study", "CS", "Say which, and whether it is a feasibility study.")
    d.ask("Approval of an ethics committee, and consent", "TS",
          "Name the committee and its decision, or why none was needed, and how patients consented.", NO_PATIENTS)
    d.ask("Registration and protocol", "CTS", "Name the register and the protocol, or say that there is none.")
    d.ask("Involvement of patients and the public", "T", "Say who took part in what, or that nobody did.")


def _images(d: Draft) -> None:
    d.section = "Methods: images"
    if d.synthetic:
        d.show("Source, dates and licence of the images", "CTS", "Drawn by the program itself.", [d.config], "")
    else:
        d.ask("Source, dates and licence of the images", "CTS",
              "Name the archive and its version or the hospitals, the dates of collection, and the licence.")
    d.ask("Setting, eligibility, and how patients were found", "CTS",
          "Give the criteria, the numbers of patients, and say whether the series is consecutive.", NO_PATIENTS)
    d.ask("Devices and acquisition", "CS", "Name manufacturers, models and protocols.", NO_PATIENTS)
    d.ask("De-identification", "C", "Say how names and other identifiers were removed.", NO_PATIENTS)
    flow = (
        f"{audit['images']:,} images found, {len(audit.get('unreadable') or []):,} unreadable, "
        f"{audit['duplicates']['removed']:,} removed as copies, {audit['used']:,} used" if audit else "not read"
        for audit in d.audits.values()
    )
    d.show("Flow: images found, left out and used", "CTS", d.each(flow), d.audit_files, "The images are not read yet.")
    d.show("Preprocessing", "CTS", f"{words.sentence(methods.preprocessing(d.study))}.",
           [d.config, *d.of_data("pack", "index.json")], "The images are not read yet.")
    d.ask("Missing data", "CTS", "Say what was missing before the images came into the folder, and what was done.",
          "The program draws the images itself: none is missing.")
    d.ask("Patients in each part, and how well they represent the intended ones", "CTS",
          "Give age, sex, severity, other diagnoses and sites: the folder has none of them.", NO_PATIENTS)
    counts = (
        ", ".join(f"{part} {words.listed([f'{count:,} {name}' for name, count in of.items()])}"
                  for part, of in audit.get("parts", {}).items())
        for audit in d.audits.values()
    )
    d.show("Images of each class in each part", "CT", d.each(counts), d.audit_files, "The images are not read yet.")


def _labels(d: Draft) -> None:
    d.section = "Methods: reference standard"
    guessed = [subject.name for subject, audit in d.audits.items() if audit.get("positive_chosen_by") != "study"]
    positive = (f"positive is {words.positive_classes(audit) or 'not known'}" for audit in d.audits.values())
    d.show("What counts as disease", "TS", f"As the study says: {d.each(positive)}", d.audit_files,
           f"The study does not name the positive class of {words.listed(guessed)}: check which it is, and name it.",
           where=not guessed)
    d.ask("How the labels were obtained, and why in this way", "CTS",
          "Describe the reference standard, its thresholds, and the time between it and the image.", TRUE_LABELS)
    d.ask("Who set the labels, with which training and tools, and their agreement", "CTS",
          "Give number, experience and agreement of those who labelled, and how differences were settled.", TRUE_LABELS)
    d.ask("Blinding", "TS", "Say what those who labelled knew. The networks see pixels only.", TRUE_LABELS)
    d.ask("Unclear results", "S", "Say how unclear labels were handled. Networks call every image.", TRUE_LABELS)
    title = "Readers of a reader study: number, experience, order, blinding"
    if (d.folder.path / "reading" / "study.yaml").is_file():
        d.ask(title, "CS", "Describe the readers and their experience, which no file can vouch for.")
    else:
        d.omit(title, "CS", "There is no reader study in this folder.")


def _parts(d: Draft) -> None:
    d.section = "Methods: training and validation parts"
    names = dict.fromkeys(split_file(d.study, repeat) for repeat in range(1, d.study.repeats + 1))
    splits = [file for name in names for file in d.of_data(name)]
    d.show("How images were assigned to the parts", "CTS",
           f"By policy: {words.listed(d.study.policies)}; study seed {d.study.seed}; each image’s part is on file.",
           [d.config, *splits], "The images are not split yet.")
    title = "Level at which the parts are disjoint: patient or image"
    unsure = _by_text((subject.name, why) for subject in d.subjects if (why := _not_disjoint(d, subject)))
    if d.synthetic:
        d.omit(title, "C", NO_PATIENTS)
    else:
        d.show(title, "C", "By patient: all images of a patient are in one part.", [*d.audit_files, *splits],
               "Not known for patients: " + "; ".join(f"{why} ({', '.join(on)})" for why, on in unsure.items())
               + ". Find out, or say so.", where=not unsure)
    d.ask("Number of images, and why it is enough", "CTS", "Say how the number was arrived at: no file plans it.")
    d.show("Classes of unequal size", "T", "Their sizes are on file; training neither weighted nor resampled.",
           d.audit_files, "The images are not read yet.")


def _not_disjoint(d: Draft, subject: Subject) -> str:
    """Why it cannot be said that no patient stands in both parts; empty where it can."""
    audit, manifest = d.audits[subject], d.folder.data(subject) / "manifest.csv"
    if not audit.get("patients"):
        return "which images are of one patient is not known" if audit else "the images are not read yet"
    if subject.policy != "clean":
        return f"the {subject.policy} policy does not keep patients together"
    if not manifest.is_file():
        return ""
    unknown = int((pd.read_csv(manifest, dtype=str, keep_default_na=False)["patient"] == "").sum())
    return f"the patients of {words.amount(unknown, 'image')} are not known" if unknown else ""


def _model(d: Draft) -> None:
    d.section = "Methods: model and training"
    earliest = {run.model: run for run in reversed(list(d.records))}
    first = {model: earliest[model] for model in d.study.models if model in earliest}
    sizes = (f"{model_title(model)} {d.records[run].get('parameters', 0):,}" for model, run in first.items())
    d.show("Architecture, input and output", "CTS", f"Parameters: {', '.join(sizes)}.",
           [d.config, *(d.places[run] / "run.json" for run in first.values())], "A model has no run yet.",
           where=len(first) == len(d.study.models))
    used = ((record["versions"], record["hardware"]) for record in d.records.values())
    versions = dict.fromkeys(f"foveate {of['foveate']}, PyTorch {of['torch']}, {hardware}" for of, hardware in used)
    d.show("Software and hardware", "CS", "; ".join(versions) + ".", d.of_runs("run.json"), d.gap)
    given = [model_title(name) for name, model in d.study.models.items() if model.weights]
    d.show("Initial weights", "C", "Random, from each run’s own seed.", [d.config, *d.of_runs("run.json")],
           f"Say where the weights come from that {words.listed(given)} started from." if given else d.gap,
           where=not given)
    d.show("Training procedure and settings", "CTS", f"{words.sentence(methods.training(d.study, d.subjects))}.",
           [d.config, *d.of_runs("run.json")], d.gap)
    d.show("Number of runs and their seeds", "C", f"{words.amount(len(d.places), 'run')}, the seeds of each on file.",
           d.of_runs("run.json"), d.gap)
    d.ask("How the settings were chosen", "CT", "Say where they come from: this study tuned nothing.")
    chose = {"last": "The last epoch’s: none were chosen on the validation part.",
             "best": "Those with the best validation AUC, which is optimistic: it is the part that they are scored on."}
    d.show("Which weights were evaluated", "CT", chose[d.study.recipe.report_epoch], [d.config],
           "No run has begun yet.", where=bool(d.records))
    d.omit("Ensembles", "C", "Every run is judged by itself; no outputs are put together.")
    d.show("The whole model, for others to use", "T", "foveate.load_model reads a run; foveate export writes ONNX.",
           [*d.of_runs("weights.safetensors"), *d.of_runs("run.json")], "The folder lacks weights of some runs.")
    d.ask("Skill that users need, and images of poor quality", "TS", "Say who may use it, and which images are unfit.")


def _evaluation(d: Draft) -> None:
    d.section = "Methods: evaluation"
    results, measures, comparison, tests = (
        d.folder.path / f"{name}.csv" for name in ("results", "measures", "comparison", "tests")
    )
    d.show("Measures of performance", "CTS", "AUC of every evaluated run, and what else the tables have.",
           [results, *([measures] if measures.is_file() else [])], "No run is evaluated yet.", where=len(d.results) > 0)
    title = "Intervals, tests, and allowance for several comparisons"
    others = d.comparison[d.comparison["model"] != d.study.baseline]
    pairs = len(d.subjects) * (len(d.study.models) - 1)
    tested = "p_holm" in others and int(others["p_holm"].notna().sum()) == pairs
    if not pairs:
        d.omit(title, "CTS", "There is one model: nothing is compared.")
    else:
        used = dict.fromkeys(map(str, others["method"])) if tested else {}
        d.show(title, "CTS", f"{'; '.join(used)}; p-values after Holm.", [comparison, tests],
               "Some comparison with the baseline has no test on file: foveate evaluate, or say why.", where=tested)
    rule = d.study.evaluation.threshold
    aim = "greatest Youden index" if rule == "youden" else f"{100 * rule:g} % sensitivity"
    d.show("Thresholds of a positive call", "TS", f"0.5, and one for the {aim}, chosen on other cases.",
           [d.config, measures], "Define the threshold, and say why.", where=("sensitivity", "chosen") in d.measured)
    d.show("Calibration", "T", "Brier score, log loss and calibration error of every evaluated run.", [measures],
           "Say how far the probabilities can be trusted.", where=("calibration_error", "") in d.measured)
    d.show("Explanations: how they were made", "C", "Grad-CAM at the input of global average pooling, true class.",
           d.of_runs("heatmaps.npz"), d.gap)
    located = tables.read_localisation(d.folder)
    without = [s.name for s in d.subjects if tables.of_subject(located, s).empty]
    bare = [subject.name for subject, audit in d.audits.items() if not audit.get("masks") and not audit.get("regions")]
    why = f"no lesions were marked in {words.listed(bare)}" if bare else "foveate explain has not scored them"
    d.show("Explanations: whether they are right", "C", "Scored on lesion masks, beside chance and a central blob.",
           [d.folder.path / "localisation.csv"], f"Heat-maps were not all scored ({why}): say so.", where=not without)
    several = " Its split policies side by side show what copies change." if len(d.study.policies) > 1 else ""
    d.ask("Robustness and sensitivity analyses", "CS", f"Say what was tried: no file has such an analysis.{several}")
    d.ask("Subgroups and fairness", "CTS", "Compare groups of patients, or say that it was not done.", NO_PATIENTS)
    best = "" if d.study.recipe.report_epoch == "last" else " The epoch was chosen on it: no part is untouched."
    d.show("Testing on images of the same source", "C", "On the validation part, which chose no weights.", [results],
           f"Say on which images the models were tested.{best if d.complete else f' {d.gap}'}",
           where=d.complete and not best)
    d.ask("Testing on images from elsewhere, and how these differ", "CTS",
          "None was performed by this study: models saw held-out images of their own data set. Say so, or add a test.")
    d.omit("Updating or recalibrating the model", "T", "No model in this folder was changed after its evaluation.")


def _results(d: Draft) -> None:
    d.section = "Results"
    printed = [file for file in (d.folder.tables / f"{subject.name}.md" for subject in d.subjects) if file.is_file()]
    files = [d.folder.path / "results.csv", d.folder.path / "comparison.csv", *printed]
    bounded = "auc_low" in d.results
    d.show("Performance of every run and model", "CTS", "AUC of every run with its interval; means, differences.",
           files, d.gap if bounded else "Give intervals: foveate evaluate.", where=d.complete and bounded)
    d.ask("Calls against labels (cross-tabulation)", "CS",
          "Count them at your threshold from the predictions.csv of a run: no file has the table.")
    d.ask("Analysis of failures", "CS", "Look at the worst errors in predictions.csv and say what they have in common.")
    d.ask("Harm from the test or the reference standard", "S", "Say whether there was any.", NO_PATIENTS)


def _end(d: Draft) -> None:
    d.section = "Discussion and other information"
    lines = _by_text((subject.name, line) for subject in d.subjects for line in limitations(d.folder, subject))
    known = [line if len(on) == len(d.subjects) else f"On {words.listed(on)}: {line}" for line, on in lines.items()]
    d.ask("Limitations", "CTS", f"Discuss these, and what no file knows: {' '.join(known)}")
    d.ask("Interpretation, and what follows for practice", "CTS", "Say what the results mean, and for whom.")
    d.ask("Availability of code, models and data", "CTS", "Say where they can be had, and under which terms.")
    d.show("Outputs kept for audit", "S", "The probability of every validation image, for every run.",
           d.of_runs("predictions.csv"), d.gap)
    d.ask("Funding, role of funders, interests", "CTS", "Name them, or say that there are none.")
# fmt: on


SECTIONS = (_front, _images, _labels, _parts, _model, _evaluation, _results, _end)


def _by_text(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Text -> the names that it holds for, so that it is said once."""
    names: dict[str, list[str]] = {}
    for name, text in pairs:
        names.setdefault(text, []).append(name)
    return names
