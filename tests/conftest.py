"""What every test may lean on: three named people and a ledger that tests may empty."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import translation

from members.models import Member
from tests import copies, factories
from tests.battery.running import Database, new_database
from tests.emptying import tests_may_empty_the_ledger
from tests.services import leave_out_what_cannot_run

# Noon in Ho Chi Minh City on an ordinary Monday; tests move from here.
NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    leave_out_what_cannot_run(items)


def pytest_collection_finish() -> None:
    # All that is loaded stays to the end; nobody needs to look through it for garbage.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> Iterator[None]:
    if empty := copies.empty_database():
        with copies.begun_as_a_copy(empty):
            yield
    else:
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The tables, made once, for tests whose processes need a database of their own."""
    if empty := copies.empty_database():
        yield empty
        return
    with new_database(tmp_path_factory.mktemp("empty")) as database:
        yield database


@pytest.fixture
def scratch(empty_database: Database, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Return a maker of fresh databases, which are taken away at the end."""
    with ExitStack() as copies_made:

        def make() -> Database:
            return copies_made.enter_context(new_database(tmp_path, like=empty_database))

        yield make


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
    with tests_may_empty_the_ledger():
        yield


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
