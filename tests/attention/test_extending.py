"""The example in docs/extending.md is a whole mechanism, method and backbone; test_documents.py trains with it."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from foveate import load_plugin
from foveate.attention import MECHANISMS, create_attention
from foveate.explanation.cam import explain
from foveate.models import create_model
from tests.plugin_files import without_plugins

GUIDE = Path(__file__).parents[2] / "docs" / "extending.md"


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# ese.py\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "ese.py").write_text(code, encoding="utf-8")
    with without_plugins():
        assert load_plugin(tmp_path / "ese.py").names == ("ese", "absolute_cam", "resnet10")
        x = torch.randn(2, 64, 5, 7)
        torch.testing.assert_close(create_attention("ese", 64, init="identity")(x), x)
        gate = create_attention("ese", 64).attention(x)["channel"]
        assert gate.shape == (2, 64, 1, 1)
        model = create_model("resnet10+ese")
        model(torch.randn(2, 3, 64, 64)).sum().backward()
        assert len(model.attention_blocks()) == 4
        assert all(parameter.grad is not None for parameter in model.parameters())
        maps, _ = explain(model, torch.randn(2, 3, 64, 64), torch.eye(2), "absolute_cam", "layer3")
        assert maps.shape == (2, 4, 4)
    assert "ese" not in MECHANISMS


def test_what_it_says_of_the_package_is_there() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:src|tests)/[\w./]+)`", guide):
        assert (GUIDE.parents[1] / path).exists(), path
