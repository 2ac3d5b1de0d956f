"""The paper's data sets are fetched from a server with small archives of the same layout; broken connections, missing
tokens and other counts are told of. The live sources are not asked."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import inspect
import io
import json
import os
import sys
import threading
import types
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from foveate.data import cards
from foveate.data.cards import CARDS
from foveate.data.download import DownloadError, download
from foveate.data.fetch import fetch
from foveate.data.sources import read_source
from foveate.errors import FoveateError, UsageError
from tests.data.test_sources import tree
from tests.system.test_main_job import foveate


class Server(http.server.ThreadingHTTPServer):
    """Serves bytes by path, with ranges; remembers what was asked, and breaks off where it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []  # path, Range
        self.break_after: int | None = None  # bytes
        self.length = True  # whether it says how long a file is

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        data, wanted = self.server.files.get(self.path.lstrip("/")), self.headers.get("Range", "")
        self.server.asked.append((self.path.lstrip("/"), wanted))
        if data is None:
            self.send_error(404)
            return
        version = f'"{hashlib.sha256(data).hexdigest()}"'
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if self.headers.get("If-Range") == version else 0
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", version)
        if self.server.length:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : self.server.break_after])

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        monkeypatch.setenv("FOVEATE_FETCH_URL", started.url)
        yield started
        started.shutdown()
        thread.join()


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 20), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def packed(*paths: str) -> bytes:
    """A zip of small pictures at these paths."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for seed, path in enumerate(paths):
            archive.writestr(path, picture(seed))
    return file.getvalue()


KAGGLE = {
    "skin": [
        f"{top}{split}/{label}/1.jpg"
        for top in ("", "data/")
        for split in ("train", "test")
        for label in ("benign", "malignant")
    ],
    "cxr": [
        f"chest_xray/{top}{split}/{path}"
        for top in ("", "chest_xray/")
        for split in ("train", "val", "test")
        for path in ("NORMAL/IM-0115-0001.jpeg", "PNEUMONIA/person1_virus_6.jpeg")
    ],
    "mri": [
        f"{split}/{label}/image(1).jpg"
        for split in ("Training", "Testing")
        for label in ("glioma_tumor", "meningioma_tumor", "no_tumor", "pituitary_tumor")
    ],
}  # fmt: skip


def covid_ct() -> dict[str, bytes]:
    """COVID-CT's repository with three images a class."""
    files = {}
    for label in ("COVID", "NonCOVID"):
        names = {split: f"{label}-{split}-p1-2%3.png" for split in ("train", "val", "test")}
        files[f"Images-processed/CT_{label}.zip"] = packed(*(f"CT_{label}/{name}" for name in names.values()))
        for split, name in names.items():
            files[f"Data-split/{label}/{split}CT_{label}.txt"] = f"{name}\n".encode()
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (
        ["File name", "Patient ID"],
        *([f"COVID-{s}-p1-2%3", f"Patient {s}"] for s in ("train", "val", "test")),
    ):
        book.active.append(row)
    book.save(file)
    files["COVID-CT-MetaInfo.xlsx"] = file.getvalue()
    files["NonCOVID-CT-MetaInfo.csv"] = b",image name,patient id\n0,NonCOVID-train-p1-2%3.png,x\n"
    return files


@pytest.fixture
def sources(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with all four data sets, and cards that expect one image a split and label."""
    for name, paths in KAGGLE.items():
        server.files[f"{CARDS[name].kaggle}.zip"] = packed(*paths)
    server.files |= covid_ct()
    for name, card in list(CARDS.items()):
        small = {split: dict.fromkeys(labels, 1) for split, labels in card.counts.items()}
        monkeypatch.setitem(CARDS, name, replace(card, counts=small))
    return server


@pytest.mark.parametrize("name", list(CARDS))
def test_each_set_becomes_a_folder_that_a_study_reads(sources: Server, tmp_path: Path, name: str) -> None:
    to = tmp_path / "set"
    notes = fetch(name, to)
    source = read_source(to)
    assert CARDS[name].differences(source.images) == []
    assert len(source.images) == CARDS[name].images
    record = json.loads((to / "fetch.json").read_text())
    assert record["images"] == len(source.images)
    assert record["counts"] == CARDS[name].counts
    for one in record["downloads"]:
        data = sources.files[one["url"].removeprefix(f"{sources.url}/")]
        assert (one["size"], one["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    before, asked = tree(to), len(sources.asked)
    assert fetch(name, to) == [f"{to} holds {name} already."]
    assert (tree(to), len(sources.asked)) == (before, asked)
    assert bool(notes) == (name == "ct")  # whose second table is incomplete here


def test_patients_and_splits_come_along(sources: Server, tmp_path: Path) -> None:
    fetch("ct", tmp_path / "ct")
    ct = {Path(image.path).name: image for image in read_source(tmp_path / "ct").images}
    assert ct["COVID-val-p1-2%3.png"].patient == "COVID Patient val"
    assert (ct["NonCOVID-train-p1-2%3.png"].patient, ct["NonCOVID-test-p1-2%3.png"].patient) == ("NonCOVID x", "")
    fetch("cxr", tmp_path / "cxr")
    cxr = read_source(tmp_path / "cxr").images
    assert {image.patient for image in cxr} == {"IM-0115", "person1_virus"}


def test_other_counts_than_the_cards(sources: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = replace(CARDS["mri"], counts={"train": {"glioma_tumor": 2}})
    monkeypatch.setitem(CARDS, "mri", more)
    with pytest.raises(FoveateError, match=r"train glioma_tumor: 1 images, 2 on the card; .* put 'rules: mri' into"):
        fetch("mri", tmp_path / "mri")
    assert not (tmp_path / "mri" / "manifest.csv").exists()
    monkeypatch.setitem(CARDS, "mri", replace(more, certain=False))
    asked = len(sources.asked)
    notes = fetch("mri", tmp_path / "mri")
    assert "not as on the data card: train glioma_tumor: 1 images, 2 on the card" in notes
    assert len(sources.asked) == asked  # the files were kept
    assert (tmp_path / "mri" / "manifest.csv").exists()


def test_a_broken_download_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(600_000)
    server.files["x.bin"] = data
    server.break_after = 400_000
    seen: list[tuple[int, int]] = []
    with pytest.raises(DownloadError, match="the connection ended after 400,000 of 600,000 bytes"):
        download(f"{server.url}/x.bin", tmp_path / "x.bin")
    assert not (tmp_path / "x.bin").exists()
    server.break_after = None
    done = download(f"{server.url}/x.bin", tmp_path / "x.bin", lambda received, total: seen.append((received, total)))
    assert server.asked[-1] == ("x.bin", "bytes=400000-")
    assert (tmp_path / "x.bin").read_bytes() == data
    assert (done.size, done.sha256) == (600_000, hashlib.sha256(data).hexdigest())
    assert (seen[0], seen[-1]) == ((400_000, 600_000), (600_000, 600_000))
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_a_file_that_changed_meanwhile_is_loaded_anew(server: Server, tmp_path: Path) -> None:
    server.files["x.bin"] = bytes(500_000)
    server.break_after = 400_000
    with pytest.raises(DownloadError):
        download(f"{server.url}/x.bin", tmp_path / "x.bin")
    server.break_after = None
    server.files["x.bin"] = b"new" * 1000
    download(f"{server.url}/x.bin", tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == b"new" * 1000


def test_a_part_that_was_whole(server: Server, tmp_path: Path) -> None:
    """Killed between the last byte and the rename: the server has no more, and says so."""
    server.files["x.bin"] = b"whole"
    (tmp_path / "x.bin.part").write_bytes(b"whole")
    (tmp_path / "x.bin.seen").write_text(f'"{hashlib.sha256(b"whole").hexdigest()}"')
    download(f"{server.url}/x.bin", tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == b"whole"


def test_a_server_that_does_not_say_how_long(server: Server, tmp_path: Path) -> None:
    server.files["x.bin"], server.length = b"some bytes", False
    assert download(f"{server.url}/x.bin", tmp_path / "x.bin").size == 10


def test_a_connection_that_breaks_without_a_length_is_no_file(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        status, headers = 200, http.client.HTTPMessage()

        def read(self, size: int | None = -1) -> bytes:
            raise http.client.IncompleteRead(b"half")

    file = tmp_path / "file"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("urllib.request.OpenerDirector.open", lambda *_, **__: Broken())
        with pytest.raises(DownloadError, match="the connection ended after 4 bytes"):
            download("http://x/file", file)
    assert not file.exists()


def test_a_damaged_zip_is_downloaded_anew(sources: Server, tmp_path: Path) -> None:
    path = f"{CARDS['skin'].kaggle}.zip"
    whole, sources.files[path] = sources.files[path], b"<html>log in first</html>"
    with pytest.raises(FoveateError, match="was removed: the same command downloads it anew"):
        fetch("skin", tmp_path / "skin")
    sources.files[path] = whole
    fetch("skin", tmp_path / "skin")
    assert (tmp_path / "skin" / "manifest.csv").is_file()


@pytest.mark.parametrize(("address", "reason"), [("", "the server says 404"), ("http://127.0.0.1:1", "refused")])
def test_without_the_files_the_message_says_what_to_do(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    monkeypatch.setenv("FOVEATE_FETCH_URL", address or server.url)
    ended = foveate("data", "fetch", "ct", "--to", tmp_path / "ct", status=1)
    assert "error: ct could not be downloaded: " in ended.stderr
    assert reason in ended.stderr
    assert "open https://github.com/UCSD-AI4H/COVID-CT, press Code, then Download ZIP" in ended.stderr
    assert f"put the zip as it is at {tmp_path / 'ct' / 'downloads' / 'ct.zip'}" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) <= 6


def test_by_hand(sources: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zip of Kaggle, and that of the repository, which holds two more."""
    monkeypatch.setenv("FOVEATE_FETCH_URL", "http://127.0.0.1:1")
    downloads = tmp_path / "skin" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "skin.zip").write_bytes(packed(*KAGGLE["skin"]))
    fetch("skin", tmp_path / "skin")
    assert read_source(tmp_path / "skin").labels == {"benign": 2, "malignant": 2}
    (tmp_path / "ct" / "downloads").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "ct" / "downloads" / "ct.zip", "w") as archive:
        for path, data in covid_ct().items():
            archive.writestr(f"COVID-CT-master/{path}", data)
        archive.writestr("COVID-CT-master/README.md", "hello")
    fetch("ct", tmp_path / "ct")
    assert read_source(tmp_path / "ct").labels == {"COVID": 3, "NonCOVID": 3}
    assert sources.asked == []


class Kaggle(types.ModuleType):
    """A kagglehub that unpacks a data set into its cache, or fails."""

    def __init__(self, problem: str = "") -> None:
        super().__init__("kagglehub")
        self.problem = problem

    def dataset_download(self, handle: str) -> str:
        if self.problem:
            raise RuntimeError(self.problem)
        place = Path(os.environ["KAGGLEHUB_CACHE"], "datasets", handle, "versions", "1")
        place.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(packed(*KAGGLE["mri"]))) as archive:
            archive.extractall(place)
        return str(place)


def test_kagglehub_downloads_with_the_users_token(
    sources: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOVEATE_FETCH_URL")
    monkeypatch.setitem(sys.modules, "kagglehub", Kaggle())
    fetch("mri", tmp_path / "mri")
    assert CARDS["mri"].differences(read_source(tmp_path / "mri").images) == []
    record = json.loads((tmp_path / "mri" / "fetch.json").read_text())
    assert record["downloads"] == [{"url": f"kaggle:{CARDS['mri'].kaggle}", "version": "1"}]
    monkeypatch.setitem(sys.modules, "kagglehub", Kaggle("401 Client Error.\n\nmore"))
    with pytest.raises(FoveateError, match=r"(?s)kagglehub says: 401 Client Error\..*skin\.zip.*KAGGLE_API_TOKEN"):
        fetch("skin", tmp_path / "skin")
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(FoveateError, match=r"kagglehub is not installed \(pip install 'foveate\[fetch\]'\)"):
        fetch("skin", tmp_path / "skin")


def test_kagglehub_is_called_as_it_is_made() -> None:
    kagglehub = pytest.importorskip("kagglehub")
    assert next(iter(inspect.signature(kagglehub.dataset_download).parameters)) == "handle"


def test_folders_of_others_are_left_alone(sources: Server, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"holds other files \(thesis\.txt\): give a new folder"):
        fetch("skin", tmp_path / "mine")
    with pytest.raises(UsageError, match="is a file: give a new folder"):
        fetch("skin", tmp_path / "mine" / "thesis.txt")
    fetch("mri", tmp_path / "mri")
    with pytest.raises(UsageError, match="holds another data set"):
        fetch("skin", tmp_path / "mri")


def test_from_the_command_line(server: Server, tmp_path: Path) -> None:
    """The card of skin is not certain, so that other counts are a note."""
    server.files[f"{CARDS['skin'].kaggle}.zip"] = packed(*KAGGLE["skin"])
    ended = foveate("data", "fetch", "skin", "--to", tmp_path / "skin")
    assert "note: not as on the data card: train benign: 1 images, 1,440 on the card" in ended.stderr
    assert f"foveate run paper --data skin={tmp_path / 'skin'}" in ended.stdout
    assert foveate("data", "card", "skin").stdout in ended.stdout
    assert "did you mean skin?" in foveate("data", "card", "skim", status=2).stderr
    assert "did you mean ct?" in foveate("data", "fetch", "cta", "--to", tmp_path / "x", status=2).stderr


def test_cards_say_what_is_known() -> None:
    assert {name: card.images for name, card in CARDS.items()} == {"skin": 3297, "cxr": 5856, "mri": 3264, "ct": 746}
    for name, card in CARDS.items():
        text = card.text()
        for part in (card.page, card.licence, card.citation, f"{card.images:,}", *card.problems):
            assert part in text
        assert card.name == name
    stated = {name for name, card in CARDS.items() if cards._SEE not in card.licence}
    assert stated == {"cxr"}  # of the others, no licence is known to us
