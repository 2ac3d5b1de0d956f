"""Words for what is explained, read without mistake whatever the classes are called."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.explanation.cam.targets import target_of

CLASSES = ["normal", "glioma", "no tumor"]
LOGITS = torch.tensor([[1.0, 5.0, 2.0], [3.0, -1.0, 0.0]])
LABELS = torch.tensor([2, 0])


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        ("truth", [[0, 0, 1], [1, 0, 0]]),
        ("predicted", [[0, 1, 0], [1, 0, 0]]),
        ("glioma", [[0, 1, 0], [0, 1, 0]]),
        ("no tumor", [[0, 0, 1], [0, 0, 1]]),
        ("no tumor:normal", [[-1, 0, 1], [-1, 0, 1]]),
        ('"glioma":"normal"', [[-1, 1, 0], [-1, 1, 0]]),
    ],
)
def test_the_weights(words: str, weights: list[list[float]]) -> None:
    assert target_of(words, CLASSES).weights(LOGITS, LABELS).tolist() == weights


def test_the_weights_have_the_dtype_of_the_logits() -> None:
    assert target_of("truth", CLASSES).weights(LOGITS.double(), LABELS).dtype == torch.float64


@pytest.mark.parametrize(
    ("classes", "words", "meaning", "spelled"),
    [
        # A class called truth: the word keeps its meaning, the quotation marks give the class.
        (["truth", "lie"], "truth", (), "truth"),
        (["truth", "lie"], '"truth"', (0,), '"truth"'),
        (["truth", "lie"], "truth:lie", (0, 1), "truth:lie"),
        (["truth", "predicted"], '"predicted"', (1,), '"predicted"'),
        # Colons in names: a whole name goes before a contrast.
        (["grade:1", "grade:2"], "grade:2", (1,), "grade:2"),
        (["grade:1", "grade:2"], "grade:1:grade:2", (0, 1), "grade:1:grade:2"),
        (["a", "b", "a:b"], "a:b", (2,), "a:b"),
        (["a", "b", "a:b"], '"a":"b"', (0, 1), '"a":"b"'),
        (["a", "b:c", "a:b", "c"], '"a:b":c', (2, 3), '"a:b":"c"'),
        ([":", "::"], ":::::", None, ""),  # : and :: have a colon between them on either side
        (["a", "b"], '"b"', (1,), "b"),
        (["a", "b"], 'a:"b"', (0, 1), "a:b"),
    ],
)
def test_hard_names(classes: list[str], words: str, meaning: tuple[int, ...] | None, spelled: str) -> None:
    if meaning is None:
        with pytest.raises(UsageError):
            target_of(words, classes)
        return
    target = target_of(words, classes)
    assert (target.classes, target.words) == (meaning, spelled)


@given(st.lists(st.text('ab:"', min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
def test_what_is_read_is_spelled_so_that_it_is_read_again(classes: list[str]) -> None:
    for name in classes:
        target = target_of(name, classes)
        assert classes[target.classes[0]] == name
        assert target_of(target.words, classes) == target


@pytest.mark.parametrize("words", ["tumor", "", "normal:", "normal:tumor", "truth:normal", "Truth", "normal:glioma:x"])
def test_an_unknown_class_is_refused_with_those_there_are(words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(words)) + ".*truth, predicted.*normal, glioma, no tumor"):
        target_of(words, CLASSES)


def test_what_can_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(UsageError, match="several ways: put the classes in quotation marks"):
        target_of("a:b:c", ["a", "b:c", "a:b", "c"])


def test_a_class_against_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="against itself"):
        target_of("normal:normal", CLASSES)
