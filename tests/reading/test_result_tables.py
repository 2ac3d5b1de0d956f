"""Tables and sentences of a reader study: the paper's layout, numbers by hand, reasons for what is undefined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from foveate.reading import reader_tables, result_tables
from foveate.reading.analysis import analyse, letter_free
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer
from foveate.reading.result_tables import ResultTable, blind_tables, headline, paper_table, tables
from foveate.reading.result_words import between, decimals, letters_named, p_value, percent, percents, reason
from foveate.reading.results import DatasetResults, Rating, ReaderRow, analysed
from tests.report.synthetic_reading import MODELS, simulated

BASE, SE, CBAM, GC = MODELS
TITLES = ("ResNet-18", "ResNet-18 + SE", "ResNet-18 + CBAM", "ResNet-18 + GC")


def study(*by_reader: Sequence[str], words: str = "", seconds: float = 10) -> DatasetResults:
    """Readers r1, r2, ... and their choices of c1, c2, ...; letters turn by one from case to case."""
    answers = [
        Answer(
            f"r{reader}", f"c{n}", n, False, (*MODELS[(n - 1) % 4 :], *MODELS[: (n - 1) % 4]), choice, seconds, words
        )
        for reader, choices in enumerate(by_reader, start=1)
        for n, choice in enumerate(choices, start=1)
    ]
    readers = [ReaderRow(f"r{n}", "radiology", "5-9", True, False, 9) for n in range(1, len(by_reader) + 1)]
    cases = tuple(f"c{n}" for n in range(1, max(map(len, by_reader), default=0) + 1))
    return DatasetResults("mri", "MRI", MODELS, cases, 1, False, tuple(readers), tuple(answers), {})


def said(results: DatasetResults) -> str:
    return headline(results, analysed(results, repetitions=999))


def rows(table: ResultTable, *columns: int) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in table.rows]


def test_the_papers_second_table_is_laid_out_as_there() -> None:
    own = study((CBAM, CBAM, SE, GC, CBAM, CBAM), words="irregular borders")
    table = paper_table(own)
    assert table.columns == ("Column", "Best model", "Description")
    assert table.rows[:4] == (
        ("1", "ResNet-18 + CBAM", "irregular borders"),
        ("2", "ResNet-18 + CBAM", "irregular borders"),
        ("3", "ResNet-18 + SE", "irregular borders"),
        ("4", "ResNet-18 + GC", "irregular borders"),
    )
    assert "square brackets" not in table.note


def test_several_readers_have_a_column_and_stand_together_by_case() -> None:
    table = paper_table(study((CBAM, NONE), (SE, CANNOT_JUDGE)))
    assert table.columns == ("Column", "Reader", "Best model", "Description")
    assert rows(table, 0, 1, 2) == [
        ("1", "r1", "ResNet-18 + CBAM"),
        ("1", "r2", "ResNet-18 + SE"),
        ("2", "r1", "None"),
        ("2", "r2", "Cannot judge"),
    ]


def test_people_read_of_cases_where_the_paper_writes_columns() -> None:
    """The paper's figures hold a case a column; a page that shows a row a case cannot call it that."""
    own = study((CBAM, NONE), (SE, CANNOT_JUDGE))
    shown = tables(own, analysed(own, repetitions=99))
    assert shown[0].title == "Best model and its description"
    assert shown[0].columns == ("Case", "Reader", "Best model", "Description")
    assert shown[0].rows == paper_table(own).rows
    assert "readers saw them in other orders" in shown[0].note
    assert not [table.title for table in shown if "Column" in table.columns]


def test_letters_in_a_description_are_explained_by_what_stood_there() -> None:
    table = paper_table(study((CBAM, CBAM), words="B covers more than (C)"))
    assert [row[-1] for row in table.rows] == [
        "B covers more than (C) [B = ResNet-18 + SE, C = ResNet-18 + CBAM]",
        "B covers more than (C) [B = ResNet-18 + CBAM, C = ResNet-18 + GC]",  # one further
    ]
    assert "In square brackets" in table.note


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("model A's rim, best of all", "A = ResNet-18"),
        ("A, not B.", "A = ResNet-18, B = ResNet-18 + SE"),
        ("the best is C", "C = ResNet-18 + CBAM"),
        ("vitamin D deficiency", "D = ResNet-18 + GC"),  # explained once too often
        ("E and Z were not shown", ""),
        ("a lesion of type b", ""),
        ("CBAM, T-cell, B-cell, X-ray, C.T. and MRI", ""),
        ("", ""),
    ],
)
def test_letters_are_told_from_other_capitals(text: str, named: str) -> None:
    assert letters_named(text, MODELS) == named


def test_wins_by_hand() -> None:
    own = study((CBAM, CBAM, SE, NONE), (CBAM, CANNOT_JUDGE, SE, NONE))
    table = result_tables.wins_table(own, analysed(own, repetitions=9))
    assert table.rows == (
        ("ResNet-18", "0", "0 %", "0 to 43 %"),  # Wilson, 0 of 5: 3.84 / 8.84
        ("ResNet-18 + SE", "2", "40 %", "12 to 77 %"),
        ("ResNet-18 + CBAM", "3", "60 %", "23 to 88 %"),
        ("ResNet-18 + GC", "0", "0 %", "0 to 43 %"),
        ("None of them", "2", "", ""),
        ("Cannot judge", "1", "", ""),
    )
    assert table.note.endswith("An even choice would give each 25 %.")


def test_the_tests_stand_with_what_they_suppose() -> None:
    table = result_tables.tests_table(analysed(study((CBAM,) * 4), repetitions=999))
    names = [
        "Within-case permutation",
        "Design: letters drawn anew",
        "Exact multinomial",
        "Smallest p of the exact test",
    ]
    assert [row[0] for row in table.rows] == names
    assert [float(p) for _, p in rows(table, 0, 2)] == pytest.approx([1 / 64, 1 / 6, 1 / 64, 1 / 64], abs=0.04)
    assert rows(table, 1, 2)[-1] == ("All 4 choices fall on one model", "0.016")


def test_a_design_that_does_not_fit_says_why() -> None:
    own = study((CBAM, SE))
    same = tuple(replace(row, letters=MODELS) for row in own.answers)
    table = result_tables.tests_table(analysed(replace(own, answers=same), repetitions=99))
    assert table.rows[1][2:] == (
        "–",
        "Undefined: the letters of r1 are no Latin squares in the order of showing: they were drawn otherwise, or "
        "answers are missing.",
    )


def test_strengths_that_are_infinite_are_mended_and_it_is_said() -> None:
    own = study((CBAM, CBAM, SE))
    table = result_tables.strengths_table(own, analysed(own, repetitions=9))
    assert table.note.startswith("Undefined: some models never lost to (or never beat) the others")
    assert "half a win added" in table.note
    assert table.rows[0][:3] == ("ResNet-18", "0.00", "–")
    assert [row[0] for row in table.rows] == list(TITLES)
    own = study((BASE, SE, CBAM, GC, CBAM))
    table = result_tables.strengths_table(own, analysed(own, repetitions=9))
    assert rows(table, 1, 3) == [("0.00", "20 %"), ("0.00", "20 %"), ("0.69", "40 %"), ("0.00", "20 %")]  # log 2
    assert "Undefined" not in table.note


def test_the_readers_and_their_ratings() -> None:
    own = study((CBAM, SE), (CBAM, SE))
    first, second = own.readers
    readers = (replace(first, finished=False), replace(second, withdrawn=True, years="0", speciality=""))
    where = ("r1", "c1", 1)
    ratings = (
        Rating(*where, False, "quality", CBAM, 4),
        Rating("r2", "c1", 1, False, "quality", CBAM, 1),
        Rating(*where, True, "quality", CBAM, 5),
        Rating(*where, False, "quality", BASE, 2),
        Rating(*where, False, "confidence", "", 3),
    )
    own = replace(own, readers=readers, ratings=ratings, summaries={"r2": "One line.\nAnother."})
    assert reader_tables.readers_table(own).rows == (
        ("r1", "radiology", "5-9", "2", "9", "did not finish"),
        ("r2", "–", "in training", "2", "9", "withdrew"),
    )
    assert reader_tables.ratings_table(own).rows == (
        ("quality", "ResNet-18", "2.00", "–", "1"),
        ("quality", "ResNet-18 + CBAM", "2.50", "2.12", "2"),  # 3 / √2; repeats left out
        ("confidence", "the case", "3.00", "–", "1"),
    )
    assert reader_tables.summaries_table(own).rows == (("r2", "One line. Another."),)


def test_agreement_letters_and_times() -> None:
    own = study((CBAM, SE, CBAM, GC), (CBAM, SE, BASE, NONE), seconds=30)
    found = analysed(own, repetitions=9)
    table = reader_tables.between_table(found)
    assert rows(table, 0, 1)[0] == ("Pairs of readers who agree", "50 %")
    assert table.note.startswith("Two readers; four cases that two or more of them judged.")
    assert reader_tables.within_table(found).note == "Undefined: no case was judged twice."
    # r1: CBAM is C in c1, SE A in c2, CBAM A in c3, GC A in c4. r2: C, A, and the baseline C in c3. Of the 4^7 outcomes
    # as likely as 4, 0, 3, 0 or less: 4 of all alike, 84 of 6 and 1, 252 of 5 and 2, 420 of 4 and 3.
    assert reader_tables.letters_table(found.letters).rows == (
        ("All readers", "4", "0", "3", "0", "0.046"),
        ("r1", "3", "0", "1", "0", "0.203"),
        ("r2", "1", "0", "2", "0", "0.625"),
    )
    assert reader_tables.times_table(found.times).rows[0] == ("r1", "4", "30", "30 to 30", "0")


def test_one_reader_has_nobody_to_agree_with_and_it_is_said() -> None:
    table = reader_tables.between_table(analysed(study((CBAM, SE)), repetitions=9))
    assert (table.rows, table.note) == ((), "Undefined: no case was judged by two readers.")


def test_choices_beside_scores() -> None:
    own = study((CBAM, CBAM, SE, GC))
    scores = {
        (case, model): {"auc": auc, "energy": 0.9 if model == CBAM else 0.1}
        for case in own.cases
        for model, auc in zip(MODELS, (0.8, 0.85, 0.9, 0.84), strict=True)
    }
    table = result_tables.scores_table(analysed(replace(own, scores=scores), repetitions=99))
    assert table.rows[0][1] == "0.95"  # wins 0, 1, 2, 1 against ranks 1, 3, 4, 2: Spearman with a tie
    assert table.rows[2][1] == "50 % (15 to 85 %)"
    assert "25 % by chance" in table.rows[2][3]
    assert table.note.endswith("The rank correlation of 4 models says little: p cannot be smaller than 0.083.")
    unknown = result_tables.scores_table(analysed(own, repetitions=9))
    assert {row[1:] for row in unknown.rows} == {
        ("–", "–", "Undefined: there are no such scores of these cases and models.")
    }


def test_the_headline_says_what_can_be_concluded() -> None:
    few = said(study((CBAM, CBAM, CBAM)))
    assert few.startswith(
        "One reader chose ResNet-18 + CBAM most often, in 3 of 3 choices over three cases (100 %, 95 % interval 44 to "
        "100 %; an even choice would be 25 %). So few cases cannot show a preference, however the choices fall "
        "(within-case permutation p = 0.0"
    )
    assert said(study((CBAM,) * 8, (CBAM,) * 8)) == (
        "Two readers chose ResNet-18 + CBAM most often, in 16 of 16 choices over eight cases (100 %, 95 % interval "
        "81 to 100 %; an even choice would be 25 %). Models were chosen more unevenly than chance would bring "
        "(within-case permutation p = 0.001). That tells whose heat-maps these readers found best, not which network "
        "diagnoses best."
    )  # the smallest p of 999 permutations
    even = said(study((CBAM, SE, GC, BASE, CBAM, SE, NONE)))
    assert even.startswith(
        "One reader made 6 choices over six cases; ResNet-18 + CBAM and ResNet-18 + SE were chosen most often, 2 times "
        "each (an even choice would be 25 %). In one further judgement no heat-map was good. The choices are no "
        "more uneven than chance would bring (within-case permutation p = "
    )
    assert even.endswith("which does not show that the heat-maps are equally good.")


@pytest.mark.parametrize("choices", [(), (NONE, CANNOT_JUDGE)])
def test_without_a_choice_there_is_a_sentence_and_no_error(choices: Sequence[str]) -> None:
    own = study(choices)
    found = analysed(own, repetitions=9)
    assert headline(own, found) == "No reader has chosen a heat-map, so nothing can be said of a preference."
    shown = {table.title: table for table in tables(own, found)}
    assert shown["Bradley-Terry strengths"].rows == ()
    assert shown["Bradley-Terry strengths"].note == "Undefined: no model was chosen."


def test_every_table_is_whole() -> None:
    own = simulated(0.5)
    every = tables(own, analysed(own, repetitions=99))
    assert len(every) == 12
    assert every[0].title == "Best model and its description"
    for table in every:
        assert set(table.numbers) <= set(table.columns)
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert [[cell for _, cell, _ in line] for line in table.labelled] == [list(row) for row in table.rows]
        assert "nan" not in repr(table.rows)


def test_blind_tables_name_no_model() -> None:
    own = study((CBAM, SE, NONE, GC), (CBAM, SE, CANNOT_JUDGE, BASE))
    own = replace(own, answers=(*own.answers, Answer("r1", "c1", 5, True, MODELS[::-1], CBAM, 10.0)))
    every = blind_tables(letter_free(own.answers, {"r1": 5, "r2": 5, "r3": 5}))
    assert [table.title for table in every] == [
        "Progress", "Reading time", "Letters that were chosen", "Agreement between readers",
    ]  # fmt: skip
    assert every[0].rows == (
        ("r1", "5", "5", "1", "0", "1", "1"),
        ("r2", "4", "5", "0", "1", "0", "0"),
        ("r3", "0", "5", "0", "0", "0", "0"),
    )
    assert every[3].rows[0] == ("Pairs of readers who agree", "67 %")
    assert every[3].rows[1][1] == "0.58"  # (2/3 - 1/5) / (1 - 1/5)
    text = repr(every).lower()
    assert "resnet" not in text
    assert "cbam" not in text


def test_blind_tables_of_a_study_that_nobody_has_read() -> None:
    first, *_ = blind_tables(letter_free([]))
    assert (first.rows, first.note) == ((), "Nobody has read yet.")


def test_numbers_as_they_are_written() -> None:
    found = analyse(study((CBAM,) * 3).answers, np.random.default_rng(0), repetitions=9)
    assert decimals(-0.404) == "−0.40"
    assert decimals(-0.001) == "0.00"
    assert [decimals(None), percent(None), percents(None), between(None)] == ["–"] * 4
    assert percents((0.388, 0.755)) == "39 to 76 %"
    assert between((-0.1, 0.44)) == "−0.10 to 0.44"
    assert [p_value(0.0004), p_value(0.0314), p_value(found.between.alpha)] == ["< 0.001", "0.031", "–"]
    assert reason(found.between.alpha, found.between.alpha, 1.0) == "Undefined: no case was judged by two readers."
    assert reason(1.0) == ""
