"""A study is read as it is meant, and what is wrong is named with what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from foveate.config import Study, did_you_mean, dump_study, load_study, nearest, parse_study, presets
from foveate.errors import UsageError

SMALL: dict[str, Any] = {
    "name": "s",
    "models": ["resnet18", "resnet18+se"],
    "datasets": {"d": {"source": "x"}},
}


def test_presets() -> None:
    assert presets() == ["demo", "paper"]


def test_the_papers_preset_is_the_papers_recipe() -> None:
    study = load_study("paper")
    recipe = study.recipe
    assert (recipe.learning_rate, recipe.momentum, recipe.weight_decay, recipe.batch_size) == (
        0.05,
        0.9,
        1e-4,
        64,
    )
    assert (recipe.decay_at, recipe.decay_factor, recipe.augmentation) == ((0.3, 0.6, 0.9), 0.1, ())
    assert {name: study.epochs(name) for name in study.datasets} == {
        "skin": 100,
        "cxr": 100,
        "mri": 100,
        "ct": 500,
    }
    assert study.repeats == 3
    assert study.policies == ("paper",)
    assert list(study.models) == ["resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc"]
    assert study.models["resnet18+se"].attention_options == {"bias": False}
    assert study.models["resnet18+gc"].attention_options == {"ratio": 1 / 16}
    assert all(model.weights is None for model in study.models.values())
    assert study.baseline == "resnet18"


@pytest.mark.parametrize("name", ["demo", "paper"])
def test_a_study_survives_its_file(name: str) -> None:
    study = load_study(name)
    assert parse_study(yaml.safe_load(dump_study(study))) == study


def test_models_by_list_or_by_name() -> None:
    study = parse_study(SMALL)
    assert study.models["resnet18+se"].attention == "se"
    named = parse_study({**SMALL, "models": {"mine": {"backbone": "resnet18", "attention": "gc"}}})
    assert named.models["mine"].attention == "gc"
    assert named.models["mine"].backbone == "resnet18"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epocs": 3}, r"unknown key 'epocs'"),
        ({"recipe": {"epocs": 3}}, r"unknown key 'recipe\.epocs', did you mean 'epochs'"),
        ({"images": {"pixel": 64}}, r"unknown key 'images\.pixel', did you mean 'pixels'"),
        ({"datasets": {"d": {"souce": "x"}}}, r"unknown key 'datasets\.d\.souce', did you mean 'source'"),
        ({"models": {"resnet18": {"atention": "se"}}}, r"did you mean 'attention'"),
        ({"recipe": {"epochs": 0}}, r"recipe\.epochs must be at least 1, not 0\."),
        ({"recipe": {"epochs": "many"}}, r"recipe\.epochs: .*valid integer.*'many'"),
        ({"recipe": {"learning_rate": -1}}, r"recipe\.learning_rate must be greater than 0\.0, not -1"),
        (
            {"recipe": {"augmentation": ["mirror"]}},
            r"recipe\.augmentation\.0: 'mirror' is none of flip, shift, vertical_flip",
        ),
        ({"images": {"pixels": 32}}, r"images\.pixels must be at least 33, not 32"),
        ({"policies": ["clean", "clean"]}, "named twice"),
        ({"policies": "honest"}, r"'honest' is none of paper, shipped, clean\.$"),
        ({"policies": "cleen"}, r"'cleen' is none of paper, shipped, clean, did you mean 'clean'\?$"),
        ({"policies": []}, "policies: .*at least 1"),
        ({"name": "../up"}, "letters, digits"),
        ({"datasets": {"a/b": {}}}, "letters, digits"),
        ({"models": []}, "models: .*at least 1"),
        ({"datasets": {}}, "datasets: .*at least 1"),
        ({"datasets": None}, "datasets: .*valid dictionary"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_study({**SMALL, **change})


def test_many_errors_are_counted_not_listed() -> None:
    with pytest.raises(UsageError) as caught:
        parse_study({**SMALL, "a": 1, "b": 2, "c": 3, "d": 4})
    assert str(caught.value).count("\n") == 2
    assert "and 2 more" in str(caught.value)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "models: [resnet18]\ndatasets:\n  a: {source: images, masks: ../masks}\n  b: {source: phantom}\n"
    )
    study = load_study(tmp_path / "mine.yaml")
    assert study.name == "mine"
    assert study.datasets["a"].source == str(tmp_path / "images")
    assert study.datasets["a"].masks == str(tmp_path.parent / "masks")
    assert study.datasets["b"].source == "phantom"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("models: [resnet18\ndatasets: {", "line 2 is not valid YAML"),
        ("just a sentence", "holds no study"),
        ("", "holds no study"),
    ],
)
def test_files_that_are_no_study(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(UsageError, match=message):
        load_study(tmp_path / "bad.yaml")


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="not a text file"):
        load_study(tmp_path / "bad.yaml")


def test_unknown_study() -> None:
    with pytest.raises(UsageError, match="did you mean paper"):
        load_study("papr")


def test_nearest() -> None:
    assert nearest("cbma", ["cbam", "se"]) == "cbam"
    assert nearest("xyz", ["cbam", "se"]) == ""
    assert did_you_mean("cbma", ["cbam", "se"]) == " (did you mean cbam?)"
    assert did_you_mean("xyz", ["cbam", "se"]) == ""


def test_values_never_change() -> None:
    study: Any = parse_study(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3
    assert isinstance(study, Study)
