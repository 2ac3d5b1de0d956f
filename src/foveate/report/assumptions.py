"""What the paper leaves open and this study chose, and where the study departs from the paper's recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foveate.config import Study
from foveate.report.published import PUBLISHED
from foveate.report.words import AUGMENTED, listed
from foveate.runs import Subject

PAPER_RECIPE = {  # section 4.3 of arXiv 2109.01486
    "batch_size": 64,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "decay_at": (0.3, 0.6, 0.9),
    "decay_factor": 0.1,
}
PAPER_EPOCHS, PAPER_EPOCHS_CT = 100, 500
NAMES = {
    "batch_size": "batch size",
    "learning_rate": "initial learning rate",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "decay_at": "the learning rate falls at these shares of the epochs",
    "decay_factor": "factor by which it falls",
}


@dataclass(frozen=True)
class Assumption:
    """A choice that the paper does not make: what was chosen, why, and where to change it."""

    topic: str
    chosen: str
    why: str
    key: str  # in the study's YAML; empty where there is no switch


def assumptions(study: Study) -> list[Assumption]:
    """The paper's silences and this study's choices, in the order in which data flows."""
    return [*_images(study), *_blocks(study), *_training(study)]


def _images(study: Study) -> list[Assumption]:
    images, side = study.images, study.images.pixels
    fits = {
        "stretch": f"Every image is stretched to {side} × {side} pixels.",
        "pad": f"Every image is scaled to {side} pixels at its longer side and padded to a square.",
        "crop": f"Every image is scaled to {side} pixels at its shorter side and its middle square kept.",
    }
    why = "224 is what ResNet-18 was made for; the paper gives no size."
    if side != 224:
        why = "Smaller images train faster and larger ones show more; the paper gives no size, 224 is usual."
    grey = Assumption(
        "Grey images",
        "Grey is repeated to three channels." if images.channels == 3 else "Colour is turned to grey: one channel.",
        "One network for all data sets." if images.channels == 3 else "The study asks for it.",
        "images.channels",
    )
    changes = listed([AUGMENTED[kind] for kind in study.recipe.augmentation])
    augmentation = f"Training images are {changes}, at random." if changes else "None."
    return [
        Assumption("Input size", fits[images.fit], why, "images.pixels, images.fit"),
        grey,
        Assumption(
            "Normalisation",
            "Mean and standard deviation of the training part’s pixels.",
            "It uses nothing of the validation part, and no other data set.",
            "",
        ),
        Assumption("Augmentation", augmentation, "The paper mentions none.", "recipe.augmentation"),
    ]


def _blocks(study: Study) -> list[Assumption]:
    by_attention = {model.attention: model for model in reversed(study.models.values()) if model.attention}
    found = []
    if "se" in by_attention:
        biases = by_attention["se"].attention_options.get("bias", True)
        chosen = "with biases, as the original authors’ code has them"
        if not biases:
            chosen = "without biases, as in the implementation that the paper cites"
        found.append(
            Assumption(
                "SE’s layers",
                f"Fully connected {chosen}.",
                "The text does not say; the two differ in 2,040 parameters.",
                "models.<name>.attention_options.bias",
            )
        )
    if "gc" in by_attention:
        ratio = float(by_attention["gc"].attention_options.get("ratio", 1 / 16))
        found += [
            Assumption(
                "GC’s ratio",
                f"1/{1 / ratio:g}.",
                "The official code has no default: its configurations use 1/16 and 1/4.",
                "models.<name>.attention_options.ratio",
            ),
            Assumption(
                "GC in ResNet-18",
                "Inside each residual block, before the addition, like SE and CBAM.",
                "An extrapolation: the official code has GC in bottleneck blocks only; ResNet-18 has none.",
                "models.<name>.placement",
            ),
        ]
    if by_attention:
        starts = {model.init for model in study.models.values() if model.attention}
        chosen = "He’s, like the backbone’s" if starts == {"he"} else "each mechanism’s own, from its authors’ code"
        if len(starts) > 1:
            chosen = "it differs between models: see the study’s file"
        found.append(
            Assumption(
                "Blocks’ initial weights",
                f"{chosen[0].upper()}{chosen[1:]}.",
                "The paper says He for the whole model; the official start is part of each mechanism.",
                "models.<name>.init",
            )
        )
    return found


def _training(study: Study) -> list[Assumption]:
    last = study.recipe.report_epoch == "last"
    return [
        Assumption(
            "He initialisation",
            "Normal, scaled by the fan-out.",
            "The paper does not say fan-in or fan-out; the ResNet-18 that it follows uses the fan-out.",
            "",
        ),
        Assumption(
            "Reported epoch",
            "The last." if last else "The one with the best validation AUC.",
            "The paper does not say."
            + ("" if last else " This choice looks at the part it is scored on and is optimistic."),
            "recipe.report_epoch",
        ),
        Assumption(
            "Tests 1, 2, 3",
            {
                "seeds": "The same split, other seeds.",
                "split": "Another split and other seeds each.",
                "folds": "One fold of the images each, and other seeds.",
                "sites": "One site each, left out of training, and other seeds.",
            }[study.repeats_differ_in],
            "The paper does not say in what its three tests differ.",
            "repeats_differ_in",
        ),
        Assumption(
            "Validation part",
            "For reporting only: it decides nothing."
            if last
            else "Chooses the epoch and is reported: no part is left untouched.",
            "The paper has no third part.",
            "recipe.report_epoch",
        ),
        Assumption(
            "Arithmetic",
            {
                "auto": "Chosen by the machine, see below.",
                "float32": "32 bits (float32).",
                "bfloat16": "Mixed 16 bits (bfloat16).",
            }[study.precision],
            "The paper does not say.",
            "precision",
        ),
    ]


def deviations(study: Study, subject: Subject) -> list[str]:
    """Where this study departs from what the paper says, as plain sentences."""
    epochs = study.epochs(subject.dataset)
    paper = PAPER_EPOCHS_CT if study.datasets[subject.dataset].published == "ct" else PAPER_EPOCHS
    found = [f"{epochs} {'epoch' if epochs == 1 else 'epochs'} instead of {paper}."] if epochs != paper else []
    for key, value in PAPER_RECIPE.items():
        given = getattr(study.recipe, key)
        if given != value:
            found.append(f"{NAMES[key][0].upper()}{NAMES[key][1:]}: {_plain(given)} instead of {_plain(value)}.")
    if study.repeats != 3:
        found.append(f"{study.repeats} {'run' if study.repeats == 1 else 'runs'} a model instead of 3.")
    if subject.policy == "shipped":
        found.append("The archive’s own split instead of a random one of 80 % and 20 %.")
    elif study.validation_fraction != 0.2:
        found.append(f"{100 * study.validation_fraction:g} % of the images for validation instead of 20 %.")
    if subject.policy == "clean":
        found.append("Duplicates removed, and known patients kept in one part, of which the paper says nothing.")
    for name, model in study.models.items():
        if model.weights:
            found.append(f"{name} starts from given weights instead of random ones.")
    tried = set(PUBLISHED["skin"].tests)
    if set(study.models) != tried:
        found.append(f"The models are {', '.join(study.models)}; the paper’s are {', '.join(PUBLISHED['skin'].tests)}.")
    return found


def _plain(value: Any) -> str:
    return ", ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"
