"""A lost race is run again; everything else goes up at once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import OperationalError, transaction

from core import retry
from core.retry import is_retryable, retry_on_conflict


class LostRace(Exception):
    """What the driver says of a deadlock or a serialization failure."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("the database gave up")
        self.sqlstate = sqlstate


def database_error(sqlstate: str) -> OperationalError:
    error = OperationalError("the database gave up")
    error.__cause__ = LostRace(sqlstate)
    return error


def failing(times: int, error: Exception) -> tuple[Callable[[], str], list[int]]:
    """Return a verb that fails so many times, and the list of its calls."""
    calls: list[int] = []

    @retry_on_conflict
    def verb() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "done"

    return verb, calls


class Clock:
    """A clock that stands until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retry, "time", clock)
    return clock


@pytest.fixture
def _outermost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand outside of every transaction, where a verb may be repeated."""
    monkeypatch.setattr(retry, "connection", SimpleNamespace(in_atomic_block=False))


@pytest.mark.parametrize(
    "error",
    [
        database_error("40P01"),
        database_error("40001"),
        OperationalError("database is locked"),
        OperationalError("database table is locked: points_lot"),
    ],
)
@pytest.mark.usefixtures("_outermost")
def test_runs_again_after_a_lost_race(error: OperationalError, clock: Clock) -> None:
    verb, calls = failing(2, error)

    assert verb() == "done"
    assert len(calls) == 3
    assert len(clock.naps) == 2
    assert 0.02 <= clock.naps[0] <= 0.1
    assert 0.04 <= clock.naps[1] <= 0.2


@pytest.mark.usefixtures("_outermost")
def test_gives_up_after_five_times() -> None:
    verb, calls = failing(9, database_error("40P01"))

    with pytest.raises(OperationalError):
        verb()

    assert len(calls) == 5


@pytest.mark.usefixtures("_outermost")
def test_gives_up_when_it_has_waited_long(clock: Clock) -> None:
    """SQLite waits for half a minute by itself; a second time would not help."""
    calls: list[int] = []

    @retry_on_conflict
    def wait_in_vain() -> None:
        calls.append(1)
        clock.now += retry.PATIENCE + 0.1
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        wait_in_vain()

    assert len(calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        database_error("57P01"),
        OperationalError("no such table: points_lot"),
        ValueError("database is locked"),
    ],
)
@pytest.mark.usefixtures("_outermost")
def test_lets_real_faults_go_up(error: Exception) -> None:
    verb, calls = failing(9, error)

    with pytest.raises(type(error)):
        verb()

    assert len(calls) == 1


@pytest.mark.django_db
def test_repeats_nothing_inside_a_transaction() -> None:
    """The caller's transaction is lost as a whole; only the caller can begin again."""
    verb, calls = failing(1, database_error("40P01"))

    with pytest.raises(OperationalError), transaction.atomic():
        verb()

    assert len(calls) == 1


@pytest.mark.usefixtures("_outermost")
def test_hands_arguments_and_name_through() -> None:
    @retry_on_conflict
    def add_points(first: int, *, second: int) -> int:
        return first + second

    assert add_points(1, second=2) == 3
    assert add_points.__name__ == "add_points"


def test_tells_a_lost_race_from_a_fault() -> None:
    assert is_retryable(database_error("40001"))
    assert not is_retryable(database_error("55P03"))
    assert not is_retryable(OperationalError("disk I/O error"))
