"""Questions that give up, and what they leave behind."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection

from core.batch import execute, fetch_all, is_postgresql
from core.time_limit import TookTooLong, time_limit
from members.models import Tag

pytestmark = pytest.mark.django_db

FOREVER = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) "
    "SELECT max(i) FROM n"
)


def timeout() -> str:
    return str(fetch_all("SHOW statement_timeout")[0][0]) if is_postgresql() else ""


def test_gives_up_and_the_connection_goes_on() -> None:
    Tag.objects.create(code="kept", name="Kept")
    before = timeout()

    with pytest.raises(TookTooLong), time_limit(0.05):
        fetch_all(FOREVER)

    assert list(Tag.objects.values_list("code", flat=True)) == ["kept"]
    assert timeout() == before


def test_what_is_quick_is_answered_and_the_limit_ends_with_it() -> None:
    before = timeout()

    with time_limit(5):
        assert fetch_all("SELECT 45") == [(45,)]

    assert timeout() == before
    if not is_postgresql():
        # Long enough to be looked at, had the limit stayed.
        with time_limit(0.001):
            pass
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 99999)"
        assert fetch_all(f"{rows} SELECT count(*) FROM n") == [(99999,)]


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(IntegrityError), time_limit(5):
        execute(f"INSERT INTO {Tag._meta.db_table} (code, name) VALUES (NULL, 'x')")
    assert connection.is_usable()
