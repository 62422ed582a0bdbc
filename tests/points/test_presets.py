"""Earn rules to begin with: each says itself, can be published, and gives what it says."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from activities.models import ActivityType, Store
from activities.services import ActivityFact, OrderFact, OrderLineFact
from core.clock import local_midday
from core.errors import NotFound
from core.models import Holiday, Programme
from flows.record import record, record_activities
from members.models import Member
from points.amounts import Unit
from points.earning.definition import definition_of, draft_definition
from points.errors import NoWallet
from points.models import EarnBand, EarnCap, EarnRule, Funder, Transfer, Wallet
from points.presets import (
    PRESETS,
    copy_rule,
    create_from_preset,
    find_preset,
    preset_sentences,
)
from points.queries import balances
from points.rules import check_definition, describe_rule, publish_rule
from points.services import celebrate, mature_points
from tests.factories import JOINED, make_programme, make_wallet
from tests.points.helpers import assert_proved

KEYS = [preset.key for preset in PRESETS]

SENTENCES = {
    "per-10000": ["1 điểm for every 10.000 ₫, round down."],
    "invoice-bands": [
        "From 100.000 ₫: 5 điểm; from 200.000 ₫: 12 điểm; from 500.000 ₫: 35 điểm; "
        "from 1.000.000 ₫: 80 điểm."
    ],
    "birthday-month": [
        "2 times the điểm of the other rules, in the month of the birthday. "
        "At most 500 điểm a month for one member."
    ],
    "welcome": ["50 điểm for joining the programme."],
    "golden-hours": [
        "2 times the điểm of the other rules, on Monday, Tuesday, Wednesday, Thursday, "
        "Friday, between 14:00 and 17:00."
    ],
    "holidays": ["2 times the điểm of the other rules, only on public holidays."],
    "first-order": ["100 điểm extra on orders from 50.000 ₫, on a member's first order."],
    "category-extra": [
        "10 điểm extra, when bánh is bought. At most 3 times a week for one member."
    ],
    "product-review": [
        "10 điểm for each activity of this kind. At most 2 times a week for one member."
    ],
    "best-of-two": [
        "2 times the điểm of the other rules, on Saturday, Sunday. "
        "Only the best rule of the group “weekend-app” counts.",
        "3 times the điểm of the other rules, through app. "
        "Only the best rule of the group “weekend-app” counts.",
    ],
    "held-7-days": ["1 điểm for every 10.000 ₫, round down. Usable 7 days later."],
    "partner-funded": ["20 điểm extra on orders from 100.000 ₫, paid by momo."],
    "cashback": [
        "5 % of the amount back, round down, at most 50.000 ₫ for one order. "
        "Usable 7 days later."
    ],
    "cashback-partner": [
        "10 % of the amount back, round down, counted on mộc only. "
        "At most 200.000 ₫ a month for one member."
    ],
    "cashback-double-day": [
        "2 times what the other rules give, at most 50.000 ₫ for one order, on Friday."
    ],
}


@pytest.fixture(autouse=True)
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet()


def publish(key: str) -> list[EarnRule]:
    rules = create_from_preset(key)
    for rule in rules:
        publish_rule(rule, at=JOINED)
    return rules


def buy(member: Member, total: int, at: datetime, **told: Any) -> int:
    number = f"HD-{Transfer.objects.count()}-{at:%d%H%M}"
    fact = OrderFact("pos", number, member.pk, at, Decimal(total), **told)
    return record([fact], at=at)[0].points


# --- what every preset promises ---------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_it_says_itself_in_a_sentence(key: str) -> None:
    programme = Programme.current()
    preset = find_preset(key)
    assert preset_sentences(preset, programme, Unit("điểm")) == SENTENCES[key]
    assert [describe_rule(rule) for rule in create_from_preset(key)] == SENTENCES[key]


@pytest.mark.parametrize("key", KEYS)
def test_it_is_a_draft_that_could_be_published(
    key: str, mai: Member, now: datetime
) -> None:
    for rule in create_from_preset(key):
        rule.full_clean()
        check_definition(draft_definition(rule), rule.wallet)
        assert (rule.version, rule.versions.count()) == (0, 0)
    assert buy(mai, 500_000, now, payment_method="momo") == 0
    assert Transfer.objects.count() == 0


@pytest.mark.parametrize("key", KEYS)
def test_a_second_time_makes_other_drafts(key: str) -> None:
    first, second = create_from_preset(key), create_from_preset(key)
    third = create_from_preset(key)
    for one, other, last in zip(first, second, third, strict=True):
        assert (other.code, last.code) == (f"{one.code}-2", f"{one.code}-3")
        assert definition_of(other) == definition_of(one)


def test_what_staff_made_of_a_rule_is_never_touched() -> None:
    (rule,) = create_from_preset("per-10000")
    EarnRule.objects.update(points=7, name="Ours")
    create_from_preset("per-10000")
    rule.refresh_from_db()
    assert (rule.points, rule.name) == (7, "Ours")


def test_names_are_in_the_language_of_who_asks() -> None:
    with translation.override("vi"):
        names = {str(preset.name) for preset in PRESETS}
    assert len(names) == len(PRESETS) == 15


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(NotFound):
        create_from_preset("free-money")
    assert EarnRule.objects.count() == 0


def test_without_a_wallet_nothing_is_made() -> None:
    Wallet.objects.all().delete()
    with pytest.raises(NoWallet):
        create_from_preset("per-10000")
    assert EarnRule.objects.count() == 0


# --- one purchase for each --------------------------------------------------------------


def test_one_point_for_every_ten_thousand(mai: Member, now: datetime) -> None:
    publish("per-10000")
    assert buy(mai, 129_000, now) == 12


@pytest.mark.parametrize(
    ("total", "points"),
    [(99_000, 0), (100_000, 5), (199_000, 5), (250_000, 12), (1_200_000, 80)],
)
def test_points_by_the_size_of_the_invoice(
    mai: Member, now: datetime, total: int, points: int
) -> None:
    publish("invoice-bands")
    assert buy(mai, total, now) == points


@pytest.mark.parametrize(("month", "points"), [(3, 24), (4, 12)])
def test_double_in_the_birthday_month(
    mai: Member, now: datetime, month: int, points: int
) -> None:
    Member.objects.filter(pk=mai.pk).update(birth_date=date(1990, month, 20))
    publish("per-10000")
    publish("birthday-month")
    assert buy(mai, 129_000, now) == points


def test_the_birthday_gives_at_most_five_hundred_more_a_month(
    mai: Member, now: datetime
) -> None:
    Member.objects.filter(pk=mai.pk).update(birth_date=date(1990, 3, 20))
    publish("per-10000")
    publish("birthday-month")
    assert buy(mai, 9_000_000, now) == 900 + 500
    assert buy(mai, 100_000, now + timedelta(hours=1)) == 10


def test_who_joins_is_welcomed_once(mai: Member, now: datetime) -> None:
    publish("welcome")
    Member.objects.filter(pk=mai.pk).update(joined_at=now)
    celebrate(at=now)
    celebrate(at=now)
    assert balances([mai.pk]) == {mai.pk: 50}


@pytest.mark.parametrize(
    ("day", "hour", "minute", "points"),
    [(2, 13, 59, 10), (2, 14, 0, 20), (2, 16, 59, 20), (2, 17, 0, 10), (7, 15, 0, 10)],
)
def test_golden_hours_on_weekdays(
    mai: Member, day: int, hour: int, minute: int, points: int
) -> None:
    publish("per-10000")
    publish("golden-hours")
    noon = local_midday(date(2026, 3, day))
    assert buy(mai, 100_000, noon + timedelta(hours=hour - 12, minutes=minute)) == points


def test_double_on_a_holiday(mai: Member, now: datetime) -> None:
    publish("per-10000")
    publish("holidays")
    Holiday.objects.create(day=date(2026, 3, 2), name="Tết")
    assert buy(mai, 100_000, now) == 20
    assert buy(mai, 100_000, now + timedelta(days=1)) == 10


def test_the_first_order_gets_a_bonus(mai: Member, now: datetime) -> None:
    publish("per-10000")
    publish("first-order")
    assert buy(mai, 100_000, now) == 110
    assert buy(mai, 100_000, now + timedelta(days=1)) == 10


def test_a_category_gets_extra_three_times_a_week(mai: Member, now: datetime) -> None:
    publish("per-10000")
    publish("category-extra")
    cake = OrderLineFact(sku="B1", category="Bánh", total=Decimal(50_000))
    tea = OrderLineFact(sku="T1", category="Trà", total=Decimal(50_000))
    given = [buy(mai, 50_000, now + timedelta(hours=n), lines=(cake,)) for n in range(4)]
    assert given == [15, 15, 15, 5]
    assert buy(mai, 50_000, now + timedelta(hours=5), lines=(tea,)) == 5


def test_a_review_gives_points_twice_a_week(mai: Member, now: datetime) -> None:
    publish("product-review")
    given = [
        record_activities(
            [ActivityFact("review", "shop", f"R{n}", mai.pk, now + timedelta(hours=n))],
            at=now + timedelta(hours=n),
        )[0].points
        for n in range(3)
    ]
    assert given == [10, 10, 0]
    assert ActivityType.objects.get().name == "Product review"


@pytest.mark.parametrize(
    ("day", "channel", "points"),
    [(2, "store", 10), (7, "store", 20), (2, "app", 30), (7, "app", 30)],
)
def test_the_better_of_two_multipliers(
    mai: Member, day: int, channel: str, points: int
) -> None:
    publish("per-10000")
    publish("best-of-two")
    at = local_midday(date(2026, 3, day))
    assert buy(mai, 100_000, at, channel=channel) == points


def test_points_wait_until_the_goods_stay(mai: Member, now: datetime) -> None:
    publish("held-7-days")
    assert buy(mai, 100_000, now) == 10
    for days, balance in ((0, 0), (6, 0), (7, 10)):
        mature_points(at=now + timedelta(days=days))
        assert balances([mai.pk]) == {mai.pk: balance}
    assert_proved()


def test_a_partner_pays_for_the_extra(mai: Member, now: datetime) -> None:
    publish("per-10000")
    (rule,) = publish("partner-funded")
    assert buy(mai, 100_000, now, payment_method="MoMo") == 30
    funded = Transfer.objects.get(funder=rule.funder)
    assert (funded.amount, funded.rule) == (20, rule)
    assert buy(mai, 100_000, now + timedelta(hours=1), payment_method="cash") == 10


def test_a_partner_that_is_there_is_taken(db: None) -> None:
    momo = Funder.objects.create(code="momo", name="Ví MoMo")
    (rule,) = create_from_preset("partner-funded")
    assert (rule.funder, Funder.objects.count()) == (momo, 1)


# --- copies -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_a_copy_says_the_same_and_is_not_published(key: str) -> None:
    for rule in publish(key):
        copy = copy_rule(rule)
        assert (copy.code, copy.name) == (f"{rule.code}-2", f"{rule.name} (copy)")
        assert (copy.version, copy.versions.count()) == (0, 0)
        told = {**definition_of(copy), "name": rule.name}
        rule.refresh_from_db()
        assert told == definition_of(rule)
        assert rule.version == 1


def test_bands_limits_and_stores_come_along_as_rows_of_their_own(
    mai: Member, now: datetime
) -> None:
    (rule,) = create_from_preset("invoice-bands")
    EarnCap.objects.create(rule=rule, limit=100)
    rule.stores.add(Store.objects.create(code="q1", name="Quận 1"))

    copy = copy_rule(rule, name="Hóa đơn lớn")

    assert copy.name == "Hóa đơn lớn"
    assert definition_of(copy) == {**definition_of(rule), "name": "Hóa đơn lớn"}
    assert (EarnBand.objects.count(), EarnCap.objects.count()) == (8, 2)
    copy.bands.all().delete()
    assert rule.bands.count() == 4


def test_a_long_name_and_a_long_code_stay_in_their_columns() -> None:
    (rule,) = create_from_preset("welcome")
    EarnRule.objects.update(name="n" * 80, code="c" * 40)
    rule.refresh_from_db()
    copies = [copy_rule(rule), copy_rule(rule)]
    assert [len(copy.name) for copy in copies] == [80, 80]
    assert [copy.code for copy in copies] == ["c" * 35 + "-2", "c" * 35 + "-3"]


def test_the_control_publishing_a_copy_gives_twice(mai: Member, now: datetime) -> None:
    (rule,) = publish("per-10000")
    copy = copy_rule(rule)
    assert buy(mai, 100_000, now) == 10
    publish_rule(copy, at=JOINED)
    assert buy(mai, 100_000, now + timedelta(hours=1)) == 20
