"""One site for each folder, and how other commands find it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty_site import running
from loyalty_site.running import AlreadyRunning, RunningSite, join_running_site


def test_a_second_one_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    first = RunningSite(tmp_path)
    first.take(says="process 17")

    with pytest.raises(AlreadyRunning, match="process 17"):
        RunningSite(tmp_path).take(says="process 18")

    first.forget()
    third = RunningSite(tmp_path)
    third.take(says="process 19")
    third.forget()


def test_addresses_are_known_while_it_runs(tmp_path: Path) -> None:
    site = RunningSite(tmp_path)
    assert RunningSite(tmp_path).addresses() == {}

    site.take(says="process 17")
    site.tell({"CELERY_BROKER_URL": "redis://:a=b@127.0.0.1:1/0", "DATABASE_URL": ""})

    found = RunningSite(tmp_path).addresses()
    assert found == {"CELERY_BROKER_URL": "redis://:a=b@127.0.0.1:1/0", "DATABASE_URL": ""}
    assert (tmp_path / "site.env").stat().st_mode & 0o077 == 0
    site.forget()


def test_what_a_killed_site_left_behind_is_ignored(tmp_path: Path) -> None:
    site = RunningSite(tmp_path)
    site.take(says="process 17")
    site.tell({"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"})
    assert site._lock is not None
    # The lock goes with its process; the files stay.
    site._lock.close()

    assert RunningSite(tmp_path).addresses() == {}


@pytest.fixture
def running_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSite]:
    site = RunningSite(tmp_path)
    site.take(says="process 17")
    site.tell({"DATABASE_URL": "postgres://here/x", "CELERY_BROKER_URL": "redis://here"})
    monkeypatch.setattr(running, "RunningSite", lambda: RunningSite(tmp_path))
    yield site
    site.forget()


def test_a_command_joins_the_site_of_its_database(running_here: RunningSite) -> None:
    environment = {"DATABASE_URL": "postgres://here/x"}

    join_running_site(environment)

    assert environment["CELERY_BROKER_URL"] == "redis://here"


def test_a_command_for_another_database_stays_apart(running_here: RunningSite) -> None:
    environment = {"DATABASE_URL": "sqlite:////tmp/other.sqlite3"}

    join_running_site(environment)

    assert environment == {"DATABASE_URL": "sqlite:////tmp/other.sqlite3"}


def test_what_is_configured_wins(running_here: RunningSite) -> None:
    environment = {
        "DATABASE_URL": "postgres://here/x",
        "CELERY_BROKER_URL": "redis://mine",
    }

    join_running_site(environment)

    assert environment["CELERY_BROKER_URL"] == "redis://mine"
