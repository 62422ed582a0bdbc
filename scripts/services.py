"""Which servers of this machine answer: PostgreSQL, Redis, RabbitMQ, a browser."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Two checkouts on one machine must not share a test database.
DATABASE = f"loyalty_{zlib.crc32(str(ROOT).encode()):08x}"


def find_postgresql() -> str:
    """Return the address of a database server for tests, or nothing."""
    import psycopg

    url = os.environ.get("TEST_DATABASE_URL") or (
        f"postgres://postgres@127.0.0.1:5432/{DATABASE}"
    )
    try:
        # The database of the address need not exist: tests make one of their own.
        psycopg.connect(url, dbname="postgres", connect_timeout=3).close()
    except psycopg.Error:
        return ""
    return url


def find_redis() -> str:
    import redis

    url = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/15"
    try:
        redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2).ping()
    except redis.RedisError:
        return ""
    return url


def find_chromium() -> str:
    """Return the browser's program: CHROMIUM, or one of the usual names."""
    names = (
        os.environ.get("CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
    return next((path for name in names if name and (path := shutil.which(name))), "")
