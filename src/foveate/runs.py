"""The grid of a study's runs, the folder where everything lies, and writes that are whole or absent."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import filelock

from foveate import config, locks
from foveate.config import Study
from foveate.errors import FoveateError, UsageError

_UNFINISHED = ".new"  # how the name of a file ends until it is whole


@dataclass(frozen=True, order=True)
class Subject:
    """A data set under one split policy: what a model is trained on."""

    dataset: str  # its name in the study
    policy: str
    name: str  # its name in files: the same, or <dataset>@<policy> where a study has several policies


@dataclass(frozen=True)
class Run:
    """One training of one model on one data set with one seed."""

    subject: Subject
    model: str
    repeat: int  # 1, 2, 3, ...

    @property
    def key(self) -> str:
        return f"{self.subject.name}/{self.model}/{self.repeat}"


def subjects(study: Study) -> list[Subject]:
    """The data sets of a study, each under each of its policies; those without a source are left out."""
    several = len(study.policies) > 1
    return [
        Subject(name, policy, f"{name}@{policy}" if several else name)
        for name, dataset in study.datasets.items()
        if dataset.source
        for policy in study.policies
    ]


def grid(study: Study) -> list[Run]:
    """All runs of a study; repeats before models, so that a study stopped early compares like with like."""
    return [
        Run(subject, model, repeat)
        for subject in subjects(study)
        for repeat in range(1, study.repeats + 1)
        for model in study.models
    ]


def derive_seed(*parts: object) -> int:
    """A seed in [0, 2**63) that depends on nothing but the parts, and differs when any of them does."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class StudyFolder:
    """OUT: where each file of a study lies."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @functools.cached_property
    def study(self) -> Study:
        """The resolved study. Raises UsageError where this is no study's folder."""
        if not (self.path / "study.yaml").is_file():
            raise UsageError(f"{self.path} is no study's folder: it has no study.yaml. `foveate run` makes one.")
        return config.load_study(self.path / "study.yaml")

    def data(self, subject: Subject) -> Path:
        return self.path / "data" / subject.name

    def run(self, run: Run) -> Path:
        return self.path / "runs" / run.subject.name / run.model / str(run.repeat)

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def report(self) -> Path:
        return self.path / "report" / "index.html"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second process out of this folder while this one works; a killed process leaves it free."""
        with contextlib.ExitStack() as lock:
            with disk_errors(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                try:
                    lock.enter_context(locks.held(self.path / ".lock", "--out", wait=False))
                except filelock.Timeout as error:
                    at_work = f"another foveate process is at work in {self.path}: let it end first."
                    raise FoveateError(at_work) from error
            for left_over in self.path.rglob(f".*{_UNFINISHED}"):  # of a process that was killed while it wrote
                left_over.unlink(missing_ok=True)
            yield

    def refuse_foreign(self, study: Study) -> None:
        """Raises UsageError where the folder holds another study or somebody's files.

        What the machine decided by itself the first time (precision, threads) holds for the whole study and is
        not compared; unreadable images may be skipped later. While no images are read, anything may change.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file: --out must name a new folder.")
        if not (self.path / "study.yaml").exists():
            if self.path.exists() and any(entry.name != ".lock" for entry in self.path.iterdir()):
                raise UsageError(f"{self.path} holds files that are not a study's: give a new folder with --out.")
            return
        differences = _differences(study.model_dump(mode="json"), self.study.model_dump(mode="json"))
        if differences and any(self.path.glob("data/*/pack/index.json")):
            raise UsageError(
                f"{self.path} holds another study ({'; '.join(differences[:3])}): give a new folder with --out, "
                f"or go on with that one: foveate run {self.path}"
            )

    def create(self, study: Study) -> None:
        """Write study.yaml; once images are read, the one that is there decides, but for skipping unreadable ones."""
        if any(self.path.glob("data/*/pack/index.json")):
            there = {Path(plugin.file).name: plugin for plugin in self.study.plugins}  # one may come later
            plugins = there | {Path(plugin.file).name: plugin for plugin in study.plugins}
            changes = {"skip_unreadable": study.skip_unreadable, "plugins": tuple(plugins.values())}
            study = self.study.model_copy(update=changes)
        if not (self.path / "study.yaml").exists() or study != self.study:
            write_text(self.path / "study.yaml", config.dump_study(study, self.path))
        self.__dict__["study"] = study


def _differences(asked: Any, there: Any, field: str = "") -> list[str]:
    if (field, asked) in (("precision", "auto"), ("threads", None)) or field == "skip_unreadable":
        return []
    if field == "plugins":  # wherever they lie, and whether or not one came later: models are compared by themselves
        asked, there = ({Path(own["file"]).name: own["sha256"] for own in given} for given in (asked, there))
        changed = sorted(name for name in asked.keys() & there.keys() if asked[name] != there[name])
        return [f"plugins: {name} has changed since" for name in changed]
    if isinstance(asked, dict) and isinstance(there, dict):
        keys = list(dict.fromkeys([*asked, *there]))
        return [
            line for key in keys for line in _differences(asked.get(key), there.get(key), f"{field}.{key}".lstrip("."))
        ]
    if asked == there:
        return []
    if isinstance(asked, dict) or isinstance(there, dict):  # a whole model or data set on one side only
        return [f"{field}: {'not there' if there is None else 'there'}, {'not here' if asked is None else 'here'}"]
    return [f"{field}: {there!r} there, {asked!r} here"]


def study_above(run_folder: Path) -> Path | None:
    """OUT, seen from OUT/runs/<data set>/<model>/<repeat>; None where nothing can lie so far above."""
    above = run_folder.resolve().parents
    return above[3] if len(above) > 3 else None


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line that names the path."""
    try:
        yield
    except OSError as error:
        raise FoveateError(
            f"cannot write {error.filename or path}: {error.strerror or error}. Nothing that was done is lost: "
            "put it right and start the same command again."
        ) from error


@contextlib.contextmanager
def writing(path: Path, mode: str = "w", private: bool = False) -> Iterator[IO[Any]]:
    """An open file that becomes `path` when the block ends well, and nothing at all when it does not.

    private: for its owner alone, and so is its folder where it is new.
    """
    with disk_errors(path):
        path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
    try:
        with disk_errors(path):
            with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o600 if private else 0o644)
            Path(temporary).replace(path)
            _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; systems that cannot open a folder do without."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str, private: bool = False) -> None:
    with writing(path, private=private) as file:
        file.write(text)


def json_text(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, data: Any) -> None:
    write_text(path, json_text(data))


def read_json(path: Path) -> Any:
    """The content of a JSON file of foveate's own, an object. Raises FoveateError that names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror}. Once it can be, start the same command.") from error
    except (ValueError, RecursionError) as error:  # the latter where lists are nested very deep
        raise FoveateError(f"cannot read {path}: {error}. Remove it and start again to have it made anew.") from error
    if not isinstance(found, dict):
        raise FoveateError(f"cannot read {path}: it holds no object. Remove it and start again to have it made anew.")
    return found


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits; computed once for a file that does not change. Raises OSError."""
    facts = path.stat()
    return _file_hash(path.resolve(), facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=64)  # a file of many pictures is hashed once
def _file_hash(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(paths: Iterable[Path], *more: object) -> str:
    """16 hex digits that change when the content of any of these files does."""
    digest = hashlib.sha256(repr(more).encode())
    for path in paths:
        digest.update(f"\0{path.name}\0".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
