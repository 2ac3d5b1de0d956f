"""Every block compiles whole and exports to ONNX for sizes that it was not traced at."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from foveate.attention import list_attention
from tests.attention.test_blocks import randomised

OTHER_SIZES = [(1, 32, 12, 10), (3, 32, 7, 9), (2, 32, 24, 20), (1, 32, 5, 31)]  # the double size is a trap of its own


@pytest.mark.parametrize("name", list_attention())
def test_compiles_as_one_graph(name: str) -> None:
    # In float64: GC's softmax of large logits lets float32 differ by its rounding.
    x = torch.randn(2, 32, 12, 10, dtype=torch.float64)
    block = randomised(name, x.shape).double()
    compiled: Any = torch.compile(block, fullgraph=True, backend="eager")
    for training in (True, False):
        block.train(training)
        x = x.detach().requires_grad_(training)
        torch.testing.assert_close(compiled(x), block(x))
    torch.compiler.reset()


@pytest.mark.parametrize("name", list_attention())
def test_exports_for_any_size(name: str) -> None:
    # Random weights: as they are initialised, several blocks are the identity, which any export gets right.
    block = randomised(name, (2, 32, 12, 10)).eval()
    free = {0: torch.export.Dim.DYNAMIC}
    sizes = OTHER_SIZES
    if name == "botnet":  # its positions are learned for one size
        sizes = [(1, 32, 12, 10), (3, 32, 12, 10)]
    else:
        free |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(block, (torch.randn(2, 32, 12, 10),), dynamic_shapes={"x": free}).module()
    for size in sizes:
        x = torch.randn(size)
        torch.testing.assert_close(exported(x), block(x))


@pytest.mark.parametrize("name", list_attention())
def test_onnx_gives_the_same_at_other_sizes(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    block = randomised(name, (2, 32, 12, 10)).eval()
    free = {0: torch.export.Dim.DYNAMIC}
    sizes = OTHER_SIZES
    if name == "botnet":
        sizes = [(1, 32, 12, 10), (3, 32, 12, 10)]
    else:
        free |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own inside
        program = torch.onnx.export(
            block, (torch.randn(2, 32, 12, 10),), dynamo=True, dynamic_shapes={"x": free}, verbose=False
        )
    assert program is not None
    program.save(tmp_path / "block.onnx")
    session = runtime.InferenceSession(str(tmp_path / "block.onnx"), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)  # a norm over two hidden units makes of some images what it likes
    for size in sizes:
        x = torch.randn(size, generator=generator)
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        expected = block(x)
        assert (torch.from_numpy(y) - expected).abs().max() <= 1e-5 * expected.abs().max()
