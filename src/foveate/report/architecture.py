"""Networks in words, with their papers: backbone, mechanism, and where its blocks stand. Without torch."""

from __future__ import annotations

from foveate import attention, plugins
from foveate.config import Model
from foveate.explanation.charts import ATTENTION, BACKBONES, model_title
from foveate.report.words import listed

ALL = (1, 2, 3, 4)
# Mechanism -> its name before "blocks", its paper, and where its blocks stand unless the study says otherwise: place,
# stages, one block for how many residual blocks. A copy of each mechanism's own `place`: to read that takes torch.
MECHANISMS = {
    "bam": ("bottleneck attention", "Park et al. 2018", "between_stages", (1, 2, 3), 1),
    "botnet": ("multi-head self-attention", "Srinivas et al. 2021", "replace_conv2", (4,), 1),
    "cbam": ("convolutional block attention", "Woo et al. 2018", "before_addition", ALL, 1),
    "coordinate": ("coordinate attention", "Hou et al. 2021", "before_addition", ALL, 1),
    "criss_cross": ("criss-cross attention", "Huang et al. 2019", "after_stage", (4,), 1),
    "eca": ("efficient channel attention", "Wang et al. 2020", "before_addition", ALL, 1),
    "gather_excite": ("gather-excite", "Hu et al. 2018", "before_addition", ALL, 1),
    "gc": ("global context", "Cao et al. 2019", "before_addition", ALL, 1),
    "non_local": ("non-local", "Wang et al. 2018", "after_block", (2, 3), 2),
    "ran": ("residual attention", "Wang et al. 2017", "around_stage", (1, 2, 3), 1),
    "se": ("squeeze-and-excitation", "Hu et al. 2018", "before_addition", ALL, 1),
    "selective_kernel": ("selective kernel", "Li et al. 2019", "replace_conv2", ALL, 1),
    "simam": ("simple attention", "Yang et al. 2021", "after_conv2", ALL, 1),
    "srm": ("style-based recalibration", "Lee et al. 2019", "before_addition", ALL, 1),
    "triplet": ("triplet attention", "Misra et al. 2021", "before_addition", ALL, 1),
}
IN_BLOCKS = {  # placement -> in words, before "every residual block"
    "before_addition": "before the addition of",
    "after_conv2": "behind the second convolution of",
    "after_block": "behind",
    "replace_conv2": "in place of the second convolution of",
}


def describe(model: Model) -> str:
    """A model in words: a ResNet-18 (He et al. 2016) with global context (GC; Cao et al. 2019) blocks before ..."""
    network = f"a {backbone_of(model)}"
    return f"{network} with {attention_of(model)} blocks {place_of(model)}".rstrip() if model.attention else network


def backbone_of(model: Model) -> str:
    known = model.backbone.startswith("resnet") and model.backbone not in BACKBONES
    paper = "He et al. 2016" if known else plugins.paper_of(model.backbone)
    return model_title(model.backbone) + (f" ({paper})" if paper else "")


def attention_of(model: Model) -> str:
    """A mechanism's name with its abbreviation, its paper, and the options that the study gives."""
    name = str(model.attention)
    full, paper, *_ = MECHANISMS.get(name) or _of_plugin(name)
    short = ATTENTION.get(name, "")
    inside = [short if short != full and (short.isupper() or short in ("SimAM", "BoTNet")) else "", paper]
    for key, value in model.attention_options.items():
        inside.append(f"with{'' if value else 'out'} {key}" if isinstance(value, bool) else f"{key} {value}")
    known = "; ".join(filter(None, inside))
    return f"{full} ({known})" if known else full


def place_of(model: Model) -> str:
    """Where the blocks stand, in words; empty for a model without attention."""
    where, stages, every = model.placement, model.stages, 1
    if where == "default":
        *_, where, own, every = MECHANISMS.get(model.attention or "") or _of_plugin(model.attention or "")
        stages = tuple(stage for stage in own if stage in model.stages)
    if not model.attention or not where:
        return ""
    named = f"stage{'s' if len(stages) > 1 else ''} {listed([str(stage) for stage in stages])}"
    if where not in IN_BLOCKS:
        return f"{'around' if where == 'around_stage' else 'behind'} {named}"
    place = f"{IN_BLOCKS[where]} every {'second ' if every == 2 else ''}residual block"
    return place if set(stages) == set(ALL) else f"{place} of {named}"


def _of_plugin(name: str) -> tuple[str, str, str, tuple[int, ...], int]:
    """A plugin's mechanism as in MECHANISMS; of one whose plugin is not here, nothing but its name."""
    entry = attention.MECHANISMS.get(name, ())
    if isinstance(entry, tuple):
        return name.replace("_", "-"), "", "", ALL, 1
    place = entry.place
    return ATTENTION[name], plugins.paper_of(name), place.where, place.stages, place.every
