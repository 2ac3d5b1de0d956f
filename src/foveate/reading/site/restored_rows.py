"""From a backup's JSON to rows: only of known models, with exactly their fields, and values that could have been saved.

Rows of an older foveate are read with the models of that time, put into a database in memory, and brought up to date
there by the same migrations as a study that goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Field, ForeignKey, Model

from foveate.errors import FoveateError
from foveate.reading.site import backup, schema
from foveate.reading.site.archive import Archive

_MEMORY = "restoring"  # the alias of the database in memory


def rows(of: Archive) -> list[Model]:
    """All rows of a backup, as today's models, not saved yet, in an order in which references are there already.

    Raises FoveateError for a backup of a newer foveate, ValueError that says what is wrong with a row.
    """
    if newer := schema.unknown(of.about.migrations):
        raise FoveateError(
            f"{of.path} was made by a newer foveate: it has the migration {newer[-1]}, which this one does not know. "
            "Restore it with that version."
        )
    migrations = of.about.migrations if of.about.format > 1 else _with_all_of_django(of.about.migrations)
    models = backup.models_at(migrations)
    found = _read(json.loads(of.rows), models)
    if set(migrations) == schema.known():
        return found
    return _brought_up_to_date(found, migrations)


def _with_all_of_django(migrations: tuple[str, ...]) -> tuple[str, ...]:
    return (*migrations, *(name for name in schema.known() if not name.startswith("reading.")))


def _read(data: Any, models: dict[str, Any]) -> list[Model]:
    if not isinstance(data, list):
        raise ValueError("its rows are no list")
    known = {label.lower(): model for label, model in models.items()}
    made: dict[str, dict[Any, Model]] = {label: {} for label in known}
    for row in data:
        if not isinstance(row, dict) or set(row) != {"model", "pk", "fields"} or row["model"] not in known:
            raise ValueError(f"it has a row of {str(row)[:60]!r}, which no reader study has")
        own = _row(known[row["model"]], row["pk"], row["fields"])
        if own.pk in made[row["model"]]:
            raise ValueError(f"{row['model']} {own.pk} is in it twice")
        made[row["model"]][own.pk] = own
    _check_references(made)
    return [own for of in made.values() for own in of.values()]


def _row(model: Any, number: Any, given: Any) -> Model:
    """A row with exactly its model's fields. Raises ValueError that names the field."""
    name = model._meta.label_lower
    fields = [field for field in model._meta.local_fields if not field.primary_key]
    groups = [field.name for field in model._meta.local_many_to_many]
    if not isinstance(given, dict) or set(given) != {*(field.name for field in fields), *groups}:
        raise ValueError(f"{name} {number} has not exactly its fields")
    if any(given[group] != [] for group in groups):
        raise ValueError(f"{name} {number} has rights, which no administrator has")
    if type(number) is not int or number < 1:
        raise ValueError(f"{name} {number!r} has no number")
    values = {field.attname: _value(field, given[field.name], f"{name} {number}") for field in fields}
    own: Model = model(pk=number, **values)
    return own


def _value(field: Field[Any, Any], value: Any, where: str) -> Any:
    if value is None and field.null:
        return None
    if isinstance(field, ForeignKey):
        if type(value) is not int:
            raise ValueError(f"{where}: {field.name} is no number")
        return value
    kinds = {"BooleanField": bool, "DateTimeField": str, "CharField": str, "TextField": str}
    if type(value) is not kinds.get(field.get_internal_type(), int):
        raise ValueError(f"{where}: {field.name} is no {field.get_internal_type()}")
    if value == "" and field.blank:
        return value
    try:
        own = field.to_python(value)
        field.validate(own, None)
        for validator in field.validators:
            if not isinstance(validator, RegexValidator):  # Django's idea of a name, which allows no space
                validator(own)
    except ValidationError as error:
        raise ValueError(f"{where}: {field.name}: {' '.join(error.messages)}") from error
    if isinstance(own, datetime) and own.tzinfo is None:
        raise ValueError(f"{where}: {field.name} is in no time zone")
    return own


def _check_references(made: dict[str, dict[Any, Model]]) -> None:
    for label, rows in made.items():
        for own in rows.values():
            for field in own._meta.local_fields:
                if not isinstance(field, ForeignKey):
                    continue
                to = made.get(field.related_model._meta.label_lower, {})
                number = getattr(own, field.attname)
                if number is not None and number not in to:
                    raise ValueError(f"{label} {own.pk}: there is no {field.name} {number}")


def _brought_up_to_date(found: list[Model], migrations: tuple[str, ...]) -> list[Model]:
    with _in_memory() as own:
        MigrationExecutor(own).migrate(schema.last_of(migrations))
        for row in found:
            row.save_base(raw=True, using=_MEMORY, force_insert=True)
        executor = MigrationExecutor(own)
        executor.migrate(executor.loader.graph.leaf_nodes())
        models = backup.models_at(tuple(schema.known())).values()
        return [row for model in models for row in model._default_manager.using(_MEMORY).order_by("pk")]


@contextmanager
def _in_memory() -> Iterator[Any]:
    """A new SQLite database in memory, beside the study's."""
    settings = {"default": {}, _MEMORY: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    connections.settings[_MEMORY] = connections.configure_settings(settings)[_MEMORY]
    try:
        yield connections[_MEMORY]
    finally:
        connections[_MEMORY].close()
        del connections[_MEMORY]
        del connections.settings[_MEMORY]
