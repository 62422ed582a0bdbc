"""What tiers give: when, to whom, once; and what a refund takes back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.services import OrderFact
from flows.merge import merge_members
from flows.record import record
from members.models import Member
from points.queries import balances
from rewards.issuing import take_use
from rewards.models import Benefit, GivenBenefit, Voucher
from tests import factories
from tests.rewards.helpers import make_benefit
from tests.tiers.helpers import bring_back, buy, make_ladder, tier
from tiers.gifts import GiftsGiven, give_on_occasions
from tiers.models import Tier, TierGift
from tiers.services import give_tier, review_tiers

pytestmark = pytest.mark.django_db
Occasion = TierGift.Occasion


@pytest.fixture
def wallet(db: None) -> None:
    factories.make_wallet()


def promise(code: str, occasion: str, benefit: Benefit | None = None) -> TierGift:
    return TierGift.objects.create(
        tier=Tier.objects.get(code=code),
        occasion=occasion,
        benefit=benefit or make_benefit(),
    )


def vouchers(member: Member, state: str = "issued") -> int:
    return Voucher.objects.filter(member=member, state=state).count()


def test_reaching_a_tier_gives_its_gift_once(
    wallet: None, mai: Member, now: datetime
) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED)

    buy(mai, "A", now, 999_999)
    assert vouchers(mai) == 0
    buy(mai, "B", now, 1)
    assert vouchers(mai) == 1
    buy(mai, "C", now, 1_000)
    assert vouchers(mai) == 1
    given = GivenBenefit.objects.get()
    assert given.source == GivenBenefit.Source.TIER


def test_an_order_across_two_tiers_gives_what_the_higher_one_promises(
    wallet: None, mai: Member, now: datetime
) -> None:
    make_ladder()
    silver = make_benefit("points", amount=10)
    gold = make_benefit("points", code="gold", amount=500)
    promise("silver", Occasion.REACHED, silver)
    promise("gold", Occasion.REACHED, gold)

    buy(mai, "A", now, 3_000_000)

    assert balances([mai.pk])[mai.pk] == 500


def test_a_refund_takes_an_unused_gift_back_and_rising_again_gives_it_anew(
    wallet: None, mai: Member, now: datetime
) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED)
    buy(mai, "A", now, 1_000_000)

    bring_back(mai, "R", now + timedelta(hours=1), 1_000_000, of="A")
    assert tier(mai) == "member"
    assert (vouchers(mai), vouchers(mai, "cancelled")) == (0, 1)

    buy(mai, "B", now + timedelta(hours=2), 1_000_000)
    assert (vouchers(mai), vouchers(mai, "cancelled")) == (1, 1)


def test_a_used_gift_stays_and_is_not_given_twice(
    wallet: None, mai: Member, now: datetime
) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED)
    buy(mai, "A", now, 1_000_000)
    assert take_use(Voucher.objects.get())

    bring_back(mai, "R", now + timedelta(hours=1), 1_000_000, of="A")
    assert tier(mai) == "member"
    assert vouchers(mai) == 1

    buy(mai, "B", now + timedelta(hours=2), 1_000_000)
    assert vouchers(mai) == 1


def test_an_old_history_moves_tiers_and_gives_nothing(
    wallet: None, mai: Member, now: datetime
) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED)
    buy(mai, "A", now - timedelta(days=30), 1_000_000, told_at=now)
    assert tier(mai) == "silver"
    assert vouchers(mai) == 0


def test_a_new_ladder_and_staff_give_nothing(
    wallet: None, mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, "A", now, 1_000_000)
    make_ladder()
    promise("silver", Occasion.REACHED)

    review_tiers(at=now)
    silver = Tier.objects.get(code="silver")
    give_tier(member=binh, tier=silver, until=None, reason="VIP", by="s", at=now)

    assert (tier(mai), tier(binh)) == ("silver", "silver")
    assert not GivenBenefit.objects.exists()


def test_an_exhausted_budget_does_not_stop_the_order(
    wallet: None, mai: Member, binh: Member, now: datetime
) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED, make_benefit(budget=1))
    buy(mai, "A", now, 1_000_000)
    buy(binh, "B", now, 1_000_000)
    assert (tier(binh), vouchers(mai), vouchers(binh)) == ("silver", 1, 0)


def test_a_birthday_gift_comes_once_a_year(
    wallet: None, mai: Member, binh: Member, now: datetime
) -> None:
    make_ladder()
    promise("gold", Occasion.BIRTHDAY)
    for member in (mai, binh):
        Member.objects.filter(pk=member.pk).update(birth_date=date(1990, 3, 2))
    buy(mai, "A", now, 3_000_000)
    buy(binh, "B", now, 1_000)

    assert give_on_occasions(at=now) == GiftsGiven(given=1)
    assert give_on_occasions(at=now + timedelta(days=7)) == GiftsGiven()
    assert (vouchers(mai), vouchers(binh)) == (1, 0)
    assert give_on_occasions(at=now + timedelta(days=365)) == GiftsGiven(given=1)
    assert vouchers(mai) == 2


def test_a_leap_day_is_kept_on_the_28th(wallet: None, mai: Member, now: datetime) -> None:
    make_ladder()
    promise("member", Occasion.BIRTHDAY)
    Member.objects.filter(pk=mai.pk).update(birth_date=date(1996, 2, 29))
    buy(mai, "A", now, 1_000)
    # 2 March 2026 still catches up 28 February.
    assert give_on_occasions(at=now) == GiftsGiven(given=1)


def test_a_merged_member_gets_no_second_gift(
    wallet: None, mai: Member, binh: Member, now: datetime
) -> None:
    make_ladder()
    promise("member", Occasion.BIRTHDAY)
    for member in (mai, binh):
        Member.objects.filter(pk=member.pk).update(birth_date=date(1990, 3, 2))
        buy(member, f"A{member.pk}", now, 1_000)
    give_on_occasions(at=now)
    assert GivenBenefit.objects.count() == 2

    merge_members(kept=binh, merged=mai, note="same", by="s", at=now)
    assert give_on_occasions(at=now + timedelta(days=1)) == GiftsGiven()


def test_a_repeated_order_gives_once(wallet: None, mai: Member, now: datetime) -> None:
    make_ladder()
    promise("silver", Occasion.REACHED)
    buy(mai, "A", now, 1_000_000)

    fact = OrderFact("till", "A", mai.pk, now, Decimal(1_000_000))
    assert record([fact], at=now)[0].outcome == "known"
    assert vouchers(mai) == 1
