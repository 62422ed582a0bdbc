"""The settings of the test suite: nothing leaves the process but what a test starts."""

from loyalty_site.settings import *  # noqa: F403

# A model with a picture, of which the console's form and the tidying up are tested.
INSTALLED_APPS += ["tests.shelf"]  # noqa: F405

PUBLIC_URL = "http://testserver"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# A nudge goes nowhere: what depends on one has to be found by the poll as well.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Pages are tested from a fresh checkout, where nobody has collected the static files.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True

ZALO_APP_ID = ""
ZALO_APP_SECRET = ""
ZALO_OA_SECRET = ""

# Tests read the source sentences; those about Vietnamese ask for it by name.
LANGUAGE_CODE = "en"

# What a test commits need not outlive the power. The battery, which proves what does, runs
# its processes with the settings of the site.
if DATABASES["default"]["ENGINE"].endswith("postgresql"):  # noqa: F405
    DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"  # noqa: F405
