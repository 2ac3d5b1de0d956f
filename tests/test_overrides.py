"""The command line's options, laid over a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.attention import list_attention
from foveate.errors import UsageError
from foveate.overrides import Overrides, assemble, hours_of


def test_a_folder_alone_is_the_papers_models_split_honestly(tmp_path: Path) -> None:
    study = assemble(None, Overrides(data=[str(tmp_path / "my images")]))
    assert study.name == "my-images"
    assert list(study.datasets) == ["my-images"]
    assert study.datasets["my-images"].source == str(tmp_path / "my images")
    assert study.policies == ("clean",)
    assert len(study.models) == 4
    assert study.recipe.epochs == 100


def test_the_papers_data_sets_by_name(tmp_path: Path) -> None:
    study = assemble("paper", Overrides(data=[f"ct={tmp_path}"], masks=["ct=masks"], positive=["ct=NonCOVID"]))
    assert study.datasets["ct"].source == str(tmp_path)
    assert study.datasets["ct"].masks == str(Path("masks").resolve())
    assert study.datasets["ct"].positive == ("NonCOVID",)
    assert study.datasets["skin"].source is None


def test_every_option(tmp_path: Path) -> None:
    options = Overrides(
        data=[f"ct={tmp_path}"],
        policy="paper,clean",
        pixels=64,
        epochs=3,
        repeats=2,
        models="resnet18,resnet18+gc",
        seed=9,
        precision="float32",
        skip_unreadable=True,
    )
    study = assemble("paper", options)
    assert study.policies == ("paper", "clean")
    assert study.images.pixels == 64
    assert study.epochs("ct") == 3  # the data set's own 500 gives way
    assert (study.repeats, study.seed, study.precision, study.skip_unreadable) == (2, 9, "float32", True)
    assert list(study.models) == ["resnet18", "resnet18+gc"]
    assert study.models["resnet18+gc"].attention_options == {"ratio": 1 / 16}  # the study's own option is kept


def test_all_models() -> None:
    chosen = list(assemble("demo", Overrides(models="all")).models)
    assert chosen == ["resnet18", *(f"resnet18+{name}" for name in list_attention())]
    assert len(chosen) > 14


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        (None, Overrides(), r"--data DIR"),
        (None, Overrides(data=["a", "b"]), "give one folder"),
        ("paper", Overrides(data=["somewhere"]), "--data skin=somewhere"),
        ("paper", Overrides(data=["skn=x"]), "did you mean skin"),
        ("demo", Overrides(epochs=0), r"recipe\.epochs"),
        ("demo", Overrides(models="resnet18,,"), ""),
        ("demo", Overrides(models=","), "models"),
    ],
)
def test_wrong_options(name: str | None, overrides: Overrides, message: str) -> None:
    if not message:
        assert list(assemble(name, overrides).models) == ["resnet18"]
        return
    with pytest.raises(UsageError, match=message):
        assemble(name, overrides)


@pytest.mark.parametrize(
    ("limit", "hours"),
    [("1h", 1), ("30m", 0.5), ("90min", 1.5), ("2h30m", 2.5), ("2h 30min", 2.5), ("1.5h", 1.5), (" 1 H", 1)],
)
def test_time_limits(limit: str, hours: float) -> None:
    assert hours_of(limit) == pytest.approx(hours)


@pytest.mark.parametrize("limit", ["", "h", "1", "0h", "-1h", "1d", "1h30", "30s", "m30", "one hour"])
def test_time_limits_that_are_none(limit: str) -> None:
    with pytest.raises(UsageError, match="such as 1h, 30m, 90min or 2h30m"):
        hours_of(limit)
