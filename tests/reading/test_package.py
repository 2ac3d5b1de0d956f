"""OUT/reading: whole, for its owner alone, blind but for its key, and guarded against changes."""

from __future__ import annotations

import shutil
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
from foveate.reading import package, render
from foveate.runs import Run, StudyFolder, Subject
from tests.report import synthetic

Built = tuple[StudyFolder, Subject]


def build(path: Path, *, phantom: bool = False) -> Built:
    """A study of 24 cases whose images are files of different shapes in a folder with a patient's name."""
    source = path / "study" / "data" / "mri" / "images" if phantom else path / "secret" / "Jane Doe"
    folder = synthetic.build(path / "study", repeats=1, images=24, side=33, masks=False, title="Heads")
    data = folder.study.model_dump(mode="json")
    source.mkdir(parents=True)
    data["datasets"]["mri"]["source"] = "phantom" if phantom else str(source)
    data["images"]["fit"] = "pad"
    (folder.path / "study.yaml").write_text(config.dump_study(config.parse_study(data)), encoding="utf-8")
    folder = StudyFolder(folder.path)
    subject = runs.subjects(folder.study)[0]
    split = pd.read_csv(folder.data(subject) / "split.csv", dtype=str)
    rows = []
    for number in range(len(split)):
        shape = (20 + number, 60 - number, *([3] if number % 2 else []))
        pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
        file = source / f"Doe-{number}.{'png' if number % 3 else 'jpg'}"
        Image.fromarray(pixels).save(file)
        own = decode(file).pixel_hash
        rows.append((own[:16], file.name, own))
    table = pd.DataFrame(rows, columns=["case", "path", "pixel_hash"])
    table.to_csv(folder.data(subject) / "manifest.csv", index=False)
    _rename_cases(folder, subject, dict(zip(split["case"], table["case"], strict=True)))
    return folder, subject


def _rename_cases(folder: StudyFolder, subject: Subject, new: dict[str, str]) -> None:
    """The made-up study counts its cases; real ones are named after their pixels."""
    places = [folder.run(Run(subject, model, 1)) for model in folder.study.models]
    for path in (folder.data(subject) / "split.csv", *(place / "predictions.csv" for place in places)):
        table = pd.read_csv(path, dtype={"case": str})
        table.assign(case=table["case"].map(new)).to_csv(path, index=False)
    for path in (place / "heatmaps.npz" for place in places):
        maps = heatmaps.load(path)
        replace(maps, case=np.array([new[case] for case in maps.case.tolist()])).save(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder, subject = build(tmp_path_factory.mktemp("package"))
    assert package.create(folder, subject, 3, repeat=1, seed=987654321) == folder.path / "reading"
    return folder, subject


@pytest.fixture
def copied(made: Built, tmp_path: Path) -> Path:
    return shutil.copytree(made[0].path / "reading", tmp_path / "reading")


def key_of(place: Path) -> pd.DataFrame:
    return pd.read_csv(place / "key" / "key.csv", dtype=str)


def test_what_is_written(made: Built) -> None:
    place = made[0].path / "reading"
    assert sorted(entry.name for entry in place.iterdir()) == [
        "SHA256SUMS", "cases.csv", "contact-sheet.png", "images", "key", "study.yaml",
    ]  # fmt: skip
    assert sorted(entry.name for entry in (place / "key").iterdir()) == ["key.csv", "seed"]
    assert len(list((place / "images").iterdir())) == 6 * (1 + 4)
    assert (place / "key" / "seed").read_text(encoding="utf-8") == "987654321\n"
    study = package.load(place)
    assert (study.title, study.models, study.show_truth) == ("Heads", 4, False)
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
    assert list(cases.columns) == ["name", "width", "height"]
    assert key.groupby("name", sort=False)["model"].agg(list).tolist() == [list(folder.study.models)] * 6
    assert sorted(key["truth"].iloc[::4]) == ["lesion"] * 3 + ["normal"] * 3
    assert cases["name"].tolist() == key["name"].iloc[::4].tolist()
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
            heat = render.on_original(raw, pixels.shape[0], pixels.shape[1], 33, "pad")
            assert np.array_equal(np.asarray(image), render.layer(heat))


def test_nothing_but_the_key_tells_model_case_or_source(made: Built) -> None:
    folder, subject = made
    place = folder.path / "reading"
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str)
    told = {"resnet", "cbam", "+se", "+gc", "Jane", "Doe", str(folder.path), "lesion", "normal", "987654321"}
    told |= {*folder.study.models, *manifest["case"], *manifest["path"], *manifest["pixel_hash"]}
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
    again = package.create(StudyFolder(tmp_path / "again"), subject, 3, repeat=1, seed=987654321)
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
    place = package.create(folder, subject, wanted, show_truth=True)
    cases, key = pd.read_csv(place / "cases.csv", dtype=str), key_of(place)
    truths = dict(zip(key["name"], key["truth"], strict=True))
    assert dict(zip(cases["name"], cases["truth"], strict=True)) == truths
    assert set(key["case"]) == set(wanted)
    assert package.load(place).show_truth
    assert int((place / "key" / "seed").read_text(encoding="utf-8")) > 0  # drawn


def test_the_phantoms_images_lie_in_the_studys_folder(tmp_path: Path) -> None:
    folder, subject = build(tmp_path, phantom=True)
    package.verify(package.create(folder, subject, 1))


def test_an_existing_folder_is_refused_and_left_as_it_is(made: Built) -> None:
    folder, subject = made
    before = {file: file.read_bytes() for file in (folder.path / "reading").rglob("*") if file.is_file()}
    with pytest.raises(FoveateError, match="reading is there already"):
        package.create(folder, subject, 3)
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
        package.create(folder, subject, 2, advance=stop)
    assert {entry.name for entry in folder.path.iterdir()} - {".lock"} == before

    def full(path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("foveate.reading.package.os.fsync", full)
    with pytest.raises(FoveateError, match="No space left on device"):
        package.create(folder, subject, 2)
    assert {entry.name for entry in folder.path.iterdir()} - {".lock"} == before


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    run = Run(subject, "resnet18+se", 1)
    maps = heatmaps.load(folder.run(run) / "heatmaps.npz")
    replace(maps, case=np.array([f"other-{case}" for case in maps.case])).save(folder.run(run) / "heatmaps.npz")
    with pytest.raises(FoveateError, match=r"the run mri/resnet18\+se/1 has no heat-map of "):
        package.create(folder, subject, 1)
    maps.save(folder.run(run) / "heatmaps.npz")
    shutil.rmtree(folder.study.datasets["mri"].source or "")
    with pytest.raises(FoveateError, match="Doe-"):
        package.create(folder, subject, 1)
    (folder.data(subject) / "manifest.csv").unlink()
    with pytest.raises(FoveateError, match="cannot find the chosen cases in .*manifest.csv"):
        package.create(folder, subject, 1)
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
    file.write_text("{", encoding="utf-8")
    with pytest.raises(FoveateError, match="cannot read .*study.yaml"):
        package.load(copied)
