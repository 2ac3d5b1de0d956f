"""`foveate.run`: names and options as on the command line, progress for who looks on, a stop that says how to go on."""

from __future__ import annotations

import importlib.util
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import rich.console
import rich.progress

import foveate
from foveate import console, interface, pipeline
from foveate.config import Study, load_study
from foveate.errors import Interrupted, UsageError
from foveate.execution.local import stop_on_signal
from foveate.execution.progress import Silent
from foveate.overrides import Overrides, find
from tests.conftest import MakeImages


class Asked:
    """Stands for the pipeline: remembers what it was asked for."""

    def __init__(self) -> None:
        self.study: Study | None = None
        self.folder, self.progress = Path(), None

    def __call__(self, study: Study, folder: Path, device: str, progress: Any) -> Path:
        self.study, self.folder, self.progress = study, folder, progress
        progress.start(2, 0)
        progress.announce("some/resnet18/1")
        progress.note("a sentence")
        return folder / "report" / "index.html"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr(pipeline, "run", found)
    return found


def test_a_folder_of_images_with_options(make_images: MakeImages, asked: Asked) -> None:
    images = make_images(normal=2, sick=2)
    page = foveate.run(images, pixels=128, epochs=15, models=["resnet18", "resnet18+gc"], positive="sick", quiet=True)
    assert page == Path(f"foveate-{images.name}") / "report" / "index.html"
    assert asked.study is not None
    assert asked.study.images.pixels == 128
    assert asked.study.recipe.epochs == 15
    assert list(asked.study.models) == ["resnet18", "resnet18+gc"]
    assert asked.study.datasets[images.name].positive == ("sick",)
    assert asked.study.datasets[images.name].source == str(images)


def test_lists_and_dicts_are_as_the_command_line_writes_them(asked: Asked, tmp_path: Path) -> None:
    foveate.run("paper", tmp_path / "o", data={"ct": tmp_path, "mri": "x"}, positive={"mri": ["a", "b"]}, quiet=True)
    assert asked.folder == tmp_path / "o"
    assert asked.study is not None
    assert asked.study.datasets["ct"].source == str(tmp_path)
    assert asked.study.datasets["mri"].positive == ("a", "b")
    foveate.run("demo", positive=["lesion", "normal"], policy=("paper", "clean"), repeats=None, quiet=True)
    assert asked.study.datasets["phantom"].positive == ("lesion", "normal")
    assert asked.study.policies == ("paper", "clean")
    assert asked.study.repeats == 3
    assert asked.folder == Path("foveate-demo")


def test_a_study_may_be_given_itself(asked: Asked) -> None:
    study = load_study("demo")
    foveate.run(study, quiet=True)
    assert asked.study == study
    foveate.run(study, seed=7, quiet=True)
    assert asked.study == study.model_copy(update={"seed": 7})


def test_an_option_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match=r"no option 'pixel' \(did you mean pixels\?\)"):
        foveate.run("demo", pixel=64)


def test_names_mean_what_they_mean_on_the_command_line(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(normal=2, sick=2)
    alone, folder = find(None, Overrides(data=[str(images)]), None)
    assert find(str(images), Overrides(), None) == (alone, folder)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "study.yaml").write_text("models: [resnet18]\ndatasets: {p: }\n", encoding="utf-8")
    assert find(tmp_path / "old", Overrides(), None)[1] == tmp_path / "old"
    with pytest.raises(UsageError, match="leave out --out"):
        find(tmp_path / "old", Overrides(), tmp_path / "new")
    with pytest.raises(UsageError, match="two folders of images are given"):
        find(images, Overrides(data=["other"]), None)
    with pytest.raises(UsageError, match="there is no study 'dmeo'"):
        find("dmeo", Overrides(), None)


def test_progress_of_ones_own_or_lines_or_nothing(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    own = Silent()
    foveate.run("demo", progress=own)
    assert asked.progress is own
    assert own.notes == ["a sentence"]
    assert capsys.readouterr().err == ""
    foveate.run("demo")  # the tests have no terminal
    assert capsys.readouterr().err.splitlines() == ["some/resnet18/1", "a sentence"]
    foveate.run("demo", quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("widgets", "shown"), [(object(), True), (None, False)])
def test_a_notebook_has_a_bar_where_it_can_show_one(
    monkeypatch: pytest.MonkeyPatch, widgets: object, shown: bool
) -> None:
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: widgets)
    monkeypatch.setattr(rich.progress.Progress, "start", lambda self: None)
    monkeypatch.setattr(rich.progress.Progress, "stop", lambda self: None)
    with console.bar(quiet=False) as bar:
        assert bar.progress.disable is not shown


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), Interrupted("asked to")])
def test_a_stop_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, stopped: BaseException) -> None:
    def stop(*arguments: Any) -> Path:
        raise stopped

    monkeypatch.setattr(pipeline, "run", stop)
    with pytest.raises(KeyboardInterrupt, match=r"what is done is kept. Go on with: foveate.run\('foveate-demo'\)"):
        interface.run("demo", quiet=True)


def test_signal_handlers_are_put_back_and_threads_have_none() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signal() as stop:
        assert signal.getsignal(signal.SIGINT) not in before
        assert not stop()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    said: list[bool] = []

    def work() -> None:
        with stop_on_signal() as stop:
            said.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python cannot put it back: `signal.signal(number, None)` is an error."""
    set_to: list[int] = []
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda number, handler: set_to.append(number))
    with stop_on_signal() as stop:
        assert not stop()
    assert set_to == []
