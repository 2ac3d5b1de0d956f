"""`foveate explain`: heat-maps scored, drawn and tested."""

from __future__ import annotations

from typing import Annotated

import typer

from foveate.cli.options import Device, Out, Plugins, Quiet


def explain(
    out: Out,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="grad_cam, hires_cam, grad_cam_plus_plus, layer_cam, score_cam, eigen_cam, attention.",
        ),
    ] = "grad_cam",
    tap: Annotated[
        str, typer.Option(help="Where in the network: pooling (its input), layer3, layer4.0, or an attention block.")
    ] = "pooling",
    target: Annotated[
        str, typer.Option(help="What is explained: truth, predicted, a class, or one class against another as A:B.")
    ] = "truth",
    images: Annotated[
        str,
        typer.Option(
            metavar="RULE,...",
            help="Which to draw: random, best, worst, median, disagreement; or up to six case ids.",
        ),
    ] = "random",
    scale: Annotated[
        str, typer.Option(help="image: each map by its own maximum; shared: one maximum an image, over all models.")
    ] = "image",
    faithfulness: Annotated[
        int, typer.Option(metavar="N", help="Deletion, insertion and ROAD on N images of every run.")
    ] = 0,
    sanity: Annotated[
        int, typer.Option(metavar="N", help="Give layers random weights and compare the maps of N images of every run.")
    ] = 0,
    maps: Annotated[
        bool, typer.Option("--maps", help="Draw what the attention blocks compute, beside Grad-CAM.")
    ] = False,
    plugin: Plugins = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Score the heat-maps against marked lesions, draw them, and test how far they can be trusted.

    Without options: Grad-CAM of the true class, as the main job does. What is asked for is written into OUT, and, but
    for --maps, into the page once `foveate report OUT` has written it anew.
    """
    from foveate.commands import explain as commands
    from foveate.execution.wish import Shown, Wish

    commands.explain(
        out,
        [name.strip() for name in method.split(",") if name.strip()] or [""],
        [name.strip() for name in images.split(",") if name.strip()],
        Shown(tap=tap, target=target, scale=scale),
        Wish(faithfulness=faithfulness, sanity=sanity, attention=maps),
        plugin or (),
        device,
        quiet,
    )
