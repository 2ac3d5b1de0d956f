"""Where a study may be served, and what is kept about it: nothing that others can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.errors import FoveateError, UsageError
from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment


def test_loopback_needs_nothing_more() -> None:
    own = deployment.checked(Deployment())
    assert (own.address, own.hosts) == ("http://127.0.0.1:8000", ["127.0.0.1", "localhost", "[::1]"])
    assert deployment.checked(Deployment(host="::1", port=1)).address == "http://[::1]:1"


def test_behind_a_proxy_links_begin_with_the_public_address() -> None:
    own = deployment.checked(Deployment(host="0.0.0.0", url="https://reading.example.org/", trusted_proxy="10.0.0.7"))
    assert own.address == own.url == "https://reading.example.org"
    assert own.hosts == ["reading.example.org"]


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (Deployment(host="0.0.0.0"), "--host 0.0.0.0 alone is refused"),
        (Deployment(url="https://a.org"), "--url and --trusted-proxy go together"),
        (Deployment(trusted_proxy="127.0.0.1"), "--url and --trusted-proxy go together"),
        (Deployment(url="http://a.org", trusted_proxy="127.0.0.1"), "--url must be https://"),
        (Deployment(url="https://a.org/x", trusted_proxy="127.0.0.1"), "--url must be https://"),
        (Deployment(url="https://u:p@a.org", trusted_proxy="127.0.0.1"), "--url must be https://"),
        (Deployment(url="https://a.org", trusted_proxy="nginx"), "--trusted-proxy must be the IP address"),
        (Deployment(port=0), "--port must be between 1 and 65535"),
        (Deployment(database="mysql://a/b"), "--database must be postgresql://"),
        (Deployment(database="postgresql://a"), "--database must be postgresql://"),
    ],
)
def test_what_is_unsafe_or_half_is_refused(own: Deployment, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        deployment.checked(own)


def test_the_refusal_shows_a_proxy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="proxy_pass http://127.0.0.1:8000"):
        deployment.checked(Deployment(host="192.168.0.2"))


def test_it_is_remembered_for_its_owner_alone(tmp_path: Path) -> None:
    own = Deployment(port=9, database="postgresql://u:secret@h/n")
    deployment.save(tmp_path, own)
    assert deployment.load(tmp_path) == own
    key = deployment.secret_key(tmp_path)
    assert key == deployment.secret_key(tmp_path)
    assert len(key) > 80
    (tmp_path / "other").mkdir()
    assert key != deployment.secret_key(tmp_path / "other")
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == ["deployment.json", "secret-key"]


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for content in ('{"colour": 1}', '{"url": 5}', '{"port": "x"}', '{"database": ["a"]}'):
        (tmp_path / "secrets" / "deployment.json").write_text(content, encoding="utf-8")
        with pytest.raises(FoveateError, match="deployment.json is not what"):
            deployment.load(tmp_path)
    for content in ("[]", "[" * 100_000):
        (tmp_path / "secrets" / "deployment.json").write_text(content, encoding="utf-8")
        with pytest.raises(FoveateError, match="cannot read .*deployment.json"):
            deployment.load(tmp_path)


def test_databases() -> None:
    sqlite = deployment.databases(Path("/place"), Deployment())
    assert sqlite["NAME"] == "/place/database.sqlite3"
    assert "journal_mode=WAL" in sqlite["OPTIONS"]["init_command"]
    assert "synchronous=FULL" in sqlite["OPTIONS"]["init_command"]
    assert sqlite["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    other = deployment.databases(Path("/place"), Deployment(database="postgresql://u:p%40@h:6/n?sslmode=require"))
    assert (other["USER"], other["PASSWORD"], other["HOST"], other["PORT"], other["NAME"]) == ("u", "p@", "h", "6", "n")
    assert other["OPTIONS"] == {"sslmode": "require"}


def test_the_example_of_a_proxy_is_the_documents_and_logs_no_links() -> None:
    document = (Path(__file__).parents[3] / "docs" / "reading.md").read_text(encoding="utf-8")
    shown = document.partition("```nginx\n")[2].partition("```")[0].splitlines()
    example = [line.removeprefix("    ") for line in deployment.PROXY_EXAMPLE.splitlines()]
    assert "\n".join(shown) in "\n".join(example)
    for setting in ("access_log off;", "error_log /dev/null crit;"):
        (line,) = [line for line in shown if setting in line]
        assert line.startswith("    " + setting)  # of the server: also for requests that no location gets
