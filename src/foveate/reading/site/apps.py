"""The application's name in Django, and what it does whenever Django says that something has happened."""

from django.apps import AppConfig
from django.core.signals import request_finished
from django.db.models.signals import post_save, pre_save


class ReadingConfig(AppConfig):
    name = "foveate.reading.site"
    label = "reading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from foveate.reading.site import erasing, seals

        request_finished.connect(erasing.after_a_page)
        pre_save.connect(seals.before_account, sender="auth.User")
        post_save.connect(seals.after_account, sender="auth.User")
