"""Django's settings, from the folder that FOVEATE_READING names. DEBUG cannot be switched on."""

from __future__ import annotations

import os
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path

from foveate.reading.site import deployment as deployments

# Without a folder (type checkers, makemigrations) the settings are complete, and lead nowhere.
PLACE = Path(os.environ.get(deployments.PLACE) or tempfile.gettempdir()) if deployments.PLACE in os.environ else None
DEPLOYMENT = deployments.load(PLACE) if PLACE else deployments.Deployment()
TLS = DEPLOYMENT.url is not None

DEBUG = False
SECRET_KEY = deployments.secret_key(PLACE) if PLACE else secrets.token_urlsafe(64)
DATABASES = {
    "default": deployments.databases(PLACE, DEPLOYMENT)
    if PLACE
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "foveate.reading.site",
]
MIDDLEWARE = [
    "foveate.reading.site.middleware.headers",
    "foveate.reading.site.middleware.readable",
    "foveate.reading.site.middleware.storage_errors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "foveate.reading.site.middleware.session_ages",
]
ROOT_URLCONF = "foveate.reading.site.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "foveate.reading.site.context.page",
            ],
        },
    }
]

ALLOWED_HOSTS = DEPLOYMENT.hosts
CSRF_TRUSTED_ORIGINS = [DEPLOYMENT.url] if DEPLOYMENT.url else []
CSRF_FAILURE_VIEW = "foveate.reading.site.failures.csrf"
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # no-referrer would take the Origin from our own forms, and with it CSRF's check
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-foveate" if TLS else "foveate"
SESSION_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would log a reader out who comes by a link in a letter
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())
BROWSER_COOKIE_NAME = "__Host-foveate-browser" if TLS else "foveate-browser"  # of administrators, see browsers.py
CSRF_COOKIE_NAME = "__Host-foveate-csrf" if TLS else "foveate-csrf"
CSRF_COOKIE_SECURE = TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = None  # as long as the browser is open
CSRF_COOKIE_SAMESITE = "Lax"

AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "foveate.reading.site.passwords.VarietyValidator"},
    {"NAME": "foveate.reading.site.passwords.WellKnownValidator"},
    {"NAME": "foveate.reading.site.passwords.PredictableValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # bytes: a text has 10,000 characters, the information 50,000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_HANDLERS: list[str] = []  # nothing is uploaded

STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # straight from the package
WHITENOISE_AUTOREFRESH = False

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# To the terminal only, and without addresses: they may carry a token.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "filters": {"no_addresses": {"()": "foveate.reading.site.failures.WithoutAddresses"}},
    "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_addresses"]}},
    "loggers": {
        "foveate.reading": {"handlers": ["terminal"], "level": "INFO", "propagate": False},
        "waitress": {"handlers": ["terminal"], "level": "WARNING", "propagate": False},
        "waitress.queue": {"level": "ERROR"},  # it says with each request of a flood how many wait
        "django": {"handlers": ["terminal"], "level": "ERROR", "propagate": False},
        "django.request": {"handlers": ["terminal"], "level": "ERROR", "propagate": False},
        "django.security": {"handlers": ["terminal"], "level": "CRITICAL", "propagate": False},
    },
}
