"""The core of the suite in an environment of the oldest versions that pyproject.toml allows.

python -m tests.floors [FOLDER] [--newest NAME ...]     or: make floors

pyproject.toml alone says which versions these are. FOLDER (.venv-floors) becomes a virtual environment; packages after
--newest are as new as constraints.txt has them: an old torch brings gigabytes for graphics cards.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNNERS = ("pytest", "hypothesis")  # of the extra dev; they run the tests, and are as constraints.txt has them
CORE = (
    *("tests/test_config.py", "tests/test_yaml_texts.py", "tests/test_yaml_and_json.py", "tests/test_runs.py"),
    *("tests/test_spreadsheets.py", "tests/data/test_sources_tables.py", "tests/data/test_raster.py"),
    *("tests/data/test_dicom.py", "tests/data/test_nifti.py", "tests/data/test_prepare.py", "tests/data/test_split.py"),
    *("tests/attention/test_formulas.py", "tests/explanation/cam/test_closed_form.py"),
    *("tests/evaluation/test_compare.py", "tests/evaluation/test_metrics.py", "tests/inference/test_onnx_model.py"),
    *("tests/report/test_html.py", "tests/report/test_table_files.py", "tests/reading/test_package.py"),
    *("tests/reading/test_results.py", "tests/reading/site/test_reader_views.py", "tests/reading/site/test_saving.py"),
    *("tests/reading/site/test_backup.py", "tests/reading/site/administrator/test_results_views.py"),
    "tests/system/test_main_job.py::test_help_and_version",
)
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[[^]]+\])?>=(?P<floor>[0-9.]+)(,<[0-9.]+)?")


def requirements() -> Iterator[tuple[str, str]]:
    """Each extra ("" for none), and what it asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, asked in {"": project["dependencies"], **project["optional-dependencies"]}.items():
        yield from ((extra, requirement) for requirement in asked)


def floors() -> dict[str, str]:
    """The oldest version of each package that a user can have. Raises ValueError where a requirement names none."""
    found = {}
    for extra, requirement in requirements():
        match = _REQUIREMENT.fullmatch(requirement)
        if match and (extra != "dev" or match["name"] in RUNNERS):
            found[match["name"]] = match["floor"]
        elif extra != "dev":
            raise ValueError(f"{requirement}: name the oldest version, such as {requirement}>=1.0")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".venv-floors")
    parser.add_argument("--newest", nargs="*", default=[], metavar="NAME")
    given = parser.parse_args(arguments)
    python = given.folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", given.folder], check=True)
    newest = {*given.newest, *RUNNERS}
    lines = [f"{name}=={floor}" for name, floor in floors().items() if name not in newest]
    tested = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines += [line for line in tested if line.partition("==")[0] in newest]
    constraints = given.folder / "floors.txt"
    constraints.write_text("\n".join(lines), encoding="utf-8")
    extras = ",".join(sorted({extra for extra, _ in requirements()} - {"", "dev"}))
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", constraints]
    subprocess.run([*install, "--editable", f"{ROOT}[{extras}]", *RUNNERS], check=True)
    # That an old package uses what newer ones around it give up is no fault of ours; other warnings are errors.
    shown = [f"-Wdefault::{kind}" for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")]
    environment = {**os.environ, "CI": "true"}  # hypothesis sets no deadlines there
    return subprocess.run([python, "-m", "pytest", "-q", *shown, *CORE], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    raise SystemExit(main())
