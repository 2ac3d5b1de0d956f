"""The machine is asked for what it has, and only that."""

from __future__ import annotations

import pytest
import torch

from foveate.errors import UsageError
from foveate.training import acceleration


def test_devices_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="there is no device 'gpu'"):
        acceleration.resolve_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="has no cuda device"):
            acceleration.resolve_device("cuda")
    assert acceleration.resolve_device("cpu").type == "cpu"


def test_auto_prefers_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert acceleration.resolve_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert acceleration.resolve_device("auto").type == "cpu"


@pytest.mark.parametrize(("abilities", "fast"), [({"avx512_bf16": True}, True), ({"avx2": True}, False)])
def test_bfloat16_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch, abilities: dict[str, bool], fast: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    precision = acceleration.resolve_precision("auto", torch.device("cpu"))
    assert precision == ("bfloat16" if fast else "float32")
    assert acceleration.resolve_precision("float32", torch.device("cpu")) == "float32"


def test_hardware_has_a_name() -> None:
    assert "cores" in acceleration.hardware(torch.device("cpu"))
