"""The example in docs/extending.md is a whole mechanism."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

from foveate.attention import MECHANISMS, create_attention
from foveate.models import create_model

GUIDE = Path(__file__).parents[2] / "docs" / "extending.md"


def test_one_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    ((name, module, class_name),) = re.findall(r'^    "(\w+)": \("(\w+)", "(\w+)"\),$', guide, re.MULTILINE)
    file = tmp_path / f"{module}.py"
    file.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"foveate.attention.{module}", file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, f"foveate.attention.{module}", loaded)
    spec.loader.exec_module(loaded)
    monkeypatch.setitem(MECHANISMS, name, (module, class_name))

    x = torch.randn(2, 64, 5, 7)
    torch.testing.assert_close(create_attention(name, 64, init="identity")(x), x)
    gate = create_attention(name, 64).attention(x)["channel"]
    assert gate.shape == (2, 64, 1, 1)
    model = create_model(f"resnet18+{name}")
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    assert len(model.attention_blocks()) == 8
    assert all(parameter.grad is not None for parameter in model.parameters())
