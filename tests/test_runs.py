"""The grid, the seeds, the folder, and writes that are whole or absent."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from foveate import runs
from foveate.config import Study, parse_study
from foveate.errors import FoveateError, UsageError
from foveate.runs import StudyFolder, derive_seed


def study(**more: Any) -> Study:
    datasets = {"a": {"source": "x"}, "b": {"source": "y"}, "absent": {}}
    return parse_study({"name": "s", "models": ["resnet18", "resnet18+se"], "repeats": 2, "datasets": datasets, **more})


def test_grid_compares_like_with_like() -> None:
    assert [run.key for run in runs.grid(study())][:4] == [
        "a/resnet18/1",
        "a/resnet18+se/1",
        "a/resnet18/2",
        "a/resnet18+se/2",
    ]
    assert len(runs.grid(study())) == 8


def test_several_policies_have_names() -> None:
    names = [subject.name for subject in runs.subjects(study(policies="paper,clean"))]
    assert names == ["a@paper", "a@clean", "b@paper", "b@clean"]
    assert [subject.name for subject in runs.subjects(study())] == ["a", "b"]


def test_seeds_depend_on_every_part() -> None:
    seeds = {
        derive_seed(0, "ct", 1),
        derive_seed(0, "ct", 2),
        derive_seed(1, "ct", 1),
        derive_seed(0, "c", "t", 1),
    }
    assert len(seeds) == 4
    assert derive_seed(0, "ct", 1) == derive_seed(0, "ct", 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_on_every_machine() -> None:
    # From sha256(b"0\x00ct\x001"), first 8 bytes, shifted right by one: worked out with sha256sum.
    assert derive_seed(0, "ct", 1) == 2_151_898_038_139_234_599


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    runs.write_text(path, "old")

    def fail_half_way() -> None:
        with runs.writing(path) as file:
            file.write("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_errors_of_the_disk_name_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FoveateError, match=r"cannot write .*Nothing that was done is lost"):
        runs.write_text(tmp_path / "file" / "below", "x")


def test_read_json_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(FoveateError, match=r"cannot read .*a\.json"):
        runs.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", ["[]", "3", "[" * 100_000, "{", "", "[" + "9" * 5000 + "]"])
def test_json_that_cannot_be_ours_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(FoveateError, match="cannot read .*a.json: .* Remove it and start again"):
        runs.read_json(tmp_path / "a.json")


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = runs.fingerprint([tmp_path / "a", tmp_path / "absent"])
    assert before == runs.fingerprint([tmp_path / "a", tmp_path / "absent"])
    (tmp_path / "a").write_text("2")
    assert before != runs.fingerprint([tmp_path / "a", tmp_path / "absent"])
    assert before != runs.fingerprint([tmp_path / "a", tmp_path / "absent"], "more")


def test_create_and_go_on(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    resolved = study().model_copy(update={"precision": "float32", "threads": 2})
    folder.create(resolved)
    again = StudyFolder(tmp_path / "out")
    again.refuse_foreign(study())  # what the machine decided is not compared
    assert again.study == resolved
    again.refuse_foreign(study(repeats=3))  # no images are read yet: anything may change
    runs.write_text(folder.path / "data/a/pack/index.json", "{}")
    again.refuse_foreign(study(skip_unreadable=True))
    with pytest.raises(UsageError, match="another study .*repeats: 2 there, 3 here"):
        again.refuse_foreign(study(repeats=3))
    with pytest.raises(UsageError, match=r"datasets\.b\.source: '.*/y' there, '.*/z' here"):
        again.refuse_foreign(study(datasets={"a": {"source": "x"}, "b": {"source": "z"}, "absent": {}}))
    with pytest.raises(UsageError, match="precision: 'float32' there, 'bfloat16' here"):
        again.refuse_foreign(study(precision="bfloat16"))


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".weights.safetensors.a1b2.new").touch()
    (tmp_path / "runs" / "mine.new").touch()
    with StudyFolder(tmp_path).lock():
        assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine.new"]


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(UsageError, match="holds files that are not a study's"):
        StudyFolder(tmp_path).refuse_foreign(study())
    with pytest.raises(UsageError, match="is a file"):
        StudyFolder(tmp_path / "thesis.docx").refuse_foreign(study())
    with pytest.raises(UsageError, match="is no study's folder"):
        _ = StudyFolder(tmp_path).study
    (tmp_path / "empty").mkdir()
    StudyFolder(tmp_path / "empty").refuse_foreign(study())


def _hold(path: Path, ready: Any) -> None:
    with StudyFolder(path).lock():
        ready.set()
        time.sleep(60)


def test_one_process_at_a_time_and_a_killed_one_is_gone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "out", ready))
    process.start()
    assert ready.wait(30)
    with pytest.raises(FoveateError, match="another foveate process"), StudyFolder(tmp_path / "out").lock():
        pass
    process.kill()
    process.join()
    with StudyFolder(tmp_path / "out").lock():
        pass
