"""What the tests say, in words: never more than they say."""

from __future__ import annotations

import pytest

from foveate.report.tables import ModelResult
from foveate.report.verdict import quotes, verdict

METHOD = "Obuchowski-Rockette, runs as readers, nested"


def row(
    model: str,
    tests: tuple[float, ...] = (90.0, 91.0),
    delta: float | None = None,
    interval: tuple[float, float] | None = None,
    p: float | None = None,
    p_holm: float | None = None,
    method: str = METHOD,
) -> ModelResult:
    mean = sum(tests) / len(tests)
    deviation = 0.5 if len(tests) > 1 else None
    return ModelResult(model, tests, mean, deviation, delta, interval, p, p_holm, method, None, None, ())


BASELINE = row("resnet18", (90.0, 92.5))
CHANCE = row("resnet18+se", (91.0, 91.5), 0.0, (-2.0, 2.5), 0.9, 0.95)
BETTER = row("resnet18+cbam", (94.0, 95.0), 3.25, (1.0, 5.5), 0.008, 0.016)


def test_no_difference_is_not_equality() -> None:
    text = verdict({"MRI": [BASELINE, CHANCE]})
    assert "The difference is not larger than new training runs and new images would bring by chance (p = 0.950" in text
    assert "does not show that the models are equally good" in text
    assert "up to 2.50 points" in text
    assert "were up to 2.50 points apart" in text  # 90.0 and 92.5


def test_an_interval_wider_than_aucs_can_be_apart_says_any_size() -> None:
    wide = row("resnet18+se", (91.0, 91.5), 1.0, (-263.5, 265.5), 0.9, 0.9)
    assert "equally good: true differences of any size still fit these data." in verdict({"MRI": [BASELINE, wide]})


def test_what_has_not_learned_comes_first() -> None:
    text = verdict({"MRI": [BASELINE, CHANCE]}, "ResNet-18 has not learned.")
    assert text.startswith("ResNet-18 has not learned. The difference is not larger")


def test_what_is_more_than_chance_is_named_with_its_p() -> None:
    text = verdict({"MRI": [BASELINE, CHANCE, BETTER]})
    assert text.startswith("More than chance explains, after Holm’s adjustment for two comparisons: ")
    assert "comparisons: ResNet-18 + CBAM (+3.25 points, p = 0.016)." in text
    assert "The other difference may be chance." in text
    assert "SE" not in text


def test_the_adjusted_p_decides() -> None:
    nearly = row("resnet18+gc", (93.0, 93.0), 2.0, (0.1, 3.9), 0.03, 0.06)
    assert "not larger than" in verdict({"MRI": [BASELINE, nearly]})


def test_several_data_sets_are_named() -> None:
    text = verdict({"MRI": [BASELINE, BETTER], "CT": [BASELINE, CHANCE]})
    assert "ResNet-18 + CBAM on MRI (+3.25 points" in text
    assert "ResNet-18 + CBAM on MRI (+3.25 points, p = 0.016)" in text


def test_one_run_each_shows_nothing_about_models() -> None:
    one = [row("resnet18", (90.0,)), row("resnet18+se", (95.0,), 5.0, (1.0, 9.0), 0.01, 0.01)]
    text = verdict({"MRI": one})
    assert text.startswith("With one run of each model nobody can tell")
    assert "More than chance" not in text


def test_nothing_tested_is_said() -> None:
    untested = row("resnet18+se", delta=1.0, method="undefined: no repeat has a run of every model")
    assert "No model could be tested" in verdict({"MRI": [BASELINE, untested]})


def test_the_sentence_to_quote_has_everything() -> None:
    said = quotes("MRI", [BASELINE, CHANCE, BETTER], 653, 0.95)
    assert said[1] == (
        "On MRI (653 validation images), ResNet-18 + CBAM reached a mean AUC-ROC of 94.50 % over two training runs of "
        "each model, against 91.25 % for ResNet-18: a difference of +3.25 percentage points (95 % CI +1.00 to +5.50; "
        "p = 0.008; 0.016 after Holm’s adjustment for two comparisons; Obuchowski-Rockette, runs as readers, nested)."
    )


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (row("m", delta=1.0, method="undefined: one class"), "(no test: one class)."),
        (row("m", (94.0, 95.0), 3.25, (1.0, 5.5), 0.008, 0.008), "p = 0.008; Obuchowski-Rockette"),  # a family of one
        (row("m", (94.0, 95.0), 3.25, (1.0, 5.5), 1e-9, 2e-9), "p < 0.001; Obuchowski-Rockette"),
    ],
)
def test_what_the_sentence_leaves_out(other: ModelResult, expected: str) -> None:
    (said,) = quotes("MRI", [BASELINE, other], None, 0.95)
    assert expected in said
    assert "Holm" not in said
    assert "images" not in said


def test_a_model_without_runs_has_no_sentence() -> None:
    assert quotes("MRI", [BASELINE, row("m")], None, 0.95) == []
