"""What does training an attention block cost against its textbook form, and a whole network with it?

Prints, for each block at the four stages of a ResNet-18, how many times as fast as the textbook form a forward and
backward pass is, and what share of the textbook's memory it keeps for the backward pass. The aims, as medians over
stages and precisions in channels_last: CBAM 2.5, triplet 2, GC 1.5, SE 1.1; nowhere less than 0.95; CBAM keeps at most
60 %. Then the time of a training step of ResNet-18 with attention relative to the plain one; the aim, CBAM in bfloat16
at 224 pixels: 1.2. `--compile` adds what torch.compile makes of our blocks.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.textbook_attention import textbook
from benchmarks.timing import by_turns, conditions, summary
from foveate.attention import create_attention
from foveate.models import create_model

MECHANISMS = ("cbam", "triplet", "gc", "se")
STAGES = ((64, 56), (128, 28), (256, 14), (512, 7))  # channels, side
PRECISIONS = (torch.float32, torch.bfloat16)
FORMATS = {"channels_last": torch.channels_last, "NCHW": torch.contiguous_format}
BATCH, STEP_ROUNDS = 32, 7


def training_pass(form: Callable[[Tensor], Tensor], x: Tensor, above: Tensor) -> None:
    """One forward and backward pass, in bfloat16 as under autocast."""
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=x.dtype == torch.bfloat16):
        y = form(x)
    y.backward(above)  # type: ignore[no-untyped-call]
    x.grad = None
    if x.is_cuda:
        torch.cuda.synchronize()


def saved_bytes(form: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """Memory that autograd keeps for the backward pass, each storage counted once; parameters do not count."""
    parameters = {parameter.untyped_storage().data_ptr() for parameter in getattr(form, "parameters", tuple)()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter) and tensor.untyped_storage().data_ptr() not in parameters:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=x.dtype == torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        y = form(x)
    del y
    return sum(kept.values())


def block_ratios(name: str, stage: int, dtype: torch.dtype, layout: str, rounds: int, compiled: bool) -> float:
    """Prints one row of the table; the median ratio."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    channels, side = STAGES[stage]
    block = create_attention(name, channels).to(device)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # the authors' start at 0 would make gates trivial
    x, above = (
        torch.randn(BATCH, channels, side, side, device=device, dtype=dtype).to(memory_format=FORMATS[layout])
        for _ in range(2)
    )
    x.requires_grad_()
    reference = textbook(block)
    memory = saved_bytes(block, x) / saved_bytes(reference, x)
    torch.compiler.reset()  # or it would compile for sizes of all kinds after the second one
    ours = torch.compile(block, dynamic=False) if compiled else block
    fast, slow = by_turns(partial(training_pass, ours, x, above), partial(training_pass, reference, x, above), rounds)
    ratios = [theirs / own for own, theirs in zip(fast, slow, strict=True)]
    ratio = statistics.median(slow) / statistics.median(fast)
    words = f"{name:8} {channels:3} x {side:2} x {side:2}  {str(dtype)[6:]:8}  {layout:13}"
    print(f"{words}  {ratio:5.2f}  {summary(ratios)}  {memory:5.2f}{'  compiled' if compiled else ''}", flush=True)
    return ratio


def step_ratio(name: str, dtype: torch.dtype, pixels: int) -> None:
    """Prints the time of a network's training step relative to the plain network's."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = torch.randn(BATCH, 3, pixels, pixels, device=device).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH, device=device) % 2

    def step_of(model: nn.Module) -> Callable[[], None]:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

        def step() -> None:
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize()

        return step

    ours, plain = (step_of(create_model(each).on(device).train()) for each in (f"resnet18+{name}", "resnet18"))
    times, references = by_turns(ours, plain, STEP_ROUNDS)
    ratios = [own / other for own, other in zip(times, references, strict=True)]
    print(f"resnet18+{name:8} {str(dtype)[6:]:8}  {summary(ratios)} of the plain step", flush=True)


def print_blocks(names: list[str], rounds: int, compiled_too: bool) -> None:
    """Prints the table of blocks, with a mechanism's median over stages and precisions below its rows."""
    print(f"times as fast as the textbook form, batch {BATCH}, {rounds} pairs by turns; {conditions()}")
    print("block    stage         precision format         ratio  of single pairs          memory kept")
    for layout in FORMATS:
        for name in names:
            for compiled in (False, True) if compiled_too and layout == "channels_last" else (False,):
                ratios = [
                    block_ratios(name, stage, dtype, layout, rounds, compiled)
                    for stage in range(len(STAGES))
                    for dtype in PRECISIONS
                ]
                print(f"{name} {layout}: median {statistics.median(ratios):.2f}, least {min(ratios):.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20, help="interleaved pairs of passes in a row of the table")
    parser.add_argument("--compile", action="store_true", help="also measure our blocks under torch.compile")
    parser.add_argument("--steps-only", action="store_true", help="leave out the table of blocks")
    parser.add_argument("--pixels", type=int, default=224, help="side of the images of a training step")
    parser.add_argument("--only", choices=MECHANISMS, nargs="+", default=list(MECHANISMS))
    options = parser.parse_args()
    if not options.steps_only:
        print_blocks(options.only, options.rounds, options.compile)
    print(f"training step of ResNet-18, batch {BATCH}, {options.pixels} px, {STEP_ROUNDS} pairs by turns")
    for name in options.only:
        for dtype in PRECISIONS:
            step_ratio(name, dtype, options.pixels)


if __name__ == "__main__":
    main()
