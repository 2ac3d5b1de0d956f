"""The house keeps its arrows: who may import whom, where torch may stand, that torchvision stands nowhere."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "foveate"

# A room may import from rooms with a smaller number, and from itself.
LEVEL = {
    "errors": 0,
    "columns": 1,
    "config": 1,
    "locks": 1,
    "spreadsheets": 1,
    "runs": 2,
    "data": 3,
    "attention": 4,
    "models": 5,
    "training": 6,
    "evaluation": 6,
    "explanation": 6,
    "reading": 7,
    "plugins": 7,
    "report": 8,
    "execution": 8,
    "inference": 8,
    "pipeline": 9,
    "overrides": 9,
    "scores": 9,
    "console": 9,
    "commands": 10,
    "interface": 10,
    "cli": 11,
}
TORCH_ROOMS = {"models", "attention", "training", "execution"}
TORCH_FILES = {
    "data/batches.py",
    "data/augment.py",
    "evaluation/predict.py",
    "explanation/attention_maps.py",
    "inference/run_model.py",
    "pipeline.py",
}
TORCH_FOLDERS = ("explanation/cam/", "explanation/faithfulness/", "explanation/sanity.py")
# These read files; they must work where torch is not installed.
WITHOUT_TORCH = {
    "foveate.cli",
    "foveate.commands.audit",
    "foveate.commands.explain",
    "foveate.commands.predict",
    "foveate.commands.study",
    "foveate.commands.reading_set_up",
    "foveate.commands.fetch",
    "foveate.commands.reading",
    "foveate.data.fetch",
    "foveate.data.prepare",
    "foveate.evaluation.compare",
    "foveate.evaluation.localisation_summary",
    "foveate.evaluation.study",
    "foveate.explanation.figures",
    "foveate.explanation.localisation",
    "foveate.explanation.repeatability",
    "foveate.explanation.trust_charts",
    "foveate.inference.images",
    "foveate.inference.onnx_model",
    "foveate.inference.overlays",
    "foveate.inference.results",
    "foveate.inference.stream",
    "foveate.report.html",
    "foveate.reading.analysis",
    "foveate.reading.export",
    "foveate.reading.package",
    "foveate.reading.result_tables",
    "foveate.reading.results",
    "foveate.report.reading_section",
    "foveate.report.scores_page",
    "foveate.report.table_files",
    "foveate.scores",
}
BLOCK_TORCH = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is blocked")

sys.meta_path.insert(0, Block())
"""


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports, anywhere in it but under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    own = room(path)
    if own in ("__init__", "__main__"):
        return
    for name in imports(path):
        if name.startswith("foveate."):
            other = name.split(".")[1]
            if other in LEVEL and other != own:
                assert LEVEL[other] < LEVEL[own], f"{own} must not import {other}"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_is_imported_only_where_networks_are(path: Path) -> None:
    uses = any(name.split(".")[0] in ("torch", "safetensors") for name in imports(path))
    allowed = room(path) in TORCH_ROOMS or str(path.relative_to(SOURCE)) in TORCH_FILES
    allowed = allowed or str(path.relative_to(SOURCE)).startswith(TORCH_FOLDERS)
    assert allowed or not uses


def test_every_room_has_a_level() -> None:
    assert {room(path) for path in files()} - {"__init__", "__main__"} <= set(LEVEL)


@pytest.mark.parametrize("module", sorted(WITHOUT_TORCH))
def test_imports_without_torch(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"{BLOCK_TORCH}\nimport {module}"], check=True)


def test_every_public_statistic_is_there_without_torch() -> None:
    code = "from foveate import evaluation; [getattr(evaluation, name) for name in evaluation.__all__]"
    subprocess.run([sys.executable, "-c", f"{BLOCK_TORCH}\n{code}"], check=True)


def test_the_readers_server_works_without_torch() -> None:
    settings = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'foveate.reading.site.settings'"
    code = f"{settings}; import django; django.setup(); import foveate.reading.site.urls, foveate.reading.site.server"
    subprocess.run([sys.executable, "-c", f"{BLOCK_TORCH}\n{code}"], check=True)


def test_the_block_blocks() -> None:
    ended = subprocess.run([sys.executable, "-c", f"{BLOCK_TORCH}\nimport foveate.pipeline"], check=False, stderr=-1)
    assert b"torch is blocked" in ended.stderr


def test_importing_foveate_imports_no_torch() -> None:
    code = "import sys, foveate; assert 'torch' not in sys.modules; foveate.create_model; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def closure(name: str, seen: set[str]) -> set[str]:
    """All distributions that installing `name` brings, its extras left out."""
    if name in seen:
        return seen
    seen.add(name)
    try:
        requirements = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return seen
    for requirement in requirements:
        if "extra ==" not in requirement:
            closure(re.split(r"[ <>=!~;\[(]", requirement)[0].lower(), seen)
    return seen


def test_torchvision_is_nowhere_in_the_closure() -> None:
    found = closure("foveate", set())
    assert "torch" in found  # the walk really walks
    assert "safetensors" in found
    assert not found & {"torchvision", "timm", "grad-cam", "medmnist"}
