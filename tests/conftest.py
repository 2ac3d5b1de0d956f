"""What many tests share: where the optional data lie, and small folders of images."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeImages = Callable[..., Path]


def pytest_configure() -> None:
    """Let programs that tests start be stopped by Ctrl-C, also where the tests run in a shell's background; and keep
    each of several processes that test, and the programs it starts, to a core of its own.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):  # threads of more processes than cores wait for each other
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker) % len(cores)]})
        if "torch" in sys.modules:  # it has counted the cores already: a folder's own conftest.py is read before this
            sys.modules["torch"].set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with whole programs, which take longest. Skip, with a reason, what needs a browser that is not there; on CI
    it must run.
    """
    items.sort(key=lambda item: not item.path.is_relative_to(Path(__file__).parent / "system"))
    if shutil.which("chromium") or os.environ.get("CI") == "true":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="needs the browser chromium, which is not installed"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of optional test data that FOVEATE_SHARED names."""
    folder = Path(os.environ.get("FOVEATE_SHARED", "../shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip("needs the data sets in the folder that FOVEATE_SHARED names")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests decode and unpack out of the cache of whoever runs them."""
    os.environ["FOVEATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """Write a folder of small grey images that a network can tell apart: class b has a bright square.

    make_images(a=10, b=10) writes a/0.png ... b/9.png; keywords: name (of the folder), side (pixels).
    """

    def make(name: str = "images", side: int = 40, **counts: int) -> Path:
        generator = np.random.default_rng(0)
        for place, (label, count) in enumerate(counts.items()):
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(60, 120, (side, side), dtype=np.uint8)
                if place % 2:
                    row, column = generator.integers(0, side - side // 4, 2)
                    pixels[row : row + side // 4, column : column + side // 4] = 230
                Image.fromarray(pixels).save(folder / f"{number}.png")
        return tmp_path / name

    return make
