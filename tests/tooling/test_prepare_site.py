"""Tables, static files and the demo: done once, done again after an interruption."""

from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from core.models import Heartbeat, JobRun
from loyalty_site.launch import prepare
from loyalty_site.launch.errors import CannotStart
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which commands are called instead of calling them."""
    names: list[str] = []
    monkeypatch.setattr(prepare, "call_command", lambda name, **_o: names.append(name))
    monkeypatch.setattr(prepare, "collect_static", lambda say: None)
    return names


def run(*, with_demo: bool = True) -> None:
    prepare.prepare_site(with_demo=with_demo, say=lambda _text: None)


def test_fills_an_empty_database_once(called: list[str]) -> None:
    run()
    run()

    filled = [name for name in called if name != "createcachetable"]
    assert filled == [n for n in ("setup_programme", "seed_demo") if n in filled]
    assert JobRun.objects.get(job="demo").state == JobRun.State.DONE


def test_leaves_an_empty_database_empty_when_asked(called: list[str]) -> None:
    run(with_demo=False)

    assert not JobRun.objects.exists()


def test_never_touches_a_database_that_is_in_use(called: list[str]) -> None:
    factories.make_programme()

    run()

    assert called == ["createcachetable"]


def test_goes_on_filling_after_an_interruption(
    called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str, **_options: object) -> None:
        if name == "setup_programme":
            factories.make_programme()
        if name == "seed_demo":
            raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "get_commands", lambda: ["setup_programme", "seed_demo"])
    with (
        patch.object(prepare, "call_command", interrupted),
        pytest.raises(KeyboardInterrupt),
    ):
        run()

    run()

    assert called[-2:] == ["setup_programme", "seed_demo"]


def test_counts_the_silence_of_the_worker_from_the_start(called: list[str]) -> None:
    run(with_demo=False)

    assert Heartbeat.objects.get().name == "worker"


def test_says_what_is_wrong_with_the_database() -> None:
    reason = "connection failed: no route to host\nIs the server running?"
    with (
        patch.object(connection, "ensure_connection", side_effect=OperationalError(reason)),
        pytest.raises(CannotStart) as refusal,
    ):
        prepare.require_database()

    assert str(refusal.value) == (
        "The database of DATABASE_URL cannot be used: no route to host. Start or create "
        "it, or correct the address."
    )


def test_says_that_the_broker_is_off() -> None:
    off = prepare.check_broker().__class__(ok=False, says="does not answer")
    with (
        patch.object(prepare, "check_broker", return_value=off),
        pytest.raises(CannotStart, match="The message broker of CELERY_BROKER_URL"),
    ):
        prepare.require_broker()


def test_collects_static_files_only_when_they_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATIC_ROOT = tmp_path
    state = ["one", "one", "two"]
    called: list[str] = []
    monkeypatch.setattr(prepare, "_static_state", lambda: state.pop(0))
    monkeypatch.setattr(prepare, "call_command", lambda name, **_o: called.append(name))

    for _round in range(3):
        prepare.collect_static(say=lambda _text: None)

    assert called == ["collectstatic", "collectstatic"]
