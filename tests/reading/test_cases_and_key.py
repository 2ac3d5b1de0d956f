"""The tables of OUT/reading are read as they were written, or refused by line, without naming a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from foveate.errors import FoveateError
from foveate.reading.cases_and_key import (
    PublicCase,
    cases_csv,
    derived_secret,
    layers,
    new_secret,
    read_cases,
    read_key,
    read_seed,
)
from foveate.runs import StudyFolder
from tests.reading.small_study import Built, key_of


def test_the_tables_are_read_as_they_were_written(made: Built) -> None:
    folder, _ = made
    place = folder.path / "reading"
    cases, key = read_cases(place), read_key(place)
    table = pd.read_csv(place / "cases.csv", dtype=str)
    assert [(case.name, str(case.width), str(case.height)) for case in cases] == list(
        zip(table["name"], table["width"], table["height"], strict=True)
    )
    assert {case.truth for case in cases} == {None}
    rows = key_of(place)
    assert [(row.name, row.case, row.truth, row.stratum, row.model, row.layer) for row in key] == list(
        rows[["name", "case", "truth", "stratum", "model", "layer"]].itertuples(index=False, name=None)
    )
    assert {row.repeat for row in key} == {1}
    assert read_seed(place) == 987654321
    found = layers(key)
    assert list(found) == [case.name for case in cases]
    for name, own in found.items():
        models = [next(row.model for row in key if (row.name, row.layer) == (name, layer)) for layer in own]
        assert models == list(folder.study.models)


def test_classes_that_look_like_numbers_or_nothing_are_kept(tmp_path: Path) -> None:
    cases = [
        PublicCase("mri", f"{number:032x}", False, 3, 2, truth) for number, truth in enumerate(("NA", "01", 'a, "b"'))
    ]
    (tmp_path / "cases.csv").write_text(cases_csv(cases, show_truth=True), encoding="utf-8")
    assert read_cases(tmp_path) == tuple(cases)
    (tmp_path / "cases.csv").write_text(cases_csv(cases, show_truth=False), encoding="utf-8")
    assert read_cases(tmp_path) == tuple(replace(case, truth=None) for case in cases)


def _set(column: str, value: str) -> Callable[[list[dict[str, str]]], object]:
    """Another value in the third row, which stands in line 4."""
    return lambda rows: rows[2].update({column: value})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_set("name", "../../etc/passwd"), "line 4: name must be 32 digits"),
        (_set("layer", "0" * 31 + "A"), "line 4: layer must be 32 digits"),
        (_set("practice", "True"), "line 4: practice must be yes or no; restore the file"),
        (_set("repeat", "0"), "line 4: repeat must be a whole number of 1 or more; restore the file"),
        (_set("repeat", "resnet18"), "line 4: repeat must be"),  # a cell too many or too few moves the others
        (_set("auc", "resnet18+se"), "line 4: auc must be"),
        (_set("practice", "resnet18"), "line 4: practice must be"),
        (_set("repeat", "1.0"), "line 4: repeat must be"),
        (_set("stratum", "few"), "line 4: stratum is none of all, some, none"),
        (_set("case", ""), "line 4: case is empty"),
        (_set("model", ""), "line 4: model is empty"),
        (_set("dataset", ""), "line 4: dataset is empty"),
        (_set("auc", "high"), "line 4: auc must be a number or nothing; restore the file"),
        (_set("energy", "nan"), "line 4: energy must be a number or nothing"),
        (_set("pixel_auprc", "inf"), "line 4: pixel_auprc must be"),
        (lambda rows: rows[2].update(layer=rows[0]["layer"]), "line 4: this layer stands further up already"),
        (lambda rows: rows[2].update(model=rows[0]["model"]), "line 4: this model of the same case stands further up"),
        (lambda rows: [row.pop("auc") for row in rows], "line 1: the columns must be dataset, name, "),
        (lambda rows: rows.__delitem__(slice(4, 8)), "is not the key of these cases"),
        (lambda rows: [row.update(dataset="ct") for row in rows], "is not the key of these cases"),
        (lambda rows: [row.update(practice="no") for row in rows], "is not the key of these cases"),
    ],
)
def test_a_damaged_key_is_named_with_its_line_and_no_model(
    copied: Path, damage: Callable[[list[dict[str, str]]], object], says: str
) -> None:
    path = copied / "key" / "key.csv"
    rows = key_of(copied).fillna("").to_dict("records")
    damage(rows)  # type: ignore[arg-type]
    pd.DataFrame(rows).to_csv(path, index=False)
    with pytest.raises(FoveateError, match=f"key.csv.*{says}") as refused:
        read_key(copied)
    assert "resnet" not in str(refused.value)


def test_a_cut_or_missing_key_is_named(copied: Path) -> None:
    path = copied / "key" / "key.csv"
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'",', 0, content.index(b"\n", 900)) + 1])
    with pytest.raises(FoveateError, match=r"key.csv, line \d+: .*not as many cells as the head"):
        read_key(copied)
    path.write_bytes(content.splitlines(keepends=True)[0])
    with pytest.raises(FoveateError, match="key.csv has no rows"):
        read_key(copied)
    for junk in (b"\xff\xfe", b'dataset,"name'):
        path.write_bytes(junk)
        with pytest.raises(FoveateError, match="key.csv is no table"):
            read_key(copied)
    path.unlink()
    with pytest.raises(FoveateError, match="cannot read .*key.csv: No such file"):
        read_key(copied)


def test_a_key_whose_models_change_their_places_is_refused(both: StudyFolder) -> None:
    key = list(read_key(both.path / "reading"))
    assert {len(own) for own in layers(key).values()} == {4}
    assert len(layers(key)) == 16
    turned = [*key[:4], key[5], key[4], *key[6:]]
    for wrong in (turned, key[:5] + key[6:]):
        with pytest.raises(FoveateError, match="key.csv: .* not the same models in the same order") as refused:
            layers(wrong)
        assert "resnet" not in str(refused.value)
    for change in ({"case": "0"}, {"truth": "?"}, {"practice": not key[9].practice}, {"repeat": 9}, {"stratum": "?"}):
        with pytest.raises(FoveateError, match=f"key.csv: the rows of {key[9].name} contradict each other"):
            layers([*key[:9], replace(key[9], **change), *key[10:]])


def test_damaged_cases_are_named_with_their_line(copied: Path) -> None:
    path = copied / "cases.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    dataset, name, practice, width, height = lines[3].replace('"', "").split(",")
    for damaged, says in (
        (f"{dataset},{name}x,{practice},{width},{height}", "name must be 32 digits"),
        (f"{dataset},{name},maybe,{width},{height}", "practice must be yes or no; restore the file"),
        (f"{dataset},{name},{practice},0,{height}", "width must be a whole number"),
        (f"{dataset},{name},{practice},{width},-3", "height must be a whole number"),
        (f"{dataset},{name},{practice},{width}", "not as many cells as the head"),
        (f"{dataset},{name},{practice},{width},{height},lesion", "not as many cells as the head"),
        (lines[1], "this name stands further up already"),
    ):
        path.write_text("\n".join([*lines[:3], damaged, *lines[4:]]), encoding="utf-8")
        with pytest.raises(FoveateError, match=f"cases.csv, line 4: .*{says}"):
            read_cases(copied)


def test_a_damaged_seed_is_named(copied: Path) -> None:
    path = copied / "key" / "seed"
    for wrong in ("", "12.5\n", "1 2"):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(FoveateError, match="key/seed holds no whole number"):
            read_seed(copied)
    path.unlink()
    with pytest.raises(FoveateError, match="cannot read .*key/seed"):
        read_seed(copied)


def test_secrets_for_purposes_of_their_own(copied: Path) -> None:
    path = copied / "key" / "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({path.read_text(encoding="ascii"), new_secret(), new_secret()}) == 3
    path.write_text("0b" * 32 + "\n", encoding="ascii")
    # openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b...0b of "letters"
    expected = "333448900a0750db2aee1dfa3011f0522a82d456171b888d289068a6132b8af1"
    assert derived_secret(copied, "letters").hex() == expected
    assert derived_secret(copied, "backup") != derived_secret(copied, "letters")


def test_a_damaged_secret_is_named(copied: Path) -> None:
    path = copied / "key" / "secret"
    for wrong in ("", "0b" * 31, "0B" * 32, "0b" * 33):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(FoveateError, match="key/secret holds no secret of 64 digits"):
            derived_secret(copied, "letters")
    path.unlink()
    with pytest.raises(FoveateError, match="key/secret is missing, so no letters can be drawn"):
        derived_secret(copied, "letters")
