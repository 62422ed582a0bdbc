"""Saving a wallet: a switch that counts from the moment it is thrown."""

from datetime import datetime

import pytest

from members.models import Member
from points.audit import verify_ledger
from points.errors import NotEnoughPoints
from points.models import Account, Transfer
from points.queries import balances
from points.rules import save_wallet
from points.services import Grant, grant_points, reverse_transfer, spend_points
from tests.factories import make_wallet


def spend_what_is_taken_back(mai: Member, now: datetime) -> Transfer:
    grant_points(grants=[Grant(mai.pk, 30, "a")], at=now)
    spend_points(member=mai, amount=20, key="gift", at=now)
    return Transfer.objects.get(key="a")


def test_allowing_debt_counts_for_accounts_that_exist(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    earned = spend_what_is_taken_back(mai, now)
    with pytest.raises(NotEnoughPoints):
        reverse_transfer(transfer=earned, key="back", at=now)

    wallet.allows_debt = True
    save_wallet(wallet, at=now)
    reverse_transfer(transfer=earned, key="back", at=now)

    assert balances([mai.pk]) == {mai.pk: -20}
    assert verify_ledger().ok


def test_who_is_in_debt_stays_so_when_it_is_switched_off(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = make_wallet(allows_debt=True)
    reverse_transfer(transfer=spend_what_is_taken_back(mai, now), key="back", at=now)
    grant_points(grants=[Grant(binh.pk, 5, "b")], at=now)

    wallet.allows_debt = False
    save_wallet(wallet, at=now)

    allowed = dict(
        Account.objects.filter(kind="member").values_list("member_id", "may_go_negative")
    )
    assert allowed == {mai.pk: True, binh.pk: False}
