"""What `foveate reading …` does with a study that readers use: the application's services, for a terminal."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.table import Table

from foveate import console
from foveate.errors import FoveateError, UsageError

if TYPE_CHECKING:
    from foveate.reading.result_tables import ResultTable
    from foveate.reading.site.deployment import Deployment
    from foveate.reading.site.file_checks import Finding
    from foveate.reading.site.restoring import Restored

_Told = TypeVar("_Told")


def place_of(out: Path) -> Path:
    """OUT/reading, from OUT or from the reading folder itself. Raises UsageError where neither is there."""
    for place in (out / "reading", out):
        if (place / "study.yaml").is_file() and (place / "cases.csv").is_file():
            return place
    raise UsageError(f"{out} holds no reader study: `foveate reading create OUT` makes one.")


def serve(
    out: Path, host: str | None, port: int | None, url: str | None, trusted_proxy: str | None, database: str | None
) -> None:
    """`foveate reading serve`."""
    from foveate.reading.site import deployment, server

    with console.errors_for_people(f"foveate reading serve {out}"):
        place = place_of(out)
        known = deployment.load(place)
        own = deployment.checked(
            replace(
                known,
                host=host or known.host,
                port=known.port if port is None else port,
                url=url or known.url,
                trusted_proxy=trusted_proxy or known.trusted_proxy,
                database=database or known.database,
            )
        )
        with deployment.kept_from_others(place):
            before = _prepare(place, known, own, server.prepare)
            with server.database_errors():
                link = server.first_link(place, own)

            def started() -> None:
                if before is not None:
                    console.out.print(f"upgraded to this version; a backup from before: {before}", markup=False)
                console.out.print(f"serving {place} at {own.address}   (Ctrl-C stops)", markup=False)
                if link is not None:
                    _print_secret(place, "the administrator's link, good once and for a day", link)

            server.serve(own, started)


def _prepare(place: Path, known: Deployment, own: Deployment, prepare: Callable[[Path], _Told]) -> _Told:
    """The application, ready, with a deployment that is remembered only where its database can be used."""
    from foveate.reading.site import deployment

    _refuse_other_database(place, known, own)
    deployment.save(place, own)
    try:
        return prepare(place)
    except BaseException:
        deployment.save(place, known)
        raise


def _refuse_other_database(place: Path, known: Deployment, own: Deployment) -> None:
    """Answers in two databases would be a study lost in halves."""
    from foveate.reading.site import deployment

    if own.database == known.database:
        return
    if (place / deployment.DATABASE).exists() or known.database is not None:
        raise UsageError(
            "the study has a database already: leave --database out. To move, write a backup, remove "
            f"{place / deployment.SECRETS / deployment.DEPLOYMENT}, and restore with the new --database."
        )


def _print_secret(place: Path, what: str, link: str) -> None:
    """On the terminal, or in a file for the owner alone where the output goes elsewhere."""
    from foveate.reading.site import deployment

    if sys.stdout.isatty():
        console.out.print(f"{what}:\n{link}", markup=False)
    else:
        path = place / deployment.SECRETS / deployment.FIRST_LINK
        deployment.write_secret(path, link + "\n")
        console.out.print(f"{what}: in {path}", markup=False)
    sys.stdout.flush()


@contextmanager
def _site(out: Path, any_schema: bool = False) -> Iterator[Path]:
    """The application, ready, with its errors for people; `any_schema`: see `server.connect`."""
    from foveate.reading.site import deployment, server

    with console.errors_for_people():
        place = place_of(out)
        known = deployment.load(place)
        begun = place / deployment.SECRETS / deployment.BEGUN
        if known.database is None and not (place / deployment.DATABASE).exists() and not begun.exists():
            raise UsageError(f"the study was never served: `foveate reading serve {out}` first.")
        server.connect(place, any_schema)
        with server.database_errors():
            yield place


def invite(out: Path, name: str, dataset: str | None, days: int, again: bool = False) -> None:
    """`foveate reading invite`."""
    with _site(out) as place:
        from foveate.reading.site import audit, deployment, enrolment, server

        if not again:
            reader, token = enrolment.invite(name, dataset, audit.COMMAND, days)
        else:
            if dataset is not None:
                raise UsageError("--again keeps the reader's data set: leave --dataset out.")
            reader = enrolment.by_pseudonym(name)
            if reader.enrolled_at is not None:
                code = enrolment.new_code(reader, audit.COMMAND)
                console.out.print(
                    f"{reader.pseudonym} has begun; a new return code, the old one has ended:", markup=False
                )
                console.out.print(code, markup=False)
                return
            token = enrolment.new_link(reader, audit.COMMAND, days)
            console.out.print(f"{reader.pseudonym} has not begun; the link before this one has ended", markup=False)
        address = server.reader_address(deployment.load(place), token)
        console.out.print(f"link for {reader.pseudonym}, good once and for {days} days:", markup=False)
        console.out.print(address, markup=False)


def results(out: Path, unblind: bool) -> None:
    """`foveate reading results`."""
    with _site(out):
        from foveate.reading import result_tables
        from foveate.reading.results import analysed
        from foveate.reading.site import state, study, unblinding

        if unblind and state.state().unblinded_at is None:
            _unblind(_administrator())
        if state.state().unblinded_at is None:
            for dataset in study.study().datasets:
                _print_tables(dataset.title, result_tables.blind_tables(unblinding.blind(dataset.name)))
            console.out.print("The study is blind. `--unblind` locks the answers and shows the models.", markup=False)
            return
        for found in unblinding.unblinded():
            analysis = analysed(found)
            console.out.print(result_tables.headline(found, analysis), markup=False)
            _print_tables(found.title, result_tables.tables(found, analysis))
        if not unblinding.results_are_written():  # the disk was full when it was unblinded, or a backup was restored
            unblinding.write_results()


def _unblind(actor: str) -> None:
    """Unblind; results that cannot be written are shown all the same, and tried again below them."""
    from foveate.reading.site import state, unblinding

    try:
        unblinding.unblind(actor)
    except FoveateError:
        if state.state().unblinded_at is None:
            raise


def _administrator() -> str:
    """Ask who it is; the actor for the log. Raises FoveateError for a wrong password."""
    from foveate.reading.site import accounts, audit

    if not sys.stdin.isatty():
        raise UsageError("unblinding asks for a password: start it on a terminal, or use the administrator's page.")
    user = accounts.right(input("administrator: "), getpass.getpass("password: "))
    if user is None:  # not counted: each guess takes a start of the program, and whoever can start it can read the key
        audit.record(audit.COMMAND, "password refused")
        raise FoveateError("name and password do not fit.")
    return audit.administrator(user.pk)


def _print_tables(title: str, tables: list[ResultTable]) -> None:
    for own in tables:
        table = Table(title=f"{title}: {own.title}", title_justify="left", box=None, pad_edge=False)
        for column in own.columns:
            table.add_column(column)
        for row in own.rows:
            table.add_row(*row)
        console.out.print(table, markup=False)
        if own.note:
            console.out.print(own.note, markup=False)
        console.out.print()


def export(out: Path, to: Path | None) -> None:
    """`foveate reading export`."""
    with _site(out):
        from foveate.reading.site import audit, deployment, exports, state

        path = to or Path(exports.name(state.state().unblinded_at))
        if path.exists():  # before it stands in the log
            raise UsageError(f"{path} is there already: give another name with --to.")
        deployment.write_secret(path, exports.archive(audit.COMMAND)[1])
        console.out.print(f"written: {path}", markup=False)


def backup(out: Path, to: Path | None) -> None:
    """`foveate reading backup`."""
    with _site(out, any_schema=True) as place:
        from foveate.reading import cases_and_key
        from foveate.reading.site import audit, backup, schema, seals

        schema.refuse_newer()

        path = to or backup.default_path()
        about = backup.write(path, audit.COMMAND)
        console.out.print(f"written: {path}, {len(about.readers)} readers", markup=False)
        if not seals.exist():
            console.out.print(
                "It has no seal, by which `restore` would see that it was not altered: this study has no secret for "
                "one before `foveate reading serve` has upgraded it.",
                markup=False,
            )
        console.out.print(f"The key is not in it: keep {place / cases_and_key.KEY} in another place.", markup=False)


def restore(out: Path, file: Path, database: str | None, unsealed: bool = False) -> None:
    """`foveate reading restore`."""
    from foveate.reading.site import deployment, server

    with console.errors_for_people():
        place = place_of(out)
        known = deployment.load(place)
        own = deployment.checked(replace(known, database=database) if database else known)
        with deployment.kept_from_others(place):
            _prepare(place, known, own, server.prepare_to_restore)
            from foveate.reading.site import begun, record_checks, restoring, state

            with server.database_errors():
                done = restoring.restore(file, unsealed)
                begun.note(place, state.state())
        with server.database_errors():
            found = [*record_checks.log(), *record_checks.sealed()]
        _print_restored(done)
        for finding in found:
            if finding.level == "bad":
                console.out.print(f"as the backup has it: {finding.what}", markup=False)


def _print_restored(done: Restored) -> None:
    console.out.print(f"restored: {len(done.about.readers)} readers, as of {done.about.made_at}", markup=False)
    says = [
        (done.erased, "erased again, as they were after the backup"),
        (done.withdrawn, "withdrawn again, as they were after the backup"),
        (done.ended, "their links and return codes have ended: give them new ones"),
        (done.passwords, "they need a new password, by `foveate reading admin OUT --reset`"),
    ]
    for names, what in says:
        if names:
            console.out.print(f"{what}: {', '.join(names)}", markup=False)
    if done.later:
        console.out.print(
            f"{done.later} later entries of the log are not in the backup: see log-until-*.csv", markup=False
        )


def erase(out: Path, name: str, yes: bool) -> None:
    """`foveate reading erase`."""
    with _site(out):
        from foveate.reading.site import audit, backup, enrolment, erasing

        reader = enrolment.by_pseudonym(name)
        if not yes and not (sys.stdin.isatty() and input(f"delete {name} and all answers? [y/N] ").lower() == "y"):
            raise UsageError("nothing was deleted. Say --yes to delete without being asked.")
        number = reader.public_id
        enrolment.erase(reader, audit.COMMAND)
        console.out.print(f"erased: {name}", markup=False)
        if not erasing.finish(erasing.PATIENCE):
            console.out.print(
                "its words stay in the database's files until whoever reads it now has ended: the server removes "
                "them then, or at its next start",
                markup=False,
            )
        for path in backup.holding(number):
            console.out.print(f"still in the backup {path}: restoring it erases them again", markup=False)


def admin(out: Path, reset: bool, disable: str | None = None, enable: str | None = None) -> None:
    """`foveate reading admin`: one of the three, or the list."""
    with _site(out) as place:
        from foveate.reading.site import accounts, audit, deployment, server

        if reset + (disable is not None) + (enable is not None) > 1:
            raise UsageError("say one of --reset, --disable and --enable at a time.")
        if reset:
            token = accounts.new_link(audit.COMMAND)
            accounts.end_all_sessions()
            address = server.administrator_address(deployment.load(place), token)
            _print_secret(place, "the administrator's link, good once and for a day", address)
            return
        if disable is not None:
            accounts.disable(disable, audit.COMMAND)
        if enable is not None:
            accounts.enable(enable, audit.COMMAND)
        _list_administrators(out)


def _list_administrators(out: Path) -> None:
    from django.contrib.auth.models import User

    from foveate.reading.site import accounts

    for user in User.objects.order_by("username"):
        last = f"{user.last_login:%Y-%m-%d %H:%M} UTC" if user.last_login else "never"
        state = "in use  " if user.is_active else "disabled"
        console.out.print(f"{state}  {user.username}, signed in last: {last}", markup=False)
    if not accounts.exist():
        console.out.print(f"nobody can sign in: `foveate reading admin {out} --reset` makes a link", markup=False)


def doctor(out: Path) -> None:
    """`foveate reading doctor`: exit status 1 where something is bad, also where the application cannot be started."""
    with console.errors_for_people():
        place = _damaged_place_of(out)
        found = _findings(place)
        for finding in found:
            console.out.print(f"{finding.level:<5} {finding.what}", markup=False)
        if any(finding.level == "bad" for finding in found):
            raise SystemExit(1)


def _damaged_place_of(out: Path) -> Path:
    """OUT/reading, whatever is missing in it. Raises UsageError where nothing was ever served there."""
    from foveate.reading.site import deployment

    traces = (deployment.DATABASE, f"{deployment.SECRETS}/{deployment.DEPLOYMENT}")
    for place in (out / "reading", out):
        if any((place / name).exists() for name in (*traces, f"{deployment.SECRETS}/{deployment.BEGUN}")):
            return place
    place_of(out)
    raise UsageError(f"the study was never served: `foveate reading serve {out}` first.")


def _findings(place: Path) -> list[Finding]:
    from foveate.reading.site import deployment, file_checks

    try:
        deployment.start(place)
    except FoveateError as error:
        cannot = file_checks.Finding("bad", f"the database is not checked, as its application cannot start: {error}")
        return [*file_checks.findings(place), cannot]
    from foveate.reading.site import doctor

    return doctor.findings()
