"""Order and words of warnings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foveate.report.warnings.warning import WEIGHTS, StudyWarning, document, for_people, lines, ordered, short_lines

COARSE = StudyWarning("coarse_maps", "Maps are coarse.", "--pixels 128.")
UNKNOWN = [
    StudyWarning("patients_unknown", "The patients are not known.", "Name them.", name) for name in ("ct", "mri")
]
STUCK = StudyWarning("not_learned", "ResNet-18 has not learned.", "", "ct", ("resnet18",))
LIMIT = StudyWarning("one_data_set", "One data set only.")


def test_the_weightiest_come_first() -> None:
    assert [own.key for own in ordered([LIMIT, COARSE, *UNKNOWN, STUCK])] == [
        "not_learned", "patients_unknown", "patients_unknown", "coarse_maps", "one_data_set",
    ]  # fmt: skip
    weights = list(WEIGHTS.values())
    assert weights == sorted(weights, key=("grave", "serious", "limit").index)


def test_a_warning_of_several_data_sets_is_one_line() -> None:
    assert lines(ordered([COARSE, *UNKNOWN, LIMIT])) == [
        "warning: ct, mri: The patients are not known. Name them.",
        "warning: Maps are coarse. --pixels 128.",
    ]


def test_after_the_work_the_first_six_are_named_without_remedies() -> None:
    assert short_lines([LIMIT], "there") == []
    assert short_lines([COARSE, LIMIT], "there") == ["1 warning (there):", "  Maps are coarse."]
    many = [StudyWarning("masks", f"Mask {number}.", dataset="ct") for number in range(8)]
    said = short_lines(many, "there")
    assert said[0] == "8 warnings, the weightiest first (there):"
    assert said[1:3] == ["  ct: Mask 0.", "  ct: Mask 1."]
    assert said[-1] == "  and 2 more"
    assert len(said) == 8


def test_the_document_holds_all_of_it() -> None:
    first, last = document([STUCK, LIMIT])["warnings"]
    assert first == {
        "key": "not_learned", "weight": "grave", "sentence": "ResNet-18 has not learned.", "remedy": "",
        "dataset": "ct", "models": ("resnet18",),
    }  # fmt: skip
    assert last["weight"] == "limit"


def test_a_model_has_its_own_warnings_and_those_of_all() -> None:
    assert STUCK.concerns("resnet18")
    assert not STUCK.concerns("resnet18+se")
    assert COARSE.concerns("resnet18+se")
    assert for_people([STUCK]) == [STUCK]


def test_an_unknown_kind_has_no_weight() -> None:
    with pytest.raises(KeyError):
        assert StudyWarning("else", "Something.").weight


def test_the_docs_name_every_kind_in_order() -> None:
    text = (Path(__file__).parents[3] / "docs" / "study.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(grave|serious|limit)` \|.*\|([^|]*)\|$", text, re.MULTILINE)
    named = {key: weight for weight, keys in rows for key in re.findall(r"`(\w+)`", keys)}
    assert list(named.items()) == list(WEIGHTS.items())
