"""Letters become models exactly by the key, once; before that nothing depends on which model is which."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.evaluation.results import Estimate
from foveate.reading import cases_and_key, result_tables, results
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer
from foveate.reading.questions import QUESTIONS, Question
from foveate.reading.results import Rating, analysed
from foveate.reading.site import audit, enrolment, masking, saving, state, storing, study, unblinding
from foveate.reading.site.models import PLAIN, AuditEntry, Reader, Showing, Visit

Key = list[dict[str, str]]


@pytest.fixture
def key(ready: Path) -> Iterator[Key]:
    """The rows of key.csv, of a study that readers can be invited to; the file and the results are put back."""
    path = ready / "key" / "key.csv"
    before = path.read_bytes()
    yield read_key(path)
    path.write_bytes(before)
    shutil.rmtree(ready / results.FOLDER, ignore_errors=True)


def read_key(path: Path) -> Key:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_key(place: Path, rows: Key) -> None:
    with (place / "key" / "key.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def enrolled(*names: str) -> list[Reader]:
    readers = []
    for name in names:
        made, _ = enrolment.invite(name, None, audit.COMMAND)
        Reader.objects.filter(pk=made.pk).update(
            consent=state.consent(), consented_at=timezone.now(), speciality="radiology", years="5-9"
        )
        enrolment.enrol(made)
        readers.append(Reader.objects.get(pk=made.pk))
    return readers


def say(reader: Reader, showing: Showing, **given: str) -> None:
    """Open the page and send answers; `quality_A` stands for `quality.A`."""
    page = saving.read_page(saving.open_page(showing), showing)
    sent = {name.replace("_", "."): value for name, value in given.items()}
    saving.save(reader, showing, page, sent, 1, 10, storing.revisions(showing))


def counted(reader: Reader) -> list[Showing]:
    return list(reader.showings.filter(kind__in=("case", "repeat")))


def shown(showing: Showing, key: Key) -> dict[str, str]:
    """Letter -> model, from the rows of the key and of the database alone."""
    model = {row["layer"]: row["model"] for row in key}
    return {slot.letter: model[masking.file_of(slot)] for slot in showing.slots.all() if slot.letter != PLAIN}


def case_of(showing: Showing, key: Key) -> str:
    return next(row["case"] for row in key if row["name"] == showing.case)


def expected(reader: Reader, key: Key, choices: Iterable[str], seconds: float) -> Iterator[Answer]:
    for order, (showing, choice) in enumerate(zip(counted(reader), choices, strict=True), start=1):
        by_letter = shown(showing, key)
        yield Answer(
            reader.pseudonym,
            case_of(showing, key),
            order,
            showing.kind == "repeat",
            tuple(by_letter[letter] for letter in "ABCD"),
            by_letter.get(choice, choice),
            seconds,
            f"words on {order}",
        )


def test_letters_become_models_by_the_key(key: Key) -> None:
    (reader,) = enrolled("reader-1")
    choices = ["A", "B", "C", "D", NONE, CANNOT_JUDGE, "D", "C", "B", "A", "A"]
    for showing in reader.showings.filter(kind="practice"):
        say(reader, showing, choice="A", description="practice")
    for order, (showing, choice) in enumerate(zip(counted(reader), choices, strict=True), start=1):
        say(reader, showing, choice=choice, description=f"words on {order}")
        if order == 1:  # opened a second time: both count
            say(reader, showing, choice=choice)
            for visit, active in zip(Visit.objects.filter(showing=showing), (3000, 1250), strict=True):
                Visit.objects.filter(pk=visit.pk).update(active_ms=active)
        else:
            Visit.objects.filter(showing=showing).update(active_ms=4250)
    unblinding.unblind(audit.administrator(1))
    (found,) = unblinding.unblinded()
    assert found.answers == tuple(expected(reader, key, choices, 4.25))
    assert sum(row.repeat for row in found.answers) == 1
    assert {row.choice for row in found.answers} > {NONE, CANNOT_JUDGE}
    assert found.models == ("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc")
    assert set(found.cases) == {row["case"] for row in key if row["practice"] == "no"}
    assert len(found.cases) == 10
    assert found.schedule == {
        "reader-1": tuple(order for order, one in enumerate(counted(reader), start=1) if one.kind == "case")
    }
    auc = {row["model"]: float(row["auc"]) for row in key}
    assert {model: scores["auc"] for (_, model), scores in found.scores.items()} == auc
    assert set(found.saved_at) == {("reader-1", order) for order in range(1, 12)}


ASKED = (
    *QUESTIONS[:2],
    Question(name="why", text="Why?", kind="text", asked="case"),
    Question(name="sure", text="How sure?", kind="scale", asked="case", steps=7),
    Question(name="quality", text="How good?", kind="ratings", asked="case"),
    QUESTIONS[2],
    Question(name="trust", text="Do you trust it?", kind="scale", asked="end"),
)


def test_ratings_go_to_the_model_of_their_letter_and_no_answer_is_lost(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = study.study().model_copy(update={"questions": ASKED})
    monkeypatch.setattr(study, "study", lambda: own)
    (reader,) = enrolled("reader-1")
    one, two = counted(reader)[:2]
    say(
        reader, one, choice="B", description="lesion", why="seen", sure="7", quality_A="1", quality_B="5", quality_D="3"
    )
    say(reader, two, choice=NONE, why="all miss", quality_C="2")
    say(reader, reader.showings.get(kind="end"), summary="All in all", trust="4")
    unblinding.unblind(audit.COMMAND)
    (found,) = unblinding.unblinded()
    assert [row.description for row in found.answers] == ["lesion\n[Why?] seen", "[Why?] all miss"]
    assert found.summaries == {"reader-1": "All in all\n\n[Do you trust it?] 4 of 5"}
    at_one, at_two = (("reader-1", case_of(showing, key), order, False) for order, showing in ((1, one), (2, two)))
    first, second = shown(one, key), shown(two, key)
    assert sorted(found.ratings, key=lambda of: (of.showing, of.question, of.value)) == [
        Rating(*at_one, "quality", first["A"], 1.0),
        Rating(*at_one, "quality", first["D"], 3.0),
        Rating(*at_one, "quality", first["B"], 5.0),
        Rating(*at_one, "sure", "", 7.0),
        Rating(*at_two, "quality", second["C"], 2.0),
    ]
    _at, (read,) = results.read(study.place())
    assert read.ratings == found.ratings
    assert read.summaries == found.summaries


def test_what_is_written_can_be_read(key: Key) -> None:
    one, two = enrolled("Ärztin 1", "reader-2")
    for reader in (one, two):
        for showing in counted(reader)[:4]:
            say(reader, showing, choice="C", description='=a, "b" | c')
    unblinding.unblind(audit.COMMAND)
    at, read = results.read(study.place())
    own = state.state().unblinded_at
    assert own is not None
    assert at == own.isoformat(timespec="seconds")
    assert read == tuple(unblinding.unblinded())
    assert len(read[0].answers) == 8


def test_who_has_gone_stays_and_who_took_back_is_not_counted(key: Key) -> None:
    gone, some, none = enrolled("gone", "some", "none")
    enrolment.invite("never came", None, audit.COMMAND)
    for reader in (gone, some):
        say(reader, counted(reader)[0], choice="A")
        say(reader, counted(reader)[1], choice="B")
    say(some, counted(some)[1], choice="")
    say(some, counted(some)[2], description="no choice")
    enrolment.withdraw(gone)
    unblinding.unblind(audit.COMMAND)
    (found,) = unblinding.unblinded()
    assert [(row.reader, row.showing) for row in found.answers] == [("gone", 1), ("gone", 2), ("some", 1)]
    assert [(row.reader, row.withdrawn, row.finished, row.planned) for row in found.readers] == [
        ("gone", True, False, 11),
        ("none", False, False, 11),
        ("some", False, False, 11),
    ]
    assert (found.readers[0].speciality, found.readers[0].years) == ("radiology", "5-9")
    assert none.pseudonym in found.schedule


@pytest.mark.parametrize("damage", ["away", "torn", "exchanged"])
def test_without_its_key_nothing_is_locked(key: Key, ready: Path, damage: str) -> None:
    path = ready / "key" / "key.csv"
    if damage == "away":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-200])
    else:  # two models of one case
        key[0]["model"], key[1]["model"] = key[1]["model"], key[0]["model"]
        write_key(ready, key)
    with pytest.raises(FoveateError, match="key.csv"):
        unblinding.unblind(audit.COMMAND)
    assert state.state().unblinded_at is None
    assert not AuditEntry.objects.filter(action="unblinded").exists()
    assert not results.exists(ready)
    enrolment.invite("reader-1", None, audit.COMMAND)  # the study goes on


def test_it_happens_once_and_is_logged(key: Key, ready: Path) -> None:
    with pytest.raises(FoveateError, match="is blind: unblind it first"):
        unblinding.unblinded()
    with pytest.raises(FoveateError, match="is blind: unblind it first"):
        unblinding.write_results()
    unblinding.unblind(audit.administrator(7))
    at = state.state().unblinded_at
    unblinding.unblind(audit.administrator(8))
    assert state.state().unblinded_at == at
    assert [entry.actor for entry in AuditEntry.objects.filter(action="unblinded")] == ["administrator:7"]
    assert results.exists(ready)


def blind_view() -> object:
    """All that is seen before unblinding."""
    found = unblinding.blind("mri")
    return found, result_tables.blind_tables(found), unblinding.blind_rows("mri")


def test_a_known_preference_is_found_and_not_seen_before(key: Key, ready: Path) -> None:
    """Four readers choose resnet18+cbam with probability 0.8, else another model, and the same at a repeat."""
    preferred, models = "resnet18+cbam", list(dict.fromkeys(row["model"] for row in key))
    others = [model for model in models if model != preferred]
    cases = sorted({row["case"] for row in key if row["practice"] == "no"})
    generator = np.random.default_rng(20210914)
    wins: Counter[str] = Counter()
    for reader in enrolled(*(f"reader-{number}" for number in range(1, 5))):
        wanted = {
            case: preferred if generator.random() < 0.8 else others[generator.integers(len(others))] for case in cases
        }
        wins.update(wanted.values())
        for showing in reader.showings.filter(kind="practice"):
            say(reader, showing, choice="A")
        for showing in counted(reader):
            letter = {model: letter for letter, model in shown(showing, key).items()}
            say(reader, showing, choice=letter[wanted[case_of(showing, key)]])
        saving.finish(reader)
    assert sum(wins.values()) == 40

    blind = unblinding.blind("mri")
    before = blind_view()
    assert [(one.answered, one.planned, one.pairs, one.alike) for one in blind.progress] == [(11, 11, 1, 1)] * 4
    exchanged = dict(zip(models, [*models[1:], models[0]], strict=True))
    write_key(ready, [row | {"model": exchanged[row["model"]]} for row in key])
    assert blind_view() == before
    by_case: dict[str, list[str]] = {}
    for row in key:
        by_case.setdefault(row["name"], []).append(row["layer"])
    for layers in by_case.values():
        generator.shuffle(layers)
    write_key(ready, [row | {"layer": by_case[row["name"]].pop()} for row in key])
    cases_and_key.layers(cases_and_key.read_key(ready))  # it is a good key, of another study
    assert blind_view() == before

    (ready / "key" / "key.csv").unlink()
    assert blind_view() == before  # nor is there need of one

    write_key(ready, key)
    unblinding.unblind(audit.COMMAND)
    (found,) = unblinding.unblinded()
    analysis = analysed(found)
    assert {one.model: one.wins for one in analysis.preference.wins} == {model: wins[model] for model in models}
    assert wins.most_common(1)[0][0] == preferred
    for test in (analysis.preference.permutation, analysis.preference.exact, analysis.preference.design):
        assert isinstance(test, Estimate)
        assert test.p_value is not None
        assert test.p_value < 0.05
    assert all(isinstance(one.raw, Estimate) and one.raw.estimate == 1 for one in analysis.within)
    write_key(ready, [row | {"model": exchanged[row["model"]]} for row in key])
    (other,) = unblinding.unblinded()
    assert Counter(row.choice for row in other.answers if not row.repeat) == {
        exchanged[model]: count for model, count in wins.items()
    }
