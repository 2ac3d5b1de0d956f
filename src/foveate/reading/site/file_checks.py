"""What can be said of a study's files without its database: each check by itself, and what fails is a finding."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from foveate.errors import FoveateError
from foveate.reading import cases_and_key, package
from foveate.reading.site import deployment

Level = Literal["good", "note", "bad"]
_MOST = 5  # images that are named; the others are counted


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    level: Level
    what: str


Check = Callable[[], Iterator[Finding]]


def made(what: str, check: Check) -> list[Finding]:
    """What a check finds, and one finding more where it cannot be made. `what` it is about, for that one.

    An error of a kind that nobody has foreseen is named by its kind alone: its text may hold what is blinded.
    """
    found = []
    try:
        for finding in check():
            found.append(finding)  # noqa: PERF402 - what was found before it failed counts
    except FoveateError as error:
        found.append(Finding("bad", f"{error}"))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        found.append(Finding("bad", f"{what} failed: {where}{error.strerror or error}."))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made, and this is said
        found.append(
            Finding(
                "bad", f"{what} failed ({type(error).__name__}): something is damaged, or this is a mistake of foveate"
            )
        )
    return found


def findings(place: Path) -> list[Finding]:
    """All of them; one good one where nothing is wrong with what `create` wrote."""
    wrong = []
    for what, check in {
        "reading study.yaml": _study,
        "reading the images": _images,
        "reading cases.csv": _cases,
        "reading the key": _key,
        "reading the seed": _seed,
        "reading the key's secret": _secret,
        "reading consent.txt": _consent,
    }.items():
        wrong += made(what, partial(check, place))
    good = [Finding("good", "images, key and seed are as they were made")]
    found = wrong or good
    found += made("reading the folder of secrets", lambda: _secrets(place))
    return [*found, *made("looking at permissions", lambda: _permissions(place))]


def _study(place: Path) -> Iterator[Finding]:
    package.load(place)
    yield from ()


def _images(place: Path) -> Iterator[Finding]:
    different = package.differences(place)
    for what in islice(different, _MOST):
        yield Finding("bad", what)
    if more := sum(1 for _what in different):
        yield Finding("bad", f"and {more} more images: put the files of `create` back")


def _cases(place: Path) -> Iterator[Finding]:
    cases_and_key.read_cases(place)
    yield from ()


def _key(place: Path) -> Iterator[Finding]:
    cases_and_key.layers(cases_and_key.read_key(place))
    yield from ()


def _seed(place: Path) -> Iterator[Finding]:
    cases_and_key.read_seed(place)
    yield from ()


def _secret(place: Path) -> Iterator[Finding]:
    cases_and_key.derived_secret(place, "doctor")
    yield from ()


def _consent(place: Path) -> Iterator[Finding]:
    if (place / package.CONSENT).exists():
        (place / package.CONSENT).read_bytes()
    yield from ()


def _secrets(place: Path) -> Iterator[Finding]:
    deployment.load(place)
    if (place / deployment.SECRETS / deployment.SECRET_KEY).exists():
        deployment.secret_key(place)
    elif (place / deployment.SECRETS).exists():
        yield Finding("note", "the server's own key is gone: a new one is made, and everybody must sign in again")


def _permissions(place: Path) -> Iterator[Finding]:
    if os.name != "posix":
        yield Finding("note", "file permissions are not checked on this system")
        return
    names = (cases_and_key.KEY, deployment.SECRETS, deployment.DATABASE, deployment.LOG, deployment.BACKUPS)
    private = [place, *(place / name for name in names)]
    wrong = []
    for path in (path for path in private if path.exists()):
        if path.stat().st_mode & 0o077:
            wrong.append(Finding("bad", f"others may read {path}: chmod go= {path}"))
        if not os.access(path, os.R_OK | os.W_OK):
            wrong.append(Finding("bad", f"{path} is not for this account to read and write: see who owns it"))
    yield from wrong or [Finding("good", "key, secrets and database are for their owner alone")]
