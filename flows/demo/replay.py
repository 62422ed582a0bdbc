"""Replay a history with a come-back journey in the middle of it.

What came before the journey is in the database already. From its first day on, each day's
purchases arrive in their turn, members go on through the journey, and its messages lie in
the inboxes of their pages: nothing leaves this machine.
"""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from activities.services import OrderFact
from campaigns.gallery import create_from_gallery
from campaigns.measuring import Effect, Interval, measure
from campaigns.models import Campaign, CampaignRun
from campaigns.services import advance_campaigns, run_campaign, start_campaign
from core.clock import local_date, programme_zone
from core.errors import InvalidInput
from flows.demo.returns import Truth, made_up_returns, truth_of
from flows.import_orders import ImportOptions, import_orders
from flows.record import record
from messaging.models import Channel, MessageTemplate
from messaging.services import dispatch_messages

TEMPLATE = "come-back-journey"
# After the day's purchases, within the hours in which offers may go.
EVENING = time(20, 0)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Replay:
    """What the result page says, and the truth to hold against it."""

    campaign: Campaign
    effect: Effect
    truth: Truth

    def as_json(self) -> dict[str, Any]:
        reached, alone = self.effect.reached, self.effect.left_alone
        return {
            "campaign": self.campaign.code,
            "reached": reached.size,
            "left_alone": alone.size,
            "bought": [reached.buyers, alone.buyers],
            "missing": self.effect.missing,
            "made_up_share": round(self.truth.share, 5),
            "share": _rounded(self.effect.share, 5),
            "made_up_revenue": f"{self.truth.revenue:.2f}",
            "revenue": _rounded(self.effect.revenue, 2),
            "cost": f"{self.effect.benefit_cost:.2f}",
            "profit": _rounded(self.effect.profit, 2),
        }


def _rounded(interval: Interval | None, digits: int) -> list[float] | None:
    return None if interval is None else [round(value, digits) for value in interval]


def replay_journey(path: Path, *, start: date, percent: float, seed: int) -> Replay:
    """Start the journey in the evening of a day and let its window pass, day by day.

    Of those who are reached, ``percent`` of a hundred make one purchase more than the
    history knows; those who are left alone do what the history says.
    """
    days_of = _days_of(path)
    campaign = _start(at=_evening(start), percent=percent, seed=seed)
    made_up = made_up_returns(campaign, percent=percent, seed=seed)
    more = _by_day(made_up)
    for number in range(1, campaign.goal_days + 1):
        day = start + number * DAY
        _let_a_day_pass(days_of.get(day.isoformat(), []), more.get(day, []), day)
    end = _evening(start + campaign.goal_days * DAY)
    truth = truth_of(campaign, made_up, at=end)
    return Replay(campaign, measure(campaign, at=end), truth)


def _start(*, at: datetime, percent: float, seed: int) -> Campaign:
    campaign = create_from_gallery(TEMPLATE)
    campaign.description = (
        f"Replay of a history. {percent:g} of a hundred members who were reached make one "
        f"purchase more than the history knows (seed {seed}); these purchases are made up."
    )
    campaign.save(update_fields=["description"])
    used = MessageTemplate.objects.filter(pk__in=campaign.steps.values("template"))
    used.update(channels=[Channel.INBOX.value])
    start_campaign(campaign=campaign, at=at)
    run_campaign(campaign=campaign, at=at, trigger=CampaignRun.Trigger.COMMAND)
    dispatch_messages(at=at)
    return campaign


def _let_a_day_pass(
    rows: Sequence[dict[str, str]], made_up: Sequence[OrderFact], day: date
) -> None:
    at = _evening(day)
    if rows:
        _import(rows, at=at)
    record(made_up, at=at)
    advance_campaigns(at=at)
    dispatch_messages(at=at)


def _import(rows: Sequence[dict[str, str]], *, at: datetime) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        import_orders(path, options=ImportOptions(quiet=True), at=at)


def _days_of(path: Path) -> Mapping[str, list[dict[str, str]]]:
    """Return the rows of a history by the day on which each was placed."""
    opened = gzip.open if path.suffix == ".gz" else open
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    with opened(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if "placed_at" not in row:
                raise InvalidInput(f"{path.name} has no column placed_at.")
            found[row["placed_at"][:10]].append(row)
    return found


def _by_day(facts: Sequence[OrderFact]) -> Mapping[date, list[OrderFact]]:
    found: dict[date, list[OrderFact]] = defaultdict(list)
    for fact in facts:
        found[local_date(fact.placed_at)].append(fact)
    return found


def _evening(day: date) -> datetime:
    return datetime.combine(day, EVENING, tzinfo=programme_zone())
