"""What happens is written down for who wants to hear it: with the fact, never without."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities.models import ActivityType
from activities.services import ActivityFact, OrderFact, RefundFact
from core.happenings import Happened, announce
from flows.merge import merge_members
from flows.record import record, record_activities, record_refunds
from members.happenings import entered, left
from members.models import Member, Segment
from members.segments.watching import refresh_segment
from members.services import register_member
from tests.webhooks.conftest import MakeEndpoint
from webhooks.listening import tell
from webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: AT)


def told() -> list[dict[str, Any]]:
    return [json.loads(one.payload) for one in WebhookDelivery.objects.order_by("pk")]


def order(member: Member, number: str = "HD-1", **fields: Any) -> OrderFact:
    values = {"placed_at": AT, "total": Decimal(185000), **fields}
    return OrderFact("pos", number, member.pk, **values)


def test_an_order_is_told_by_the_numbers_that_the_outside_knows(
    mai: Member, endpoint_of: MakeEndpoint
) -> None:
    endpoint = endpoint_of()

    (recorded,) = record([order(mai)], at=AT)

    row = WebhookDelivery.objects.get()
    assert json.loads(row.payload) == {
        "type": "order",
        "timestamp": "2026-03-02T05:00:00Z",
        "data": {
            "member_id": "MAI",
            "reference": str(recorded.order_id),
            "order_id": "HD-1",
            "source": "pos",
        },
    }
    assert (row.endpoint, row.kind, row.state, row.attempts) == (
        endpoint,
        "order",
        "pending",
        0,
    )
    assert (row.due_at, row.created_at, row.ended_at) == (AT, AT, None)
    assert re.fullmatch(r"msg_[0-9a-f]{32}", row.message_id)


def test_refunds_and_activities_and_joining_are_told(
    mai: Member, endpoint_of: MakeEndpoint
) -> None:
    ActivityType.objects.create(code="review", name="Đánh giá")
    endpoint_of(kinds=["refund", "joined", "activity:review"])

    record_activities([ActivityFact("review", "web", "R-1", mai.pk, AT)], at=AT)
    record_refunds([RefundFact("pos", "TH-1", mai.pk, AT, Decimal(1000))], at=AT)
    register_member(phone="0900000001", source="web", at=AT)

    kinds = [one["type"] for one in told()]
    assert kinds == ["activity:review", "refund", "joined"]
    assert told()[0]["data"]["activity_id"] == "R-1"
    assert told()[1]["data"]["refund_id"] == "TH-1"


def test_nothing_personal_is_told(mai: Member, endpoint_of: MakeEndpoint) -> None:
    endpoint_of()

    record([order(mai)], at=AT)

    text = WebhookDelivery.objects.get().payload
    assert mai.name not in text
    assert "912345678" not in text


def test_a_fact_that_is_rolled_back_tells_nothing(
    mai: Member, endpoint_of: MakeEndpoint
) -> None:
    endpoint_of()

    with transaction.atomic():
        record([order(mai)], at=AT)
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


def test_a_fact_told_twice_is_told_on_once(mai: Member, endpoint_of: MakeEndpoint) -> None:
    endpoint_of()

    record([order(mai)], at=AT)
    record([order(mai)], at=AT)

    assert WebhookDelivery.objects.count() == 1


def test_each_hears_what_it_chose_and_what_is_off_hears_nothing(
    mai: Member, endpoint_of: MakeEndpoint
) -> None:
    crm = endpoint_of(name="CRM")
    erp = endpoint_of(name="ERP", kinds=["order"])
    endpoint_of(name="Shop", kinds=["tier_up"])
    endpoint_of(name="Old", is_on=False)

    record([order(mai, "HD-1"), order(mai, "HD-2")], at=AT)

    heard = WebhookDelivery.objects.order_by("pk").values_list("endpoint", "payload")
    assert [(pk, json.loads(text)["data"]["order_id"]) for pk, text in heard] == [
        (crm.pk, "HD-1"),
        (crm.pk, "HD-2"),
        (erp.pk, "HD-1"),
        (erp.pk, "HD-2"),
    ]
    ids = set(WebhookDelivery.objects.values_list("message_id", flat=True))
    assert len(ids) == 4


def test_of_merged_members_the_kept_one_is_named(
    mai: Member, binh: Member, endpoint_of: MakeEndpoint
) -> None:
    endpoint_of()
    merge_members(kept=mai, merged=binh, note="the same phone", by="staff", at=AT)

    announce([Happened("order", binh.pk, "7", AT), Happened("order", mai.pk, "8", AT)])

    assert [one["data"] for one in told()] == [
        {"member_id": "MAI", "reference": "7"},
        {"member_id": "MAI", "reference": "8"},
    ]


def test_a_history_is_no_news(mai: Member, endpoint_of: MakeEndpoint) -> None:
    endpoint_of()
    old = AT - timedelta(days=3, seconds=1)

    record([order(mai, "HD-1", placed_at=old)], at=AT)
    record([order(mai, "HD-2", placed_at=AT - timedelta(days=3))], at=AT)

    assert [one["data"]["order_id"] for one in told()] == ["HD-2"]


def test_the_worker_is_woken_once_it_stands(
    mai: Member,
    endpoint_of: MakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("core.nudge._publish", lambda task: woken.append(task.name))
    endpoint_of(kinds=["order"])

    with django_capture_on_commit_callbacks(execute=True):
        announce([Happened("order", mai.pk, "7", AT)])
        assert woken == []
    assert woken == ["webhooks.tasks.dispatch"]

    with django_capture_on_commit_callbacks(execute=True):
        announce([Happened("joined", mai.pk, "7", AT)])
    assert woken == ["webhooks.tasks.dispatch"]


# --- what it costs ------------------------------------------------------------------------


@pytest.mark.parametrize(("endpoints", "queries"), [(0, 1), (1, 3), (10, 3)])
def test_costs_a_known_number_of_queries(
    mai: Member,
    binh: Member,
    endpoint_of: MakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: int,
    queries: int,
) -> None:
    for number in range(endpoints):
        endpoint_of(name=f"System {number}")
    many = [
        Happened("order", member.pk, str(number), AT)
        for member in (mai, binh)
        for number in range(50)
    ]

    with CaptureQueriesContext(connection) as asked:
        tell(many)

    assert len(asked) == queries, [one["sql"][:80] for one in asked]
    assert WebhookDelivery.objects.count() == 100 * endpoints


def test_what_staff_change_counts_at_once(mai: Member, endpoint_of: MakeEndpoint) -> None:
    endpoint = endpoint_of(kinds=["refund"])
    record([order(mai, "HD-1")], at=AT)
    assert not WebhookDelivery.objects.exists()

    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(kinds=["order"])
    record([order(mai, "HD-2")], at=AT)

    assert [one["data"]["order_id"] for one in told()] == ["HD-2"]


def test_a_list_kept_outside_hears_who_enters_and_leaves(
    mai: Member, endpoint_of: MakeEndpoint
) -> None:
    segment = Segment.objects.create(
        code="oa",
        name="OA",
        conditions={"field": "follows_oa", "is": "yes"},
        is_watched=True,
    )
    refresh_segment(segment, at=AT - timedelta(days=1))
    endpoint_of(kinds=[entered(segment.pk), left(segment.pk)])

    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    refresh_segment(segment, at=AT)
    Member.objects.filter(pk=mai.pk).update(follows_oa=False)
    refresh_segment(segment, at=AT + timedelta(hours=1))

    assert [(one["type"], one["data"]) for one in told()] == [
        (
            f"segment_entered:{segment.pk}",
            {"member_id": "MAI", "reference": "20260302050000", "segment": "oa"},
        ),
        (
            f"segment_left:{segment.pk}",
            {"member_id": "MAI", "reference": "20260302060000", "segment": "oa"},
        ),
    ]
