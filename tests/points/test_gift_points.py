"""Gifts between members: off unless the wallet allows them, and within its terms."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from members.models import Member
from points.errors import GiftRefused, NotEnoughPoints
from points.models import Account, Transfer, Wallet
from points.queries import balances
from points.services import (
    GiftQuote,
    gift_points,
    quote_gift,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_wallet
from tests.points.helpers import assert_proved, give, lots

SPRING, SUMMER = date(2026, 4, 30), date(2026, 8, 31)


def wallet_with(**terms: Any) -> Wallet:
    return make_wallet(**{"transfers_allowed": True, **terms})


def gift(
    giver: Member,
    receiver: Member,
    amount: int,
    wallet: Wallet,
    at: datetime,
    key: str = "g",
) -> Transfer:
    return gift_points(
        giver=giver, receiver=receiver, amount=amount, key=key, at=at, wallet=wallet
    )


def test_points_keep_their_last_days(mai: Member, binh: Member, now: datetime) -> None:
    wallet = wallet_with()
    give(mai, 20, "a", now, SPRING)
    give(mai, 20, "b", now, SUMMER)

    for _time in range(2):
        gift(mai, binh, 30, wallet, now)

    assert lots(mai) == [(SUMMER, 10)]
    assert lots(binh) == [(SPRING, 20), (SUMMER, 10)]
    assert_proved()


def test_a_gift_repays_the_receivers_debt_first(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = wallet_with(allows_debt=True)
    earned = give(binh, 25, "c", now)
    spend_points(member=binh, amount=25, key="s", at=now)
    reverse_transfer(transfer=earned, key="c-back", at=now)
    give(mai, 20, "a", now, SPRING)
    give(mai, 20, "b", now, SUMMER)

    gift(mai, binh, 40, wallet, now)

    assert balances([binh.pk]) == {binh.pk: 15}
    assert lots(binh) == [(SUMMER, 15)]
    assert_proved()


def test_a_gift_taken_back_returns_to_the_givers_lots(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = wallet_with()
    give(mai, 20, "a", now, SPRING)
    give(mai, 20, "b", now, SUMMER)
    sent = gift(mai, binh, 30, wallet, now)

    reverse_transfer(transfer=sent, key="back", at=now)

    assert lots(mai) == [(SPRING, 20), (SUMMER, 20)]
    assert lots(binh) == []
    assert_proved()


def test_the_giver_pays_the_fee_on_top(mai: Member, binh: Member, now: datetime) -> None:
    wallet = wallet_with(transfer_fee_percent=Decimal(5), rounding="up")
    give(mai, 100, "a", now)

    gift(mai, binh, 50, wallet, now)

    assert balances([mai.pk, binh.pk]) == {mai.pk: 47, binh.pk: 50}
    fee = Transfer.objects.get(kind="fee")
    assert (fee.amount, fee.to_account.kind) == (3, Account.Kind.FEE)
    with pytest.raises(NotEnoughPoints):
        gift(mai, binh, 46, wallet, now, "h")
    assert balances([mai.pk, binh.pk]) == {mai.pk: 47, binh.pk: 50}
    assert_proved()


@pytest.mark.parametrize(
    "terms",
    [
        {"transfers_allowed": False},
        {"is_active": False},
        {"transfer_minimum": 31},
        {"transfer_daily_limit": 29},
        {"transfer_member_days": 5000},
    ],
)
def test_the_terms_are_kept(
    mai: Member, binh: Member, now: datetime, terms: dict[str, Any]
) -> None:
    wallet = wallet_with(**terms)
    Account.objects.filter(member=mai).delete()

    with pytest.raises(GiftRefused):
        gift(mai, binh, 30, wallet, now)

    assert not Transfer.objects.filter(kind="gift").exists()


def test_nobody_gives_to_themselves(mai: Member, now: datetime) -> None:
    wallet = wallet_with()
    give(mai, 40, "a", now)

    with pytest.raises(GiftRefused):
        gift(mai, mai, 30, wallet, now)


@pytest.mark.parametrize("who", ["giver", "receiver"])
def test_blocked_members_neither_give_nor_receive(
    mai: Member, binh: Member, now: datetime, who: str
) -> None:
    wallet = wallet_with()
    give(mai, 40, "a", now)
    blocked = mai if who == "giver" else binh
    blocked.state = Member.State.BLOCKED
    blocked.save(update_fields=["state"])

    with pytest.raises(GiftRefused):
        gift(mai, binh, 30, wallet, now)

    assert balances([mai.pk]) == {mai.pk: 40}


def test_the_daily_limit_counts_both_sides_and_starts_anew(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = wallet_with(transfer_daily_limit=50)
    give(mai, 200, "a", now)

    gift(mai, binh, 30, wallet, now, "1")
    gift(mai, binh, 20, wallet, now, "2")
    # A repeat is no new gift.
    gift(mai, binh, 20, wallet, now, "2")
    with pytest.raises(GiftRefused):
        gift(mai, binh, 1, wallet, now, "3")
    gift(mai, binh, 50, wallet, now + timedelta(days=1), "4")

    assert balances([mai.pk, binh.pk]) == {mai.pk: 100, binh.pk: 100}


# --- What it would cost -----------------------------------------------------------------


def test_a_quote_moves_nothing_and_says_fee_and_rest(mai: Member, now: datetime) -> None:
    wallet = wallet_with(transfer_fee_percent=Decimal(5), rounding="up")
    give(mai, 100, "a", now)
    give(mai, 40, "gone", now, SPRING)

    quote = quote_gift(giver=mai, amount=50, at=now + timedelta(days=90), wallet=wallet)

    assert quote == GiftQuote(amount=50, fee=3, left=47)
    assert balances([mai.pk]) == {mai.pk: 140}


def test_a_quote_refuses_what_the_fee_makes_too_much(mai: Member, now: datetime) -> None:
    wallet = wallet_with(transfer_fee_percent=Decimal(5), rounding="up")
    give(mai, 100, "a", now)

    assert quote_gift(giver=mai, amount=95, at=now, wallet=wallet).left == 0
    with pytest.raises(GiftRefused, match="This takes 101 điểm"):
        quote_gift(giver=mai, amount=96, at=now, wallet=wallet)


def test_a_quote_counts_what_was_given_today(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = wallet_with(transfer_daily_limit=60)
    give(mai, 100, "a", now)
    gift(mai, binh, 20, wallet, now)

    assert quote_gift(giver=mai, amount=40, at=now, wallet=wallet).left == 40
    with pytest.raises(GiftRefused, match="At most 60 điểm a day"):
        quote_gift(giver=mai, amount=41, at=now, wallet=wallet)
    tomorrow = now + timedelta(days=1)
    assert quote_gift(giver=mai, amount=60, at=tomorrow, wallet=wallet).left == 20


def test_limits_of_money_are_said_in_money(mai: Member, now: datetime) -> None:
    wallet = wallet_with(kind="cashback", transfer_minimum=10_000)

    with pytest.raises(GiftRefused, match="The smallest gift is 10.000 ₫."):
        quote_gift(giver=mai, amount=500, at=now, wallet=wallet)
