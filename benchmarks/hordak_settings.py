"""The smallest Django project for django-hordak: it, its tree library, one database."""

import os
from urllib.parse import urlsplit

_url = urlsplit(os.environ["HORDAK_DATABASE_URL"])

SECRET_KEY = "only for a benchmark"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "mptt",
    "djmoney",
    "hordak",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/"),
        "USER": _url.username,
        "PASSWORD": _url.password,
        "HOST": _url.hostname,
        "PORT": _url.port,
        "CONN_MAX_AGE": None,
    }
}
# One currency without decimals, as points are.
DEFAULT_CURRENCY = "VND"
CURRENCIES = ["VND"]
HORDAK_DECIMAL_PLACES = 0
