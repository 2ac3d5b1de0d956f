"""From rows to answers: as letters while the study is blind, by model once it is unblinded and locked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import cases_and_key, results
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer
from foveate.reading.cases_and_key import KeyRow
from foveate.reading.export import BlindRow
from foveate.reading.package import ReadingDataset
from foveate.reading.results import DatasetResults, Rating, ReaderRow
from foveate.reading.site import audit, locks, masking, state, study
from foveate.reading.site.models import PLAIN, Reader, Showing, Slot, StudyState

if TYPE_CHECKING:
    from foveate.reading.analysis import LetterFree


@dataclass(frozen=True)
class Given:
    """One answered showing, as it is stored."""

    reader: Reader
    showing: Showing
    slots: tuple[Slot, ...]  # of the heat-maps at A, B, C, ...
    letter: str  # A, B, C, ..., NONE or CANNOT_JUDGE
    seconds: float
    description: str
    replies: dict[str, str]
    saved_at: str

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the heat-maps at A, B, C, ... Raises FoveateError where the key's folder is missing."""
        return tuple(map(masking.file_of, self.slots))


def unblind(actor: str) -> None:
    """Lock the answers, note who did it, and write OUT/reading/results. The caller has asked for the password.

    Raises FoveateError where the key is missing or damaged: then nothing is locked; and where the results cannot be
    written: then the study is unblinded, and `write_results` is to be called again.
    """
    key = cases_and_key.read_key(study.place())
    cases_and_key.layers(key)
    with transaction.atomic():
        locks.answers_stay()
        own = StudyState.objects.select_for_update().get()
        if own.unblinded_at is None:
            own.unblinded_at = timezone.now()
            own.save()
            audit.record(actor, "unblinded")
    write_results()


def write_results() -> None:
    """Write OUT/reading/results from the database and the key; only after unblinding."""
    results.write(study.place(), _since(), unblinded())


def results_are_written() -> bool:
    """Whether OUT/reading/results holds what the database says: a disk may have been full, a backup restored."""
    return results.are_written(study.place(), _since(), unblinded())


def _since() -> str:
    """When the study was unblinded. Raises FoveateError while it is blind."""
    at = state.state().unblinded_at
    if at is None:
        raise FoveateError("the study is blind: unblind it first.")
    return at.isoformat(timespec="seconds")


def unblinded() -> list[DatasetResults]:
    """Everything by model. Raises FoveateError while the study is blind."""
    _since()
    key = cases_and_key.read_key(study.place())
    return [_of_dataset(own, [row for row in key if row.dataset == own.name]) for own in study.study().datasets]


def _of_dataset(dataset: ReadingDataset, key: list[KeyRow]) -> DatasetResults:
    model = {row.layer: row.model for row in key}
    case = {row.name: row.case for row in key}
    rows = [row for row in given(dataset.name) if row.showing.kind != Showing.Kind.PRACTICE]
    answers = []
    ratings = []
    for row in rows:
        letters = tuple(model[file] for file in row.files)
        chosen = row.letter if row.letter in (NONE, CANNOT_JUDGE) else letters[ord(row.letter) - ord("A")]
        where = (row.reader.pseudonym, case[row.showing.case], _order(row.showing), _is_repeat(row.showing))
        answers.append(Answer(*where, letters, chosen, row.seconds, row.description))
        for field, value in row.replies.items():
            name, dot, letter = field.partition(".")
            kind = {question.name: question.kind for question in study.questions("case")}.get(name)
            if kind == "ratings" and dot:
                ratings.append(Rating(*where, name, letters[ord(letter) - ord("A")], float(value)))
            elif kind == "scale":
                ratings.append(Rating(*where, name, "", float(value)))
    return DatasetResults(
        name=dataset.name,
        title=dataset.title,
        models=tuple(dict.fromkeys(row.model for row in key)),
        cases=tuple(dict.fromkeys(row.case for row in key if not row.practice)),
        repeat=study.study().repeat,
        show_truth=study.study().show_truth,
        readers=tuple(_readers(dataset.name)),
        answers=tuple(answers),
        summaries=_summaries(dataset.name),
        ratings=tuple(ratings),
        scores={
            (row.case, row.model): {
                name: value
                for name, value in (("auc", row.auc), ("energy", row.energy), ("pixel_auprc", row.pixel_auprc))
                if value is not None
            }
            for row in key
            if not row.practice
        },
        saved_at={(row.reader.pseudonym, _order(row.showing)): row.saved_at for row in rows},
        schedule=_first_showings(dataset.name),
    )


def given(dataset: str) -> Iterator[Given]:
    """All showings of a data set with a choice, by reader and order. Nothing here needs the key."""
    rows = Showing.objects.filter(reader__dataset=dataset).exclude(kind=Showing.Kind.END)
    rows = rows.select_related("reader").prefetch_related("slots", "replies", "visits")
    choice = study.choice().name
    for showing in rows.order_by("reader__pseudonym", "place"):
        replies = {reply.question: reply for reply in showing.replies.all()}
        if choice not in replies or not replies[choice].value:
            continue
        yield Given(
            showing.reader,
            showing,
            tuple(slot for slot in showing.slots.all() if slot.letter != PLAIN),
            replies[choice].value,
            sum(visit.active_ms for visit in showing.visits.all()) / 1000,
            _words({name: reply.value for name, reply in replies.items()}),
            {name: reply.value for name, reply in replies.items() if reply.value},
            max(reply.saved_at for reply in replies.values()).isoformat(timespec="seconds"),
        )


def _words(replies: dict[str, str]) -> str:
    """The texts of a case: the first question's as it is, those of further ones behind their questions."""
    texts = [question for question in study.questions("case") if question.kind == "text" and replies.get(question.name)]
    first = next((question for question in study.questions("case") if question.kind == "text"), None)
    parts = [
        replies[question.name] if question == first else f"[{question.text}] {replies[question.name]}"
        for question in texts
    ]
    return "\n".join(parts)


def _order(showing: Showing) -> int:
    """Its number among the reader's showings without practice, from 1."""
    practice = study.dataset(showing.reader.dataset).practice
    return showing.place - practice


def _first_showings(dataset: str) -> dict[str, tuple[int, ...]]:
    """The order numbers of each reader's first showings, answered or not."""
    found: dict[str, tuple[int, ...]] = {}
    rows = Showing.objects.filter(reader__dataset=dataset, kind=Showing.Kind.CASE).select_related("reader")
    for showing in rows.order_by("place"):
        name = showing.reader.pseudonym
        found[name] = (*found.get(name, ()), _order(showing))
    return found


def _is_repeat(showing: Showing) -> bool:
    return showing.kind == Showing.Kind.REPEAT


def _readers(dataset: str) -> Iterator[ReaderRow]:
    counted = [Showing.Kind.CASE, Showing.Kind.REPEAT]
    for reader in Reader.objects.filter(dataset=dataset).exclude(enrolled_at=None).order_by("pseudonym"):
        yield ReaderRow(
            reader.pseudonym,
            reader.speciality,
            reader.years,
            reader.finished_at is not None,
            reader.withdrawn_at is not None,
            reader.showings.filter(kind__in=counted).count(),
        )


def _summaries(dataset: str) -> dict[str, str]:
    """What readers said at the end: texts as they are, scales behind their questions."""
    found: dict[str, str] = {}
    for showing in Showing.objects.filter(reader__dataset=dataset, kind=Showing.Kind.END).select_related("reader"):
        replies = dict(showing.replies.exclude(value="").values_list("question", "value"))
        said = [
            replies[own.name] if own.kind == "text" else f"[{own.text}] {replies[own.name]} of {own.steps}"
            for own in study.questions("end")
            if own.name in replies
        ]
        if said:
            found[showing.reader.pseudonym] = "\n\n".join(said)
    return found


def blind(dataset: str) -> LetterFree:
    """What may be seen before unblinding. The maps of a case are counted by their names, drawn at random anew."""
    from foveate.reading.analysis import letter_free  # its statistics take a second to import; others need none

    answers = []
    for row in given(dataset):
        if row.showing.kind == Showing.Kind.PRACTICE:
            continue
        names = {file: str(number) for number, file in enumerate(sorted(row.files), start=1)}
        letters = tuple(names[file] for file in row.files)
        chosen = row.letter if row.letter in (NONE, CANNOT_JUDGE) else letters[ord(row.letter) - ord("A")]
        answers.append(
            Answer(
                row.reader.pseudonym,
                row.showing.case,
                _order(row.showing),
                _is_repeat(row.showing),
                letters,
                chosen,
                row.seconds,
            )
        )
    planned = {reader.reader: reader.planned for reader in _readers(dataset)}
    return letter_free(answers, planned)


def blind_rows(dataset: str) -> list[BlindRow]:
    """Answers for export while the study is blind: letters as the reader saw them."""
    return [
        BlindRow(
            row.reader.pseudonym,
            row.showing.case,
            _order(row.showing),
            _is_repeat(row.showing),
            row.letter,
            row.description,
            round(row.seconds * 1000),
            row.saved_at,
        )
        for row in given(dataset)
        if row.showing.kind != Showing.Kind.PRACTICE
    ]
