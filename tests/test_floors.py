"""Every dependency has an oldest version, which the tested one is not older than, and none with known holes."""

from __future__ import annotations

import pytest

from tests.floors import CORE, ROOT, floors


def parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:3]))


def test_the_tested_versions_are_no_older_than_the_oldest() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.lower().split("==") for line in lines if "==" in line)
    found = floors()
    assert {"torch", "django", "pillow", "pydicom", "pyjpegls", "openpyxl", "pytest"} < set(found)
    for name, floor in found.items():
        assert parts(tested[name.lower()]) >= parts(floor), name


@pytest.mark.parametrize(
    ("name", "mended"),
    [
        ("django", "5.2.17"),  # CVE-2025-64459 (5.2.8), CVE-2026-15337 (5.2.17)
        ("jinja2", "3.1.6"),  # CVE-2025-27516
        ("pillow", "12.3.0"),  # CVE-2025-48379 (11.3), CVE-2026-25990 (12.1.1), CVE-2026-59199 (12.3)
        ("filelock", "3.20.3"),  # CVE-2025-68146 (3.20.1), CVE-2026-22701
        ("onnx", "1.21.0"),  # CVE-2026-27489, CVE-2026-34445
        ("pydicom", "3.0.2"),  # CVE-2026-32711
        ("torch", "2.10.0"),  # CVE-2025-32434 (2.6), CVE-2026-24747: weights_only=True ran what it loaded
        ("waitress", "3.0.1"),  # CVE-2024-49768, CVE-2024-49769
        ("whitenoise", "6.12.0"),  # files outside of the folder, in a mode that foveate does not use
        ("pytest", "9.0.3"),  # CVE-2025-71176
    ],
)
def test_versions_with_known_holes_are_not_admitted(name: str, mended: str) -> None:
    assert parts(floors()[name]) >= parts(mended)[: len(parts(floors()[name]))]


def test_the_core_is_there() -> None:
    assert [path for path in CORE if not (ROOT / path.partition("::")[0]).exists()] == []
