"""Did it work? Exact numbers by hand, intervals that hold what they promise, too few."""

from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from random import Random
from statistics import variance

import pytest

from activities.models import Order
from campaigns.admin.effect import points_of, show_effect, signed_money
from campaigns.measuring import (
    Effect,
    Group,
    Interval,
    difference_of_means,
    difference_of_shares,
    measure,
    wilson,
)
from campaigns.models import Campaign, CampaignPolicy, Enrolment
from core.clock import local_date
from members.models import Member
from messaging.models import Message, MessageTemplate
from rewards.models import Benefit, GivenBenefit
from tests import factories
from tests.campaigns.journeys import make_journey, wait

DAY = timedelta(days=1)


@pytest.fixture
def journey(db: None, now: datetime) -> Campaign:
    return make_journey([wait("w1", 1)], at=now, goal="order", goal_days=10)


def enrol(journey: Campaign, count: int, *, alone: bool, at: datetime) -> list[Member]:
    start = Member.objects.count()
    members = [
        factories.make_member(code=f"M{start + n}", phone=f"09{start + n:08}")
        for n in range(count)
    ]
    Enrolment.objects.bulk_create(
        Enrolment(
            campaign=journey, member=one, episode="once", is_holdout=alone, entered_at=at
        )
        for one in members
    )
    return members


def order(member: Member, total: int, at: datetime, **fields: object) -> Order:
    return Order.objects.create(
        source="pos",
        external_id=f"{member.code}-{at:%Y%m%d%H%M}-{total}",
        member=member,
        placed_at=at,
        placed_on=local_date(at),
        total=Decimal(total),
        **fields,
    )


def send(
    journey: Campaign,
    member: Member,
    *,
    cost: int,
    at: datetime,
    state: str = "sent",
    cause: tuple[str, int] | None = None,
) -> Message:
    """Write down a message of the campaign, or of another cause, as the relay does."""
    source_type, source_id = cause or ("campaign", journey.pk)
    template = MessageTemplate.objects.first() or factories.make_template()
    return Message.objects.create(
        key=f"message {Message.objects.count()}",
        member=member,
        template=template,
        channel="sms",
        state=state,
        source_type=source_type,
        source_id=source_id,
        due_at=at,
        sent_at=at,
        cost=cost,
    )


def estimates(journey: Campaign, effect: Effect) -> dict[str, str]:
    shown = show_effect(journey, effect)
    assert shown is not None
    return {one.label: one.value for one in shown.estimates}


# --- exact numbers ------------------------------------------------------------------------


def test_counts_what_lies_in_the_window(journey: Campaign, now: datetime) -> None:
    first, second, third, fourth = enrol(journey, 4, alone=False, at=now)
    order(first, 100, now)  # not after entering
    order(first, 200, now + timedelta(minutes=1))
    order(first, 300, now + 10 * DAY)
    order(first, 400, now + 10 * DAY + timedelta(minutes=1))  # after the window
    order(second, 500, now + DAY, refunded=Decimal(120))
    order(third, 600, now + DAY, refunded=Decimal(600))
    order(fourth, 700, now + DAY, status="cancelled")

    effect = measure(journey, at=now + 30 * DAY)

    assert (effect.reached.size, effect.reached.buyers) == (4, 2)
    assert effect.reached.revenue == Decimal(880)
    assert effect.reached.squares == 500.0**2 + 380.0**2
    assert (effect.missing, effect.revenue) == ("no_holdout", None)


def test_what_is_yet_to_come_does_not_count(journey: Campaign, now: datetime) -> None:
    (member,) = enrol(journey, 1, alone=False, at=now)
    order(member, 200, now + 5 * DAY)
    assert measure(journey, at=now + 4 * DAY).reached.revenue == 0
    assert measure(journey, at=now + 5 * DAY).reached.revenue == 200


def test_an_effect_by_hand(journey: Campaign, now: datetime) -> None:
    CampaignPolicy.objects.create(pk=1, margin_percent=40)
    reached = enrol(journey, 200, alone=False, at=now)
    alone = enrol(journey, 100, alone=True, at=now)
    for member in reached[:60]:
        order(member, 100_000, now + DAY)
    for member in alone[:10]:
        order(member, 100_000, now + DAY)
    benefit = Benefit.objects.create(
        code="b", name="B", kind="donation", value=Decimal(500), cause="x"
    )
    for number, taken_back in enumerate((None, now)):
        GivenBenefit.objects.create(
            key=f"k{number}",
            benefit=benefit,
            member=reached[0],
            source="campaign",
            source_id=journey.pk,
            given_at=now,
            value=Decimal(500),
            taken_back_at=taken_back,
        )

    send(journey, reached[0], cost=700, at=now)

    effect = measure(journey, at=now + 10 * DAY)

    # 30.000 ₫ and 10.000 ₫ a way: 20.000 ₫ more, for 200 ways.
    assert effect.revenue is not None
    assert effect.revenue.value == pytest.approx(4_000_000)
    spread = variance([100_000] * 60 + [0] * 140) / 200
    other = variance([100_000] * 10 + [0] * 90) / 100
    error = 1.959964 * sqrt(spread + other) * 200
    assert effect.revenue.low == pytest.approx(4_000_000 - error)
    assert effect.revenue.high == pytest.approx(4_000_000 + error)
    assert effect.is_certain
    assert (effect.benefit_cost, effect.message_cost) == (Decimal(500), 700)
    assert effect.profit is not None
    assert effect.profit.value == pytest.approx(4_000_000 * 0.4 - 500 - 700)
    told = estimates(journey, effect)
    assert told["revenue that it brought"] == "+4.000.000 ₫"
    assert told["more members who buy, of a hundred"] == "+20,0"
    assert told["cost of what was given"] == "500 ₫"
    assert told["cost of its messages"] == "700 ₫"
    assert told["profit"] == "+1.598.800 ₫"
    assert effect.share is not None
    assert effect.share.value == pytest.approx(0.2)


def test_messages_that_went_out_cost_what_they_cost(
    journey: Campaign, now: datetime
) -> None:
    (member,) = enrol(journey, 1, alone=False, at=now)
    costs = {"sent": 1, "delivered": 20, "seen": 300, "unknown": 4000}
    nothing = ("pending", "sending", "failed", "refused", "expired", "cancelled")
    for state, cost in {**costs, **dict.fromkeys(nothing, 50_000)}.items():
        send(journey, member, cost=cost, at=now, state=state)
    send(journey, member, cost=50_000, at=now, cause=("test", journey.pk))
    send(journey, member, cost=50_000, at=now, cause=("campaign", journey.pk + 1))

    effect = measure(journey, at=now + DAY)

    assert effect.message_cost == 4321
    # Also where there is nothing to compare with.
    assert estimates(journey, effect) == {
        "cost of what was given": "0 ₫",
        "cost of its messages": "4.321 ₫",
    }


def test_in_another_currency_messages_are_shown_and_not_counted(
    journey: Campaign, now: datetime
) -> None:
    factories.make_programme(currency="USD")
    reached = enrol(journey, 100, alone=False, at=now)
    enrol(journey, 100, alone=True, at=now)
    for member in reached[:20]:
        order(member, 10, now + DAY)
    send(journey, reached[0], cost=700, at=now)

    told = estimates(journey, measure(journey, at=now + 10 * DAY))

    assert (told["cost of its messages"], told["cost of what was given"]) == (
        "700 ₫",
        "0,00 $",
    )
    assert told["profit, before messages"] == "+200,00 $"


def test_newcombe_by_his_own_example() -> None:
    """56 of 70 and 48 of 80: 0.2000, from 0.0524 to 0.3339 (his table II, method 10)."""
    found = difference_of_shares(Group(70, 56), Group(80, 48))
    assert [round(value, 4) for value in found] == [0.2, 0.0524, 0.3339]


def test_wilson_by_hand() -> None:
    low, high = wilson(Group(10, 0))
    assert (round(low, 6), round(high, 4)) == (0.0, 0.2775)


# --- what it says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "buyers", "missing"),
    [
        ((100, 0), (50, 0), "no_holdout"),
        ((100, 99), (50, 20), "too_few"),
        ((99, 100), (50, 20), "too_few"),
        ((100, 100), (9, 0), "too_few_buyers"),
        ((100, 100), (10, 0), ""),
    ],
)
def test_too_few_conclude_nothing(
    journey: Campaign,
    now: datetime,
    sizes: tuple[int, int],
    buyers: tuple[int, int],
    missing: str,
) -> None:
    for size, bought, alone in zip(sizes, buyers, (False, True), strict=True):
        for member in enrol(journey, size, alone=alone, at=now)[:bought]:
            order(member, 1000, now + DAY)

    effect = measure(journey, at=now + 10 * DAY)

    assert effect.missing == missing
    assert (effect.revenue is None) is bool(missing)
    shown = show_effect(journey, effect)
    assert shown is not None
    assert ("profit" in estimates(journey, effect)) is not bool(missing)
    assert (shown.picture is None) is bool(missing)


def test_the_verdicts() -> None:
    assert Interval(2, 1, 3).is_certain
    assert Interval(-2, -3, -1).is_certain
    assert not Interval(1, -1, 3).is_certain


def test_an_effect_in_words(journey: Campaign, now: datetime) -> None:
    for member in enrol(journey, 200, alone=False, at=now)[:60]:
        order(member, 100_000, now + DAY)
    for member in enrol(journey, 100, alone=True, at=now)[:10]:
        order(member, 100_000, now + DAY)
    effect = measure(journey, at=now + 10 * DAY)

    shown = show_effect(journey, effect)

    assert shown is not None
    assert shown.verdict == "It works: it brings more revenue"
    assert shown.headline == "+4.000.000 ₫"
    assert shown.explanation == (
        "Within 10 days of entering, 30,0 % of those who were reached bought, and 10,0 % "
        "of those who were left alone."
    )
    assert [one.label for one in shown.estimates] == [
        "more members who buy, of a hundred",
        "revenue that it brought",
        "cost of what was given",
        "cost of its messages",
        "profit",
    ]
    assert shown.estimates[0].value == "+20,0"
    picture = shown.picture
    assert picture is not None
    assert picture.zero < picture.low < picture.value < picture.high
    assert (picture.zero, picture.high) == (24, 576)


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (1_250_000.4, "VND", "+1.250.000 ₫"),
        (-0.3, "VND", "0 ₫"),
        (-3.204, "USD", "−3,20 $"),
        (0.001, "USD", "0,00 $"),
    ],
)
def test_a_difference_of_money_has_a_sign(value: float, currency: str, text: str) -> None:
    assert signed_money(value, currency) == text
    assert points_of(-0.0342) == "−3,4"


# --- the intervals hold what they promise -------------------------------------------------


def test_the_truth_lies_in_the_intervals_as_often_as_they_say() -> None:
    """1.000 trials with a known lift: 95 % of the intervals hold it, within chance."""
    random = Random(45)
    hits_of_means = hits_of_shares = 0
    for _trial in range(1000):
        one, other = _draw(random, 900, 0.12), _draw(random, 300, 0.08)
        means = difference_of_means(one, other)
        shares = difference_of_shares(one, other)
        hits_of_means += means.low <= (0.12 - 0.08) * 150 <= means.high
        hits_of_shares += shares.low <= 0.12 - 0.08 <= shares.high
    assert 925 <= hits_of_means <= 975
    assert 925 <= hits_of_shares <= 975


def _draw(random: Random, size: int, share: float) -> Group:
    spent = [
        random.uniform(100, 200) if random.random() < share else 0.0 for _n in range(size)
    ]
    return Group(
        size,
        sum(one > 0 for one in spent),
        Decimal(str(sum(spent))),
        sum(one**2 for one in spent),
    )
