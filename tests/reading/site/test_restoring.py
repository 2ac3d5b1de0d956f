"""A backup is restored as it was made and no other way; what was altered, newer or another study's changes nothing."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting
from tests.reading.site.backed_up import Made, altered, rows_of, within

_RESTORE_EACH = """
from foveate.errors import FoveateError
from foveate.reading.site import archive

before, said = rows(), {}
archive._LARGEST = 2**20
for name in sys.argv[2:]:
    try:
        restoring.restore(Path(name), unsealed=True)
        said[name] = ""
    except FoveateError as error:
        said[name] = str(error)
    assert rows() == before, name
print(json.dumps(said))
"""


def test_what_is_no_backup_changes_nothing(made: Made, moved: Path, tmp_path: Path) -> None:
    data = made.file.read_bytes()
    says: dict[Path, str] = {}

    def file(name: str, content: bytes, said: str = "is no backup of a reader study, or a damaged one") -> None:
        (tmp_path / name).write_bytes(content)
        says[tmp_path / name] = said

    def other(name: str, said: str, change: Callable[[dict[str, Any], list[Any]], object]) -> None:
        says[altered(made.file, tmp_path / name, change)] = said

    says[tmp_path / "missing.zip"] = "cannot read"
    says[tmp_path] = "cannot read"
    file("empty.zip", b"")
    file("words.zip", b"these are words " * 100)
    file("torn.zip", data[: len(data) // 2])
    for at in (40, 400, len(data) // 2, len(data) - 30):  # in both members and in the list of them
        file(f"flipped-{at}.zip", data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("holiday.jpg", "x")
    says[tmp_path / "other.zip"] = "is no backup of a reader study"
    for inner in ("about.json", "answers.json"):
        name = tmp_path / f"bomb-{inner}.zip"
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("about.json", b"{}")
            archive.writestr("answers.json", b"[]")
            archive.filelist.clear()
            archive.NameToInfo.clear()
            for own in ("about.json", "answers.json"):
                archive.writestr(own, b"0" * (2**20 + 1 if own == inner else 1))
        says[name] = "is too large"

    def reply(**fields: object) -> Callable[[dict[str, Any], list[Any]], object]:
        return lambda _, answers: rows_of(answers, "reply")[0]["fields"].update(fields)

    def user(**fields: object) -> Callable[[dict[str, Any], list[Any]], object]:
        return lambda _, answers: answers[0]["fields"].update(fields)

    def slot(number: int, file: str) -> Callable[[dict[str, Any], list[Any]], object]:
        return lambda _, answers: rows_of(answers, "slot")[number]["fields"].update(file=file)

    other("another.zip", "is a backup of another reader study", lambda about, _: about.update(fingerprint="0" * 64))
    other("newer.zip", "made by a newer foveate (format 3)", lambda about, _: about.update(format=3))
    later = "reading.0999_later"
    other("later.zip", f"made by a newer foveate: it has the migration {later}", lambda about, _: about.update(
        migrations=[*about["migrations"], later])
    )  # fmt: skip
    other("list.zip", "is no backup", lambda about, _: about.pop("readers"))
    other("nothing.zip", "does not hold what it says", lambda _, answers: answers.clear())
    other("reader.zip", "does not hold what it says", lambda about, _: about["readers"].pop())
    other(
        "state.zip",
        "does not hold what it says",
        lambda _, answers: rows_of(answers, "studystate")[0]["fields"].update(fingerprint="0" * 64),
    )
    other("gap.zip", "there is no showing", lambda _, answers: answers.remove(rows_of(answers, "showing")[0]))
    other("twice.zip", "is damaged", lambda _, answers: rows_of(answers, "reply")[1].update(
        fields=rows_of(answers, "reply")[0]["fields"])
    )  # fmt: skip
    other("same.zip", "is in it twice", lambda _, answers: answers.append(rows_of(answers, "reply")[0]))
    other("model.zip", "which no reader study has", lambda _, answers: rows_of(answers, "slot")[0].update(
        model="reading.none")
    )  # fmt: skip
    other("session.zip", "which no reader study has", lambda _, answers: answers.append(
        {"model": "sessions.session", "pk": 1, "fields": {}})
    )  # fmt: skip
    other("time.zip", "saved_at", reply(saved_at="now"))
    other("zone.zip", "saved_at is in no time zone", reply(saved_at="2026-01-02T03:04:05"))
    other("letter.zip", "an answer that cannot be given there", reply(value="Z"))
    other("question.zip", "an answer that cannot be given there", reply(question="mood"))
    other("more.zip", "has not exactly its fields", reply(mood="good"))
    other("type.zip", "value is no TextField", reply(value=5))
    other("negative.zip", "sequence", reply(sequence=-1))
    other("picture.zip", "a picture that the study has not", slot(1, "0" * 32))
    other("case.zip", "shows something else than its case", slot(0, "0" * 32))
    other("years.zip", "years", lambda _, answers: rows_of(answers, "reader")[0]["fields"].update(years="200"))
    other("super.zip", "has rights or a password", user(is_superuser=True))
    other("staff.zip", "has rights or a password", user(is_staff=True))
    other("hasher.zip", "has rights or a password", user(password="md5$salt$00"))
    other("rights.zip", "has rights, which no administrator has", user(user_permissions=[1]))
    other("log.zip", "its log does not hang together", lambda _, answers: answers.remove(
        rows_of(answers, "auditentry")[2])
    )  # fmt: skip
    other("end.zip", "its log does not hang together", lambda _, answers: answers.remove(
        rows_of(answers, "auditentry")[-1])
    )  # fmt: skip
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        found = within(moved, _RESTORE_EACH, *says)
        (moved / "results").mkdir()  # as unblinding leaves it
        (moved / "results" / "results.json").write_text("{}", encoding="utf-8")
        blind = within(moved, _RESTORE_EACH, made.file)
    assert len(found) == len(says)
    assert "is from before the study was unblinded" in blind[str(made.file)]
    for path, said in says.items():
        assert said in found[str(path)], path.name
        assert path.name in found[str(path)], path.name


# Valid values, and not those that were stored


def attacked(about: dict[str, Any], answers: list[Any]) -> None:
    for row in rows_of(answers, "reply"):
        if row["fields"]["question"] == "choice":
            row["fields"]["value"] = "B"
    added = copy.deepcopy(answers[0])
    added["pk"] += 1
    added["fields"]["username"] = "Mallory"
    answers.insert(1, added)
    for row in rows_of(answers, "auditentry")[-3:]:
        answers.remove(row)
    last = rows_of(answers, "auditentry")[-1]
    about.update(log_entry=last["pk"], log_digest=last["fields"]["digest"])


_ATTACKED = """
told["rows"] = rows()
told["doctor"] = said(commands_reading.doctor, place)
print(json.dumps(told))
"""
_UNSEALED = """
told = {}
for name, unsealed in (("sealed", False), ("unsealed", True)):
    told[name] = said(commands_reading.restore, place, Path(sys.argv[2]), None, unsealed)
"""


def test_what_was_altered_is_restored_only_when_asked_for_and_told(made: Made, moved: Path, tmp_path: Path) -> None:
    file = altered(made.file, tmp_path / "attacked.zip", attacked)
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        told = within(moved, _ATTACKED, file, before=_UNSEALED)
    status, said = told["sealed"]
    assert (status, f"error: the seal of {file} is wrong: it was altered, or" in said) == (1, True), said
    assert "--unsealed restores it all the same" in said
    status, said = told["unsealed"]
    assert status == 0, said
    for who in ("reader-1", "reader-3"):  # reader-2 was erased since, and is erased again
        assert f"as the backup has it: the answers of {who} were altered outside foveate" in said
        assert f"bad   the answers of {who} were altered" in told["doctor"][1]
    assert "bad   the administrator Mallory was made or altered outside foveate" in told["doctor"][1]
    assert "administrator Ada" not in told["doctor"][1]
    assert told["doctor"][0] == 1
    log = [row["action"] for row in told["rows"]["AuditEntry"]]
    assert "restored unsealed" in log
    assert "restored" not in log


def unsealed(file: Path, to: Path) -> Path:
    """The backup without its seal."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in ("about.json", "answers.json"):
            new.writestr(name, old.read(name))
    return to


def test_a_backup_whose_seal_was_taken_out_is_not_taken_for_an_older_one(
    made: Made, moved: Path, tmp_path: Path
) -> None:
    file = unsealed(made.file, tmp_path / "without.zip")
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        told = within(moved, _ATTACKED, file, before=_UNSEALED)
    status, said = told["sealed"]
    assert (status, f"error: {file} has no seal: it is from before backups had one, or it was taken out." in said) == (
        1,
        True,
    )
    assert told["unsealed"][0] == 0


def test_another_keys_folder_is_not_this_backups(made: Made, moved: Path) -> None:
    (moved / "key" / "secret").write_text("ab" * 32 + "\n", encoding="ascii")
    with hosting.database() as address:
        deployment.save(moved, Deployment(database=address))
        told = within(moved, _ATTACKED, made.file, before=_UNSEALED)
    assert "or this is not the key's folder of its study" in told["sealed"][1]
