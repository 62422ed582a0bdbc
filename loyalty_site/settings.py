"""Settings, read from the environment (and .env); the defaults run on a bare machine."""

import secrets
import sqlite3
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from loyalty_site.environment import Environment
from loyalty_site.unfold import UNFOLD  # noqa: F401 - the console's frame

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = Environment()
Environment.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Links in messages are built from this address, never from a request's Host header.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")


def _own_secret_key() -> str:
    """Read this installation's own key, made at the first start."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        VAR_DIR.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = env.str("SECRET_KEY", default="") or _own_secret_key()

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "simple_history",
    "axes",
    "csp",
    "loyalty_site",
    "core",
    "members",
    "activities",
    "messaging",
    "webhooks",
    "points",
    "rewards",
    "tiers",
    "campaigns",
    "flows",
    "insights",
    "portal",
    "api",
    "till",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "loyalty_site.middleware.ConsoleScriptsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "portal.middleware.MemberMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "loyalty_site.urls"
WSGI_APPLICATION = "loyalty_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Databases ------------------------------------------------------------------------

# The WAL-reset bug can lose commits with two connections; only these versions are free of
# it (sqlite.org/wal.html#walresetbug). Everywhere else the rollback journal is used.
WAL_FIXED_FROM = (3, 51, 3)
WAL_FIXED_BACKPORTS = {(3, 50): 7, (3, 44): 6}


def sqlite_journal_mode(version: tuple[int, int, int]) -> str:
    """Choose WAL only where the linked SQLite cannot lose commits in it."""
    backport = WAL_FIXED_BACKPORTS.get(version[:2])
    fixed = version >= WAL_FIXED_FROM or (backport is not None and version[2] >= backport)
    return "WAL" if fixed else "TRUNCATE"


def _database() -> dict[str, Any]:
    url = env.str("DATABASE_URL", default="")
    if not url:
        VAR_DIR.mkdir(exist_ok=True)
        url = f"sqlite:///{VAR_DIR / 'loyalty.sqlite3'}"
    config: dict[str, Any] = env.db_url_config(url)
    if config["ENGINE"].endswith("sqlite3"):
        mode = sqlite_journal_mode(sqlite3.sqlite_version_info[:3])
        config["OPTIONS"] = {
            # A deferred read-then-write dies at once with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                f"PRAGMA journal_mode={mode}; PRAGMA synchronous=FULL; "
                "PRAGMA recursive_triggers=ON; PRAGMA secure_delete=ON;"
            ),
        }
    elif config["ENGINE"].endswith("postgresql"):
        config["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
        config["CONN_HEALTH_CHECKS"] = True
        config["OPTIONS"] = {
            # For the hand-written statements of core/batch.py that ask for it; what Django
            # writes itself is never prepared.
            "prepare_threshold": 5
            if env.bool("PREPARE_STATEMENTS", default=True)
            else None,
            "options": (
                f"-c lock_timeout={env.int('LOCK_TIMEOUT_MS', default=3000)} "
                "-c idle_in_transaction_session_timeout=30000 "
                # Compiling a query costs half a second, more than nearly all of them take.
                "-c jit=off "
                # Our cursors are read to their end: plan for all rows, not for the first.
                "-c cursor_tuple_fraction=1 "
                # Questions about all members hash millions of numbers. Beyond its memory a
                # hash is no choice, and each member is looked up: 64 MB where sorts keep 4.
                "-c hash_mem_multiplier=16 "
                # A prepared statement is planned once. Else the plan for one row looks so
                # much cheaper than the one for any number that it is made every time.
                "-c plan_cache_mode=force_generic_plan"
            ),
        }
    else:
        raise ImproperlyConfigured("DATABASE_URL must name SQLite or PostgreSQL.")
    return config


DATABASES = {"default": _database()}

# --- Broker and background work -------------------------------------------------------

# Nothing set: `make run` starts a small server of its own and tells every process.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6399/0")
BROKER_IS_REDIS = CELERY_BROKER_URL.startswith(("redis://", "rediss://", "redis+socket://"))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "loyalty"
CELERY_TIMEZONE = "Asia/Ho_Chi_Minh"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# A crontab that was due while beat was off fires late by at most this; the run tables
# catch up whatever is older.
CELERY_BEAT_CRON_STARTING_DEADLINE = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # kB
# Due times are rows: nothing here is sent with an eta, so a flood of them is a mistake.
CELERY_WORKER_ETA_TASK_LIMIT = 100
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# Work to do is rows; a lost nudge costs at most one poll, so publishing may fail fast.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if BROKER_IS_REDIS:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        # Well above the longest task, or a long one would be started a second time.
        "visibility_timeout": 3 * CELERY_TASK_TIME_LIMIT,
        # The default sweep brings a dead worker's tasks back only after 100 s more.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    }
# Tasks say "look now"; one that nobody took until the next is due has nothing to add.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # The sign of life that /healthz reads.
    "heartbeat": {
        "task": "core.tasks.heartbeat",
        "schedule": 30,
        "options": {"expires": 25},
    },
    # At night, when no till is waiting for the same table.
    "delete-old-answers": {
        "task": "api.tasks.delete_old_answers",
        "schedule": crontab(hour=3, minute=40),
    },
    "forget-old-sign-ins": {
        "task": "portal.tasks.forget_old",
        "schedule": crontab(hour=3, minute=50),
    },
    "forget-unused-pictures": {
        "task": "core.tasks.forget_pictures",
        "schedule": crontab(hour=4, minute=0),
    },
    "forget-old-records": {
        "task": "flows.tasks.forget_records",
        "schedule": crontab(hour=4, minute=10),
    },
    "forget-old-webhooks": {
        "task": "webhooks.tasks.forget_old",
        "schedule": crontab(hour=4, minute=20),
    },
}


def _cache() -> dict[str, Any]:
    """Choose a cache that all processes share, where there is one."""
    if url := env.str("CACHE_URL", default=""):
        return dict(env.cache_url_config(url))
    if not env.str("CELERY_BROKER_URL", default=""):
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if BROKER_IS_REDIS:
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CELERY_BROKER_URL,
            "KEY_PREFIX": "loyalty-cache",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    return {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
    }


CACHES = {"default": _cache()}

# --- Mail -----------------------------------------------------------------------------

# smtp+tls://user:password@host:587; without it nothing is ever mailed.
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="loyalty@localhost")
# Who gets the newest head of the ledger's seals, once a day, to keep it outside.
LEDGER_SEAL_EMAIL = env.list("LEDGER_SEAL_EMAIL", default=[])
# Who is told when a pool of voucher codes or the stock of a reward falls to its bound.
LOW_STOCK_EMAIL = env.list("LOW_STOCK_EMAIL", default=[])

# --- Sign-in and security -------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 5
# A shop behind one address must not lock out its colleagues.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_IPWARE_PROXY_COUNT = env.int("PROXY_COUNT", default=0)

# Breakers on the members' sign-in: codes sent (they cost money) and wrong codes typed.
SIGN_IN_CODES_PER_HOUR = env.int("SIGN_IN_CODES_PER_HOUR", default=1000)
SIGN_IN_FAILURES_PER_HOUR = env.int("SIGN_IN_FAILURES_PER_HOUR", default=1000)

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

# --- Languages, static files ----------------------------------------------------------

LANGUAGE_CODE = "vi"
LANGUAGES = [("vi", "Tiếng Việt"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Ho_Chi_Minh"
USE_TZ = True
FORMAT_MODULE_PATH = ["loyalty_site.formats"]

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Pictures are rows; nothing that someone sends stays on a disk, or fills one.
FILE_UPLOAD_HANDLERS = [
    "loyalty_site.uploads.RefuseLargeUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Zalo -----------------------------------------------------------------------------

ZALO_APP_ID = env.str("ZALO_APP_ID", default="")
ZALO_APP_SECRET = env.str("ZALO_APP_SECRET", default="")
# The webhook's own secret; Zalo shows it in the webhook settings.
ZALO_OA_SECRET = env.str("ZALO_OA_SECRET", default="")
# The Official Account and its first grant; later grants replace each other by themselves.
ZALO_OA_ID = env.str("ZALO_OA_ID", default="")
ZALO_REFRESH_TOKEN = env.str("ZALO_REFRESH_TOKEN", default="")
ZALO_OAUTH_URL = env.str("ZALO_OAUTH_URL", default="https://oauth.zaloapp.com")
ZALO_OPENAPI_URL = env.str("ZALO_OPENAPI_URL", default="https://openapi.zalo.me")
ZALO_BUSINESS_URL = env.str("ZALO_BUSINESS_URL", default="https://business.openapi.zalo.me")

# --- SMS ------------------------------------------------------------------------------

# A brand-name gateway that speaks eSMS's JSON; without keys no SMS is sent.
SMS_URL = env.str("SMS_URL", default="https://rest.esms.vn").rstrip("/")
SMS_API_KEY = env.str("SMS_API_KEY", default="")
SMS_SECRET_KEY = env.str("SMS_SECRET_KEY", default="")
SMS_BRANDNAME = env.str("SMS_BRANDNAME", default="")
# The gateway's kinds of message: 1 advertising, 2 customer care.
SMS_TYPE_OFFERS = env.str("SMS_TYPE_OFFERS", default="1")
SMS_TYPE_CARE = env.str("SMS_TYPE_CARE", default="2")
# The gateway signs nothing: whoever knows this part of the address may report.
SMS_REPORT_SECRET = env.str("SMS_REPORT_SECRET", default="")
SMS_SANDBOX = env.bool("SMS_SANDBOX", default=False)

# --- Sending --------------------------------------------------------------------------

# "1" or "0" decides over the switch in the console; addresses are added to its list.
MESSAGES_TEST_MODE: bool | None = None
if env.str("MESSAGES_TEST_MODE", default=""):
    MESSAGES_TEST_MODE = env.bool("MESSAGES_TEST_MODE")
MESSAGES_TEST_ADDRESSES = env.list("MESSAGES_TEST_ADDRESSES", default=[])

# --- Webhooks -------------------------------------------------------------------------

# Yes: also to addresses of private networks, for brands whose systems stand beside ours.
WEBHOOKS_ALLOW_PRIVATE = env.bool("WEBHOOKS_ALLOW_PRIVATE", default=False)
# A file of certificate authorities for such systems; empty: those that browsers trust.
WEBHOOKS_CA_FILE = env.str("WEBHOOKS_CA_FILE", default="")
# Who is told when a webhook is switched off because nobody listens there any more.
WEBHOOKS_EMAIL = env.list("WEBHOOKS_EMAIL", default=[])

# --- API ------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "api.problems.answer_problem",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Loyalty API",
    "DESCRIPTION": (
        "For tills and web shops: tell an order and get its points in the same answer. "
        "Money is a decimal text, times are ISO 8601 with their zone and answered in UTC, "
        "every refusal is a problem document (RFC 9457)."
    ),
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": False,
    "TAGS": [
        {"name": "orders", "description": "Purchases become points."},
        {"name": "refunds", "description": "Goods that came back."},
        {"name": "activities", "description": "What members do besides buying."},
        {"name": "points", "description": "Paying with points."},
        {"name": "members", "description": "Who they are and what they have."},
        {"name": "webhooks", "description": "What Zalo tells us."},
    ],
    # Two fields called "status" hold different things.
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": ["completed", "cancelled"],
        "TakenStatus": ["recorded", "known"],
        "VoucherUseState": ["held", "used", "released", "lapsed", "rolled_back"],
    },
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs -----------------------------------------------------------------------------

# One line per thing done, on standard error; whoever runs the process keeps the file.
# Messages name ids, never phone numbers or names.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"level": "INFO"},
        # Addresses that do not exist are asked for all day long.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # It writes two lines for every task; the tasks write their own.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        # It names the person who signs in.
        "axes": {"level": "WARNING"},
    },
}
