"""What happens every night.

Each step looks at the state of things, not at what the last night did: whatever is overdue
is done. So a night that never ran is caught up by the next one, and a night that runs
twice changes nothing the second time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from activities.rfm import score_rfm
from campaigns.models import CampaignRun
from campaigns.services import run_campaigns
from core.clock import local_date
from core.errors import DomainError
from core.holidays import keep_holidays
from flows.low_mail import mail_low
from flows.seal_mail import mail_seal
from members.segments.watching import count_segments, refresh_segments
from points.accounting import reconcile_points
from points.audit import verify_ledger
from points.sealing import seal_ledger
from points.services import celebrate, expire_points, mature_points, release_stale
from rewards.services import lapse_unpaid, redeem_due, release_stale_holds
from tiers.gifts import give_on_occasions
from tiers.services import review_tiers

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class DayStep:
    """One step of the night and what it came to."""

    name: str
    ok: bool
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(slots=True)
class DayReport:
    """What a programme day came to."""

    at: datetime
    day: str
    steps: list[DayStep] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "day": self.day,
            "ok": self.ok,
            "steps": [asdict(step) for step in self.steps],
        }


class LedgerBroken(DomainError):
    """The nightly proof found differences."""

    code = "ledger_broken"
    status = 500


class BooksDiffer(DomainError):
    """The nightly report does not meet what members really hold."""

    code = "books_differ"
    status = 500


def run_day(*, at: datetime, trigger: str = CampaignRun.Trigger.COMMAND.value) -> DayReport:
    """Do everything that a programme day ends with; safe to repeat.

    A step that fails does not keep the next ones from their work.
    """
    steps: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("keep_holidays", lambda: {"added": keep_holidays(at=at)}),
        ("mature_points", lambda: asdict(mature_points(at=at))),
        ("celebrate", lambda: asdict(celebrate(at=at))),
        ("expire_points", lambda: asdict(expire_points(at=at))),
        ("release_reservations", lambda: {"released": release_stale(at=at)}),
        ("release_vouchers", lambda: {"released": release_stale_holds(at=at)}),
        ("lapse_redemptions", lambda: {"lapsed": lapse_unpaid(at=at)}),
        ("review_tiers", lambda: asdict(review_tiers(at=at))),
        ("give_tier_gifts", lambda: asdict(give_on_occasions(at=at))),
        ("redeem_due", lambda: {"redeemed": redeem_due(at=at)}),
        ("score_rfm", lambda: asdict(score_rfm(at=at))),
        ("refresh_segments", lambda: asdict(refresh_segments(at=at))),
        ("count_segments", lambda: {"counted": count_segments(at=at)}),
        ("run_campaigns", lambda: run_campaigns(at=at, trigger=trigger)),
        ("mail_low_stock", lambda: {"things": mail_low(at=at)}),
        ("reconcile_points", lambda: _reconcile_points(at)),
        # About transactions that may still be open: the machine's own time, not the day's.
        ("seal_ledger", lambda: asdict(seal_ledger(at=timezone.now()))),
        ("mail_seal", lambda: {"recipients": mail_seal()}),
        ("prove_ledger", _prove_ledger),
    )
    report = DayReport(at=at, day=local_date(at).isoformat())
    for name, work in steps:
        report.steps.append(_do(name, work))
    return report


def _do(name: str, work: Callable[[], dict[str, Any]]) -> DayStep:
    started = time.monotonic()
    result: dict[str, Any] = {}
    error = ""
    try:
        result = work()
    except DomainError as refusal:
        logger.exception("Step %s of the day failed", name)
        error, result = str(refusal.message), refusal.extra
    except Exception as fault:
        logger.exception("Step %s of the day failed", name)
        error = repr(fault)[:1000]
    seconds = round(time.monotonic() - started, 3)
    return DayStep(name, ok=not error, seconds=seconds, result=result, error=error)


def _reconcile_points(at: datetime) -> dict[str, Any]:
    outcome = reconcile_points(at=at)
    if outcome.differences:
        raise BooksDiffer(" ".join(outcome.differences), **asdict(outcome))
    return asdict(outcome)


def _prove_ledger() -> dict[str, Any]:
    audit = verify_ledger()
    if not audit.ok:
        raise LedgerBroken(
            _("The ledger does not add up; verify_ledger names the differences."),
            **audit.as_json(),
        )
    return audit.as_json()
