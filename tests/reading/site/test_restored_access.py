"""What lets a person in, and ended after the backup was made, does not begin again by restoring it."""

from __future__ import annotations

import json
from pathlib import Path

from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting
from tests.reading.site.backed_up import within

_CHANGED = """
def code(name):
    return Reader.objects.get(pseudonym=name).return_code_hash

told = {"first": said(commands_reading.admin, place, True)[0]}
link = (place / "secrets" / "first-link").read_text().strip().rpartition("/")[2]
state.confirm_sheet(audit.COMMAND)
invitations = {}
for name in ("stays", "replaced", "locked out", "gone", "invited", "waits"):
    reader, invitations[name] = enrolment.invite(name, None, audit.COMMAND)
    if name not in ("invited", "waits"):
        enrolment.redeem(invitations[name])
        Reader.objects.filter(pk=reader.pk).update(consent=state.consent(), consented_at="2026-01-02T03:04:05Z")
        enrolment.enrol(reader)
accounts.set_password(link, "Ada", "a long and quiet sentence")
accounts.set_password(accounts.new_link(audit.COMMAND), "Grace", "another long and quiet sentence")
codes = {name: code(name) for name in invitations}
backup.write(place.parent / "before.zip", audit.COMMAND)

enrolment.new_code(Reader.objects.get(pseudonym="replaced"), audit.COMMAND)
enrolment.revoke(Reader.objects.get(pseudonym="locked out"), audit.COMMAND)
enrolment.withdraw(Reader.objects.get(pseudonym="gone"))
enrolment.redeem(invitations["invited"])
accounts.set_password(accounts.new_link(audit.COMMAND), "Grace", "a third long and quiet sentence")
later = AuditEntry.objects.count()
told["codes"] = codes
told["invitations"] = invitations
told["later"] = later
print(json.dumps(told))
"""
_BACK = """
server.prepare(place)
token = server.first_link(place, deployment.load(place)).rpartition("/")[2]
from django.contrib.sessions.models import Session
Session.objects.create(session_key="x", session_data="", expire_date="2099-01-01T00:00:00Z")
told = {"said": said(commands_reading.restore, place, place.parent / "before.zip", None)}
told["link"] = accounts.usable(token)
told["sessions"] = Session.objects.count()
told["codes"] = dict(Reader.objects.values_list("pseudonym", "return_code_hash"))
told["usable"] = {name: enrolment.usable(link) is not None for name, link in json.loads(sys.argv[2]).items()}
told["withdrawn"] = [own.pseudonym for own in Reader.objects.exclude(withdrawn_at=None)]
told["passwords"] = {own.username: own.has_usable_password() for own in User.objects.all()}
told["doctor"] = said(commands_reading.doctor, place)
told["aside"] = [len(own.read_text().splitlines()) for own in place.glob("log-until-*.csv")]
print(json.dumps(told))
"""


def test_what_ended_after_the_backup_stays_ended(tmp_path: Path) -> None:
    place = hosting.make_study(tmp_path, cases=4) / "reading"
    with hosting.database() as address:
        deployment.save(place, Deployment(database=address))
        before = within(place, _CHANGED)
    # Begun anew on purpose, with a first link of its own.
    for file in (*place.glob("database*"), place / "secrets" / "begun.json"):
        file.unlink(missing_ok=True)
    with hosting.database() as address:
        deployment.save(place, Deployment(database=address))
        told = within(
            place,
            "from django.contrib.auth.models import User\nfrom foveate.reading.site import deployment\n" + _BACK,
            json.dumps(before["invitations"]),
        )
    assert told["said"][0] == 0, told["said"]
    assert told["link"] is False  # printed by `serve` before the restore
    assert told["sessions"] == 0
    assert told["codes"] == {
        "stays": before["codes"]["stays"], "replaced": None, "locked out": None, "gone": None, "invited": None,
        "waits": None,
    }  # fmt: skip
    assert {name for name, usable in told["usable"].items() if usable} == {"waits"}
    assert told["withdrawn"] == ["gone"]
    assert told["passwords"] == {"Ada": True, "Grace": False}
    for line in (
        "withdrawn again, as they were after the backup: gone\n",
        "their links and return codes have ended: give them new ones: replaced, locked out, gone, invited\n",
        "they need a new password, by `foveate reading admin OUT --reset`: Grace\n",
    ):
        assert line in told["said"][1], told["said"][1]
    assert told["aside"] == [before["later"] + 1]  # with the line of the columns
    assert "good  the log hangs together, and lacks nothing of its copy" in told["doctor"][1]
    assert "good  answers and administrators' accounts are as foveate stored them" in told["doctor"][1]
