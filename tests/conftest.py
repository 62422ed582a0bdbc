"""What every test may lean on: three named people and a ledger that tests may empty."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import translation

from members.models import Member
from tests import factories
from tests.services import leave_out_what_cannot_run

# Noon in Ho Chi Minh City on an ordinary Monday; tests move from here.
NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)

LEDGER_TABLES = (
    "points_transfer",
    "points_lotdraw",
    "points_lot",
    "points_ledgerseal",
    "tiers_tierchange",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    leave_out_what_cannot_run(items)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def mai(db: None) -> Member:
    """A member with a phone, consent and points nowhere yet."""
    return factories.make_member(code="MAI", name="Nguyễn Thị Mai", phone="0912345678")


@pytest.fixture
def binh(db: None) -> Member:
    """Another member, who must never see what is mai's."""
    return factories.make_member(code="BINH", name="Trần Văn Bình", phone="0987654321")


@pytest.fixture
def staff(db: None) -> User:
    """A person of the marketing team with every right."""
    return User.objects.create_superuser("staff", "staff@example.com", "staff-password")


@pytest.fixture
def console(staff: User) -> Client:
    """The staff console, in English, with staff signed in."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(staff)
    return client


@pytest.fixture
def helper(db: None) -> User:
    """A colleague who may enter the console and nothing else; tests add what they need."""
    return User.objects.create_user("helper", password="helper-password", is_staff=True)


@pytest.fixture
def helper_console(helper: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(helper)
    return client


@pytest.fixture(autouse=True)
def _english_unless_asked() -> Iterator[None]:
    """A page's language stays active in its thread; it must not reach the next test."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True, scope="session")
def _tests_may_empty_the_ledger() -> Iterator[None]:
    """Let the flush between transactional tests pass the append-only triggers.

    The triggers stay in force during every test; only the flush itself lifts them.
    """
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def flush_without_triggers(self: object, sql_list: list[str]) -> None:
        if connection.vendor == "postgresql":
            off = [f"ALTER TABLE {t} DISABLE TRIGGER USER" for t in LEDGER_TABLES]
            on = [f"ALTER TABLE {t} ENABLE TRIGGER USER" for t in LEDGER_TABLES]
            flush(self, [*off, *sql_list, *on])
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master "
                "WHERE type = 'trigger' "
                "AND (tbl_name LIKE 'points_%%' OR tbl_name LIKE 'tiers_%%')"
            )
            triggers = cursor.fetchall()
        off = [f"DROP TRIGGER {re.sub(r'[^a-z_]', '', name)}" for name, _sql in triggers]
        flush(self, [*off, *sql_list, *(sql for _name, sql in triggers)])

    operations.execute_sql_flush = flush_without_triggers
    yield
    operations.execute_sql_flush = flush


@pytest.fixture
def threads_end_their_sessions(db: None) -> Iterator[None]:
    """Wait for the server to let go of them; else it refuses to drop the database."""
    yield
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    for _attempt in range(100):
        with connection.cursor() as cursor:
            cursor.execute(f"{others} AND pid <> pg_backend_pid()")
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.1)


@pytest.fixture
def beside_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright runs an event loop in this thread; Django must not mistake it for ours.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
