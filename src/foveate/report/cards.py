"""A model card in Markdown (after Mitchell et al. 2019) for one model on one data set, from a study's files.

Everything is read from the folder, and what is not there is named as missing. No path of a source is in a card: it may
hold patients' names.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from foveate import runs
from foveate.errors import UsageError
from foveate.explanation.charts import model_title
from foveate.report import methods, tables, words
from foveate.report.architecture import describe
from foveate.report.latex import Table
from foveate.report.limitations import limitations
from foveate.report.localisation_tables import localisation_table, read_summary
from foveate.report.localisation_words import card_sentence
from foveate.report.tables import between, decimals, p_equals, signed
from foveate.runs import Run, StudyFolder, Subject

DECISIONS = {  # columns of results.csv -> in words
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "f1": "F1",
    "mcc": "Matthews correlation",
}
MEASURES = {
    "average_precision": "Average precision",
    "sensitivity_at_90_specificity": "Sensitivity at 90 % specificity",
    "sensitivity_at_95_specificity": "Sensitivity at 95 % specificity",
    **{name: f"{title}, threshold 0.5" for name, title in DECISIONS.items()},
    **{f"{name}_chosen": f"{title}, chosen threshold" for name, title in DECISIONS.items()},
}
CALIBRATION = {
    "brier": "Brier score (0 is perfect)",
    "log_loss": "Log loss (nats)",
    "calibration_error": "Expected calibration error",
}
USE = (
    "Research: to find out whether attention helps on images like these, and where such networks look. This is not a "
    "medical device. It must not be used to diagnose, triage, screen or treat anybody, nor to judge images of another "
    "source, device or population than it was trained on, unless it has been tested there first."
)
FOR_THE_AUTHOR = (
    "No file of the study knows who made this model and whom to ask, its licence, the origin and licence of the "
    "images, how and by whom they were labelled, the approval of an ethics committee, and the patients’ consent."
)


def model_card(folder: StudyFolder, subject: Subject, model: str) -> str:
    """The card of one model, trained on one data set under one policy; all its runs together.

    Raises UsageError where the study has no such model or data set.
    """
    if subject not in runs.subjects(folder.study) or model not in folder.study.models:
        raise UsageError(f"the study {folder.study.name} has no model {model!r} on {subject.name!r}.")
    card = _Card(folder, subject, model)
    sections = {
        "Model details": card.details(),
        "Intended use": [USE],
        "Training data": card.training_data(),
        "Training procedure": card.training_procedure(),
        "Evaluation": card.evaluation(),
        "Calibration": card.calibration(),
        "Heat-maps": card.heat_maps(),
        "Limitations": ["\n".join(f"- {_plain(line)}" for line in limitations(folder, subject, model))],
        "Seeds, software and hardware": card.reproducibility(),
        "How to load it": card.loading(),
        "For the author to add": [FOR_THE_AUTHOR],
    }
    title = f"# Model card: {model_title(model)} on {_plain(words.subject_title(folder.study, subject))}\n"
    return title + "".join(f"\n## {name}\n\n" + "\n\n".join(parts) + "\n" for name, parts in sections.items())


class _Card:
    """The facts of one model on one data set, and the card's sections as lists of paragraphs."""

    def __init__(self, folder: StudyFolder, subject: Subject, model: str) -> None:
        self.folder, self.study, self.subject, self.model = folder, folder.study, subject, model
        self.level = f"{100 * folder.study.evaluation.confidence:g} %"
        file = folder.data(subject) / "audit.json"
        self.audit: dict[str, Any] = runs.read_json(file) if file.is_file() else {}
        places = [folder.run(Run(subject, model, repeat)) for repeat in range(1, folder.study.repeats + 1)]
        self.places = [place for place in places if (place / "run.json").is_file()]
        self.records: list[dict[str, Any]] = [runs.read_json(place / "run.json") for place in self.places]

    @cached_property
    def results(self) -> pd.DataFrame:
        """Its rows of results.csv; NaN where a cell is empty."""
        return self._own(tables.read_results(self.folder)).sort_values("repeat")

    def _own(self, table: pd.DataFrame) -> pd.DataFrame:
        own = tables.of_subject(table, self.subject)
        return own[own["model"] == self.model]

    def details(self) -> list[str]:
        classes = " and ".join(map(_plain, self.audit.get("classes", {}))) or "not known: audit.json is missing"
        positive = _plain(words.positive_classes(self.audit))
        images = self.study.images
        kind = "grey" if images.channels == 1 else "three-channel"
        facts = {
            "Network": words.sentence(describe(self.study.models[self.model])),
            "Parameters": _distinct(f"{r['parameters']:,}" for r in self.records if "parameters" in r),
            "Input": f"one {kind} image of {images.pixels} × {images.pixels} pixels",
            "Output": f"a probability for each class ({classes})" + (f"; {positive} is positive" if positive else ""),
            "Made by": f"foveate {_distinct(r['versions'].get('foveate') for r in self.records)}",
        }
        return ["\n".join(f"- {name}: {fact}" for name, fact in facts.items())]

    def training_data(self) -> list[str]:
        title = _plain(words.subject_title(self.study, self.subject))
        policy = words.policy(self.subject, self.study, self.audit.get("patients"))
        if not self.audit:
            return [f"{title}. Its audit (data/{self.subject.name}/audit.json) is missing, so counts are not known."]
        classes = list(self.audit["classes"])
        rows = [(part, *(f"{of.get(name, 0):,}" for name in classes)) for part, of in self.audit["parts"].items()]
        patients = self.audit.get("patients")
        known = f"Images of {words.amount(patients, 'patient')}. " if patients else ""
        used = f"{words.amount(self.audit['images'], 'image')} in the source, {self.audit['used']:,} used"
        return [
            f"{title}: {used}. {known}{policy}",
            Table("", ("Part", *map(_plain, classes)), tuple(rows)).markdown()[:-1],
        ]

    def training_procedure(self) -> list[str]:
        clauses = (methods.preprocessing(self.study), methods.training(self.study, [self.subject]))
        return [" ".join(f"{words.sentence(clause)}." for clause in clauses)]

    def evaluation(self) -> list[str]:
        results = self.results
        if results.empty:
            return ["No run of this model has ended yet: results.csv has no row of it."]
        head = ["Run", "AUC-ROC (%)"]
        rows = [[str(int(r)), decimals(100 * a)] for r, a in zip(results["repeat"], results["auc"], strict=True)]
        if {"auc_low", "auc_high"} <= set(results):
            head.append(f"{self.level} interval")
            for row, low, high in zip(rows, results["auc_low"], results["auc_high"], strict=True):
                row.append(_range(low, high))
        parts = [Table("", tuple(head), tuple(map(tuple, rows))).markdown()[:-1], self._mean(), self._comparison()]
        if {"cases", "positives"} <= set(results):
            cases, positives = results["cases"].iloc[0], results["positives"].iloc[0]
            parts.insert(0, f"On {words.amount(int(cases), 'validation image')}, {int(positives):,} of them positive:")
        measures = self._measures(MEASURES)
        rule = self.study.evaluation.threshold
        aim = "the greatest Youden index" if rule == "youden" else f"a sensitivity of {100 * rule:g} %"
        chosen = f"The chosen threshold is the one for {aim}, on other cases than those that it judges."
        return [*parts, *filter(None, [measures, chosen if "chosen" in measures else ""])]

    def _mean(self) -> str:
        values = [100 * float(value) for value in self.results["auc"].dropna()]
        if not values:
            return "No run has an AUC."
        text = f"Mean over {words.counted(len(values), 'run')}: {decimals(fmean(values))} %"
        text += f", standard deviation {decimals(stdev(values))}" if len(values) > 1 else ""
        tests = self._own(tables.read_tests(self.folder))
        for row in tests[tests["quantity"] == "mean AUC"].to_dict("records"):
            if pd.isna(row["ci_low"]):
                return f"{text}; no interval: {row['note']}."
            return f"{text}; {self.level} interval {_range(row['ci_low'], row['ci_high'])} ({row['method']})."
        return f"{text}. tests.csv has no interval of it."

    def _comparison(self) -> str:
        if self.model == self.study.baseline:
            return "It is the baseline that the study’s other models are compared with."
        row = next(iter(self._own(tables.read_comparison(self.folder)).to_dict("records")), {})
        if pd.isna(row.get("delta")):
            return f"Its difference to the baseline is not known: {row.get('method') or 'comparison.csv has none'}."
        text = f"Less the baseline ({model_title(self.study.baseline)}): {signed(100 * row['delta'])} points"
        if pd.isna(row.get("p")):
            return f"{text}; no test of it: {row.get('method') or 'comparison.csv has none'}."
        if not pd.isna(row["ci_low"]):
            text += f", {self.level} interval {between((100 * row['ci_low'], 100 * row['ci_high']))}"
        holm = "" if pd.isna(row["p_holm"]) else f", adjusted after Holm {p_equals(row['p_holm'])}"
        return f"{text}, {p_equals(row['p'])}{holm} ({row['method']})."

    def _measures(self, names: dict[str, str]) -> str:
        """A table of measures, a column a run; empty where results.csv has none of them."""
        results, prevalence = self.results, self.study.evaluation.prevalence
        at = f", prevalence {100 * prevalence:g} %" if prevalence is not None else ""
        titles = {
            name + end: title + more
            for name, title in names.items()
            for end, more in (("", ""), ("_at_prevalence", at))
        }
        rows = [
            (title, *(decimals(value, 3) for value in map(float, results[name])), decimals(results[name].mean(), 3))
            for name, title in titles.items()
            if name in results and results[name].notna().any()
        ]
        head = ("Measure", *(f"Run {int(repeat)}" for repeat in results["repeat"]), "Mean")
        return Table("", head, tuple(rows)).markdown()[:-1] if rows else ""

    def calibration(self) -> list[str]:
        return [self._measures(CALIBRATION) or "Not known: results.csv has no measure of calibration for this model."]

    def heat_maps(self) -> list[str]:
        if not any((place / "heatmaps.npz").is_file() for place in self.places):
            return ["No heat-maps of this model are in the folder yet."]
        made = "Grad-CAM at the input of global average pooling, for the true class."
        rows = localisation_table(self.study, self.subject, read_summary(self.folder))
        own = next((row for row in rows if row.model == self.model), None)
        if own is None:
            why = (
                "localisation-summary.csv has no row of this model"
                if self.audit.get("masks") or self.audit.get("regions")
                else "no lesions were marked"
            )
            return [f"{made} Whether they are on the lesion was not scored: {why}."]
        scored = f"Scored on {words.amount(own.images, 'image')} with a marked lesion ({own.blank} maps blank)"
        return [f"{made} {scored}: {card_sentence(own)}."]

    def reproducibility(self) -> list[str]:
        if not self.records:
            return ["Not known: no run of this model has a run.json yet."]
        seeds = list(dict.fromkeys(name for record in self.records for name in record.get("seeds", {})))
        rows = [
            (
                str(r["repeat"]),
                *(str(r.get("seeds", {}).get(name, "–")) for name in seeds),
                words.duration(r.get("seconds")),
            )
            for r in self.records
        ]
        names = {"foveate": "foveate", "torch": "PyTorch", "numpy": "NumPy", "python": "Python"}
        software = [
            f"{title} {_distinct(r['versions'].get(key) for r in self.records)}" for key, title in names.items()
        ]
        facts = {
            "Software": ", ".join(software),
            "Hardware": _distinct(r["hardware"] for r in self.records),
            "Device and arithmetic": _distinct(f"{r['device']}, {r['precision']}" for r in self.records),
            "Threads": _distinct(r["threads"] for r in self.records),
            "Fingerprint of the data": _distinct(r["data_fingerprint"] for r in self.records),
        }
        head = ("Run", *(f"Seed: {name}" for name in seeds), "Training time")
        return [
            Table("", head, tuple(rows)).markdown()[:-1],
            "\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
        ]

    def loading(self) -> list[str]:
        trained = [place for place in self.places if (place / "weights.safetensors").is_file()]
        if not trained:
            return ["Not possible yet: the folder has no weights of this model."]
        run = trained[0].relative_to(self.folder.path).as_posix()
        others = f" Runs with weights: {words.listed([place.name for place in trained])}." if len(trained) > 1 else ""
        code = f'import foveate\n\ntrained = foveate.load_model("{run}")  # network, classes, pixels, mean, std'
        return [
            "In Python, from the study’s folder:",
            f"```python\n{code}\n```",
            f"For other programs, `foveate export {run}` writes model.onnx beside the weights.{others}",
        ]


def _plain(text: str) -> str:
    """Text of others' making that cannot be taken for HTML or break a line."""
    return " ".join(text.split()).replace("<", "&lt;")


def _range(low: Any, high: Any) -> str:
    return "–" if pd.isna(low) or pd.isna(high) else f"{decimals(100 * low)} to {decimals(100 * high)}"


def _distinct(values: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values)) or "not recorded"
