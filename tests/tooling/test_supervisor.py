"""Processes that start together and stop together: with real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loyalty_site.launch import children
from loyalty_site.launch.children import Child, Supervisor

WAITS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS
HAS_HELPER = (
    "import subprocess, sys, time; "
    "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print(helper.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[tuple[str, str]]) -> Iterator[Supervisor]:
    found = Supervisor(
        environment=dict(os.environ),
        log_dir=tmp_path / "log",
        cwd=tmp_path,
        say=lambda name, line: said.append((name, line)),
    )
    yield found
    for child in found.children:
        child.signal(signal.SIGKILL)
        if child.process is not None:
            child.process.wait()
        child.close()


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def wait_until(supervisor: Supervisor, check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        supervisor.wait(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    # One that nobody has collected yet is as good as gone.
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_a_child_says_is_shown_and_kept(
    supervisor: Supervisor, said: list[tuple[str, str]], tmp_path: Path
) -> None:
    supervisor.start(Child("web", python(WAITS)))

    wait_until(supervisor, lambda: ("web", "up") in said)
    assert (tmp_path / "log" / "web.log").read_text() == "up\n"


def test_a_quiet_child_speaks_to_its_log_only(
    supervisor: Supervisor, said: list[tuple[str, str]], tmp_path: Path
) -> None:
    supervisor.start(Child("broker", python(WAITS), is_quiet=True))

    log = tmp_path / "log" / "broker.log"
    wait_until(supervisor, lambda: log.read_text() == "up\n")
    assert said == []


def test_stopping_leaves_nobody_behind(
    supervisor: Supervisor, said: list[tuple[str, str]]
) -> None:
    supervisor.start(Child("worker", python(HAS_HELPER)))
    wait_until(supervisor, lambda: bool(said))
    helper = int(said[0][1])
    assert is_alive(helper)

    supervisor.stop_all()

    assert not supervisor.children[0].is_running
    wait_until(supervisor, lambda: not is_alive(helper))


def test_who_does_not_listen_is_ended(
    supervisor: Supervisor, said: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE", 0.5)
    supervisor.start(Child("worker", python(STUBBORN)))
    wait_until(supervisor, lambda: bool(said))

    supervisor.stop_all()

    process = supervisor.children[0].process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_a_worker_that_dies_is_started_again(
    supervisor: Supervisor,
    said: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "BACK_OFF", (0.1,))
    supervisor.start(Child("worker", python(WAITS)))
    wait_until(supervisor, lambda: ("worker", "up") in said)
    first = supervisor.children[0].process
    assert first is not None

    first.kill()
    first.wait()
    wait_until(supervisor, lambda: supervisor.look_after() is None and len(said) == 3)

    assert said[1] == ("worker", "ended by itself (code -9); again in 0 s")
    assert said[2] == ("worker", "up")
    assert supervisor.children[0].process is not first
    assert first.stdout is not None
    assert first.stdout.closed


def test_pauses_grow_with_each_failure(
    supervisor: Supervisor, said: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "BACK_OFF", (0.0, 0.0, 9.0))
    supervisor.start(Child("beat", python("raise SystemExit(3)")))

    wait_until(
        supervisor,
        lambda: (
            supervisor.look_after() is None
            and ("beat", "ended by itself (code 3); again in 9 s") in said
        ),
    )

    assert supervisor.children[0].num_failures == 3


def test_the_death_of_a_vital_child_is_reported(supervisor: Supervisor) -> None:
    web = Child("web", python("raise SystemExit(1)"), is_vital=True)
    supervisor.start(web)
    assert web.process is not None
    web.process.wait()

    assert supervisor.look_after() is web


def test_a_log_that_has_grown_is_put_aside(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT", 10)
    log = tmp_path / "log" / "web.log"
    log.write_text("more than ten letters")

    supervisor.start(Child("web", python("pass")))

    assert (tmp_path / "log" / "web.log.1").read_text() == "more than ten letters"
