"""Whether networks have learned: each run's AUC with its interval against chance, for each model and data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from foveate.config import Study
from foveate.explanation.charts import model_title
from foveate.report.tables import decimals, of_subject
from foveate.report.words import between_ends, counted, listed, word
from foveate.runs import Subject

State = Literal["learned", "not_learned", "learning_unsure", "worse_than_chance"]  # also keys of warnings
CHANCE = 50.0  # per cent
POOR = 70.0  # per cent: an interval that holds chance and ends below says that hardly anything was learned
_MANY = 4  # models that a sentence names one by one


@dataclass(frozen=True)
class Learning:
    """One model on one data set: mean AUC of its runs and the ends of its interval, in per cent."""

    model: str
    auc: float
    low: float
    high: float
    runs: int = 1
    stuck: tuple[int, ...] = ()  # repeats that have not learned by themselves

    @property
    def state(self) -> State:
        return state_of(self.low, self.high)


def state_of(low: float, high: float) -> State:
    """What the interval of an AUC, in per cent, says of learning."""
    if low > CHANCE:
        return "learned"
    if high < CHANCE:
        return "worse_than_chance"
    return "not_learned" if high <= POOR else "learning_unsure"


def learnings(study: Study, subject: Subject, results: pd.DataFrame) -> list[Learning]:
    """The models of one data set whose runs' AUCs have intervals, from results.csv.

    The question is whether these trained networks have learned, so the interval is for new images and not for new
    runs: the mean over the runs of each end of their intervals. That holds for one run, and for runs that have
    validation images of their own; it is rather too wide, as if all runs erred alike.
    """
    own = of_subject(results, subject)
    if not {"auc_low", "auc_high"} <= set(own):
        return []
    found = []
    for model in study.models:
        rows = own[own["model"] == model].dropna(subset=["auc", "auc_low", "auc_high"])
        if len(rows):
            ends = 100 * rows[["auc", "auc_low", "auc_high"]].astype(float)
            states = [state_of(low, high) for _, low, high in ends.itertuples(index=False)]
            stuck = [int(r) for r, state in zip(rows["repeat"], states, strict=True) if state == "not_learned"]
            auc, low, high = ends.mean().tolist()
            found.append(Learning(model, auc, low, high, len(rows), tuple(stuck)))
    return found


def by_state(known: Sequence[Learning]) -> dict[State, list[Learning]]:
    """The models in each state, in the study's order."""
    found: dict[State, list[Learning]] = {}
    for own in known:
        found.setdefault(own.state, []).append(own)
    return found


def sentence(state: State, models: Sequence[Learning], confidence: float) -> str:
    """What is said of models in a state other than learned, with AUC and interval of each."""
    names, has = _named(models, confidence), "have" if len(models) > 1 else "has"
    match state:
        case "not_learned":
            return f"{names} {has} not learned to tell diseased from healthy: the interval includes 50 %, chance."
        case "worse_than_chance":
            return f"{names} {has} learned it the wrong way round: healthy images get the higher scores."
        case _:
            return f"{names} {has} not been shown to learn: the interval is wide and includes 50 %, chance."


def stuck_sentence(own: Learning) -> str:
    """What is said of a model that has learned in some of its runs and not in others; '' of any other."""
    if own.state != "learned" or not own.stuck:
        return ""
    which = listed([f"run {repeat}" for repeat in own.stuck])
    of = f"{word(len(own.stuck))} of the {counted(own.runs, 'run')} of {model_title(own.model)}"
    return f"{of[0].upper()}{of[1:]} ({which}) did not learn: the mean over the runs hides that."


def _named(models: Sequence[Learning], confidence: float) -> str:
    if len(models) > _MANY:
        ends = between_ends([(model_title(own.model), own.auc) for own in models], "{:.1f} %".format)
        return f"{len(models)} models (AUC between {ends})"
    level = f"{100 * confidence:g} % CI for new images"
    return listed(
        [
            f"{model_title(own.model)} (AUC {decimals(own.auc, 1)} %, {level} {decimals(own.low, 1)} to "
            f"{decimals(own.high, 1)})"
            for own in models
        ]
    )


def unlearned(known: Mapping[str, Sequence[Learning]], confidence: float) -> str:
    """What a comparison's verdict must say first, by the data set's title: '' where every network has learned."""
    said = []
    for title, own in known.items():
        states = {state: models for state, models in by_state(own).items() if state != "learned"}
        on = f"On {title}, " if len(known) > 1 else ""
        said += [on + sentence(state, models, confidence) for state, models in states.items()]
        if states and len(own) > 1:
            every = "learned" not in by_state(own)
            them = "of networks that are" if every else "with a network that is"
            said.append(f"A comparison {them} not above chance says nothing about attention.")
    return " ".join(dict.fromkeys(said))
