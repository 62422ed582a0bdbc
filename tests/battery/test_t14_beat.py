"""T14: three beats and two workers, restarts, a schedule edited in the due second.

Every beat fires every entry, those that are killed fire again when they return, and an
edit makes them all read the schedule anew. Each (job, period) must still have exactly one
effective run, and none may be missed. The negative control is the same job without the
guard, in the same storm: it has to run several times.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from loyalty_site.launch.broker import Broker, choose_broker
from tests.battery.figures import report
from tests.battery.running import Database, environment, new_database, run

pytestmark = pytest.mark.battery

BEATS = 3
WORKERS = 2
GUARDED = 12
BARE = 4
SLOTS = 2
# On a busy machine processes may take this long to be there, and to be done with a slot.
START_LIMIT = 60.0
END_LIMIT = 50.0
# Whoever is late with a second run would show up within this time.
AFTERMATH = 4.0
PROBE = "tests.battery.beat_probe"


@contextmanager
def own_broker(folder: Path) -> Iterator[Broker]:
    broker = choose_broker(data_dir=folder)
    if not broker.is_own:
        yield broker
        return
    process = subprocess.Popen(broker.command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while not broker.is_ready():
            assert time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.1)
        yield broker
    finally:
        process.terminate()
        process.wait(15)


class Site:
    """The beats and workers of one database and one broker."""

    def __init__(self, database: Database, broker: Broker, folder: Path) -> None:
        self._environment = environment(database, CELERY_BROKER_URL=broker.url)
        self._folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts = 0

    def start(self, name: str, *arguments: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_beat(self, number: int) -> None:
        celery = ("-m", "celery", "-A", PROBE)
        self.start(f"beat{number}", *celery, "beat", "--pidfile=", "--loglevel=INFO")

    def start_worker(self, number: int) -> None:
        celery = ("-m", "celery", "-A", PROBE)
        options = ("-c2", "--loglevel=INFO", "--without-gossip", "--without-mingle")
        self.start(f"worker{number}", *celery, "worker", "-n", f"w{number}@t14", *options)

    def restart_beat(self, number: int) -> None:
        """Kill a beat without warning; it never saved what it fired last."""
        self.processes[f"beat{number}"].kill()
        self.processes[f"beat{number}"].wait()
        self.restarts += 1
        self.start_beat(number)

    def edit_schedule_at(self, moment: float) -> None:
        self.start(f"edit{moment:.0f}", "-m", PROBE, "edit", str(moment))

    def wait_for(self, said: dict[str, str]) -> None:
        deadline = time.monotonic() + START_LIMIT
        for name, text in said.items():
            log = self._folder / f"{name}.log"
            while text not in log.read_text():
                assert self.processes[name].poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, f"{name} did not start in time"
                time.sleep(0.2)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def storm(site: Site) -> list[str]:
    """Run through the slots with everything that may go wrong; return the periods."""
    for number in range(WORKERS):
        site.start_worker(number)
    for number in range(BEATS):
        site.start_beat(number)
    site.wait_for({f"beat{n}": "Schedule changed" for n in range(BEATS)})
    site.wait_for({f"worker{n}": "ready." for n in range(WORKERS)})
    # The editors must be there before the slot too.
    first = (time.time() + 15) // 60 * 60 + 60
    slots = [first + 60 * number for number in range(SLOTS)]
    for slot in slots:
        site.edit_schedule_at(slot + 0.3)
        sleep_until(slot - 1.5)
        # Comes back in the middle of the slot, not knowing what the others fired.
        site.restart_beat(0)
        sleep_until(slot + 1)
        site.restart_beat(1)
        sleep_until(slot + 6)
        site.restart_beat(2)
    return [f"{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%MZ}" for slot in slots]


def wait_until_done(database: Database, wanted: set[tuple[str, str]]) -> None:
    deadline = time.monotonic() + END_LIMIT
    while time.monotonic() < deadline:
        if wanted <= set(database.ask("SELECT job, period FROM battery_effect")):
            break
        time.sleep(0.5)
    time.sleep(AFTERMATH)


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def test_each_period_has_exactly_one_effective_run(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        new_database(tmp_path, like=empty_database) as database,
        own_broker(tmp_path / "broker") as broker,
    ):
        run(database, "-m", PROBE, "prepare", str(GUARDED), str(BARE))
        site = Site(database, broker, tmp_path)
        try:
            periods = storm(site)
            wanted = {(f"guarded-{n:02}", p) for n in range(GUARDED) for p in periods}
            wait_until_done(database, wanted)
        finally:
            site.stop()
        effects = Counter(database.ask("SELECT job, period FROM battery_effect"))
        runs = database.ask("SELECT job, period, state, attempts FROM core_jobrun")
        firings = database.count("battery_firing")
    guarded = {key: n for key, n in effects.items() if key[0].startswith("guarded")}
    bare = {key: n for key, n in effects.items() if key[0].startswith("bare")}
    doubled = sum(n > 1 for n in guarded.values())
    report(
        "T14 beat",
        beats=BEATS,
        workers=WORKERS,
        restarts=site.restarts,
        schedule_edits=SLOTS * (GUARDED + BARE),
        firings=firings,
        periods=len(guarded),
        missed=len(wanted - set(guarded)),
        doubled=doubled,
        control_doubled=f"{sum(n > 1 for n in bare.values())} of {len(bare)}",
    )
    assert wanted <= set(guarded), "no period is missed"
    assert doubled == 0, "no period has two effective runs"
    assert {(state, attempts) for _job, _period, state, attempts in runs} == {("done", 1)}
    assert any(n > 1 for n in bare.values()), "without the guard, the storm doubles runs"
