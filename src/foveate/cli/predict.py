"""`foveate predict`: a trained model on new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveate.cli.options import Device, Quiet


def predict(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="OUT/runs/<data set>/<model>/<repeat>, or a file that `export` wrote."),
    ],
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Images, folders of images, zips; scan.dcm#3 is its picture number 3."),
    ],
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder for the images with Grad-CAM for the predicted class."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the predictions as a table.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Predict new images with a trained model. For research, not a medical device."""
    from foveate.commands import predict as commands

    commands.predict(run, images, overlay, out, as_json, device, quiet)
