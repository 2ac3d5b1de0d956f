"""What stands below a figure of heat-maps: method, tap, target, scale, rule, seed."""

from __future__ import annotations

from foveate.explanation.display_range import BLANK, FLAT
from foveate.explanation.heatmaps import Heatmaps

# One maximum for each map, or one for all models' maps of the same image.
SCALES = {
    "image": "each map is divided by its own maximum, so colours cannot be compared between maps",
    "shared": "all models’ maps of one image are divided by the highest value among them, so colours can be compared "
    "down a column, not along a row; a network with larger logits has hotter maps",
}
# The same of values without a zero of their own, such as gates.
SPANS = {
    "image": "Each map is drawn from its own lowest value to its highest, so colours cannot be compared between maps",
    "shared": "All models’ maps of one image are drawn from the lowest value among them to the highest, so colours can "
    "be compared down a column, not along a row",
}
_OWN, _OF_ALL = "the map’s own {}", "the {} of all models’ maps of the image"
METHODS = {  # as their authors write them; any other name has its underscores taken out
    "ablation_cam": "Ablation-CAM", "attention": "Attention map", "eigen_cam": "Eigen-CAM", "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++", "hires_cam": "HiResCAM", "layer_cam": "LayerCAM", "score_cam": "Score-CAM",
    "xgrad_cam": "XGrad-CAM",
}  # fmt: skip
FITS = {
    "stretch": " The network saw each image stretched to a square; it is shown in its own shape.",
    "pad": " The network saw each image with black edges that made it a square; it is shown without them.",
    "crop": " Of an image that is not square the network saw the middle, and that is what is shown.",
}


def scale_ends(scale: str, from_zero: bool) -> tuple[str, str]:
    """What stands at the clear and at the opaque end of the colours; `scale` is a key of SCALES."""
    words = _OWN if scale == "image" else _OF_ALL
    return "0" if from_zero else words.format("lowest value"), words.format("highest value")


def method_title(maps: Heatmaps) -> str:
    """The method for people: Grad-CAM."""
    return METHODS.get(maps.method, maps.method.replace("_", " "))


def tap_title(maps: Heatmaps) -> str:
    """Where the maps were taken: the input of global average pooling, or a layer's name."""
    return "the input of global average pooling" if "pooling" in maps.tap else maps.tap


def target_title(maps: Heatmaps) -> str:
    """What the maps explain: the true class, the class lesion, ...; empty for a method whose maps are of no class."""
    words = maps.target_words
    if words in ("truth", "predicted"):
        return {"truth": "the true class", "predicted": "the predicted class"}[words]
    return f"“{words}”" if words else ""


def short_title(maps: Heatmaps) -> str:
    """The least that tells these maps from others of the same model: HiResCAM, layer3, for the predicted class."""
    parts = [method_title(maps)]
    if "pooling" not in maps.tap and " " not in maps.tap:  # a sentence is the method's own place, no layer's name
        parts.append(tap_title(maps))
    if maps.target_words != "truth" and maps.method != "attention":  # an attention map is of no class by its name
        parts.append(f"for {target_title(maps)}" if maps.target_words else "of no class")
    return ", ".join(parts)


def caption(maps: Heatmaps, scale: str, rule: str, repeat: int, notes: str = "") -> str:
    """The caption of a grid. `rule`: which images, in words; `notes`: sentences on masks and shapes."""
    height, width = maps.raw.shape[1:]
    target = f"for the logit of {target_title(maps)}" if maps.target_words else "of no class"
    healthy = ""
    if maps.target_words in ("truth", "predicted"):
        healthy = "In an image without disease the map shows what speaks for that, and no place is the right one. "
    drawn = f"Negative values are cut off and {SCALES[scale]}." if maps.from_zero else f"{SPANS[scale]}."
    grey = f" Grey without colour: a map that has no positive value ({BLANK})." if maps.from_zero else ""
    return (
        f"{method_title(maps)} at {tap_title(maps)} ({height} × {width} values), {target}, enlarged bilinearly. "
        f"{drawn} Below each map: its lowest and its highest value. Flat: they lie within {100 * FLAT:g} % of each "
        f"other, so no place stands out, and the plain image is shown.{grey} {healthy}P: softmax probability of the "
        f"true class. ✗: wrong prediction.{notes} Run {repeat} of each model. The images were chosen by rule, not by "
        f"eye: from the validation part of run {repeat}, {rule}."
    )
