"""Who has a backup and no key: neither small seeds nor the one that was typed tell which heat-map is whose."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core import serializers

from foveate.reading import blinding, cases_and_key
from foveate.reading.site import audit, backup, enrolment, masking, schema
from foveate.reading.site.models import Reader, Slot
from foveate.runs import derive_seed

READERS, MODELS = 6, 4
SEEDS = [*range(500), 20210914, 123_456_789_012]  # small ones, a date, and what was typed for this study
Row = dict[str, Any]
Order = tuple[int, ...]
Guess = Callable[[int, str, int], list[tuple[int, Order]]]  # seed, public id, cases -> first showings: case, models


@dataclass(frozen=True)
class Reading:
    """What a backup tells of one reader's first showings, in their order."""

    public_id: str
    cases: list[str]
    files: list[tuple[str, ...]]  # at A, B, C, ...


def backed_up() -> str:
    """What a backup holds; `backup.content` itself begins a transaction, and the test is in one."""
    models = backup.models_at(schema.applied()).values()
    rows = [row for model in models for row in model._default_manager.order_by("pk")]
    text: str = serializers.serialize("json", rows)
    return text


def stolen(data: str) -> list[Reading]:
    """All readings of a backup, with nothing beside it."""
    rows = json.loads(data)
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row["model"], []).append(row["fields"] | {"pk": row["pk"]})
    found = []
    for reader in of["reading.reader"]:
        own = [row for row in of["reading.showing"] if row["reader"] == reader["pk"] and row["kind"] == "case"]
        own.sort(key=lambda row: row["place"])
        slots = {(row["showing"], row["letter"]): row["file"] for row in of["reading.slot"]}
        files = [tuple(slots[row["pk"], letter] for letter in "ABCD"[:MODELS]) for row in own]
        found.append(Reading(reader["public_id"], [row["case"] for row in own], files))
    return found


def as_before(seed: int, public_id: str, cases: int) -> list[tuple[int, Order]]:
    """Letters and order as they once derived from the study's seed and the reader's id."""
    generator = np.random.default_rng(derive_seed(seed, "reading", "schedule", public_id))
    rows = blinding.letters(cases, MODELS, generator)
    order = generator.permutation(cases)
    return [(int(case), tuple(row)) for case, row in zip(order, rows.tolist(), strict=True)]


def by_secret(secret_of: Callable[[int], bytes]) -> Guess:
    """Letters as they derive now, were the secret made of a number that a person types."""

    def guess(seed: int, public_id: str, cases: int) -> list[tuple[int, Order]]:
        drawn = blinding.reader_schedule(secret_of(seed), public_id, cases, MODELS)
        return [(one.case, one.order) for one in drawn if not one.repeat]

    return guess


GUESSES: dict[str, Guess] = {
    "as before": as_before,
    "number": by_secret(lambda seed: seed.to_bytes(32)),
    "digits": by_secret(lambda seed: str(seed).encode()),
    "purpose": by_secret(lambda seed: hmac.digest(seed.to_bytes(32), b"letters", "sha256")),
    "file": by_secret(lambda seed: hmac.digest(f"{seed}\n".encode(), b"letters", "sha256")),
    "derived": by_secret(lambda seed: derive_seed(seed, "reading", "letters").to_bytes(32)),
}


def attacked(readings: list[Reading], guesses: list[Guess], seeds: list[int]) -> dict[str, int]:
    """File -> the model that the attacker names: by the seed that explains the first reader's order best."""
    names = sorted(readings[0].cases)  # as in cases.csv
    best: tuple[float, dict[str, int]] = (-1, {})
    for guess in guesses:
        for seed in seeds:
            agreed = 0
            told: dict[str, int] = {}
            for reading in readings:
                drawn = guess(seed, reading.public_id, len(names))
                agreed += sum(names[case] == shown for (case, _), shown in zip(drawn, reading.cases, strict=True))
                for (_, order), files in zip(drawn, reading.files, strict=True):
                    told |= dict(zip(files, order, strict=True))
            best = max(best, (agreed, told), key=lambda one: one[0])
    return best[1]


def right(told: dict[str, int], place: Path) -> tuple[int, int]:
    """How many heat-maps are named rightly, of how many, by the names that the database has for them."""
    layers = cases_and_key.layers(cases_and_key.read_key(place))
    truth = {layer: model for own in layers.values() for model, layer in enumerate(own)}
    known = {slot.file: truth[masking.file_of(slot)] for slot in Slot.objects.exclude(letter="")}
    return sum(known[file] == model for file, model in told.items()), len(told)


@pytest.fixture
def readers(ready: Path) -> list[Reader]:
    made = []
    for number in range(READERS):
        reader, _ = enrolment.invite(f"reader-{number}", None, audit.COMMAND)
        enrolment.enrol(reader)
        made.append(reader)
    return made


def draw_as_before(reader: Reader, place: Path, seed: int) -> None:
    """Put the reader's first showings as they once were drawn from the seed."""
    layers = cases_and_key.layers(cases_and_key.read_key(place))
    names = [case.name for case in cases_and_key.read_cases(place) if not case.practice]
    showings = reader.showings.filter(kind="case").order_by("place")
    drawn = as_before(seed, reader.public_id, len(names))
    for showing, (case, order) in zip(showings, drawn, strict=True):
        showing.case = names[case]
        showing.save()
        for letter, model in zip("ABCD", order, strict=True):
            Slot.objects.filter(showing=showing, letter=letter).update(file=layers[names[case]][model])


@pytest.mark.parametrize("seed", [42, 123_456_789_012])
def test_the_attack_names_every_heat_map_where_letters_come_from_a_seed(
    readers: list[Reader], place: Path, seed: int
) -> None:
    for reader in readers:
        draw_as_before(reader, place, seed)
    told = attacked(stolen(backed_up()), [as_before], SEEDS)
    assert right(told, place) == (40, 40)


def test_from_a_blind_backup_no_seed_tells_a_model(readers: list[Reader], place: Path) -> None:
    assert cases_and_key.read_seed(place) in SEEDS
    readings = stolen(backed_up())
    assert [len(own.cases) for own in readings] == [10] * READERS
    # A random naming has 60 of 240 right, standard deviation 7.7: each of the 60 showings is an order of its own.
    for how, guess in GUESSES.items():
        for tried in (SEEDS, [cases_and_key.read_seed(place)]):
            found, of = right(attacked(readings, [guess], tried), place)
            assert of == 240  # a heat-map has another name for each reader
            assert found <= 120, how


def test_practice_does_not_follow_from_the_seed_either(readers: list[Reader], place: Path) -> None:
    layers = cases_and_key.layers(cases_and_key.read_key(place))
    names = [case.name for case in cases_and_key.read_cases(place) if case.practice]
    alike = 0
    for reader in readers:
        seed = derive_seed(cases_and_key.read_seed(place), "reading", "practice", reader.public_id)
        generator = np.random.default_rng(seed)  # as practice once was drawn
        rows = blinding.letters(len(names), MODELS, generator).tolist()
        expected = [names[case] for case in generator.permutation(len(names))]
        showings = reader.showings.filter(kind="practice").order_by("place")
        for showing, name, row in zip(showings, expected, rows, strict=True):
            files = {slot.letter: masking.file_of(slot) for slot in showing.slots.all()}
            alike += sum(files[letter] == layers[name][model] for letter, model in zip("ABCD", row, strict=True))
    assert alike <= 36  # of 48; 6 by chance, standard deviation 3


def sorted_by_model(readings: list[Reading]) -> list[dict[str, int]]:
    """All ways, two at most, to give heat-maps to nameless models so that each reader's squares are Latin ones.

    The heat-maps of the first case number the models. Needs no seed: only that a letter shows another model in each of
    `MODELS` showings in a row.
    """
    of_case = {case: sorted({*files}) for own in readings for case, files in zip(own.cases, own.files, strict=True)}
    others: dict[str, set[str]] = {}
    for own in readings:
        for start in range(0, len(own.files), MODELS):
            for row in zip(*own.files[start : start + MODELS], strict=True):  # what stood at one letter
                for file in row:
                    others.setdefault(file, set()).update({*row} - {file})
    found: list[dict[str, int]] = []

    def go_on(left: list[str], told: dict[str, int]) -> None:
        if len(found) > 1 or not left:
            found.extend([told] if not left else [])
            return
        case = max(left, key=lambda one: sum(len(others[file] & told.keys()) for file in of_case[one]))
        for order in permutations(range(MODELS)) if told else [tuple(range(MODELS))]:
            own = dict(zip(of_case[case], order, strict=True))
            if all(told.get(other) != model for file, model in own.items() for other in others[file]):
                go_on([one for one in left if one != case], told | own)

    go_on(list(of_case), {})
    return found[:2]


def test_heat_maps_could_be_sorted_by_model_were_their_names_stored(readers: list[Reader], place: Path) -> None:
    for slot in Slot.objects.exclude(letter=""):
        Slot.objects.filter(pk=slot.pk).update(file=masking.file_of(slot))
    (told,) = sorted_by_model(stolen(backed_up()))
    layers = cases_and_key.layers(cases_and_key.read_key(place))
    counted = [own for name, own in layers.items() if own[0] in told]
    assert len(counted) == 10
    for model in range(MODELS):  # each model's heat-maps stand together, all ten of them
        assert len({told[own[model]] for own in counted}) == 1


def test_the_database_has_another_name_for_a_heat_map_each_time(readers: list[Reader], place: Path) -> None:
    known = {row.layer for row in cases_and_key.read_key(place)}
    slots = list(Slot.objects.exclude(letter=""))
    assert len({slot.file for slot in slots}) == len(slots) == READERS * 13 * MODELS
    assert not known & {slot.file for slot in slots}
    assert {masking.file_of(slot) for slot in slots} == known
    text = backed_up()
    assert not [layer for layer in known if layer in text]


def test_slots_from_before_the_mask_lead_to_their_pictures(readers: list[Reader], place: Path) -> None:
    slot = Slot.objects.exclude(letter="")[0]
    file = masking.file_of(slot)
    slot.file = file
    assert masking.file_of(slot) == file
