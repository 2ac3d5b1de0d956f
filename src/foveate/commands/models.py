"""What `foveate models` and `foveate export` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from foveate import console, plugins, runs
from foveate.attention import list_attention
from foveate.errors import UsageError

_MODEL_SECONDS = 7  # that `models` takes for a model of 224 pixels on two cores


def models(names: str, pixels: int, timed: bool, device: str, plugin_files: Sequence[Path]) -> None:
    """`foveate models`."""
    with console.errors_for_people():
        for file in plugin_files:
            plugins.load_plugin(file)
        if pixels < 33:
            raise UsageError(f"--pixels must be at least 33, not {pixels}.")
        from foveate.models.profile import ROUNDS, profile
        from foveate.training import acceleration

        every = ["resnet18", *(f"resnet18+{attention}" for attention in list_attention())]
        chosen = every if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
        if not chosen:
            raise UsageError("--models names no model.")
        where = acceleration.resolve_device(device)
        with console.bar(quiet=False) as progress:
            minutes = max(1, round(len(chosen) * _MODEL_SECONDS * (pixels / 224) ** 2 / 60))
            about = f", about {minutes} min; --no-time leaves the step times out" if timed else ""
            progress.announce(f"measuring {len(chosen)} models at {pixels} pixels{about}")
            progress.start(len(chosen) + timed * (1 + ROUNDS), 0)
            rows = profile(chosen, pixels, timed, where, lambda: progress.advance(1))
    table = Table("model", box=None, pad_edge=False)
    for title in ("parameters", "added", "GFLOPs", "activations", "gain", *(["step"] if timed else [])):
        table.add_column(title, justify="right")
    first = rows[0].parameters
    for row in rows:
        cells = [f"{row.parameters:,}", f"{(row.parameters - first) / first:+.2%}", f"{row.flops / 1e9:.2f}"]
        cells += [f"{row.activation_bytes / 2**20:.1f} MiB", "" if row.gain is None else f"{row.gain:.2f}"]
        table.add_row(row.model, *cells, *([f"{row.step:.2f}"] if row.step is not None else []))
    console.out.print(table)
    console.out.print(
        f"One image of {pixels} pixels, forward: GFLOPs (two a multiplication with addition), float32 activations kept "
        "for the backward pass.\nGain: what a block makes of its input's norm as it is initialised; where it is not 1, "
        "the residual branch starts weaker or stronger than the baseline's."
        + (f"\nStep: time of a training step over {rows[0].model}'s, float32, on this machine." if timed else ""),
        markup=False,
    )


def export(run_folder: Path, to: str, out: Path | None) -> None:
    """`foveate export RUN`."""
    with console.errors_for_people():
        if to != "onnx":
            raise UsageError(f"there is no format {to!r} to export to: known is onnx.")
        from foveate.models.export import export_onnx

        if (run_folder / "run.json").is_file():
            plugins.load_for_run(run_folder, runs.read_json(run_folder / "run.json"))
        console.err.print("exporting to ONNX and running the file beside torch: about a minute", markup=False)
        file = export_onnx(run_folder, out or run_folder / "model.onnx")
    console.out.print(f"exported: {file}", markup=False)
