"""Fetch one of the paper's data sets from its source into a new folder, as a data set that `foveate run` reads.

DIR/downloads/     what was downloaded; it may be deleted afterwards
DIR/images/        the same, unpacked
DIR/fetch.json     where each file came from, its size and SHA-256, and the counts
DIR/manifest.csv   path, label, patient, split: written last
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from foveate import runs
from foveate.data.cards import CARDS, Card
from foveate.data.download import LARGEST, Advance, DownloadError, download
from foveate.data.sources.archives import DamagedZipError, unpack
from foveate.data.sources.folders import only_folder
from foveate.data.sources.rules import from_rules
from foveate.data.sources.source import Source, first_three
from foveate.errors import FoveateError, UsageError

BASE = "FOVEATE_FETCH_URL"  # an address that has the files instead: a mirror, or a test's server
_COVID_CT = "https://github.com/UCSD-AI4H/COVID-CT/raw/master"
_COVID_CT_FILES = (
    "Images-processed/CT_COVID.zip",
    "Images-processed/CT_NonCOVID.zip",
    *(f"Data-split/COVID/{split}CT_COVID.txt" for split in ("train", "val", "test")),
    *(f"Data-split/NonCOVID/{split}CT_NonCOVID.txt" for split in ("train", "val", "test")),
    "COVID-CT-MetaInfo.xlsx",
    "NonCOVID-CT-MetaInfo.csv",
)
_LARGEST_TABLE = 64 * 2**20  # bytes
_OWN = {"downloads", "images", "images.new", "fetch.json", "manifest.csv"}


def fetch(name: str, to: Path, advance: Advance = lambda received, total: None) -> list[str]:
    """Fetch the data set of this name (skin, cxr, mri, ct) to the folder `to`, or go on where an earlier try stopped.

    Returns what a person should know of it. Raises FoveateError: what to download by hand and where to put it, where
    it cannot be downloaded; where the counts are not those of the card. Raises UsageError for another's folder.
    """
    card = CARDS[name]
    _refuse_foreign(card, to)
    if (to / "manifest.csv").is_file():
        return [f"{to} holds {name} already."]
    if not (to / "images").is_dir():
        downloads = _bring(card, to, advance)
        runs.write_json(to / "fetch.json", _origin(card, downloads))
        with runs.disk_errors(to):
            (to / "images.new").replace(to / "images")
    source = from_rules(only_folder(to / "images"), name)
    differences = card.differences(source.images)
    if differences and card.certain:
        raise FoveateError(
            f"{to / 'images'} is not what the data card says: {'; '.join(differences[:3])}. The source may have "
            f"changed it: the files are kept; to use them as they are, put 'rules: {name}' into a study."
        )
    facts = runs.read_json(to / "fetch.json")
    runs.write_json(to / "fetch.json", {**facts, **_measured(source)})
    runs.write_text(to / "manifest.csv", _manifest(source, to).to_csv(index=False))
    return [*source.warnings, *(f"not as on the data card: {line}" for line in differences)]


def _origin(card: Card, downloads: list[dict[str, Any]]) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    return {"dataset": card.name, "page": card.page, "fetched": today, "downloads": downloads}


def _refuse_foreign(card: Card, to: Path) -> None:
    """Raises UsageError where the folder holds anything but an earlier try at the same data set."""
    if to.exists() and not to.is_dir():
        raise UsageError(f"--to {to} is a file: give a new folder.")
    others = sorted({entry.name for entry in to.iterdir()} - _OWN) if to.is_dir() else []
    if others:
        raise UsageError(f"--to {to} holds other files ({first_three(others)}): give a new folder.")
    if (to / "fetch.json").is_file() and runs.read_json(to / "fetch.json")["dataset"] != card.name:
        raise UsageError(f"--to {to} holds another data set: give a new folder.")


def _bring(card: Card, to: Path, advance: Advance) -> list[dict[str, Any]]:
    """Download and unpack to images.new; the record of each download."""
    by_hand = to / "downloads" / f"{card.name}.zip"
    base, given = os.environ.get(BASE, "").rstrip("/"), by_hand.is_file()
    try:
        if card.kaggle and not base and not given:
            return _from_kaggle(card.kaggle, to)
        addresses = _addresses(card, to, by_hand, base)
        downloads = [download(url, file, advance, _largest(file)) for url, file in addresses.items()]
    except DownloadError as error:
        raise FoveateError(_by_hand(card, by_hand, str(error))) from error
    try:
        _unpack(to / "downloads", to / "images.new")
    except DamagedZipError as error:
        if given or not error.archive.is_relative_to(to / "downloads"):
            raise
        error.archive.unlink(missing_ok=True)  # as it is, it would be found there for ever
        raise FoveateError(f"{error} It was removed: the same command downloads it anew.") from error
    return [asdict(one) for one in downloads]


def _addresses(card: Card, to: Path, by_hand: Path, base: str) -> dict[str, Path]:
    """Each address to download and the file that it becomes."""
    if by_hand.is_file():
        return {"by hand": by_hand}
    if card.kaggle:
        return {f"{base}/{card.kaggle}.zip": by_hand}
    return {f"{base or _COVID_CT}/{path}": to / "downloads" / path for path in _COVID_CT_FILES}


def _largest(file: Path) -> int:
    """The bytes that a download may have: lists and tables of a few thousand images are small."""
    return LARGEST if file.suffix == ".zip" else _LARGEST_TABLE


def _from_kaggle(handle: str, to: Path) -> list[dict[str, Any]]:
    """Let kagglehub download with the user's own token; it unpacks, and resumes, by itself."""
    try:
        import kagglehub
    except ImportError:
        raise DownloadError("kagglehub is not installed (pip install 'foveate[fetch]')") from None
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str((to / "downloads").resolve())
    try:
        place = Path(kagglehub.dataset_download(handle))
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DownloadError(f"kagglehub says: {reason}") from error
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before
    with runs.disk_errors(to):
        shutil.rmtree(to / "images.new", ignore_errors=True)
        if place.resolve().is_relative_to(to.resolve()):
            place.replace(to / "images.new")
        else:  # a Kaggle notebook has it mounted
            shutil.copytree(place, to / "images.new")
    return [{"url": f"kaggle:{handle}", "version": place.name}]


def _unpack(downloads: Path, place: Path) -> None:
    """Unpack or copy what was downloaded; a zip within a zip, as in COVID-CT's repository, becomes a folder."""
    with runs.disk_errors(place):
        shutil.rmtree(place, ignore_errors=True)
        for file in sorted(path for path in downloads.rglob("*") if path.is_file()):
            target = place / file.relative_to(downloads)
            if file.suffix == ".zip":
                unpack(file, target.with_suffix(""))
            elif file.suffix in (".txt", ".csv", ".xlsx"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        for inner in sorted(path for path in place.rglob("*.zip") if path.name in ("CT_COVID.zip", "CT_NonCOVID.zip")):
            unpack(inner, inner.with_suffix(""))


def _measured(source: Source) -> dict[str, Any]:
    """Counts, size and one SHA-256 of all images, so that two people can tell whether they have the same."""
    digest, size = hashlib.sha256(), 0
    counts: dict[str, dict[str, int]] = {}
    for image in source.images:
        data = _bytes(source.folder / image.path)
        digest.update(f"{image.path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        size += len(data)
        labels = counts.setdefault(image.split, {})
        labels[image.label] = labels.get(image.label, 0) + 1
    return {"images": len(source.images), "bytes": size, "images_sha256": digest.hexdigest(), "counts": counts}


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FoveateError(f"cannot read {file}: {error.strerror}. Start the same command again.") from error


def _manifest(source: Source, to: Path) -> pd.DataFrame:
    prefix = source.folder.relative_to(to).as_posix()
    rows = [(f"{prefix}/{image.path}", image.label, image.patient, image.split) for image in source.images]
    return pd.DataFrame(rows, columns=["path", "label", "patient", "split"])


def _by_hand(card: Card, file: Path, reason: str) -> str:
    """What to do where the download failed."""
    get = "log in to Kaggle and press Download" if card.kaggle else "press Code, then Download ZIP"
    token = (
        "\nOr get a token at https://www.kaggle.com/settings, export it as KAGGLE_API_TOKEN and start the same command "
        "again."
        if card.kaggle
        else ""
    )
    return (
        f"{card.name} could not be downloaded: {reason}.\n"
        f"By hand: open {card.page}, {get},\n"
        f"put the zip as it is at {file}, and start the same command again.{token}"
    )
