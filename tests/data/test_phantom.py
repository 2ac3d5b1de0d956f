"""The phantom: repeatable, told apart by the lesion alone, and written as people keep their images."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from foveate.data import phantom
from foveate.data.phantom import PhantomImage, phantom_distractors, phantom_image, write_phantom


@pytest.fixture(scope="module")
def images() -> list[PhantomImage]:
    return [phantom_image(index, seed=0) for index in range(600)]


def png_chunks(path: Path) -> list[str]:
    data, start, names = path.read_bytes(), 8, []
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        names.append(data[start + 4 : start + 8].decode("ascii"))
        start += 12 + length
    return names


def metadata(pixels: NDArray[np.uint8]) -> tuple[float, float, int]:
    """What a file tells without being looked at: mean brightness, its standard deviation, bytes as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return float(pixels.mean()), float(pixels.std()), file.tell()


def cross_validated_auc(features: NDArray[np.float64], is_lesion: NDArray[np.bool_]) -> float:
    classifier = make_pipeline(StandardScaler(), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(classifier, features, is_lesion, cv=folds, method="decision_function")
    return float(roc_auc_score(is_lesion, scores))


def test_shapes_types_and_labels(images: list[PhantomImage]) -> None:
    for index, image in enumerate(images):
        assert image.pixels.shape == image.mask.shape == (128, 128)
        assert image.pixels.dtype == np.uint8
        assert image.mask.dtype == np.bool_
        assert image.label == ("lesion", "normal")[index % 2]
        assert image.mask.any() == (image.label == "lesion")


def test_an_image_depends_on_index_and_seed_alone(images: list[PhantomImage]) -> None:
    state = np.random.get_state()[1]  # noqa: NPY002  the global state is what must not move
    for index in (7, 4, 599):  # out of order: nothing is carried from image to image
        again = phantom_image(index, seed=0)
        np.testing.assert_array_equal(again.pixels, images[index].pixels)
        np.testing.assert_array_equal(again.mask, images[index].mask)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_seed_and_index_change_the_image(images: list[PhantomImage]) -> None:
    assert len({image.pixels.tobytes() for image in images}) == len(images)
    for index in range(4):
        other = phantom_image(index, seed=1)
        assert np.mean(other.pixels != images[index].pixels) > 0.8
        assert other.label == images[index].label


def test_lesions_cover_one_to_six_per_cent(images: list[PhantomImage]) -> None:
    shares = np.array([image.mask.mean() for image in images if image.label == "lesion"])
    assert shares.min() > 0.01
    assert shares.max() < 0.06
    assert shares.max() > 2 * shares.min()


def test_a_look_at_the_centre_does_not_find_the_lesion(images: list[PhantomImage]) -> None:
    rows, columns = np.indices((128, 128)) - 63.5
    prior = np.exp(-(rows**2 + columns**2) / (2 * 32**2))
    masks = np.array([image.mask for image in images if image.label == "lesion"])
    lift = (prior * masks).sum(axis=(1, 2)) / prior.sum() / masks.mean(axis=(1, 2))
    assert lift.mean() < 1.8  # 1.96 where all places in the organ are equally likely
    quarters = np.array([[mask[r : r + 64, c : c + 64].sum() for r in (0, 64) for c in (0, 64)] for mask in masks])
    assert np.all(np.bincount(quarters.argmax(axis=1), minlength=4) > len(masks) / 8)


def test_the_lesion_is_where_the_mask_says_and_rougher_than_the_tissue(images: list[PhantomImage]) -> None:
    lesions = [image for image in images if image.label == "lesion"]
    inside = np.array([image.pixels[image.mask].std() for image in lesions])
    # A mask of another image lies somewhere in the organ, but not on this lesion.
    elsewhere = np.array([image.pixels[other.mask & ~image.mask].std()
                          for image, other in zip(lesions, lesions[1:] + lesions[:1], strict=True)])  # fmt: skip
    assert np.mean(inside > elsewhere) > 0.7


@pytest.mark.parametrize("seed", [0, 1])
def test_both_classes_have_the_same_distractors(seed: int) -> None:
    drawn = [phantom_distractors(index, seed) for index in range(600)]
    assert drawn[0::2] == drawn[1::2]
    for share in (np.mean([d.hairs > 0 for d in drawn]), np.mean([d.ruler for d in drawn]),
                  np.mean([d.text != "" for d in drawn])):  # fmt: skip
        assert 0.2 < share < 0.5
    assert len({d.text for d in drawn}) > 20


@pytest.mark.parametrize("ink", [{"hairs": 2}, {"ruler": True}, {"text": "RA1"}])
def test_each_distractor_is_drawn(ink: dict[str, object]) -> None:
    blank = np.full((128, 128), 0.5)
    nothing: dict[str, object] = {"hairs": 0, "ruler": False, "text": ""}

    def drawn(what: dict[str, object]) -> NDArray[np.float64]:
        distractors = phantom.Distractors(**(nothing | what))  # type: ignore[arg-type]
        return phantom._distract(np.random.default_rng(0), blank, distractors)

    np.testing.assert_array_equal(drawn({}), blank)
    assert 20 < np.sum(drawn(ink) != blank) < 2000


def test_normal_slices_hold_as_much_structure_as_those_with_a_lesion() -> None:
    blank, deep = np.zeros((128, 128)), 40 - np.hypot(*(np.indices((128, 128)) - 63.5))
    changed = [
        [
            np.mean(phantom._structures(np.random.default_rng([number, lesion]), blank, deep, lesion)[0] != 0)
            for number in range(80)
        ]
        for lesion in (False, True)
    ]
    normal, with_lesion = np.mean(changed, axis=1)
    assert normal > 0.05
    assert with_lesion == pytest.approx(normal, rel=0.15)


def test_brightness_contrast_and_file_size_do_not_tell_the_class(images: list[PhantomImage]) -> None:
    is_lesion = np.array([image.label == "lesion" for image in images])
    features = np.array([metadata(image.pixels) for image in images])
    assert cross_validated_auc(features, is_lesion) < 0.6
    # The same classifier does see a leak of half a standard deviation.
    leaking = features + 0.5 * features.std(axis=0) * is_lesion[:, None]
    assert cross_validated_auc(leaking, is_lesion) > 0.65


@pytest.mark.parametrize("size", [32, 64, 224])
def test_another_size_shows_the_same_kind_of_scene(size: int) -> None:
    shares = []
    for index in range(24):
        image = phantom_image(index, seed=3, size=size)
        assert image.pixels.shape == image.mask.shape == (size, size)
        assert 30 < image.pixels.std() < 50
        if image.label == "lesion":
            shares.append(image.mask.mean())
    reference = [phantom_image(index, seed=3).mask.mean() for index in range(0, 24, 2)]
    assert np.mean(shares) == pytest.approx(np.mean(reference), rel=0.25)
    assert min(shares) > 0.01
    assert max(shares) < 0.06


def test_wrong_sizes_and_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 32 pixels, not 31"):
        phantom_image(0, seed=0, size=31)
    with pytest.raises(ValueError, match="non-negative"):
        phantom_image(-1, seed=0)
    with pytest.raises(ValueError, match="at least 1 image, not 0"):
        write_phantom(tmp_path / "phantom", count=0, seed=0)
    with pytest.raises(ValueError, match="at least 32 pixels"):
        write_phantom(tmp_path / "phantom", count=2, seed=0, size=16)
    assert not (tmp_path / "phantom").exists()


def test_written_folder(tmp_path: Path, images: list[PhantomImage]) -> None:
    folder = tmp_path / "phantom"
    write_phantom(folder, count=6, seed=0)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lesions, normals = ["0000", "0002", "0004"], ["0001", "0003", "0005"]
    assert files == sorted([
        "manifest.csv", *(f"lesion/{n}.png" for n in lesions), *(f"normal/{n}.png" for n in normals),
        *(f"masks/lesion/{n}.png" for n in lesions),
    ])  # fmt: skip
    text = (folder / "manifest.csv").read_text(encoding="utf-8")
    assert text.splitlines()[:3] == [
        "path,label,mask",
        "lesion/0000.png,lesion,masks/lesion/0000.png",
        "normal/0001.png,normal,",
    ]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6
    for row, image in zip(rows, images[:6], strict=True):
        with Image.open(folder / row["path"]) as file:
            assert (file.mode, file.info) == ("L", {})
            np.testing.assert_array_equal(np.asarray(file), image.pixels)
        if row["mask"]:
            with Image.open(folder / row["mask"]) as file:
                assert file.mode == "1"
                np.testing.assert_array_equal(np.asarray(file), image.mask)
    for path in folder.rglob("*.png"):
        assert set(png_chunks(path)) == {"IHDR", "IDAT", "IEND"}


def test_a_write_cut_short_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(index: int, seed: int, size: int) -> PhantomImage:
        if index == 3:
            raise KeyboardInterrupt
        return phantom_image(index, seed, size)

    monkeypatch.setattr(phantom, "phantom_image", failing)
    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path, count=6, seed=0, size=32)
    assert (tmp_path / "lesion/0002.png").exists()
    assert not (tmp_path / "manifest.csv").exists()
    with pytest.raises(FileExistsError, match="delete it"):
        write_phantom(tmp_path, count=2, seed=0, size=32)
