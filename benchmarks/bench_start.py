"""How long others wait for a campaign while a person starts it, at a million members.

The come-back campaign meets a half of them. One thread asks for the campaign's row again
and again, as runs and purchases do, while another one starts it (or is told that a second
person has to) and saves changes of it. The baseline counts under the lock, as it once was.

    python benchmarks/bench_start.py [--members 1000000] [--orders-each 1]
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from bench_campaigns import AT, _fill
from scratch import PROJECT, scratch_database

TARGET_WAIT = 2.0


def main() -> None:
    options = _options()
    with scratch_database("loyalty_bench_start") as url:
        os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
        sys.path.insert(0, str(PROJECT))
        with psycopg.connect(url, autocommit=True) as bare:
            _fill(bare, options)
        figures = _measure(url)
    _report({"members": options.members, **figures})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--orders-each", type=int, default=1)
    return parser.parse_args()


def _measure(url: str) -> dict[str, float | int]:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.db import transaction

    from campaigns.approving import reach_of, start_or_ask
    from campaigns.changing import change_campaign
    from campaigns.locks import lock_campaign
    from campaigns.models import Campaign, CampaignPolicy
    from campaigns.presets import create_presets
    from campaigns.preview import preview_campaign

    boss = User.objects.create_superuser("boss")
    campaign = create_presets(at=AT, running=False)[1]
    CampaignPolicy.objects.create(pk=1, approve_above=10_000_000)

    def count_under_the_lock() -> None:
        with transaction.atomic():
            now = lock_campaign(campaign)
            preview_campaign(campaign=now, at=AT, sample=0)

    def change() -> None:
        found = Campaign.objects.get(pk=campaign.pk)
        found.days += 1
        change_campaign(campaign=found, by=boss, at=AT)

    def start(bound: int) -> None:
        CampaignPolicy.objects.update(approve_above=bound)
        start_or_ask(campaign=campaign, by=boss, at=AT)

    reached = reach_of(campaign, at=AT)
    watch = _Waiting(url, campaign.pk)
    found: dict[str, float | int] = {"reached": reached}
    acts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("count_under_the_lock", count_under_the_lock),
        ("ask_to_start", lambda: start(1000)),
        ("start", lambda: start(10_000_000)),
        ("change_what_acts", change),
        ("preview", lambda: preview_campaign(campaign=campaign, at=AT)),
    )
    for name, act in acts:
        seconds, wait = watch.during(act)
        found |= {f"{name}_seconds": seconds, f"{name}_others_wait": wait}
    Campaign.objects.filter(pk=campaign.pk).update(holdout_percent=10)
    campaign.refresh_from_db()
    seconds, _wait = watch.during(lambda: preview_campaign(campaign=campaign, at=AT))
    return found | {"preview_with_holdout_seconds": seconds}


class _Waiting:
    """Somebody else who wants the campaign's row again and again."""

    def __init__(self, url: str, pk: int) -> None:
        self.url, self.pk = url, pk

    def during(self, act: Callable[[], Any]) -> tuple[float, float]:
        """Do something; return its seconds and the longest wait of the other one."""
        over, waits = threading.Event(), [0.0]
        other = threading.Thread(target=self._wait, args=(over, waits))
        other.start()
        time.sleep(0.2)
        started = time.perf_counter()
        act()
        seconds = time.perf_counter() - started
        over.set()
        other.join()
        return round(seconds, 3), round(max(waits), 3)

    def _wait(self, over: threading.Event, waits: list[float]) -> None:
        statement = "SELECT 1 FROM campaigns_campaign WHERE id = %s FOR NO KEY UPDATE"
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not over.is_set():
                started = time.perf_counter()
                connection.execute(statement, [self.pk])
                waits.append(time.perf_counter() - started)
                time.sleep(0.005)


def _report(figures: dict[str, float | int]) -> None:
    for name in ("ask_to_start", "start", "change_what_acts"):
        wait = figures[f"{name}_others_wait"]
        verdict = "ok" if wait <= TARGET_WAIT else "TOO SLOW"
        sys.stdout.write(
            f"{name:20} others wait {wait:6.3f} s  at most {TARGET_WAIT:.1f}   {verdict}\n"
        )
    sys.stdout.write(json.dumps({"bench": "start", **figures}) + "\n")


if __name__ == "__main__":
    main()
