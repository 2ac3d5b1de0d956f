"""Which class is the disease: chosen, or guessed from names that sound healthy."""

from __future__ import annotations

import pytest

from foveate.data.classes import chosen_by, classes_of, two_classes
from foveate.errors import UsageError


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["benign", "malignant"], "malignant"),
        (["NORMAL", "PNEUMONIA"], "PNEUMONIA"),
        (["COVID", "NonCOVID"], "COVID"),
        (["no_tumor", "glioma"], "glioma"),
        (["lesion", "normal"], "lesion"),
        (["nodule", "healthy"], "nodule"),
        (["0", "1"], "1"),
        (["cat", "dog"], "dog"),
    ],
)
def test_the_positive_class_is_the_last(labels: list[str], positive: str) -> None:
    classes = two_classes(labels, (), "x")
    assert list(classes)[1] == positive
    assert sorted(classes) == sorted(labels)


def test_several_labels_make_a_class() -> None:
    assert two_classes(["a", "b", "c", "d"], ["d", "b"], "x") == {
        "a+c": ["a", "c"],
        "b+d": ["b", "d"],
    }
    assert two_classes(["a", "b", "c"], ["c", "b"], "x") == {"a": ["a"], "b+c": ["b", "c"]}


MANY = [f"finding number {index}" for index in range(12)]


@pytest.mark.parametrize(
    ("labels", "positive", "names"),
    [
        (["glioma", "meningioma", "no_tumor", "pituitary"], ["pituitary", "glioma", "meningioma"],
         ["no_tumor", "glioma+meningioma+pituitary"]),
        ([*MANY, "melanoma"], ["melanoma"], ["not_melanoma", "melanoma"]),
        ([*MANY, "normal"], MANY, ["normal", "not_normal"]),
        (MANY, MANY[:6], ["no_disease", "disease"]),
        (["normal eye", "mild/early", "severe"], ["mild/early", "severe"], ["normal eye", "mild_early+severe"]),
        (["a", "b", "a+b"], ["a+b"], ["not_a_b", "a+b"]),  # the name of another label is never taken
        (["a", "b", "not_a+b", "a+b"], ["not_a+b", "a+b"], ["no_disease", "a_b+not_a_b"]),
        ([*MANY, "disease", "well"], [*MANY[:6], "disease"], ["no_disease", "disease_"]),
        (["a b", "a_b", "a b_c", "c"], ["c", "a b"], ["a_b_c+a_b", "a_b+c"]),
    ],
)  # fmt: skip
def test_a_class_of_several_labels_is_called_by_them(labels: list[str], positive: list[str], names: list[str]) -> None:
    found = two_classes(labels, positive, "x")
    assert list(found) == names
    assert [sorted(own) for own in found.values()] == [sorted(set(labels) - set(positive)), sorted(positive)]


def test_more_than_two_need_a_choice() -> None:
    with pytest.raises(UsageError, match=r"--positive glioma_tumor,meningioma_tumor,pituitary_tumor"):
        two_classes(["glioma_tumor", "meningioma_tumor", "no_tumor", "pituitary_tumor"], (), "mri")


def test_wrong_choices() -> None:
    with pytest.raises(UsageError, match="did you mean malignant"):
        two_classes(["benign", "malignant"], ["malignnat"], "skin")
    with pytest.raises(UsageError, match="at least one must be left"):
        two_classes(["a", "b"], ["a", "b"], "x")


@pytest.mark.parametrize(
    ("names", "positive", "by"),
    [
        (["a", "b"], ["a"], "study"),
        (["benign", "malignant"], [], "name"),
        (["COVID", "nonCOVID"], [], "name"),
        (["a", "b"], [], "alphabet"),
    ],
)
def test_what_chose_the_positive_class_is_told(names: list[str], positive: list[str], by: str) -> None:
    assert chosen_by(names, positive) == by


TUMOURS = ["glioma", "meningioma", "no_tumor", "pituitary"]


def test_each_label_a_class_with_the_disease_last() -> None:
    found, positives = classes_of(TUMOURS, ("pituitary", "glioma"), True, "mri")
    assert found == {name: [name] for name in ("meningioma", "no_tumor", "glioma", "pituitary")}
    assert positives == 2
    found, positives = classes_of(TUMOURS, (), True, "mri")  # what does not sound healthy is disease
    assert (list(found), positives) == (["no_tumor", "glioma", "meningioma", "pituitary"], 3)
    assert classes_of(["b", "a"], (), True, "x") == ({"a": ["a"], "b": ["b"]}, 1)
    assert classes_of(TUMOURS, ("glioma",), False, "x") == (two_classes(TUMOURS, ("glioma",), "x"), 1)


@pytest.mark.parametrize(
    ("labels", "positive", "says"),
    [
        (["a", "b", "c"], (), "no name tells which count as disease"),
        (["a", "b", "c"], ("d",), "has no class 'd'"),
        (["a", "b", "c"], ("a", "b", "c"), "every class is named positive"),
    ],
)
def test_several_classes_need_a_disease(labels: list[str], positive: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        classes_of(labels, positive, True, "x")
