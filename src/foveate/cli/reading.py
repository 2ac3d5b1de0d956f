"""`foveate reading …`: the reader study, one short function a verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The reader study: clinicians judge the heat-maps, blind.", no_args_is_help=True)

Out = Annotated[Path, typer.Argument(metavar="OUT", help="The study's folder, or its reading folder moved elsewhere.")]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="postgresql://USER:PASSWORD@HOST/NAME instead of SQLite.")
]
Days = Annotated[int, typer.Option(min=1, max=365, help="How long the link is good for.")]


@app.command()
def create(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The study's folder, with its runs done.")],
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This data set alone; several times for several.")
    ] = None,
    cases: Annotated[
        str, typer.Option(metavar="N|FILE", help="Cases a data set, drawn; or a file with a case id in each line.")
    ] = "6",
    healthy: Annotated[
        bool, typer.Option("--healthy", help="Draw healthy images too, as many of each class as of the others.")
    ] = False,
    training_run: Annotated[
        str, typer.Option(metavar="R|all", help="Whose heat-maps: those of training run R, or of all runs in turn.")
    ] = "1",
    consent: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The approved information for readers, plain text.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Questions as YAML instead of the paper's.")
    ] = None,
    show_truth: Annotated[bool, typer.Option("--show-truth", help="Tell readers each image's class.")] = False,
    shown_twice: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=0.5, help="Share of the cases that each reader sees twice.")
    ] = 0.1,
    no_going_back: Annotated[
        bool, typer.Option("--no-going-back", help="Readers may not change earlier answers.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the drawing of cases [default: drawn].")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    repeat: Annotated[str | None, typer.Option(hidden=True)] = None,
    repeats: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Draw cases and render every picture into OUT/reading."""
    from foveate.commands import reading_set_up as commands

    commands.refuse_old_names(repeat, repeats)
    commands.create(
        out,
        dataset or [],
        cases,
        healthy,
        training_run,
        consent,
        questions,
        show_truth,
        shown_twice,
        not no_going_back,
        seed,
        quiet,
    )


@app.command()
def serve(
    out: Out,
    host: Annotated[str | None, typer.Option(help="[default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="[default: 8000]")] = None,
    url: Annotated[
        str | None, typer.Option(metavar="https://…", help="The address that readers see, of a web server in front.")
    ] = None,
    trusted_proxy: Annotated[
        str | None, typer.Option(metavar="IP", help="Where that web server connects from.")
    ] = None,
    database: Database = None,
) -> None:
    """Serve the study; prints the first administrator's link."""
    from foveate.commands import reading as commands

    commands.serve(out, host, port, url, trusted_proxy, database)


@app.command()
def invite(
    out: Out,
    name: Annotated[str, typer.Option("--name", metavar="PSEUDONYM", help="Such as reader-1: no real name.")],
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Whose cases, where there are several.")] = None,
    days: Days = 30,
    again: Annotated[
        bool,
        typer.Option("--again", help="A new link for a reader who has not begun, a new return code for one who has."),
    ] = False,
) -> None:
    """Print a reader's link. It works once."""
    from foveate.commands import reading as commands

    commands.invite(out, name, dataset, days, again)


@app.command()
def results(
    out: Out,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Lock all answers and show which model is which; asks for a password.")
    ] = False,
) -> None:
    """Progress and agreement while the study is blind; the analysis once it is unblinded."""
    from foveate.commands import reading as commands

    commands.results(out, unblind)


@app.command()
def export(
    out: Out,
    to: Annotated[Path | None, typer.Option(metavar="FILE.zip", help="[default: reading-<kind>-<day>.zip]")] = None,
) -> None:
    """Write all answers as CSV and JSON with a codebook; by model, and for REDCap, once unblinded."""
    from foveate.commands import reading as commands

    commands.export(out, to)


@app.command()
def backup(
    out: Out,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="[default: OUT/reading/backups/<time>.zip]")
    ] = None,
) -> None:
    """Write a backup of the answers; the server may run."""
    from foveate.commands import reading as commands

    commands.backup(out, to)


@app.command()
def restore(
    out: Out,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `backup` wrote.")],
    database: Database = None,
    unsealed: Annotated[
        bool, typer.Option("--unsealed", help="Also where nothing tells whether the backup was altered.")
    ] = False,
) -> None:
    """Fill an empty database from a backup, and erase again who was erased since."""
    from foveate.commands import reading as commands

    commands.restore(out, file, database, unsealed)


@app.command()
def erase(
    out: Out,
    name: Annotated[str, typer.Option("--name", metavar="PSEUDONYM", help="The reader.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a reader with all answers; names the backups that still have them."""
    from foveate.commands import reading as commands

    commands.erase(out, name, yes)


@app.command()
def admin(
    out: Out,
    reset: Annotated[
        bool, typer.Option("--reset", help="Make a link for a new password or account, and sign everybody out.")
    ] = False,
    disable: Annotated[str | None, typer.Option(metavar="NAME", help="Shut this administrator out, at once.")] = None,
    enable: Annotated[str | None, typer.Option(metavar="NAME", help="Let this administrator in again.")] = None,
) -> None:
    """List the administrators; let one in, shut one out, or make a link by which one sets a new password."""
    from foveate.commands import reading as commands

    commands.admin(out, reset, disable, enable)


@app.command()
def doctor(out: Out) -> None:
    """Check a deployment: files, database, file system, TLS, proxy, cookies, log, backups."""
    from foveate.commands import reading as commands

    commands.doctor(out)


@app.command()
def plan(
    readers: Annotated[str, typer.Option(help="Numbers of readers to try.")] = "1,2,3,5,8",
    cases: Annotated[str, typer.Option(help="Numbers of cases to try.")] = "6,12,20,30,40",
    models: Annotated[int, typer.Option(min=2, max=9, help="How many models are compared.")] = 4,
    win: Annotated[
        float | None,
        typer.Option(help="The share of choices that the best model gets [default: 3 times each other's, 0.5 of 4]."),
    ] = None,
    common: Annotated[
        float, typer.Option(help="How far readers follow the case alike: 0 not at all, 1 they all choose the same.")
    ] = 0.3,
) -> None:
    """How many readers and cases would show that one model is preferred?"""
    from foveate.commands import reading_set_up as commands

    commands.plan(readers, cases, models, win, common)
