"""Readers come by a link that works once, get an order of their own, and can go again without a trace."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import blinding, cases_and_key
from foveate.reading.site import audit, deployment, doctor, enrolment, masking, state
from foveate.reading.site.models import AuditEntry, Invitation, Reader, Reply, Showing, Slot, StudyState, Visit


def test_nobody_is_invited_before_sheet_and_information_are_ready(database: Path) -> None:
    with pytest.raises(FoveateError, match="Nobody has confirmed yet that the images show no names"):
        enrolment.invite("reader-1", None, audit.COMMAND)
    state.confirm_sheet(audit.COMMAND)
    state.put_in_consent(audit.COMMAND, "DRAFT again", draft=True)
    with pytest.raises(FoveateError, match="is a DRAFT: put in the text that was approved"):
        enrolment.invite("reader-1", None, audit.COMMAND)
    with pytest.raises(FoveateError, match="still says DRAFT"):
        state.put_in_consent(audit.COMMAND, "DRAFT again")
    assert state.put_in_consent(audit.COMMAND, "Approved.").version == 3
    enrolment.invite("reader-1", None, audit.COMMAND)


@pytest.mark.parametrize(
    "name", ["", " ", "a" * 61, "jane@example.org", "=cmd", "a|b", "a\x00b", "a\u202eb", "-x", "+1", "@x"]
)
def test_what_is_no_pseudonym_is_refused(ready: Path, name: str) -> None:
    with pytest.raises(FoveateError, match="pseudonym"):
        enrolment.invite(name, None, audit.COMMAND)
    assert not Reader.objects.exists()


def test_a_pseudonym_is_given_once(ready: Path) -> None:
    enrolment.invite("Reader  1", None, audit.COMMAND)
    with pytest.raises(FoveateError, match="there is a reader reader 1 already"):
        enrolment.invite("reader 1", None, audit.COMMAND)
    with pytest.raises(FoveateError, match="there is no data set 'heads': choose one of mri"):
        enrolment.invite("reader-2", "heads", audit.COMMAND)
    with pytest.raises(FoveateError, match="good for 1 to 365 days, not 0"):
        enrolment.invite("reader-2", None, audit.COMMAND, days=0)


def test_a_link_works_once_and_only_its_hash_is_kept(ready: Path) -> None:
    reader, token = enrolment.invite("reader-1", None, audit.COMMAND)
    assert token not in str(list(Invitation.objects.values_list()))
    assert enrolment.redeem(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert enrolment.redeem(token) == reader
    assert enrolment.redeem(token) is None


def test_no_link_works_once_the_study_is_unblinded(ready: Path) -> None:
    _, token = enrolment.invite("reader-1", None, audit.COMMAND)
    StudyState.objects.update(unblinded_at=timezone.now())
    assert enrolment.usable(token) is None
    assert enrolment.redeem(token) is None


def test_a_link_ends_by_time_and_by_revoking(ready: Path) -> None:
    reader, token = enrolment.invite("reader-1", None, audit.COMMAND, days=1)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert enrolment.redeem(token) is None
    second = enrolment.new_link(reader, audit.COMMAND)
    third = enrolment.new_link(reader, audit.COMMAND)
    assert enrolment.redeem(second) is None
    enrolment.revoke(reader, audit.COMMAND)
    assert enrolment.redeem(third) is None


def test_the_rows_are_the_schedule_of_the_secret(reader: Reader, place: Path) -> None:
    key = cases_and_key.read_key(place)
    layers, secret = cases_and_key.layers(key), cases_and_key.derived_secret(place, "letters")
    names = [case.name for case in cases_and_key.read_cases(place) if not case.practice]
    expected = blinding.reader_schedule(secret, reader.public_id, 10, 4)
    showings = list(reader.showings.all())
    assert [row.kind for row in showings[:2]] == ["practice"] * 2
    assert [row.kind for row in showings[2:-1]] == ["repeat" if one.repeat else "case" for one in expected]
    assert showings[-1].kind == "end"
    for row, one in zip(showings[2:-1], expected, strict=True):
        assert row.case == names[one.case]
        files = {slot.letter: masking.file_of(slot) for slot in row.slots.all()}
        assert files == {"": row.case} | {
            letter: layers[row.case][model] for letter, model in zip("ABCD", one.order, strict=True)
        }
    assert sum(row.kind == "repeat" for row in showings) == 1
    places = Counter(
        (letter, model) for one in expected[:8] for letter, model in zip("ABCD", one.order, strict=True)
    )  # two whole Latin squares of first showings, unless a repeat stands among them
    if not any(one.repeat for one in expected[:8]):
        assert set(places.values()) == {2}


def test_two_readers_have_different_orders_and_no_token_in_common(reader: Reader) -> None:
    other, _ = enrolment.invite("reader-2", None, audit.COMMAND)
    enrolment.enrol(other)
    orders = [[row.case for row in one.showings.filter(kind="case")] for one in (reader, other)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    known = list(Slot.objects.values_list("token", flat=True))
    assert len(set(known)) == len(known) == 2 * 13 * 5
    assert all(len(token) == 43 for token in known)
    with pytest.raises(FoveateError, match="enrolled already"):
        enrolment.enrol(other)


def test_a_return_code_leads_back_until_it_is_replaced(ready: Path) -> None:
    reader, _ = enrolment.invite("reader-1", None, audit.COMMAND)
    code = enrolment.enrol(reader)
    assert enrolment.by_code(code.lower().replace("-", " ")) == reader
    assert code not in str(list(Reader.objects.values_list()))
    epoch = Reader.objects.get(pk=reader.pk).epoch
    second = enrolment.new_code(reader, audit.COMMAND)
    assert enrolment.by_code(code) is None
    assert enrolment.by_code(second) == reader
    assert Reader.objects.get(pk=reader.pk).epoch == epoch + 1
    assert enrolment.by_code("") is None
    enrolment.withdraw(reader)
    assert enrolment.by_code(second) is None


def test_erasing_leaves_an_entry_in_the_log_and_in_the_list_for_backups(reader: Reader, place: Path) -> None:
    number = reader.public_id
    try:
        enrolment.erase(reader, audit.COMMAND)
        for model in (Reader, Showing, Slot, Reply, Visit):
            assert not model.objects.exists()
        entry = AuditEntry.objects.last()
        assert entry is not None
        assert (entry.action, entry.subject) == ("reader erased", number)
        assert number in enrolment.erased()
        with (place / "erased.csv").open(newline="", encoding="utf-8") as file:
            assert [row["reader"] for row in csv.DictReader(file)] == [number]
    finally:
        (place / "erased.csv").unlink(missing_ok=True)


def test_nothing_in_the_database_tells_a_model(reader: Reader, place: Path) -> None:
    told = {"resnet", "cbam", "lesion", *(row.case for row in cases_and_key.read_key(place))}
    text = " ".join(str(row) for model in apps.get_models() for row in model._default_manager.values_list())
    assert reader.public_id in text
    assert not [word for word in told if word in text]
    assert str(cases_and_key.read_seed(place)) not in text
    secret = (place / "key" / "secret").read_text(encoding="ascii").strip()
    assert secret not in text
    assert cases_and_key.derived_secret(place, "letters").hex() not in text
    assert deployment.secret_key(place) not in text


def test_without_the_secret_nobody_is_enrolled_and_it_is_said_why(ready: Path) -> None:
    reader, _ = enrolment.invite("reader-1", None, audit.COMMAND)
    secret = ready / "key" / "secret"
    content = secret.read_bytes()
    try:
        secret.unlink()
        with pytest.raises(FoveateError, match=r"key/secret is missing.*as `create` made it.*reading serve` starts"):
            enrolment.enrol(reader)
        assert not Showing.objects.exists()
        assert Reader.objects.get(pk=reader.pk).enrolled_at is None
        found = [finding for finding in doctor.findings() if "secret is missing" in finding.what]
        assert [finding.level for finding in found] == ["bad"]
    finally:
        secret.write_bytes(content)
        secret.chmod(0o600)
