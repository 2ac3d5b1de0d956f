"""foveate: does self-attention help a CNN on medical images, and does it then look where a specialist would?"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.attention import create_attention, list_attention
    from foveate.config import Study, load_study
    from foveate.errors import FoveateError, UsageError
    from foveate.inference.trained import load_model
    from foveate.interface import run
    from foveate.models import create_model
    from foveate.models.attach import attach
    from foveate.plugins import load_plugin

__version__ = "0.1.0"

# Public name -> the module it lives in, imported at its first use: torch costs seconds, `foveate --help` must not.
_HOME = {
    "FoveateError": "foveate.errors",
    "Study": "foveate.config",
    "UsageError": "foveate.errors",
    "attach": "foveate.models.attach",
    "create_attention": "foveate.attention",
    "create_model": "foveate.models",
    "list_attention": "foveate.attention",
    "load_model": "foveate.inference.trained",
    "load_plugin": "foveate.plugins",
    "load_study": "foveate.config",
    "run": "foveate.interface",
}

__all__ = [
    "FoveateError",
    "Study",
    "UsageError",
    "attach",
    "create_attention",
    "create_model",
    "list_attention",
    "load_model",
    "load_plugin",
    "load_study",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foveate' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
