"""Every model stands at every letter equally often, and every reader's order is drawn once and for all."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.reading.blinding import Showing, drawing, letters, reader_schedule, repeats, schedule

SEEDS = st.integers(0, 2**32)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(cases: int, models: int, seed: int = 0, *options: Any) -> tuple[Showing, ...]:
    return schedule(cases, models, generator(seed), generator(seed + 1), *options)


@given(squares=st.integers(0, 5), cut=st.integers(0, 6), models=st.integers(1, 7), seed=SEEDS)
def test_over_each_full_square_every_model_stands_once_at_every_letter(
    squares: int, cut: int, models: int, seed: int
) -> None:
    cases = squares * models + min(cut, models - 1)
    rows = letters(cases, models, generator(seed))
    assert rows.shape == (cases, models)
    assert (np.sort(rows, axis=1) == np.arange(models)).all()
    whole = rows[: squares * models].reshape(squares, models, models)
    assert (np.sort(whole, axis=1) == np.arange(models)[:, None]).all()
    for letter in rows[squares * models :].T:  # the square that is cut
        assert len(set(letter.tolist())) == len(letter)


def test_squares_are_drawn_anew_and_are_not_all_cyclic() -> None:
    rows = letters(400, 4, generator())
    squares = {square.tobytes() for square in rows.reshape(100, 4, 4)}
    assert len(squares) > 80
    assert len({row.tobytes() for row in rows}) == 24


def test_letters_refuse_what_makes_no_sense() -> None:
    for cases, models in ((-1, 4), (5, 0)):
        with pytest.raises(ValueError, match=f"not {cases} cases and {models} models"):
            letters(cases, models, generator())


@pytest.mark.parametrize(
    ("cases", "share", "count"), [(9, 0.5, 0), (10, 0.1, 1), (12, 0.01, 1), (40, 0.1, 4), (40, 0, 0), (11, 0.5, 6)]
)
def test_the_number_of_repeats(cases: int, share: float, count: int) -> None:
    assert repeats(cases, share) == count
    assert sum(showing.repeat for showing in drawn(cases, 4, 0, share)) == count


@settings(max_examples=200)
@given(cases=st.integers(1, 60), models=st.integers(1, 5), share=st.floats(0, 0.5), gap=st.integers(1, 80), seed=SEEDS)
def test_a_schedule_keeps_its_word(cases: int, models: int, share: float, gap: int, seed: int) -> None:
    shown = drawn(cases, models, seed, share, gap)
    firsts = [showing for showing in shown if not showing.repeat]
    assert sorted(showing.case for showing in firsts) == list(range(cases))  # each case once
    assert all(sorted(showing.order) == list(range(models)) for showing in shown)
    seconds = [showing for showing in shown if showing.repeat]
    assert len({showing.case for showing in seconds}) == len(seconds) == repeats(cases, share)
    place = {(showing.case, showing.repeat): at for at, showing in enumerate(shown)}
    for second in seconds:
        first = shown[place[second.case, False]]
        assert place[second.case, True] - place[second.case, False] >= min(gap, cases)
        if models > 1:
            assert all(old != new for old, new in zip(first.order, second.order, strict=True))
    full = firsts[: len(firsts) // models * models]
    for letter in range(models):
        counts = np.bincount([showing.order[letter] for showing in full], minlength=models)
        assert (counts == len(full) // models).all()


@given(models=st.integers(1, 5), seed=SEEDS)
def test_the_same_generator_gives_the_same_schedule(models: int, seed: int) -> None:
    assert drawn(20, models, seed) == drawn(20, models, seed)


def test_repeats_stand_at_many_places_and_concern_many_cases() -> None:
    schedules = [drawn(40, 4, seed) for seed in range(100)]
    places = {at for shown in schedules for at, showing in enumerate(shown) if showing.repeat}
    assert len(places) > 25
    assert len({showing.case for shown in schedules for showing in shown if showing.repeat}) == 40


def test_a_readers_schedule_derives_from_secret_and_reader_alone() -> None:
    secret, other = bytes(32), bytes(31) + b"\1"
    first = reader_schedule(secret, "reader-1", 20, 4)
    np.random.default_rng(0).random(5)
    assert first == reader_schedule(secret, "reader-1", 20, 4)
    assert first != reader_schedule(secret, "reader-2", 20, 4)
    assert first != reader_schedule(other, "reader-1", 20, 4)


def test_letters_and_order_come_from_generators_of_their_own() -> None:
    """Whoever works out the generator of the order, which the database shows, knows nothing of the letters."""
    by_order = schedule(20, 4, generator(1), generator(2))
    assert [one.case for one in by_order] == [one.case for one in schedule(20, 4, generator(1), generator(3))]
    assert [one.order for one in by_order] != [one.order for one in schedule(20, 4, generator(1), generator(3))]
    firsts = [
        [one.order for one in of if not one.repeat] for of in (by_order, schedule(20, 4, generator(4), generator(2)))
    ]
    assert firsts[0] == firsts[1]


def test_all_bits_of_the_secret_count() -> None:
    """Expected values: RFC 2104 written out, H(K ^ opad, H(K ^ ipad, text)) with a block of 64 bytes."""
    key = bytes(range(32)).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + b"reader-1\0letters").digest()
    digest = hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()
    expected = np.random.PCG64(np.random.SeedSequence(int(digest.hex(), 16), pool_size=8))
    own = drawing(bytes(range(32)), "reader-1", "letters")
    assert own.bytes(64) == np.random.Generator(expected).bytes(64)
    assert np.random.SeedSequence(int(digest.hex(), 16), pool_size=8).pool.nbytes == 32


def test_a_readers_schedule_does_not_change_with_the_program() -> None:
    assert reader_schedule(bytes(32), "a", 3, 2) == (
        Showing(case=2, order=(1, 0), repeat=False),
        Showing(case=1, order=(0, 1), repeat=False),
        Showing(case=0, order=(1, 0), repeat=False),
    )


@pytest.mark.parametrize(("cases", "share", "gap"), [(0, 0.1, 10), (20, 0.6, 10), (20, -0.1, 10), (20, 0.1, 0)])
def test_a_schedule_refuses_what_makes_no_sense(cases: int, share: float, gap: int) -> None:
    with pytest.raises(ValueError, match=f"not {cases}, {share} and {gap}"):
        drawn(cases, 4, 0, share, gap)
