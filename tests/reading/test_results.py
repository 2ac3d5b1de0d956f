"""The folder that unblinding writes: what is written is read again, what is wrong is named; and what it finds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveate.errors import FoveateError
from foveate.evaluation.choices import Strengths
from foveate.reading import results
from foveate.reading.analysis import Analysis
from foveate.reading.consensus import Found
from foveate.reading.preference import BestChosen
from foveate.reading.results import DatasetResults, analysed
from tests.report.synthetic_reading import CASES, MODELS, PREFERRED, UNBLINDED_AT, simulated


def p_value(found: Found) -> float:
    assert isinstance(found.p_value, float)
    return found.p_value


def wins(found: Analysis) -> dict[str, int]:
    return {of.model: of.wins for of in found.preference.wins}


def strengths(found: Analysis) -> Strengths:
    assert isinstance(found.preference.strengths, Strengths)
    return found.preference.strengths


def written(place: Path, *studies: DatasetResults) -> Path:
    """OUT/reading/results in a new folder."""
    results.write(place, UNBLINDED_AT, studies or [simulated(0.7, readers=2)])
    return place / "results"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    other = replace(simulated(0.3, name="ct@clean"), repeat="all", ratings=(), saved_at={}, schedule={}, scores={})
    studies = (simulated(0.7), other)
    assert not results.exists(tmp_path)
    folder = written(tmp_path, *studies)
    assert results.exists(tmp_path)
    assert results.read(tmp_path) == (UNBLINDED_AT, studies)
    names = {path.name for path in folder.iterdir()}
    assert "ratings-mri.csv" in names
    assert "ratings-ct@clean.csv" not in names
    assert names >= {
        f"{kind}-{name}.csv" for kind in ("answers", "summaries", "scores") for name in ("mri", "ct@clean")
    }


def test_nothing_is_left_of_an_earlier_writing(tmp_path: Path) -> None:
    folder = written(tmp_path)
    first = simulated(0.7, readers=2)
    written(tmp_path, replace(first, ratings=(), saved_at={}))
    assert {path.name for path in folder.iterdir() if path.name.startswith(("ratings", "times"))} == set()
    assert results.read(tmp_path)[1][0].ratings == ()


def test_a_study_that_nobody_has_read_is_no_error(tmp_path: Path) -> None:
    nobody = simulated(0.7, readers=0)
    written(tmp_path, nobody)
    assert results.read(tmp_path)[1] == (nobody,)
    found = analysed(nobody, repetitions=9)
    assert found.preference.wins == ()
    assert found.notes == ("Nobody has answered yet.",)


def test_formulas_lines_and_marks_of_direction(tmp_path: Path) -> None:
    one = simulated(0.7, readers=1)
    answer = replace(one.answers[0], description="=1+1")
    words = {"reader 1": "-first line\nsecond, \u202eline\x07"}
    folder = written(tmp_path, replace(one, answers=(answer, *one.answers[1:]), summaries=words))
    assert "\n'=1+1" not in (folder / "summaries-mri.csv").read_text(encoding="utf-8")
    assert "'-first line" in (folder / "summaries-mri.csv").read_text(encoding="utf-8")
    assert "'=1+1" in (folder / "answers-mri.csv").read_text(encoding="utf-8")
    found = results.read(tmp_path)[1][0]
    assert found.answers[0] == answer
    assert found.summaries == {"reader 1": "-first line\nsecond, line"}


def test_scores_that_are_not_known_are_empty_cells(tmp_path: Path) -> None:
    scores = {(CASES[0], MODELS[0]): {"auc": 0.75, "energy": math.nan}, (CASES[1], MODELS[0]): {"pixel_auprc": 0.5}}
    folder = written(tmp_path, replace(simulated(0.7, readers=1), scores=scores))
    assert (folder / "scores-mri.csv").read_text(encoding="utf-8").splitlines() == [
        '"case","model","auc","energy","pixel_auprc"',
        '"000000000000001e","resnet18",0.75,"",""',
        '"000000000000001f","resnet18","","",0.5',
    ]
    assert results.read(tmp_path)[1][0].scores == {
        (CASES[0], MODELS[0]): {"auc": 0.75},
        (CASES[1], MODELS[0]): {"pixel_auprc": 0.5},
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("answers-mri.csv", "reader 1", "stranger", "answers-mri.csv, reader stranger, showing 1: reader 'stranger'"),
        ("answers-mri.csv", CASES[3], "c9", "case 'c9' does not belong to the study; it has 000000000000001e, "),
        ("answers-mri.csv", "resnet18+se", "resnet18+xx", "unknown model 'resnet18+xx'; the study has resnet18"),
        ("summaries-mri.csv", "reader 1", "nobody", "summaries-mri.csv, line 3: reader 'nobody' does not belong"),
        ("summaries-mri.csv", '"reader",', "who,", "line 1: there is no column 'reader'; it needs reader, summary."),
        ("ratings-mri.csv", '"resnet18",', '"alexnet",', "line 2: model 'alexnet' does not belong"),
        ("ratings-mri.csv", ',1,"no",', ",1,maybe,", "line 2: repeat 'maybe' is not yes or no."),
        ("ratings-mri.csv", ',1,"no",', ",one,no,", "line 2: showing 'one' is not a whole number."),
        ("ratings-mri.csv", '"resnet18",', '"resnet18",x', "line 2: value 'x"),
        ("ratings-mri.csv", '"resnet18+se",', '"resnet18",', "line 3: this rating stands already"),
        ("scores-mri.csv", ",0.9,", ",nan,", "line 2: auc 'nan' is not a number."),
        ("scores-mri.csv", f'"{CASES[0]}","resnet18",', f'"{CASES[1]}","resnet18",', "stands already further up; "),
        ("scores-mri.csv", ",0.9,", "\n", "line 2: the row has not as many cells as the head"),
        ("times-mri.csv", '"reader 1",2,', '"reader 1",1,', "line 3: showing 1 of reader 1 stands already further up"),
        ("results.json", '"mri"', '"../mri"', "datasets.1.name: '../mri' is no name of a data set in files."),
        ("results.json", '"show_truth": true,', "", "datasets.1.show_truth: it is missing."),
        ("results.json", '"repeat": 1', '"repeat": "some"', "datasets.1.repeat."),
        ("results.json", '"planned": 13', '"planned": "x"', "datasets.1.readers.1.planned: "),
        ("results.json", '"speciality"', '"hobby"', "datasets.1.readers.1.speciality: it is missing."),
        ("results.json", "{", "", "results.json is no JSON file: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    path = written(tmp_path) / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FoveateError) as error:
        results.read(tmp_path)
    assert says in str(error.value)
    assert file in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("file", ["answers-mri.csv", "summaries-mri.csv", "scores-mri.csv", "results.json"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    (written(tmp_path) / file).unlink()
    with pytest.raises(FoveateError, match=f"cannot read .*{file}: No such file"):
        results.read(tmp_path)


def test_a_showing_outside_the_schedule_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path) / "results.json"
    head = json.loads(path.read_text(encoding="utf-8"))
    head["datasets"][0]["schedule"][1]["firsts"].remove(5)
    path.write_text(json.dumps(head), encoding="utf-8")
    with pytest.raises(FoveateError, match="schedule: mri, reader reader 2: showing 5 is answered as a first one"):
        results.read(tmp_path)


def test_a_preference_is_found() -> None:
    found = analysed(simulated(0.7))
    assert p_value(found.preference.permutation) < 0.05
    assert p_value(found.preference.design) < 0.05
    assert p_value(found.preference.exact) < 0.05
    assert max(wins(found), key=lambda model: wins(found)[model]) == PREFERRED
    names = [of.model for of in found.preference.wins]
    assert names[int(np.argmax(strengths(found).log_strength))] == PREFERRED
    assert names[int(np.argmax(strengths(found).share))] == PREFERRED


def test_no_preference_is_not_found() -> None:
    found = analysed(simulated(0.24))
    for test in (found.preference.permutation, found.preference.design, found.preference.exact):
        assert p_value(test) > 0.05


def test_the_same_seed_gives_the_same_analysis() -> None:
    one = analysed(simulated(0.4), 3, 99)
    again = analysed(simulated(0.4), 3, 99)
    assert one.preference.permutation == again.preference.permutation
    assert one.preference.design == again.preference.design
    assert one.between == again.between


def test_auc_is_the_mean_over_cases_and_energy_goes_by_case() -> None:
    """Wins 0, 1, 2, 3 of four models: with AUCs in that order over the cases that have one, the correlation is 1."""
    models = tuple("abcd")
    study = simulated(0.7, readers=1, models=("a", "b", "resnet18+cbam", "d"), repeat_share=0)
    choices = ["b", "c", "c", "d", "d", "d"]
    rows = [
        replace(row, case=f"c{number}", letters=models, choice=choice, showing=number)
        for number, (row, choice) in enumerate(zip(study.answers, choices, strict=False), start=1)
    ]
    auc = {"a": (0.9, 0.5), "b": (0.6, 0.9), "c": (0.8, 0.9), "d": (0.99, math.nan)}  # means 0.7, 0.75, 0.85, 0.99
    scores = {(case, model): {"auc": auc[model][place]} for place, case in enumerate(("c1", "c2")) for model in models}
    best = {"c1": "b", "c2": "c", "c3": "a"}  # chosen in c1 and c2, not in c3
    for case, model in best.items():
        for other in models:
            scores.setdefault((case, other), {})["energy"] = 0.9 if other == model else 0.1
    own = replace(study, models=models, answers=tuple(rows), scores=scores, schedule={}, ratings=())
    found = analysed(own, repetitions=99)
    assert found.with_auc.estimate == pytest.approx(1)
    assert isinstance(found.best_chosen, BestChosen)
    assert (found.best_chosen.choices, found.best_chosen.cases) == (3, 3)
    assert found.best_chosen.share.estimate == pytest.approx(2 / 3)
