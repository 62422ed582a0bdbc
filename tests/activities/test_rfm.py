"""RFM scores: where each begins, ties, one member, nobody, the history, the groups."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from threading import Barrier

import pytest
from django.db import connections

from activities import rfm
from activities.models import Order, RfmCount, RfmRun, RfmScore, RfmSettings
from activities.rfm import score_rfm
from activities.rfm_cells import BY_CODE, CELLS, SCALE, cell_at, cell_of, scores_of
from core.clock import local_midday
from core.id_ranges import spans
from members.models import Member
from members.segments import explain_members, members_matching
from tests import factories

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme()


def buy(
    member: Member, days_ago: int, total: float = 100, *, back: float = 0, state: str = ""
) -> Order:
    day = TODAY - timedelta(days=days_ago)
    return Order.objects.create(
        source="t",
        external_id=str(Order.objects.count()),
        member=member,
        placed_at=local_midday(day),
        placed_on=day,
        total=Decimal(str(total)),
        refunded=Decimal(str(back)),
        status=state or "completed",
        currency="VND",
        content_hash="",
    )


def people(count: int) -> list[Member]:
    return [factories.make_member(code=f"M{n:03}") for n in range(count)]


def scores() -> dict[str, str]:
    rows = RfmScore.objects.filter(to_on__isnull=True).select_related("member")
    return {row.member.code: str(row) for row in rows}


def test_five_different_members_have_the_five_scores(now: datetime) -> None:
    for number, member in enumerate(people(5)):
        for _ in range(number + 1):
            buy(member, days_ago=40 - 10 * number, total=100)

    done = score_rfm(at=now)

    assert (done.members, done.begun, done.ended) == (5, 5, 0)
    assert scores() == {f"M{n:03}": str(n + 1) * 3 for n in range(5)}
    cuts = RfmRun.objects.get().cuts
    assert cuts["recency"] == {
        str(n + 1): str(TODAY - (40 - 10 * n) * DAY) for n in range(5)
    }
    assert cuts["frequency"] == {str(n): str(n) for n in range(1, 6)}
    assert {score: Decimal(value) for score, value in cuts["monetary"].items()} == {
        str(n): 100 * n for n in range(1, 6)
    }


def test_alike_members_have_alike_scores_in_the_middle(now: datetime) -> None:
    for member in people(7):
        buy(member, days_ago=3)
    score_rfm(at=now)
    assert set(scores().values()) == {"333"}


def test_one_member_is_in_the_middle(mai: Member, now: datetime) -> None:
    buy(mai, days_ago=300, total=5)
    score_rfm(at=now)
    assert scores() == {"MAI": "333"}


def test_nobody(now: datetime) -> None:
    assert score_rfm(at=now).members == 0
    people(2)
    assert score_rfm(at=now).members == 0
    assert not RfmScore.objects.exists()
    run = RfmRun.objects.get()
    assert (run.num_members, run.finished_at) == (0, now)


def test_most_bought_once_and_they_stay_together(now: datetime) -> None:
    """Seven bought once, three more often: no tie is torn apart."""
    members = people(10)
    for member in members:
        buy(member, days_ago=1)
    for number, member in enumerate(members[7:], start=1):
        for _ in range(number):
            buy(member, days_ago=1)
    score_rfm(at=now)
    frequency = {code: text[1] for code, text in scores().items()}
    # Below plus half of the alike: 0.35, 0.75, 0.85, 0.95 of the scale.
    assert [frequency[f"M{n:03}"] for n in range(10)] == ["2"] * 7 + ["4", "5", "5"]


def test_the_period_reaches_back_to_its_first_day(
    mai: Member, binh: Member, now: datetime
) -> None:
    RfmSettings.objects.create(pk=1, days=30)
    buy(mai, days_ago=30)
    buy(binh, days_ago=31)
    score_rfm(at=now)
    assert set(scores()) == {"MAI"}


def test_what_went_back_does_not_count(mai: Member, binh: Member, now: datetime) -> None:
    buy(mai, days_ago=1, total=100, back=100)
    buy(mai, days_ago=2, state="cancelled")
    buy(binh, days_ago=1, total=100, back=40)
    score_rfm(at=now)
    assert set(scores()) == {"BINH"}
    assert RfmCount.objects.get().spend == 60


def plain(now: datetime) -> dict[str, str]:
    """Work the scores out member by member, with fractions."""
    found: dict[str, tuple[date, int, Decimal]] = {}
    for order in Order.objects.select_related("member"):
        last, count, spend = found.get(order.member.code, (date.min, 0, Decimal(0)))
        found[order.member.code] = (
            max(last, order.placed_on),
            count + 1,
            spend + order.total - order.refunded,
        )

    def score(value: object, values: list[object]) -> int:
        below = sum(1 for one in values if one < value)  # type: ignore[operator]
        same = sum(1 for one in values if one == value)
        return ceil(5 * Fraction(2 * below + same, 2 * len(values)))

    columns = [list(column) for column in zip(*found.values(), strict=True)]
    return {
        code: "".join(str(score(v, columns[i])) for i, v in enumerate(values))
        for code, values in found.items()
    }


@pytest.mark.parametrize("seed", range(6))
def test_any_purchases_are_scored_as_by_hand(
    now: datetime, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfm, "CHUNK", 7)
    chance = random.Random(seed)
    for member in people(chance.choice((2, 3, 11, 25))):
        for _ in range(chance.randrange(1, 5)):
            total = chance.choice((0, 10, 10.25, 1_000_000_000, 99.99))
            buy(member, chance.randrange(0, 20), total)
    score_rfm(at=now)
    assert scores() == plain(now)


def test_history_has_a_row_for_each_change_not_for_each_night(
    mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, days_ago=1, total=10)
    score_rfm(at=now)
    assert score_rfm(at=now).begun == 0
    assert score_rfm(at=now + DAY).begun == 0
    buy(binh, days_ago=0, total=20)
    done = score_rfm(at=now + 2 * DAY)
    assert (done.begun, done.ended) == (2, 1)
    # A year later neither is compared any more.
    done = score_rfm(at=now + 400 * DAY)
    assert (done.members, done.begun, done.ended) == (0, 0, 2)

    rows = RfmScore.objects.order_by("from_on", "member__code")
    assert [(r.member.code, str(r), r.from_on, r.to_on) for r in rows] == [
        ("MAI", "333", TODAY, TODAY + 2 * DAY),
        ("BINH", "434", TODAY + 2 * DAY, TODAY + 400 * DAY),
        ("MAI", "232", TODAY + 2 * DAY, TODAY + 400 * DAY),
    ]


def test_a_change_on_the_same_day_leaves_no_trace(
    mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, days_ago=1)
    score_rfm(at=now)
    buy(binh, days_ago=0)
    score_rfm(at=now)
    assert RfmScore.objects.count() == 2
    assert RfmRun.objects.get().num_members == 2


def test_a_day_before_the_last_is_left_alone(mai: Member, now: datetime) -> None:
    buy(mai, days_ago=1)
    score_rfm(at=now)
    assert score_rfm(at=now - DAY).members == 0
    assert RfmScore.objects.get().from_on == TODAY


def test_a_night_that_was_killed_is_run_again(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfm, "CHUNK", 2)
    for number, member in enumerate(people(6)):
        buy(member, days_ago=number)
    monkeypatch.setattr(rfm, "spans", lambda *table: [next(spans(*table)), 1 / 0])
    with pytest.raises(ZeroDivisionError):
        score_rfm(at=now)
    monkeypatch.setattr(rfm, "spans", lambda *table: iter([next(spans(*table))]))
    score_rfm(at=now)
    assert 0 < len(scores()) < 6
    monkeypatch.setattr(rfm, "spans", spans)
    score_rfm(at=now)
    assert scores() == plain(now)


def test_every_square_has_one_name_and_every_name_its_members(now: datetime) -> None:
    assert all(cell_at(r, v) in CELLS for r in SCALE for v in SCALE)
    assert sum(len(c.recency) * len(c.value) for c in CELLS) == 25
    members = people(125)
    triples = [(r, f, m) for r in SCALE for f in SCALE for m in SCALE]
    RfmScore.objects.bulk_create(
        RfmScore(member=one, recency=r, frequency=f, monetary=m, from_on=TODAY)
        for one, (r, f, m) in zip(members, triples, strict=True)
    )
    for cell in CELLS:
        node = {"field": "rfm_cell", "is": "is", "value": cell.code}
        found = set(members_matching(node, at=now).values_list("pk", flat=True))
        assert found == {
            one.pk
            for one, scores in zip(members, triples, strict=True)
            if cell_of(*scores) is cell
        }
        assert RfmScore.objects.filter(scores_of(cell)).count() == len(found)


def test_groups_and_scores_are_asked_of_members(
    mai: Member, binh: Member, now: datetime
) -> None:
    lan = factories.make_member(code="LAN")
    buy(mai, days_ago=1, total=500)
    buy(binh, days_ago=90, total=5)
    score_rfm(at=now)

    def who(field: str, question: str, value: object) -> set[str]:
        node = {"field": field, "is": question, "value": value}
        met = set(members_matching(node, at=now).values_list("code", flat=True))
        others = members_matching({"not": node}, at=now)
        assert met | set(others.values_list("code", flat=True)) == {"MAI", "BINH", "LAN"}
        return met

    assert scores() == {"MAI": "434", "BINH": "232"}
    assert cell_of(4, 3, 4) is BY_CODE["champions"]
    assert who("rfm_cell", "is", "champions") == {"MAI"}
    assert who("rfm_cell", "is_not", "champions") == {"BINH", "LAN"}
    assert who("r_score", "at_least", 4) == {"MAI"}
    assert who("m_score", "at_most", 2) == {"BINH"}
    assert who("f_score", "at_least", 0) == {"MAI", "BINH"}
    node = {"field": "rfm_cell", "is": "is", "value": "champions"}
    why = explain_members(node, member_ids=[mai.pk, lan.pk], at=now)
    assert why == {
        mai.pk: "VIP customers: recency 4, frequency 3, spend 4",
        lan.pk: "not compared: no purchase in the period",
    }


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_nights_at_once_write_each_score_once(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfm, "CHUNK", 5)
    for number, member in enumerate(people(30)):
        buy(member, days_ago=number)
    barrier = Barrier(3)

    def run(_number: int) -> int:
        try:
            barrier.wait(timeout=20)
            return score_rfm(at=now).begun
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run, range(3))) == 30
    assert scores() == plain(now)
