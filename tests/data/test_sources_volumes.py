"""DICOM and NIfTI in class folders: pictures one by one, patients together, and nobody's name."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")

from pydicom.data import get_testdata_file  # noqa: E402

from foveate import runs  # noqa: E402
from foveate.data.audit_words import headlines  # noqa: E402
from foveate.data.examine import audit_folder  # noqa: E402
from foveate.data.sources import open_image, read_source  # noqa: E402
from foveate.data.sources.volumes import burned_in_said, remedy  # noqa: E402
from foveate.errors import FoveateError  # noqa: E402
from tests.data.test_prepare import prepared, study_of  # noqa: E402


def dicom(path: Path, patient: str, burned: str = "", number: int = 0) -> None:
    """A copy of pydicom's own small CT under another patient, moved, so that it is another picture."""
    facts = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    facts.PatientID, facts.PatientName = patient, "Doe^Jane"
    if burned:
        facts.BurnedInAnnotation = burned
    pixels = np.roll(facts.pixel_array, (37 * number, 53 * number), (0, 1))
    facts.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    facts.save_as(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "scans"
    for number in range(24):
        label = "sick" if number % 2 else "well"
        dicom(place / label / f"{number:02}.dcm", f"secret-{number // 4}", "YES" if number == 3 else "NO", number)
    return place


def test_patients_are_numbered_and_kept_together(folder: Path, tmp_path: Path) -> None:
    source = read_source(folder)
    of = {image.path: image.patient for image in source.images}
    assert of["sick/01.dcm"] == of["sick/03.dcm"] == of["well/00.dcm"] == of["well/02.dcm"]
    assert set(of.values()) == {f"dicom-0000{number}" for number in range(1, 7)}
    assert source.burned_in == 1
    assert burned_in_said(1) in [line.text for line in headlines(audit_folder(source))]
    assert source.warnings == [line for line in source.warnings if "several labels" in line]
    study = prepared(tmp_path / "out", study_of(folder))
    place = study.data(runs.subjects(study.study)[0])
    written = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert (place / "manifest.csv").is_file()
    for secret in (b"secret-", b"Doe^", b"Jane"):
        assert secret not in written


def test_a_file_without_an_ending_is_dicom_too(folder: Path) -> None:
    shutil.move(folder / "sick" / "01.dcm", folder / "sick" / "IM0001")
    paths = [image.path for image in read_source(folder).images]
    assert "sick/IM0001" in paths
    assert len(paths) == 24


def test_a_volume_is_its_slices_and_one_patient(tmp_path: Path) -> None:
    place = tmp_path / "volumes"
    generator = np.random.default_rng(0)
    for label in ("sick", "well"):
        (place / label).mkdir(parents=True)
        for number in range(2):
            voxels = generator.normal(500, 50, (24, 24, 6)).astype(np.float32)
            voxels[..., 0] = 0  # nothing of the body
            image = nibabel.Nifti1Image(voxels, np.eye(4))
            nibabel.save(image, place / label / f"{number}.nii.gz")
    source = read_source(place)
    assert len(source.images) == 2 * 2 * 5
    first = [image for image in source.images if image.path.startswith("sick/0.nii.gz")]
    assert [image.path for image in first] == [f"sick/0.nii.gz#{number}" for number in range(1, 6)]
    assert {image.patient for image in first} == {"sick/0.nii.gz"}
    decoded = open_image(source, first[0])
    assert decoded.pixels.shape == (24, 24)
    assert not np.array_equal(decoded.pixels, open_image(source, first[1]).pixels)


def test_a_damaged_file_stays_in_the_list(folder: Path) -> None:
    (folder / "sick" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"x" * 50)
    (folder / "sick" / "broken.nii").write_bytes(b"x" * 400)
    paths = [image.path for image in read_source(folder).images]
    assert {"sick/broken.dcm", "sick/broken.nii"} <= set(paths)


def alike(place: Path, ids: dict[str, str]) -> Path:
    """Twelve pictures a label, those of one label under one Patient ID."""
    for label, patient in ids.items():
        for number in range(12):
            dicom(place / label / f"{number:02}.dcm", patient, number=number + 12 * (label == "sick"))
    return place


def test_one_patient_id_in_all_files_tells_no_patient(tmp_path: Path) -> None:
    place = alike(tmp_path / "scans", {"sick": "ANONYMOUS", "well": "ANONYMOUS"})
    (warning,) = [line for line in read_source(place).warnings if "Patient ID" in line]
    assert "the same in the DICOM headers of 24 images of several labels" in warning
    with pytest.raises(FoveateError) as caught:
        prepared(tmp_path / "out", study_of(place))
    assert "has images of 1 patient only" in str(caught.value)
    assert "the Patient ID in the DICOM headers, which is the same in all 24 images" in str(caught.value)
    assert "name the patients in a table" in str(caught.value)
    assert "ANONYMOUS" not in str(caught.value) + warning
    prepared(tmp_path / "out", study_of(place, policies=["paper"]))


def test_one_patient_id_a_label(tmp_path: Path) -> None:
    place = alike(tmp_path / "scans", {"sick": "ANON1", "well": "ANON2"})
    with pytest.raises(FoveateError, match="Patient ID in the DICOM headers, which is one of 2 in all 24 images"):
        prepared(tmp_path / "out", study_of(place))


def test_patients_of_a_table_count_where_headers_are_alike(tmp_path: Path) -> None:
    place = alike(tmp_path / "scans", {"sick": "ANONYMOUS", "well": "ANONYMOUS"})
    rows = [f"{path.relative_to(place).as_posix()},{path.parent.name},{path.stem}" for path in place.rglob("*.dcm")]
    (place / "manifest.csv").write_text("\n".join(["path,label,patient", *rows]))
    source = read_source(place)
    assert not any("Patient ID" in line for line in source.warnings)
    assert remedy(source.images) == ""
    prepared(tmp_path / "out", study_of(place))


def test_names_with_the_sign_of_a_frame(folder: Path) -> None:
    shutil.move(folder / "sick" / "01.dcm", folder / "sick" / "a#1.dcm")
    of = {image.path: image.patient for image in read_source(folder).images}
    assert of["sick/a#1.dcm"] == of["well/00.dcm"]


def test_a_passing_failure_stops_the_listing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its patient would stay unknown, and the picture might stand on the other side of the split."""
    opened, failure = Path.open, errno.EIO

    def failing(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "05.dcm":
            raise OSError(failure, os.strerror(failure))
        return opened(path, *args, **kwargs)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", failing)
        with pytest.raises(FoveateError, match=r"05.dcm cannot be read \(Input/output error\): it says whose images"):
            read_source(folder)
        failure = errno.EACCES  # and what nobody may read stays in the list
        assert "sick/05.dcm" in {image.path for image in read_source(folder).images}
    of = {image.path: image.patient for image in read_source(folder).images}
    assert of["sick/05.dcm"] == of["well/04.dcm"]
