"""The database itself refuses to change or delete entries of the log."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from foveate.reading.site.audit import refusals


def refuse(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in refusals(editor.connection.vendor)[0]:
        editor.execute(statement)


def allow(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in refusals(editor.connection.vendor)[1]:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("reading", "0001_initial")]
    operations = [migrations.RunPython(refuse, allow)]
