"""The application's name in Django."""

from django.apps import AppConfig


class ReadingConfig(AppConfig):
    name = "foveate.reading.site"
    label = "reading"
    default_auto_field = "django.db.models.BigAutoField"
