"""The application's name in Django, and what it does whenever Django says that something has happened."""

from django.apps import AppConfig
from django.core.signals import request_finished


class ReadingConfig(AppConfig):
    name = "foveate.reading.site"
    label = "reading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from foveate.reading.site import erasing

        request_finished.connect(erasing.after_a_page)
