"""The words of the page and of the docs come from one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.report import glossary

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_are_what_the_file_says() -> None:
    assert (DOCS / "glossary.md").read_text(encoding="utf-8") == glossary.markdown()


@pytest.mark.parametrize(
    "name",
    ["Energy", "Lift", "Tap", "Holm", "Factorial", "Nested", "Heat-map", "Attention map", "Target", "Centre prior",
     "Mean map", "Chance", "Policy", "Pack", "Manifest", "Case", "Repeat", "Run", "Split", "DeLong’s test",
     "Obuchowski-Rockette", "CAM", "ROAD"],
)  # fmt: skip
def test_what_people_stumble_on_is_explained(name: str) -> None:
    assert name in [term.name for term in glossary.terms()]


def test_names_are_there_once_and_in_order() -> None:
    names = [term.name.lower() for term in glossary.terms()]
    assert names == sorted(set(names))
    forms = [form for term in glossary.terms() for form in term.forms]
    assert len(forms) == len(set(forms))


def test_only_words_that_are_read_count() -> None:
    page = "<style>.energy { }</style><p title='tap'>Grad-CAM: p < 0.001</p><script>var lift</script>"
    assert [term.name for term in glossary.used_in(page)] == ["CAM", "p"]
    assert [term.name for term in glossary.used_in("<p>heat-maps by hit rates; P(sick), enlifted</p>")] == ["Heat-map"]
