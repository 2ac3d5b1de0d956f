"""`foveate reading …` as a person types it: what it does, what it refuses and in which words, and how it ends."""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pandas as pd
import pytest
import yaml

from foveate.cli import app
from foveate.reading import cases_and_key, package
from foveate.reading.questions import example
from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment
from tests.reading.site import hosting
from tests.reading.site.backed_up import within
from tests.reading.site.hosting import Server, foveate
from tests.reading.small_study import build


@pytest.fixture(scope="module")
def runs_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a study without a reader study."""
    return build(tmp_path_factory.mktemp("commands"))[0].path


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a study that was never served."""
    return hosting.make_study(tmp_path_factory.mktemp("created"), cases=4)


def run(*arguments: str | Path) -> CompletedProcess[str]:
    """The command in this process: for what ends before the application is asked. All output in one."""
    command, text = ["reading", *map(str, arguments)], io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text), pytest.raises(SystemExit) as end:
        app(command)
    assert isinstance(end.value.code, int)
    return CompletedProcess(command, end.value.code, text.getvalue())


def at_once(*commands: tuple[str | Path, ...]) -> list[CompletedProcess[str]]:
    """Commands that have nothing to do with each other, in processes of their own."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda command: foveate("reading", *command, check=False), commands))


# create


def test_create(runs_done: Path, tmp_path: Path) -> None:
    out = shutil.copytree(runs_done, tmp_path / "study")
    place, asked = out / "reading", tmp_path / "questions.yaml"
    asked.write_text(example(), encoding="utf-8")
    (tmp_path / "consent.txt").write_text("\ufeffIch nehme teil.\n", encoding="utf-8")
    done = run("create", out, "--questions", asked, "--consent", tmp_path / "consent.txt", "--shown-twice", "0.5",
               "--no-going-back", "--show-truth", "--seed", "5", "--healthy")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "mri: 6 cases and 2 for practice, 4 models\n" in done.stdout
    assert "\n  images: lesion, and healthy ones\n" in done.stdout
    assert f"to be looked through for names: {place / 'contact-sheet.png'}\n" in done.stdout
    assert f"next: foveate reading serve {out}\n" in done.stdout
    assert cases_and_key.read_seed(place) == 5
    study = package.load(place)
    assert [question.name for question in study.questions] == [own["name"] for own in yaml.safe_load(example())]
    assert (study.show_truth, study.options.repeat_share, study.options.go_back) == (True, 0.5, False)
    assert (place / "consent.txt").read_text(encoding="utf-8") == "Ich nehme teil.\n"
    before = sorted(place.rglob("*"))
    again = run("create", out)
    assert again.returncode == 1
    assert f"error: {place} is there already: readers may have answered. Move it away for a new one." in again.stdout
    assert sorted(place.rglob("*")) == before


def test_create_says_what_so_few_cases_can_show(runs_done: Path, tmp_path: Path) -> None:
    """The chance is that of `foveate reading plan` for the same numbers."""
    out = shutil.copytree(runs_done, tmp_path / "study")
    done = run("create", out, "--cases", "3", "--quiet")
    assert done.returncode == 0, done.stdout
    assert "\n  images: lesion alone; --healthy draws healthy ones too\n" in done.stdout
    planned = [run("plan", "--readers", "3", "--cases", str(cases)).stdout.split()[-1] for cases in (3, 12, 20)]
    says = "  power: if one model gets 50% of 3 readers' choices, 3 cases show it with a chance of "
    assert f"\n{says}{planned[0]}, 20 cases with 80%; see foveate reading plan\n" in done.stdout
    assert int(planned[1].rstrip("%")) < 80 <= int(planned[2].rstrip("%"))


def test_create_with_a_list_of_cases(runs_done: Path, tmp_path: Path) -> None:
    out = shutil.copytree(runs_done, tmp_path / "study")
    split = pd.read_csv(out / "data" / "mri" / "split.csv", dtype=str)
    chosen = sorted(split.loc[split["part"] == "validation", "case"])[:3]
    (tmp_path / "cases.txt").write_text("\ufeff" + "\r\n\r\n".join(f"  {case} " for case in chosen), encoding="utf-8")
    done = run("create", out, "--cases", tmp_path / "cases.txt", "--quiet")
    assert done.returncode == 0, done.stdout
    assert sorted({row.case for row in cases_and_key.read_key(out / "reading") if not row.practice}) == chosen


WRONG: dict[str, str | bytes] = {
    "two.yaml": "- {name: a, text: A, kind: choice, asked: case}\n- {name: b, text: B, kind: shout, asked: end}\n",
    "torn.yaml": "- {name: choice",
    "cases.txt": "no-such-case\n",
    "empty.txt": " \n",
    "latin.txt": b"f\xfcr",
}


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--dataset", "heads"], 2, "--dataset heads is not in the study: it has mri."),
        (["--cases", "0"], 2, "--cases must be 1 to 1000, not 0."),
        (["--cases", "1001"], 2, "--cases must be 1 to 1000, not 1001."),
        (["--cases", "-3"], 2, "there is no file -3."),
        (
            ["--cases", "six"],
            2,
            "--cases must be a number or a file with a case id in each line; there is no file six.",
        ),
        (["--cases", "100", "--healthy"], 1, "fewer than the 100 asked for: ask for at most 12."),
        (["--cases", "{}/cases.txt"], 1, "no-such-case"),
        (["--cases", "{}/empty.txt"], 1, "error: a reader study needs at least one case."),
        (["--cases", "{}/latin.txt"], 1, "error: cannot read"),
        (["--training-run", "0"], 2, "--training-run must be the number of a run, such as 1, or all; not 0."),
        (["--training-run", "x"], 2, "not x."),
        (["--training-run", "7"], 1, "error: no predictions of mri/resnet18/7"),
        (["--questions", "{}/two.yaml"], 1, "two.yaml, question 2: kind"),
        (["--questions", "{}/torn.yaml"], 1, "torn.yaml, line 1 is not valid YAML"),
        (["--questions", "{}/none.yaml"], 1, "none.yaml: No such file or directory."),
        (["--consent", "{}/none.txt"], 1, "none.txt: No such file or directory."),
        (["--consent", "{}/empty.txt"], 1, "is empty: write it, or leave it out."),
        (["--shown-twice", "0.6"], 2, "Invalid value for '--shown-twice'"),
        (["--repeat", "all"], 2, "error: --repeat is called --training-run now: --training-run all"),
        (["--repeats", "0.2"], 2, "error: --repeats is called --shown-twice now: --shown-twice 0.2"),
        (["--seed", "-1"], 2, "Invalid value for '--seed'"),
    ],
)
def test_create_refuses(runs_done: Path, tmp_path: Path, options: list[str], status: int, says: str) -> None:
    for name, content in WRONG.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (runs_done / ".lock").touch()
    before = sorted(runs_done.iterdir())
    done = run("create", runs_done, *(option.format(tmp_path) for option in options))
    assert (done.returncode, "Traceback" in done.stdout) == (status, False), done.stdout
    assert says in done.stdout
    assert sorted(runs_done.iterdir()) == before  # nothing half made


def test_create_needs_a_study(tmp_path: Path) -> None:
    done = run("create", tmp_path / "nothing")
    assert done.returncode in (1, 2)
    assert "error: " in done.stdout
    assert not (tmp_path / "nothing").exists()


# What is refused before anything is touched


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "error: --host 0.0.0.0 alone is refused: a reader study is served to others only over"),
        (["--host", "0.0.0.0"], "proxy_pass http://127.0.0.1:8000;"),
        (
            ["--host", "0.0.0.0"],
            "foveate reading serve OUT --url https://reading.example.org --trusted-proxy 127.0.0.1",
        ),
        (["--url", "https://a.org"], "error: --url and --trusted-proxy go together"),
        (["--url", "http://a.org", "--trusted-proxy", "::1"], "error: --url must be https://"),
        (["--port", "0"], "error: --port must be between 1 and 65535, not 0."),
        (["--database", "mysql://a/b"], "error: --database must be postgresql://"),
    ],
)
def test_serve_refuses(created: Path, options: list[str], says: str) -> None:
    done = run("serve", created, *options)
    assert (done.returncode, says in done.stdout) == (2, True), done.stdout
    assert not (created / "reading" / "secrets").exists()


def test_commands_that_come_too_early(created: Path, runs_done: Path) -> None:
    file = created / "study.yaml"
    early: list[list[str | Path]] = [
        ["invite", "--name", "a"], ["results"], ["export"], ["backup"], ["erase", "--name", "a"], ["admin"], ["doctor"],
    ]  # fmt: skip
    for command, *options in early:
        done = run(command, created, *options)
        assert done.returncode == 2
        assert f"error: the study was never served: `foveate reading serve {created}` first." in done.stdout
        done = run(command, runs_done, *options)
        assert done.returncode == 2
        assert f"error: {runs_done} holds no reader study: `foveate reading create OUT` makes one." in done.stdout
    assert run("serve", runs_done).returncode == run("restore", runs_done, file).returncode == 2
    assert not (created / "reading" / "database.sqlite3").exists()


def test_plan() -> None:
    done = run("plan", "--readers", "1,6", "--cases", "2, 20", "--win", "0.9", "--common", "0")
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()][-3:]
    assert lines[0] == ["readers", "2", "cases", "20", "cases"]
    assert [line[0] for line in lines[1:]] == ["1", "6"]
    assert int(lines[2][2].rstrip("%")) > int(lines[1][1].rstrip("%"))
    assert lines[2][2] == "100%"


@pytest.mark.parametrize(("models", "share"), [(2, "75%"), (3, "60%"), (4, "50%")])
def test_plan_supposes_a_preference_whatever_the_number_of_models(models: int, share: str) -> None:
    """Of two models a half of the choices would be none."""
    done = run("plan", "--readers", "1", "--cases", "2", "--models", str(models))
    assert f"where the best of {models} models gets {share} of the choices:" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--readers", "0"], "--readers must be numbers from 1 to 100 with commas between, not 0."),
        (["--readers", "1,,2"], "--readers must be"),
        (["--cases", "501"], "--cases must be numbers from 1 to 500"),
        (["--cases", "six"], "not six."),
        (["--win", "2"], "error: "),
        (["--win", "0.1"], "error: "),
        (["--win", "nan"], "error: "),
        (["--common", "-1"], "error: "),
        (["--models", "1"], "Invalid value for '--models'"),
    ],
)
def test_absurd_plans_are_refused(options: list[str], says: str) -> None:
    done = run("plan", "--readers", "2", "--cases", "3", *options)
    assert (done.returncode, says in done.stdout, "Traceback" in done.stdout) == (2, True, False), done.stdout


# The commands of a study that was served

_COMMANDS = """
import os
from unittest import mock
from django.contrib.sessions.models import Session
from django.db.utils import OperationalError
from foveate.reading import results
from foveate.reading.site import unblinding

told = {}
os.chdir(place.parent)

def say(name, command, *arguments):
    told[name] = said(command, place, *arguments)

say("not ready", commands_reading.invite, "reader-1", None, 30)
state.confirm_sheet(audit.COMMAND)
say("e-mail", commands_reading.invite, "jane@example.org", None, 30)
say("data set", commands_reading.invite, "reader-1", "heads", 30)
say("invited", commands_reading.invite, "reader-1", None, 7)
say("twice", commands_reading.invite, "Reader-1", None, 30)
say("nobody", commands_reading.invite, "reader-3", None, 30, True)
say("other data set", commands_reading.invite, "reader-1", "heads", 30, True)
say("another link", commands_reading.invite, "READER-1", None, 3, True)
told["open"] = [link.revoked_at is None for link in Reader.objects.get().invitations.order_by("pk")]
Reader.objects.update(consent=state.consent(), consented_at="2026-01-02T03:04:05Z")
enrolment.enrol(Reader.objects.get())
say("another code", commands_reading.invite, "reader-1", None, 30, True)
told["comes back"] = enrolment.by_code(told["another code"][1].splitlines()[-1]) == Reader.objects.get()
answer("reader-1", 1, choice="A")
answer("reader-1", 2, choice="A")
answer("reader-1", 3, choice="B", description="the words")
say("blind", commands_reading.results, False)
say("unblind", commands_reading.results, True)
say("ask", commands_reading.erase, "reader-1", False)
with mock.patch("sys.stdin") as terminal, mock.patch("builtins.input", return_value="n") as asked:
    terminal.isatty.return_value = True
    say("no", commands_reading.erase, "reader-1", False)
told["asked"] = asked.call_args.args
say("unknown", commands_reading.erase, "reader-2", True)
told["readers"] = Reader.objects.count()
say("admin", commands_reading.admin, False)
for name in ("Ada", "Eve"):
    accounts.set_password(accounts.new_link(audit.COMMAND), name, "a long and quiet sentence")
say("one", commands_reading.admin, False)
say("shut", commands_reading.admin, False, "Eve", None)
say("let in", commands_reading.admin, False, None, "Eve")
say("no Bob", commands_reading.admin, False, "Bob", None)
say("two", commands_reading.admin, True, None, "Eve")
from django.contrib.auth.models import User
User.objects.all().delete()
Session.objects.create(session_key="x", session_data="", expire_date="2099-01-01T00:00:00Z")
say("reset", commands_reading.admin, True)
told["sessions"] = Session.objects.count()
say("doctor", commands_reading.doctor)
log = AuditEntry.objects.count()
say("there", commands_reading.export, Path("there.zip"))
assert AuditEntry.objects.count() == log
say("export", commands_reading.export, None)
with mock.patch.object(enrolment, "invite", side_effect=OperationalError("disk is full\\\\nhere")):
    say("full", commands_reading.invite, "reader-9", None, 30)
full = commands_reading.FoveateError("cannot write results: No space left on device.")
with mock.patch.object(results, "write", side_effect=full):
    commands_reading._unblind(audit.COMMAND)
    say("unwritten", commands_reading.results, False)
told["written"] = [results.exists(place)]
say("models", commands_reading.results, False)
told["written"].append(results.exists(place))
gone = Reader.objects.create(pseudonym="gone", dataset="mri", withdrawn_at="2026-01-02T03:04:05Z")
say("gone", commands_reading.invite, "gone", None, 30, True)
gone.delete()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """OUT/reading of a study in use, and exit status and output of many commands on it, in one process."""
    place = hosting.make_study(tmp_path_factory.mktemp("used"), cases=4) / "reading"
    (place.parent / "there.zip").write_bytes(b"precious")
    with hosting.database() as address:
        deployment.save(place, Deployment(database=address))
        yield place, within(place, _COMMANDS)


@pytest.mark.parametrize(
    ("what", "status", "says"),
    [
        ("not ready", 1, "error: Nobody has confirmed yet that the images show no names: look through them "),
        ("not ready", 1, "under Overview in the administrator's pages."),
        ("e-mail", 1, "error: a pseudonym is no e-mail address: give a name that says nothing, such as reader-1."),
        ("data set", 1, "error: there is no data set 'heads': choose one of mri."),
        ("invited", 0, "link for reader-1, good once and for 7 days:\nhttp://127.0.0.1:8000/invitation/"),
        ("twice", 1, "error: there is a reader Reader-1 already"),
        ("twice", 1, "make a new link for this one, with --again or under Readers in the administrator's pages."),
        ("nobody", 2, "error: there is no reader reader-3: there are reader-1."),
        ("other data set", 2, "error: --again keeps the reader's data set: leave --dataset out."),
        ("another link", 0, "\nlink for reader-1, good once and for 3 days:\nhttp://127.0.0.1:8000/invitation/"),
        ("another link", 0, "reader-1 has not begun; the link before this one has ended\n"),
        ("another code", 0, "reader-1 has begun; a new return code, the old one has ended:\n"),
        ("gone", 1, "error: gone has withdrawn: no link leads back."),
        ("blind", 0, "The study is blind. `--unblind` locks the answers and shows the models."),
        ("blind", 0, "Heads: Progress"),
        ("unblind", 2, "error: unblinding asks for a password: start it on a terminal"),
        ("ask", 2, "error: nothing was deleted. Say --yes to delete without being asked."),
        ("no", 2, "error: nothing was deleted. Say --yes to delete without being asked."),
        ("unknown", 2, "error: there is no reader reader-2: there are reader-1."),
        ("admin", 0, "nobody can sign in: `foveate reading admin "),
        ("one", 0, "in use    Ada, signed in last: never\nin use    Eve, signed in last: never\n"),
        ("shut", 0, "in use    Ada, signed in last: never\ndisabled  Eve, signed in last: never\n"),
        ("let in", 0, "in use    Eve"),
        ("no Bob", 1, "error: there is no administrator Bob: there is Ada, Eve."),
        ("two", 2, "error: say one of --reset, --disable and --enable at a time."),
        ("reset", 0, "the administrator's link, good once and for a day: in "),
        ("doctor", 1, "bad   there is no administrator: `foveate reading admin OUT --reset` makes a link"),
        ("doctor", 1, "good  images, key and seed are as they were made"),
        ("there", 2, "error: there.zip is there already: give another name with --to."),
        ("export", 0, "written: reading-blind-20"),
        ("full", 1, "error: cannot use the database"),
        ("unwritten", 1, "CBAM"),
        ("unwritten", 1, "error: cannot write results: No space left on device."),
        ("models", 0, "CBAM"),
    ],
)
def test_what_is_said(told: tuple[Path, dict[str, Any]], what: str, status: int, says: str) -> None:
    _, of = told
    assert of[what][0] == status, of[what]
    assert says in of[what][1]
    assert "Traceback" not in of[what][1]


def test_what_was_done(told: tuple[Path, dict[str, Any]]) -> None:
    place, of = told
    assert (of["readers"], of["sessions"], of["written"]) == (1, 0, [False, True])
    assert (of["open"], of["comes back"]) == ([False, True], True)
    assert of["asked"] == ["delete reader-1 and all answers? [y/N] "]
    for model in ("resnet", "ResNet", "CBAM", "+se"):
        assert model not in of["blind"][1]
    link = place / "secrets" / "first-link"
    assert link.read_text(encoding="utf-8").startswith("http://127.0.0.1:8000/admin/first/")
    assert link.stat().st_mode & 0o777 == 0o600
    assert "admin/first" not in of["reset"][1]  # where the output goes, others may read
    (written,) = place.parent.glob("reading-blind-*.zip")
    assert written.stat().st_mode & 0o777 == 0o600
    assert (place.parent / "there.zip").read_bytes() == b"precious"
    assert of["full"][1].count("\n") == 1


# The server


@dataclass(frozen=True)
class Stopped:
    """A server that was started, and stopped by Ctrl-C."""

    server: Server
    beside: CompletedProcess[str]  # another study's on the same port
    status: int
    log: str


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    out = hosting.make_study(tmp_path_factory.mktemp("stopped"), cases=4)
    other = shutil.copytree(out / "reading", out.parent / "other")
    with hosting.serving(out) as server:
        assert server.process is not None
        beside = foveate("reading", "serve", other, "--port", str(server.port), check=False)
        server.process.send_signal(signal.SIGINT)
        status = server.process.wait(20)
        yield Stopped(server, beside, status, (out.parent / "server.log").read_text(encoding="utf-8"))


def test_ctrl_c_stops_the_server_with_a_sentence(stopped: Stopped) -> None:
    out, address = stopped.server.out, stopped.server.address
    assert stopped.status == 1
    assert f"serving {out / 'reading'} at {address}   (Ctrl-C stops)\n" in stopped.log
    assert stopped.log.endswith(f"stopped; what is done is kept. Go on with: foveate reading serve {out}\n")
    assert "Traceback" not in stopped.log


def test_a_port_that_is_taken(stopped: Stopped) -> None:
    assert (stopped.beside.returncode, stopped.beside.stdout) == (1, "")
    says = f"error: cannot listen on 127.0.0.1, port {stopped.server.port}: Address already in use. "
    assert stopped.beside.stderr == f"{says}Choose another with --port.\n"


def test_studies_that_are_not_as_they_were(created: Path, stopped: Stopped, tmp_path: Path) -> None:
    """An image was changed; the database is none; it cannot be reached; and one whose folder was only moved."""
    alone = shutil.copytree(stopped.server.out / "reading", tmp_path / "alone")
    changed, junk, away = (
        shutil.copytree(created / "reading", tmp_path / name / "reading").parent for name in ("changed", "junk", "away")
    )
    image = sorted((changed / "reading" / "images").iterdir())[0]
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    database = junk / "reading" / "database.sqlite3"
    database.write_text("this is no database " * 100, encoding="utf-8")
    url = "postgresql://ada:sesame@127.0.0.1:1/reading"
    of_changed, of_junk, of_away, of_alone = at_once(
        ("serve", changed), ("doctor", junk), ("serve", away, "--database", url), ("doctor", alone)
    )
    assert of_changed.stderr == f"error: {image} has changed since the reader study was made.\n"
    assert of_junk.stderr == ""
    assert "bad   the database cannot be used: file is not a database; restore a backup\n" in of_junk.stdout
    assert of_away.stderr.startswith("error: cannot use the database reading on 127.0.0.1: ")
    assert of_away.stderr.count("\n") == 1
    assert "sesame" not in of_away.stdout + of_away.stderr
    assert [done.returncode for done in (of_changed, of_junk, of_away)] == [1, 1, 1]
    assert deployment.load(away / "reading") == Deployment()  # so that the right one can be given next
    assert of_alone.stderr == ""
    assert "good  images, key and seed are as they were made\n" in of_alone.stdout
    assert "good  the log hangs together, and lacks nothing of its copy\n" in of_alone.stdout
