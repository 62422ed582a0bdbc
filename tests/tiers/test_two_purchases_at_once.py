"""Two purchases at once cross one boundary: one event, and neither purchase is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from activities.models import Order
from activities.services import OrderFact
from core.clock import local_date
from flows.record import record
from members.models import Member
from tests.tiers.helpers import make_ladder, standing_row, tier
from tiers import placing
from tiers.models import TierChange
from tiers.services import Touch, refresh_tiers

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def at_once(works: Sequence[Callable[[], object]]) -> list[BaseException]:
    """Do works on connections of their own, all begun at the same moment."""
    start = threading.Barrier(len(works))
    faults: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return faults


def tell(member: Member, number: str, now: datetime, total: int) -> Callable[[], object]:
    fact = OrderFact("till", number, member.pk, now, Decimal(total))
    return lambda: record([fact], at=now)


def count(member: Member, number: str, now: datetime, total: int) -> Callable[[], object]:
    """Save a sale beside the verb that would lock its member's summary, and refresh."""

    def work() -> None:
        with transaction.atomic():
            order = Order.objects.create(
                source="till",
                external_id=number,
                member=member,
                placed_at=now,
                placed_on=local_date(now),
                total=Decimal(total),
                currency="VND",
            )
            refresh_tiers([Touch(member.pk, now, "order", order.pk)], at=now)

    return work


def let_both_measure_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a purchase write its standing only once both have been measured."""
    meeting, measure = threading.Barrier(2), placing.find

    def slowed(asked: Any) -> Any:
        found = measure(asked)
        meeting.wait(10)
        return found

    monkeypatch.setattr(placing, "find", slowed)


def test_both_count_and_one_event_is_written(mai: Member, now: datetime) -> None:
    make_ladder()
    record([OrderFact("till", "first", mai.pk, now, Decimal(10_000))], at=now)

    for n in range(5):
        faults = at_once(
            [tell(mai, f"A{n}", now, 100_000), tell(mai, f"B{n}", now, 100_000)]
        )
        assert faults == []

    assert tier(mai) == "silver"
    assert standing_row(mai).spend == 1_010_000
    kinds = list(TierChange.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["entered", "up"]


@pytest.mark.parametrize("first", [True, False])
def test_the_lock_of_the_standing_is_enough(
    mai: Member, now: datetime, first: bool
) -> None:
    make_ladder()
    if not first:
        count(mai, "first", now, 10_000)()

    faults = at_once([count(mai, "A", now, 600_000), count(mai, "B", now, 600_000)])

    assert faults == []
    assert tier(mai) == "silver"
    kinds = list(TierChange.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["entered", "up"]


def test_without_the_lock_the_boundary_is_missed(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: what counts is read before the other purchase is there to be seen."""
    make_ladder()
    count(mai, "first", now, 10_000)()
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_options: self)
    let_both_measure_first(monkeypatch)

    faults = at_once([count(mai, "A", now, 600_000), count(mai, "B", now, 600_000)])

    assert faults == []
    assert tier(mai) == "member"
