"""`foveate data audit`: of folders and of studies, its exit status, and that nothing is written among the images."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foveate import cli, runs


def listing(place: Path) -> dict[str, int]:
    return {str(path.relative_to(place)): path.stat().st_mtime_ns for path in place.rglob("*")}


def audit_command(*arguments: object, cwd: Path) -> tuple[int, str]:
    before = Path.cwd()
    os.chdir(cwd)
    try:
        ended = CliRunner().invoke(cli.app, ["data", "audit", *map(str, arguments)])
    finally:
        os.chdir(before)
    return ended.exit_code, ended.output


def test_the_command(bad: Path, clean: Path, tmp_path: Path) -> None:
    before = listing(bad)
    status, told = audit_command(bad, cwd=tmp_path)
    assert status == 0
    assert "! 2 of 15 test images are pixel-identical" in told
    assert "audit: foveate-audit-bad/index.html" in told
    out = tmp_path / "foveate-audit-bad"
    assert sorted(entry.name for entry in out.iterdir()) == ["audit.json", "index.html"]
    assert listing(bad) == before
    status, told = audit_command(bad, "--strict", "--quiet", cwd=tmp_path)  # and again, into the same place
    assert status == 1
    assert "error: --strict: 3 pictures in more than one part" in told
    assert "reading" not in told
    status, told = audit_command(clean, "--strict", "--out", "mine", cwd=tmp_path)
    assert status == 0
    assert runs.read_json(tmp_path / "mine" / "audit.json")["images"] == 48


def test_the_images_of_a_study(bad: Path, clean: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "image,dx\n" + "".join(f"{path.relative_to(bad)},{path.parent.name}\n" for path in sorted(bad.rglob("*.*g")))
    )
    tabled = f"{{source: {bad}, table: {tmp_path}/table.csv, columns: {{path: image, label: dx}}}}"
    study = tmp_path / "mine.yaml"
    study.write_text(f"models: [resnet18]\ndatasets: {{mine: {tabled}}}\n")
    status, told = audit_command(study, cwd=tmp_path)
    assert status == 0, told
    assert "audit: foveate-audit-mine/index.html" in told
    assert "different pictures" in told
    study.write_text(
        f"models: [resnet18]\ndatasets: {{mine: {tabled}, other: {{source: {clean}}}, p: {{source: phantom}}}}"
    )
    assert audit_command(study, "--dataset", "other", cwd=tmp_path)[0] == 0
    assert runs.read_json(tmp_path / "foveate-audit-other" / "audit.json")["images"] == 48
    for arguments, message in (
        ([study], "choose one with --dataset mine|other"),
        ([study, "--dataset", "p"], "no data set 'p' with a source: mine, other"),
        ([clean, "--dataset", "mine"], "--dataset goes with a study's YAML file only"),
        ([study, "--dataset", "other", "--out", clean / "x"], "where nothing is written"),
        ([tmp_path / "absent.yaml"], "there is no study"),
    ):
        status, told = audit_command(*arguments, cwd=tmp_path)
        assert status == 2
        assert message in " ".join(told.split())


def test_a_zip(clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    file = shutil.make_archive(str(tmp_path / "lesions"), "zip", clean)
    status, told = audit_command(file, cwd=tmp_path)
    assert status == 0
    assert "audit: foveate-audit-lesions/index.html" in told
    assert "audit of the data set <b>lesions</b>" in (tmp_path / "foveate-audit-lesions" / "index.html").read_text()


def test_a_folder_may_be_named_as_a_study_is(clean: Path, tmp_path: Path) -> None:
    shutil.copytree(clean, tmp_path / "mine.yaml")
    status, told = audit_command("mine.yaml", cwd=tmp_path)
    assert status == 0
    assert "audit: foveate-audit-mine.yaml/index.html" in told


def test_wrong_use(clean: Path, tmp_path: Path) -> None:
    before = listing(clean)
    for arguments, cwd, message in (
        (["absent"], tmp_path, "absent does not exist"),
        ([clean, "--out", clean / "audit"], tmp_path, "where nothing is written: give a folder elsewhere"),
        ([clean], clean, "where nothing is written: give a folder elsewhere"),
        ([clean, "--out", tmp_path], tmp_path, "holds files that are not an audit's"),
        ([clean, "--positive", "ill"], tmp_path, "has no class 'ill'"),
        ([clean, "--masks", "absent"], tmp_path, "absent does not exist"),
    ):
        (tmp_path / "thesis.txt").write_text("")
        status, told = audit_command(*arguments, cwd=cwd)
        assert status in (1, 2)
        assert message in told
        assert len(told.strip().splitlines()) <= 3
    assert listing(clean) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]
