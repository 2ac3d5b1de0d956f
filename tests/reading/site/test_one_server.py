"""A study has one server at a time; other commands work beside it, and a killed one is in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.reading.site import deployment
from tests.reading.site import hosting, load
from tests.reading.site.hosting import Server, foveate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with hosting.serving(hosting.make_study(tmp_path_factory.mktemp("one"), cases=2)) as it:
        yield it


def test_a_second_server_is_refused_and_changes_nothing(server: Server) -> None:
    place = server.out / "reading"
    before = deployment.load(place)
    for folder in (server.out, place):
        done = foveate("reading", "serve", folder, "--port", hosting.free_port(), check=False)
        assert done.returncode == 1
        assert done.stderr == f"error: {place} is being served by another process: stop that server first.\n"
    assert deployment.load(place) == before  # links lead to the server that answers
    assert foveate("reading", "restore", server.out, server.out / "none.zip", check=False).stderr == done.stderr
    assert (place / "secrets" / "serving.lock").stat().st_mode & 0o777 == 0o600


def test_other_commands_work_beside_it(server: Server, tmp_path: Path) -> None:
    load.confirm(server.out)
    for command in (
        ("invite", server.out, "--name", "reader-1"),
        ("backup", server.out, "--to", tmp_path / "backup.zip"),
        ("erase", server.out, "--name", "reader-1", "--yes"),
        ("results", server.out),
    ):
        done = foveate("reading", *command, check=False)
        assert done.returncode == 0, done.stderr


def test_a_killed_server_is_in_nobodys_way(server: Server) -> None:
    server.kill()
    server.start()
    server.stop()
    server.start()
