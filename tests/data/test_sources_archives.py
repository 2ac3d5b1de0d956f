"""A zip and a MedMNIST file are read as the folder they hold, from a cache; a harmful one is refused by name."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from foveate.config.dataset import Dataset
from foveate.data.pixels import UnreadableImageError
from foveate.data.sources import archives, folder_of, open_image, open_path, read_dataset, read_source
from foveate.errors import FoveateError
from foveate.overrides import Overrides, assemble
from tests.conftest import MakeImages
from tests.data.test_sources import tree
from tests.system.test_main_job import foveate


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pack(file: Path, folder: Path, top: str = "") -> Path:
    """Zip a folder, below a folder named `top`."""
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, top + path.relative_to(folder).as_posix())
        archive.writestr("__MACOSX/._rubbish.png", b"")
    return file


def pack_bytes(file: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of the same name twice, which is meant
        for member, data in members:
            archive.writestr(member, data)
    return file


@pytest.mark.parametrize("top", ["", "archive/", "outer/inner/"])
def test_a_zip_is_read_as_its_folder(make_images: MakeImages, tmp_path: Path, top: str) -> None:
    images = make_images(a=3, b=2)
    file = pack(tmp_path / "images.zip", images, top)
    source = read_source(file)
    assert source.images == read_source(images).images
    assert (open_image(source, source.images[0]).pixels == np.asarray(Image.open(images / "a/0.png"))).all()


def test_the_folder_is_known_without_the_list(make_images: MakeImages, tmp_path: Path) -> None:
    folder = make_images(a=2, b=2)
    pictures, labels = np.zeros((4, 28, 28), np.uint8), np.array([[0], [1], [0], [1]])
    np.savez(tmp_path / "m.npz", train_images=pictures, train_labels=labels)
    packed = pack_bytes(tmp_path / "m.zip", ("m.npz", (tmp_path / "m.npz").read_bytes()))
    zipped = pack(tmp_path / "x.zip", folder, "archive/")
    for source in (folder, zipped, tmp_path / "m.npz", packed):
        dataset = Dataset(source=str(source))
        read = read_dataset(dataset)
        assert folder_of(dataset) == read.folder
        assert open_path(folder_of(dataset), read.images[0].path).pixels.shape[0] in (28, 40)
    assert folder_of(Dataset(source=str(tmp_path / "absent"))) == tmp_path / "absent"


def test_it_is_unpacked_once(make_images: MakeImages, tmp_path: Path, cache: Path) -> None:
    file = pack(tmp_path / "images.zip", make_images(a=1, b=1))
    place = read_source(file).folder
    assert place == cache / "archives" / archives.sha256(file)
    (place / "a" / "0.png").write_bytes(b"touched")
    copy = tmp_path / "copy.zip"
    copy.write_bytes(file.read_bytes())
    assert read_source(copy).folder == place  # the same bytes, by whatever name
    assert (place / "a" / "0.png").read_bytes() == b"touched"
    os.utime(pack(file, make_images("more", a=1, b=2)), ns=(0, 0))
    assert read_source(file).labels == {"a": 1, "b": 2}
    assert not list(cache.rglob("*.new"))


def test_unpacked_again_the_files_are_as_old_as_before(tmp_path: Path, cache: Path) -> None:
    """So that a study does not take them for changed ones."""
    undated = zipfile.ZipInfo("b/1.png")
    undated.date_time = (1980, 0, 0, 0, 0, 0)
    file = pack_bytes(tmp_path / "images.zip", ("a/1.png", b"x"), (undated, b"y"))
    before = tree(read_source(file).folder)
    shutil.rmtree(cache)
    after = tree(read_source(file).folder)
    assert {path: facts for path, facts in after.items() if path.endswith(".png")}.items() <= before.items()


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOVEATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert archives.cache_folder() == Path("/caches/foveate")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert archives.cache_folder() == Path.home() / ".cache" / "foveate"


def test_the_command_line_names_the_cache(make_images: MakeImages, tmp_path: Path) -> None:
    pack(tmp_path / "images.zip", make_images(a=2, b=2))
    arguments = ("--data", tmp_path / "images.zip", "--positive", "c", "--cache", tmp_path / "elsewhere")
    ended = foveate("run", *arguments, status=2, cwd=tmp_path)  # the classes are looked at first
    assert "has no class 'c'" in ended.stderr
    assert len([path for path in (tmp_path / "elsewhere" / "archives").iterdir() if path.is_dir()]) == 1
    assert not (tmp_path / "cache").exists()


def test_a_zip_names_the_study(tmp_path: Path) -> None:
    assert assemble(None, Overrides(data=[str(tmp_path / "my images.zip")])).name == "my-images"


def test_a_zip_with_its_table(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(x=4)
    (images / "labels.csv").write_text("image,dx\n0,a\n1,b\n2,b\n")
    file = pack(tmp_path / "images.zip", images, "data/")
    columns = {"path": "image", "label": "dx"}
    dataset = Dataset.model_validate({"source": str(file), "table": str(tmp_path / "labels.csv"), "columns": columns})
    assert read_dataset(dataset).labels == {"a": 1, "b": 2}


def member(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../evil.png", b"x")], r"'\.\./evil\.png' leads out of the archive: it is not unpacked"),
        ([("a/../../evil.png", b"x")], r"'a/\.\./\.\./evil\.png' leads out"),
        ([("..\\evil.png", b"x")], r"evil\.png' leads out"),
        ([("/etc/evil.png", b"x")], r"'/etc/evil\.png' leads out"),
        ([("C:/evil.png", b"x")], r"'C:/evil\.png' leads out"),
        ([(member("a/link.png", stat.S_IFLNK), b"/etc/passwd")], r"'a/link\.png' is a link: it is not unpacked"),
        ([(member("a/pipe.png", stat.S_IFIFO), b"")], r"'a/pipe\.png' is no plain file"),
        ([("a/1.png", b"x"), ("a/1.png", b"y")], r"holds a/1\.png twice"),
        ([("a/bomb.png", bytes(3_000_000))], r"a/bomb\.png would grow [\d,]+ times, more than 200, as a zip bomb does"),
        ([(f"a/{n}.png", bytes(900_000)) for n in range(9)], r"its content would grow [\d,]+ times"),
    ],
)
def test_harmful_members_are_refused_by_name(
    tmp_path: Path, cache: Path, members: list[tuple[Any, bytes]], message: str
) -> None:
    file = pack_bytes(tmp_path / "harm.zip", ("a/first.png", b"x"), *members)
    with pytest.raises(FoveateError, match=message):
        read_source(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "harm.zip"]
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_too_large_encrypted_and_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pack_bytes(tmp_path / "large.zip", ("a/1.png", os.urandom(2000)), ("b/1.png", os.urandom(2000)))
    monkeypatch.setattr(archives, "LARGEST_TOTAL", 3999)
    with pytest.raises(FoveateError, match=r"would fill .* GiB, more than .*: unpack it yourself"):
        read_source(file)
    monkeypatch.undo()
    (tmp_path / "cut.zip").write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FoveateError, match=r"cut\.zip is not a whole zip"):
        read_source(tmp_path / "cut.zip")
    wrong = bytearray(file.read_bytes())
    wrong[500] ^= 1
    (tmp_path / "wrong.zip").write_bytes(wrong)
    with pytest.raises(FoveateError, match=r"wrong\.zip is not a whole zip: Bad CRC-32"):
        read_source(tmp_path / "wrong.zip")
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr("a/1.png", b"x")
        archive.filelist[0].flag_bits |= 1
    with pytest.raises(FoveateError, match=r"a/1\.png is encrypted"):
        read_source(tmp_path / "secret.zip")


Arrays = dict[str, NDArray[Any]]


def medmnist(side: int = 28, colour: bool = False) -> Arrays:
    generator = np.random.default_rng(0)
    arrays: Arrays = {}
    for part, count in (("train", 6), ("val", 2), ("test", 4)):
        shape = (count, side, side, 3) if colour else (count, side, side)
        arrays[f"{part}_images"] = generator.integers(0, 255, shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    return arrays


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("side", [28, 64])
def test_medmnist_of_any_size(tmp_path: Path, side: int, colour: bool) -> None:
    arrays = medmnist(side, colour)
    np.savez_compressed(tmp_path / "pneumoniamnist.npz", **arrays)  # type: ignore[arg-type]
    source = read_source(tmp_path / "pneumoniamnist.npz")
    assert source.labels == {"0": 6, "1": 6}
    assert [image.split for image in source.images] == ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    assert source.images[7].path == "pneumoniamnist.npz#val/1"
    decoded = open_image(source, source.images[7])
    assert (decoded.pixels == arrays["val_images"][1]).all()
    assert (decoded.width, decoded.height, decoded.mode) == (side, side, "RGB" if colour else "L")


def test_medmnist_in_colour_that_is_grey(tmp_path: Path) -> None:
    arrays = medmnist()
    arrays["train_images"] = np.repeat(arrays["train_images"][..., None], 3, axis=-1)
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    source = read_source(tmp_path / "x.npz")
    assert open_image(source, source.images[0]).pixels.shape == (28, 28)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.zeros((6, 14), np.uint8)}, r"train_labels is \(6, 14\), several labels a picture"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, r"train_labels must hold 6 labels, one a picture, not 5"),
        ({"val_labels": None}, r"val_labels must hold 2 labels, one a picture, not none"),
        ({"train_labels": np.zeros(6)}, r"train_labels holds float64, whole numbers"),
        (
            {"test_images": np.zeros((4, 28, 28, 28), np.uint8)},
            r"test_images is \(4, 28, 28, 28\); \(n, h, w\) grey",
        ),
        ({"test_images": np.zeros((4, 28, 28))}, r"test_images holds float64, uint8 is needed"),
        ({"train_labels": np.array([{}] * 6)}, r"train_labels is no array of numbers"),
        ({f"{part}_images": None for part in ("train", "val", "test")}, r"is no MedMNIST file"),
    ],
)
def test_other_arrays(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    arrays = {name: array for name, array in {**medmnist(), **change}.items() if array is not None}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(FoveateError, match=message):
        read_source(tmp_path / "x.npz")


def test_a_disk_that_fails_is_no_damage_of_an_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "x.npz", **medmnist())  # type: ignore[arg-type]

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(np, "load", fail)
        with pytest.raises(FoveateError, match=r"x\.npz cannot be read \(Input/output error\)\. Once it can be"):
            read_source(tmp_path / "x.npz")
    assert len(read_source(tmp_path / "x.npz").images) == 12


def test_pictures_too_small_and_what_an_npz_needs_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **medmnist(side=8))  # type: ignore[arg-type]
    source = read_source(tmp_path / "x.npz")
    with pytest.raises(UnreadableImageError, match="8 x 8 pixels, at least 16 x 16"):
        open_image(source, source.images[0])
    with pytest.raises(FoveateError, match="holds its labels and split itself: leave out rules"):
        read_dataset(Dataset(source=str(tmp_path / "x.npz"), rules="cxr"))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "x.npz", "x.npz")
    assert read_source(tmp_path / "x.zip").labels == source.labels


def test_grey_with_a_channel_of_its_own(tmp_path: Path) -> None:
    arrays = medmnist()
    arrays["train_images"] = arrays["train_images"][..., None]
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    source = read_source(tmp_path / "x.npz")
    assert open_image(source, source.images[0]).pixels.shape == (28, 28)


def test_the_papers_pneumonia_as_medmnist(shared: Path) -> None:
    source = read_source(shared / "originals" / "cxr" / "pneumoniamnist_28.npz")
    assert source.labels == {"0": 1583, "1": 1583}
    assert open_image(source, source.images[-1]).pixels.shape == (28, 28)


@pytest.mark.parametrize("where", ["opened", "read"])
def test_a_disk_that_fails_is_no_damage_and_no_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a/1.png", b"x" * 100)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        if where == "opened":
            patch.setattr(zipfile, "ZipFile", fail)
        else:
            patch.setattr(zipfile.ZipExtFile, "read", fail)
        with pytest.raises(FoveateError, match=r"cannot read .*a\.zip: Input/output error\. Once it can be"):
            archives.unpacked(archive)
    assert (archives.unpacked(archive) / "a" / "1.png").read_bytes() == b"x" * 100
