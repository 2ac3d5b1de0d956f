"""The command line: one short function a verb. What costs time to import is imported by the verb that needs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from foveate import __version__, console
from foveate.cli import explain, predict, reading
from foveate.cli.options import Device, Out, Plugins, Quiet

app = typer.Typer(
    name="foveate",
    help="Does self-attention help a CNN on medical images, and does the network then look where a specialist would?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Look at and make data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(reading.app, name="reading")


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        console.out.print(f"foveate {__version__}")
        raise typer.Exit


@app.command()
def run(
    study: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="demo, paper, a YAML file, a folder of images, or of a study to go on."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="A folder with a sub-folder a class; alone, it is the study."),
    ] = None,
    masks: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Lesion masks, in a folder that mirrors the images."),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]FILE", help="A table of boxes or points on lesions, for images without a mask."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for the study [default: ./foveate-<study>].")] = None,
    positive: Annotated[
        list[str] | None, typer.Option(metavar="[NAME=]LABEL,...", help="The labels that count as disease.")
    ] = None,
    each_class: Annotated[
        bool,
        typer.Option(
            "--each-class", help="Train on every label as a class of its own; models are compared by disease."
        ),
    ] = False,
    policy: Annotated[
        str | None, typer.Option(help="How to split: clean, paper, shipped, or several: paper,clean.")
    ] = None,
    pixels: Annotated[
        int | None, typer.Option(help="Side of the square input [default: 224]; 128 for a first look.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Runs a model.")] = None,
    models: Annotated[str | None, typer.Option(help="Such as resnet18,resnet18+cbam; or all.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides split, initialisation and batch order.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.")] = None,
    device: Device = "auto",
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave unreadable images out instead of stopping.")
    ] = False,
    plugin: Plugins = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where zips are unpacked and decoded pixels kept [default: ~/.cache/foveate]."
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Such as 1h, 30m or 2h30m: take the pixels and epochs with which this machine needs no longer.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and the time it takes; do nothing.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Carry out a whole study: images, training, comparison, heat-maps, report. Started again, it goes on."""
    from foveate.commands import study as commands
    from foveate.overrides import Overrides

    if cache is not None:  # no part of the study: it only says where this machine keeps things
        os.environ["FOVEATE_CACHE"] = str(cache.absolute())
    overrides = Overrides(
        data=data or (),
        masks=masks or (),
        regions=regions or (),
        positive=positive or (),
        each_class=each_class,
        policy=policy,
        pixels=pixels,
        epochs=epochs,
        repeats=repeats,
        models=models,
        seed=seed,
        precision=precision,
        skip_unreadable=skip_unreadable,
        plugins=list(map(str, plugin or ())),
    )
    commands.run(study, overrides, out, device, dry_run, quiet, time_limit)


@app.command()
def train(out: Out, device: Device = "auto", quiet: Quiet = False) -> None:
    """Train every run of a study that is not trained yet."""
    from foveate.commands import study as commands

    commands.stage("train", out, device, quiet)


@app.command()
def evaluate(
    study: Annotated[Path | None, typer.Argument(metavar="OUT", help="The study's folder.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE.csv",
            help="Compare these scores instead: columns case, label, model, repeat, score, and patient if known.",
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The model of the table that others are compared with [default: its first].")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The label of the table that counts as disease.")] = None,
    design: Annotated[
        str | None,
        typer.Option(help="nested, or factorial where run j of all models shares split or order of batches."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for --predictions: tables, figures, a page.")] = None,
    plan: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="How many runs and cases would show this difference of AUC, in per cent?"),
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Score the trained runs and compare the models; or compare scores from anywhere; or plan a study."""
    from foveate.commands import study as commands

    commands.evaluate(study, predictions, baseline, positive, design, out, plan, device, quiet)


app.command()(explain.explain)


@app.command()
def report(out: Out, quiet: Quiet = False) -> None:
    """Write the tables and the report's page."""
    from foveate.commands import study as commands

    commands.stage("report", out, "cpu", quiet)


@app.command()
def models(
    names: Annotated[str, typer.Option("--models", help="Such as resnet18,resnet50+cbam.")] = "all",
    pixels: Annotated[int, typer.Option(help="Side of the square input.")] = 224,
    time: Annotated[bool, typer.Option(help="Measure training steps: a minute or two.")] = True,
    device: Device = "auto",
    plugin: Plugins = None,
) -> None:
    """List the models: parameters, FLOPs, activation memory, initial gain, step time relative to the first."""
    from foveate.commands import models as commands

    commands.models(names, pixels, time, device, plugin or ())


@app.command()
def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="OUT/runs/<data set>/<model>/<repeat>.")],
    to: Annotated[str, typer.Option(help="The format: onnx.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="The file [default: RUN/model.onnx].")] = None,
) -> None:
    """Write a trained model as one file for other programs, checked at sizes it was not traced at."""
    from foveate.commands import models as commands

    commands.export(run_folder, to, out)


app.command()(predict.predict)


@data_app.command("audit")
def audit(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|STUDY.yaml",
            help="A folder of images, or a zip, as for run --data; or a study that says how they are described.",
        ),
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which data set, of a study that has several.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page and audit.json [default: ./foveate-audit-<name>].")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Lesion masks, in a folder that mirrors the images.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(metavar="LABEL,...", help="The labels that count as disease: shortcuts to these.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit status 1 for pictures or patients in two parts of the split, two labels, unreadable images.",
        ),
    ] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Unreadable images are no reason for --strict.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Find duplicates, patients on both sides, shortcuts and unusable images. Nothing is written into DIR.

    Where DIR has a manifest.csv with columns width, height, mode or format that differ from the files', they are taken
    for those of the originals, and are set against the labels, too.
    """
    from foveate.commands import audit as commands

    labels = [label.strip() for label in (positive or "").split(",") if label.strip()]
    commands.audit(place, dataset, out, masks, labels, strict, skip_unreadable, quiet)


@data_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="skin, cxr, mri or ct.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    quiet: Quiet = False,
) -> None:
    """Download one of the paper's data sets from its source and check it; started again, it goes on."""
    from foveate.commands import fetch as commands

    commands.fetch(name, to, quiet)


@data_app.command("card")
def card(name: Annotated[str, typer.Argument(metavar="NAME", help="skin, cxr, mri or ct.")]) -> None:
    """Print what is known of one of the paper's data sets: source, licence, counts, known problems."""
    from foveate.commands import fetch as commands

    commands.card(name)


@data_app.command("phantom")
def phantom(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    images: Annotated[int, typer.Option(min=20, help="How many.")] = 480,
    size: Annotated[int, typer.Option(min=32, help="Side in pixels.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other images.")] = 0,
) -> None:
    """Write the built-in phantom images, with masks, as a folder to try --data on."""
    from foveate.commands import study as commands

    commands.phantom(folder, images, size, seed)


def main() -> None:
    app()
