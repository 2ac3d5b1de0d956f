"""Which migrations a database or a backup has: this foveate's, those of an older one, or of a newer one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps as current_apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from foveate.errors import FoveateError

# Those of a backup that does not say which it has: it is from before backups did.
FIRST = ("reading.0001_initial", "reading.0002_log_stays")


def known() -> frozenset[str]:
    """All migrations of this foveate and of its Django, as `reading.0001_initial`."""
    return frozenset(f"{app}.{name}" for app, name in MigrationLoader(None).graph.nodes)


def applied() -> tuple[str, ...]:
    """The migrations of the database."""
    return tuple(sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()))


def unknown(migrations: Iterable[str]) -> list[str]:
    """Those that this foveate has not: made by a newer one."""
    return sorted(set(migrations) - known())


def lacking() -> list[str]:
    """Those that the database has not yet."""
    return sorted(known() - set(applied()))


def is_new() -> bool:
    """Whether the database holds no reader study yet."""
    return not any(name.startswith("reading.") for name in applied())


def refuse_newer() -> None:
    """Raises FoveateError for a database of a newer foveate: what its columns mean is not known here."""
    if newer := unknown(applied()):
        raise FoveateError(
            f"the database was made by a newer foveate: it has the migration {newer[-1]}, which this one does not "
            "know. Use that version, or restore a backup that this one made."
        )


def refuse_other() -> None:
    """Raises FoveateError for a database of another foveate, newer or older."""
    refuse_newer()
    if lacking():
        raise FoveateError(
            "the database was made by an older foveate: start `foveate reading serve` once, which writes a backup "
            "and brings it up to date."
        )


def last_of(migrations: Collection[str]) -> list[tuple[str, str]]:
    """Those of them, by application and name, that none of the same application follows: where to migrate to."""
    graph = MigrationLoader(None).graph
    return [
        node
        for node in graph.nodes
        if ".".join(node) in migrations
        and not any(
            later.key[0] == node[0] and ".".join(later.key) in migrations for later in graph.node_map[node].children
        )
    ]


def apps_at(migrations: Collection[str]) -> Any:
    """The models as they were with these migrations, by `get_model(app, name)`; today's where they are all there."""
    loader = MigrationLoader(None)
    nodes = [node for node in loader.graph.nodes if ".".join(node) in migrations]
    if len(nodes) == len(loader.graph.nodes):
        return current_apps
    return loader.project_state(nodes).apps
