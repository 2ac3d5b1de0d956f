"""OUT/reading: whole, for its owner alone, blind but for its key, and guarded against changes."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from foveate import config, runs
from foveate.data.decoders import decode
from foveate.errors import FoveateError
from foveate.explanation import heatmaps
from foveate.explanation.geometry import on_original
from foveate.reading import package, render
from foveate.reading.cases_and_key import read_cases, read_key
from foveate.reading.questions import QUESTIONS
from foveate.runs import Run, StudyFolder
from tests.reading.small_study import Built, build, key_of


def test_what_is_written(made: Built) -> None:
    place = made[0].path / "reading"
    assert sorted(entry.name for entry in place.iterdir()) == [
        "SHA256SUMS", "cases.csv", "contact-sheet.png", "images", "key", "study.yaml",
    ]  # fmt: skip
    assert sorted(entry.name for entry in (place / "key").iterdir()) == ["key.csv", "secret", "seed"]
    assert len(list((place / "images").iterdir())) == (6 + 2) * (1 + 4)
    assert (place / "key" / "seed").read_text(encoding="utf-8") == "987654321\n"
    study = package.load(place)
    assert study.datasets == (package.ReadingDataset(name="mri", title="Heads", models=4, cases=6, practice=2),)
    assert (study.repeat, study.show_truth) == (1, False)
    assert study.questions[0].text == "Which model focuses on the most important region?"
    assert study.questions[1].text == "Explain the answer in condensed clinical terminology"
    assert [question.asked for question in study.questions] == ["case", "case", "end"]
    package.verify(place)


def test_only_the_owner_can_read_it(made: Built) -> None:
    place = made[0].path / "reading"
    for entry in (place, *place.rglob("*")):
        assert entry.stat().st_mode & 0o777 == (0o700 if entry.is_dir() else 0o600), entry


def test_cases_and_key_describe_the_images(made: Built) -> None:
    folder, subject = made
    place = folder.path / "reading"
    cases, key = pd.read_csv(place / "cases.csv", dtype=str), key_of(place)
    assert list(cases.columns) == ["dataset", "name", "practice", "width", "height"]
    assert list(key.columns) == [
        "dataset", "name", "practice", "case", "truth", "stratum", "model", "repeat", "layer", "auc", "energy",
        "pixel_auprc",
    ]  # fmt: skip
    assert key.groupby("name", sort=False)["model"].agg(list).tolist() == [list(folder.study.models)] * 8
    assert sorted(key.loc[key["practice"] == "no", "truth"].iloc[::4]) == ["lesion"] * 3 + ["normal"] * 3
    assert cases["name"].tolist() == key["name"].iloc[::4].tolist() == sorted(cases["name"])
    assert cases["practice"].tolist() == key["practice"].iloc[::4].tolist()
    assert sorted(cases["practice"]) == ["no"] * 6 + ["yes"] * 2
    assert set(cases["dataset"]) == set(key["dataset"]) == {"mri"}
    assert set(key["repeat"]) == {"1"}
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str).set_index("case")
    source = Path(folder.study.datasets["mri"].source or "")
    sizes = {str(row.name): (int(str(row.width)), int(str(row.height))) for row in cases.itertuples(index=False)}
    for name, case, model, layer in key[["name", "case", "model", "layer"]].itertuples(index=False):
        pixels = decode(source / str(manifest.loc[case, "path"])).pixels
        with Image.open(place / "images" / f"{name}.png") as image:
            assert np.array_equal(np.asarray(image), pixels)
            assert image.size == sizes[name]
        maps = heatmaps.load(folder.run(Run(subject, model, 1)) / "heatmaps.npz")
        raw = maps.raw[maps.case.tolist().index(case)]
        with Image.open(place / "images" / f"{layer}.png") as image:
            heat = on_original(raw, pixels.shape[0], pixels.shape[1], 33, "pad")
            assert np.array_equal(np.asarray(image), render.layer(heat))


def test_nothing_but_the_key_tells_model_case_or_source(made: Built) -> None:
    folder, subject = made
    place = folder.path / "reading"
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str)
    told = {"resnet", "cbam", "+se", "+gc", "Jane", "Doe", str(folder.path), "lesion", "normal", "987654321"}
    scores = {score for score in key_of(place)["auc"] if len(score) > 5}  # and so stands nowhere by chance
    assert scores
    told |= {*scores, *folder.study.models, *manifest["case"], *manifest["path"], *manifest["pixel_hash"]}
    texts = 0
    for file in [file for file in place.rglob("*") if file.is_file() and file.parent.name != "key"]:
        content = file.read_bytes()
        is_image = file.suffix == ".png"
        texts += not is_image
        for secret in told:
            if len(secret) < 6 and is_image:
                continue  # so few letters may come about by chance in compressed pixels
            assert secret.encode() not in content, f"{secret} in {file.name}"
            assert secret not in file.name
    assert texts == 3


def test_names_and_times_tell_nothing(made: Built, tmp_path: Path) -> None:
    folder, subject = made
    place = folder.path / "reading"
    times = {file.stat().st_mtime_ns for file in (place / "images").iterdir()}
    assert len(times) == 1
    first = {file.name for file in (place / "images").iterdir()}
    shutil.copytree(folder.path, tmp_path / "again", ignore=lambda _, names: [n for n in names if n == "reading"])
    again = package.create(StudyFolder(tmp_path / "again"), [subject], 6, repeat=1, seed=987654321)
    assert not first & {file.name for file in (again / "images").iterdir()}
    assert sorted(key_of(again)["case"]) == sorted(key_of(place)["case"])  # the same draw under other names


def test_layers_of_a_case_have_the_same_header(made: Built) -> None:
    place = made[0].path / "reading"
    for _, own in key_of(place).groupby("name"):
        files = [(place / "images" / f"{layer}.png").read_bytes() for layer in own["layer"]]
        assert len({data[:33] for data in files}) == 1  # signature and IHDR
        assert len({data.count(b"IDAT") for data in files}) == 1


def test_the_truth_is_shown_only_where_asked_for(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    wanted = pd.read_csv(folder.data(subject) / "split.csv", dtype=str)["case"].tolist()[-3:]
    place = package.create(folder, [subject], wanted, show_truth=True)
    cases, key = pd.read_csv(place / "cases.csv", dtype=str), key_of(place)
    truths = dict(zip(key["name"], key["truth"], strict=True))
    assert dict(zip(cases["name"], cases["truth"], strict=True)) == truths
    assert set(key.loc[key["practice"] == "no", "case"]) == set(wanted)
    assert {case.name: case.truth for case in read_cases(place)} == truths
    assert package.load(place).show_truth
    assert int((place / "key" / "seed").read_text(encoding="utf-8")) > 0  # drawn


def test_the_phantoms_images_lie_in_the_studys_folder(tmp_path: Path) -> None:
    folder, subject = build(tmp_path, phantom=True)
    package.verify(package.create(folder, [subject], 1))


def test_an_existing_folder_is_refused_and_left_as_it_is(made: Built) -> None:
    folder, subject = made
    before = {file: file.read_bytes() for file in (folder.path / "reading").rglob("*") if file.is_file()}
    with pytest.raises(FoveateError, match="reading is there already"):
        package.create(folder, [subject])
    assert {file: file.read_bytes() for file in (folder.path / "reading").rglob("*") if file.is_file()} == before


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, subject = build(tmp_path)
    stale = folder.path / ".reading-of-a-killed-process"
    (stale / "key").mkdir(parents=True)
    before = {entry.name for entry in folder.path.iterdir()} - {stale.name}

    def stop(count: int) -> None:
        assert len(list(folder.path.glob(".reading-*"))) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        package.create(folder, [subject], 2, advance=stop)
    assert {entry.name for entry in folder.path.iterdir()} - {".lock"} == before

    def full(path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("foveate.reading.writing.os.fsync", full)
    with pytest.raises(FoveateError, match="No space left on device"):
        package.create(folder, [subject], 2)
    assert {entry.name for entry in folder.path.iterdir()} - {".lock"} == before


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    run = Run(subject, "resnet18+se", 1)
    maps = heatmaps.load(folder.run(run) / "heatmaps.npz")
    replace(maps, case=np.array([f"other-{case}" for case in maps.case])).save(folder.run(run) / "heatmaps.npz")
    with pytest.raises(FoveateError, match=r"the run mri/resnet18\+se/1 has no heat-map of "):
        package.create(folder, [subject], 2)
    maps.save(folder.run(run) / "heatmaps.npz")
    shutil.rmtree(folder.study.datasets["mri"].source or "")
    with pytest.raises(FoveateError, match="Doe-"):
        package.create(folder, [subject], 2)
    (folder.data(subject) / "manifest.csv").unlink()
    with pytest.raises(FoveateError, match="cannot find the chosen cases in .*manifest.csv"):
        package.create(folder, [subject], 2)
    assert not list(folder.path.glob("*reading*"))


def test_two_data_sets_stand_in_one_package(both: StudyFolder) -> None:
    place = both.path / "reading"
    study = package.load(place)
    assert [(of.name, of.title, of.models, of.cases, of.practice) for of in study.datasets] == [
        ("mri", "Heads", 4, 5, 3),
        ("ct", "Heads", 4, 5, 3),
    ]
    assert study.repeat == "all"
    assert (place / "consent.txt").read_text(encoding="utf-8") == "I take part.\nI may stop."
    assert (place / "consent.txt").stat().st_mode & 0o777 == 0o600
    cases = read_cases(place)
    assert Counter((case.dataset, case.practice) for case in cases) == {
        ("mri", False): 5, ("mri", True): 3, ("ct", False): 5, ("ct", True): 3,
    }  # fmt: skip
    assert [case.name for case in cases] == sorted(case.name for case in cases)
    for subject in runs.subjects(both.study):
        manifest = pd.read_csv(both.data(subject) / "manifest.csv", dtype=str)
        assert {row.case for row in read_key(place) if row.dataset == subject.name} <= set(manifest["case"])
    package.verify(place)


def test_practice_shows_other_pixels_than_the_cases(both: StudyFolder) -> None:
    key = read_key(both.path / "reading")
    practice, counted = (
        {row.case.partition("-")[0] for row in key if row.practice == which} for which in (True, False)
    )
    assert (len(practice), len(counted)) == (6, 10)
    assert not practice & counted


def test_all_repeats_are_shown_in_turn_and_one_in_each_case(both: StudyFolder) -> None:
    place = both.path / "reading"
    key = read_key(place)
    shown = {row.name: (row.dataset, row.practice, row.repeat) for row in key}
    assert {(*shown[row.name], row.name) for row in key} == {
        (row.dataset, row.practice, row.repeat, row.name) for row in key
    }
    for dataset in ("mri", "ct"):
        for practice, counts in ((False, [1, 2, 2]), (True, [1, 1, 1])):
            own = Counter(repeat for *which, repeat in shown.values() if which == [dataset, practice])
            assert sorted(own.values()) == counts
    sizes = {case.name: (case.height, case.width) for case in read_cases(place)}
    subjects = {subject.name: subject for subject in runs.subjects(both.study)}
    for row in key:
        maps = heatmaps.load(both.run(Run(subjects[row.dataset], row.model, row.repeat)) / "heatmaps.npz")
        heat = on_original(maps.raw[maps.case.tolist().index(row.case)], *sizes[row.name], 33, "pad")
        with Image.open(place / "images" / f"{row.layer}.png") as image:
            assert np.array_equal(np.asarray(image), render.layer(heat))


def test_the_key_has_the_scores_of_each_run_and_heat_map(both: StudyFolder) -> None:
    results = pd.read_csv(both.path / "results.csv", dtype=str)
    located = pd.read_csv(both.path / "localisation.csv", dtype=str, keep_default_na=False)
    found = 0
    for row in read_key(both.path / "reading"):
        own = {"dataset": row.dataset, "policy": "paper", "model": row.model, "repeat": str(row.repeat)}
        (auc,) = results.loc[(results[list(own)] == pd.Series(own)).all(axis=1), "auc"]
        assert row.auc == float(auc)
        own["case"] = row.case
        lines = located[(located[list(own)] == pd.Series(own)).all(axis=1)]
        values = dict(zip(lines["metric"], lines["value"], strict=True))
        assert row.energy == (float(values["energy"]) if values.get("energy") else None)
        assert row.pixel_auprc == (float(values["pixel_auprc"]) if values else None)
        found += "energy" in values
    assert 0 < found < 16 * 4  # some images have no mask


def test_without_scores_their_cells_are_empty_and_damaged_ones_are_named(tmp_path: Path) -> None:
    folder, subject = build(tmp_path, masks=True)
    (folder.path / "localisation.csv").write_text("dataset,policy\n", encoding="utf-8")
    with pytest.raises(FoveateError, match="cannot read .*localisation.csv"):
        package.create(folder, [subject])
    (folder.path / "localisation.csv").unlink()
    results = pd.read_csv(folder.path / "results.csv")
    results[results["model"] != "resnet18"].to_csv(folder.path / "results.csv", index=False)
    place = package.create(folder, [subject])
    assert {(row.auc is None, row.energy, row.pixel_auprc) for row in read_key(place)} == {
        (True, None, None),
        (False, None, None),
    }
    assert {row.model for row in read_key(place) if row.auc is None} == {"resnet18"}
    shutil.rmtree(place)
    (folder.path / "results.csv").unlink()
    assert {row.auc for row in read_key(package.create(folder, [subject]))} == {None}


def test_what_readers_cannot_compare_is_refused(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    data = folder.study.model_dump(mode="json")
    one = dict(list(data["models"].items())[:1])
    for models, says in (
        (one, "readers compare models, 2 to 26 of them, not 1"),
        ({f"m{number}": one["resnet18"] for number in range(27)}, "readers compare models, 2 to 26 of them, not 27"),
        ({"none": one["resnet18"], **one}, "readers may answer 'none'"),
    ):
        folder.__dict__["study"] = config.parse_study(data | {"models": models})
        with pytest.raises(FoveateError, match=f"study.yaml: models: {says}"):
            package.create(folder, [subject])
    assert not (folder.path / "reading").exists()


def test_what_makes_no_study_is_refused(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    with pytest.raises(FoveateError, match="consent to is empty"):
        package.create(folder, [subject], consent=" \n")
    with pytest.raises(FoveateError, match="questions: kind: exactly one question must be a choice"):
        package.create(folder, [subject], questions=QUESTIONS[1:])
    with pytest.raises(FoveateError, match="with --dataset"):
        package.create(folder, [subject, replace(subject, name="other")], ["a"])
    assert not list(folder.path.glob("*reading*"))


def _change(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def _link(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere.png")
    file.symlink_to(file.parent.parent / "elsewhere.png")


@pytest.mark.parametrize(
    ("damage", "says"), [(_change, "has changed since"), (Path.unlink, "is missing"), (_link, "is missing")]
)
def test_verify_names_the_file(copied: Path, damage: Callable[[Path], object], says: str) -> None:
    package.verify(copied)
    file = sorted((copied / "images").iterdir())[7]
    damage(file)
    with pytest.raises(FoveateError, match=f"{file.name} {says}"):
        package.verify(copied)


def test_verify_sees_what_was_added_and_fingerprints_that_are_damaged(copied: Path) -> None:
    (copied / "images" / "new.png").write_bytes(b"")
    with pytest.raises(FoveateError, match="new.png was not there"):
        package.verify(copied)
    sums = copied / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  images/../key/key.csv\n", encoding="utf-8")
    with pytest.raises(FoveateError, match="SHA256SUMS, line 1"):
        package.verify(copied)
    sums.unlink()
    with pytest.raises(FoveateError, match="cannot read .*SHA256SUMS"):
        package.verify(copied)


def test_a_study_that_was_edited_is_checked(copied: Path) -> None:
    file = copied / "study.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["questions"][0]["text"] = "Which region would you look at?"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    assert package.load(copied).questions[0].text == "Which region would you look at?"
    file.write_text(yaml.safe_dump(data | {"options": {"gap": 0}}), encoding="utf-8")
    with pytest.raises(FoveateError, match="study.yaml: options.gap: "):
        package.load(copied)
    for change, says in (
        ({"repeat": 0}, "repeat: must be 1, 2, ... or all, not 0"),
        ({"repeat": "some"}, "repeat: must be 1, 2, ... or all, not 'some'"),
        ({"datasets": []}, "datasets: .* at least 1 item"),
        ({"datasets": data["datasets"] * 2}, "datasets: two data sets have the same name"),
        ({"datasets": [data["datasets"][0] | {"models": 1}]}, "datasets.1.models: .* greater than or equal to 2"),
        ({"datasets": [data["datasets"][0] | {"practice": -1}]}, "datasets.1.practice: "),
        ({"questions": data["questions"][1:]}, "questions: kind: exactly one question must be a choice"),
        ({"questions": [*data["questions"][:2], {"name": "A"}]}, "questions.3.name: 'A' must be"),
        ({"title": "Heads"}, "title: there is no such field"),
    ):
        file.write_text(yaml.safe_dump(data | change), encoding="utf-8")
        with pytest.raises(FoveateError, match=f"study.yaml: {says}"):
            package.load(copied)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(FoveateError, match="study.yaml, line 1 is not valid YAML"):
        package.load(copied)


def test_the_fingerprint_is_of_what_must_not_change(copied: Path) -> None:
    whole = b"".join((copied / name).read_bytes() for name in ("SHA256SUMS", "study.yaml", "cases.csv"))
    assert package.fingerprint(copied) == hashlib.sha256(whole).hexdigest()
    before = package.fingerprint(copied)
    (copied / "key" / "key.csv").unlink()
    assert package.fingerprint(copied) == before
    for name in ("SHA256SUMS", "study.yaml", "cases.csv"):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content + b" ")
        assert package.fingerprint(copied) != before
        (copied / name).unlink()
        with pytest.raises(FoveateError, match=f"cannot read .*{name}: No such file"):
            package.fingerprint(copied)
        (copied / name).write_bytes(content)
