"""A rule gives points by what was published, for purchases of the version's time."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from activities.models import Store
from core.errors import InvalidInput
from members.models import Member
from points.earning.basket import Basket
from points.models import EarnBand, EarnCap, EarnRule, EarnRuleVersion, Transfer
from points.rules import discard_draft, publish_rule, unpublished_changes
from points.services import earn_points
from tests.factories import make_earn_rule, make_wallet


@pytest.fixture
def rule(db: None) -> EarnRule:
    return make_earn_rule(wallet=make_wallet())


def buy(member: Member, number: int, at: datetime, total: int = 100_000) -> int:
    basket = Basket(number, member.pk, at, at.date(), Decimal(total))
    return earn_points([basket]).get(number, 0)


def test_a_draft_gives_nothing(mai: Member, rule: EarnRule, now: datetime) -> None:
    rule.points = 5
    rule.save()

    assert unpublished_changes(rule) == ["points"]
    assert buy(mai, 1, now) == 10


def test_a_rule_never_published_gives_nothing(mai: Member, now: datetime) -> None:
    EarnRule.objects.create(code="new", name="Mới", wallet=make_wallet())

    assert buy(mai, 1, now) == 0


def test_publishing_counts_from_then_on(mai: Member, rule: EarnRule, now: datetime) -> None:
    rule.points = 5
    rule.save()
    version = publish_rule(rule, at=now, by="lan")

    assert (version.number, version.published_by, rule.version) == (2, "lan", 2)
    assert buy(mai, 1, now) == 50
    # Bought before, told late: the version of its own time decides.
    assert buy(mai, 2, now - timedelta(seconds=1)) == 10
    versions = Transfer.objects.order_by("source_id").values_list("rule_version", flat=True)
    assert list(versions) == [2, 1]


def test_publishing_for_all_time_reaches_back(
    mai: Member, rule: EarnRule, now: datetime
) -> None:
    rule.points = 5
    rule.save()
    publish_rule(rule, at=now, for_all_time=True)

    assert buy(mai, 2, now - timedelta(days=900)) == 50


def test_publishing_twice_makes_one_version(rule: EarnRule, now: datetime) -> None:
    rule.points = 5
    rule.save()

    assert publish_rule(rule, at=now).pk == publish_rule(rule, at=now).pk
    assert rule.versions.count() == 2


def test_switching_off_works_at_once(mai: Member, rule: EarnRule, now: datetime) -> None:
    EarnRule.objects.update(is_active=False)

    assert buy(mai, 1, now) == 0


def test_everything_that_decides_is_in_the_version(rule: EarnRule, now: datetime) -> None:
    store = Store.objects.create(code="Q1", name="Quận 1")
    rule.stores.add(store)
    EarnCap.objects.create(rule=rule, limit=30, unit="points", period="day")
    EarnBand.objects.create(rule=rule, from_amount=100_000, points=5)
    rule.weekdays, rule.categories = [6, 7], ["tea"]
    rule.save()
    changed = {"categories", "weekdays", "store_ids", "bands", "caps"}

    assert set(unpublished_changes(rule)) == changed
    definition = publish_rule(rule, at=now).definition

    assert definition["store_ids"] == [store.pk]
    assert definition["caps"] == [[30, "points", "day"]]
    assert definition["bands"] == [["100000", 5, None]]
    assert unpublished_changes(rule) == []


def test_discarding_puts_the_form_back(rule: EarnRule, now: datetime) -> None:
    EarnCap.objects.create(rule=rule, limit=30, unit="points", period="day")
    publish_rule(rule, at=now)
    rule.points, rule.amount = 9, Decimal(500)
    rule.save()
    rule.caps.all().delete()

    discard_draft(rule)

    rule = EarnRule.objects.get()
    assert (rule.points, rule.amount) == (1, Decimal(10000))
    assert rule.caps.get().limit == 30
    assert unpublished_changes(rule) == []


@pytest.mark.parametrize(
    "change",
    [
        {"method": "bands"},
        {"stacking": "best"},
        {"trigger": "sign_up"},
    ],
)
def test_what_could_never_give_points_is_refused(
    rule: EarnRule, now: datetime, change: dict[str, str]
) -> None:
    for name, value in change.items():
        setattr(rule, name, value)
    rule.save()

    with pytest.raises(InvalidInput):
        publish_rule(rule, at=now)

    assert rule.versions.count() == 1


def test_a_version_is_never_changed(rule: EarnRule) -> None:
    for sql in (
        "UPDATE points_earnruleversion SET number = 9",
        "DELETE FROM points_earnruleversion",
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            connection.cursor().execute(sql)

    assert EarnRuleVersion.objects.get().number == 1
