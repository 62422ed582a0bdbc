"""What a back-test came to, as plain values that are stored with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from core.clock import add_months
from points.backtests.frozen import AFTER, BEFORE, rules_of
from points.earning.backtest import Sums, Tally
from points.models import BackTest, BackTestMember

WINNERS = 10
NOTHING = [0, 0, 0]


def result_of(test: BackTest, tally: Tally) -> dict[str, Any]:
    """Return the whole result; members are counted in the database."""
    wallets = test.definitions["wallets"]
    members = BackTestMember.objects.filter(back_test=test)
    # Every member stands in each wallet once.
    first = members.filter(wallet=wallets[0]["id"]) if wallets else members.none()
    return {
        "orders": test.num_done,
        "members": first.count(),
        "wallets": [_wallet(test, wallet, tally, members) for wallet in wallets],
    }


def _wallet(
    test: BackTest,
    wallet: dict[str, Any],
    tally: Tally,
    members: QuerySet[BackTestMember],
) -> dict[str, Any]:
    pk = wallet["id"]
    months = _months(test, pk, tally.points)
    of_wallet = members.filter(wallet=pk).annotate(
        difference=F("points_after") - F("points_before")
    )
    return {
        "id": pk,
        "points": [sum(column) for column in zip(NOTHING, *months.values(), strict=True)],
        "earning": tally.earning.get((pk,), NOTHING),
        "months": [[month, numbers] for month, numbers in months.items()],
        "rules": _rules(test, pk, tally),
        **of_wallet.aggregate(
            more=Count("pk", filter=Q(difference__gt=0)),
            less=Count("pk", filter=Q(difference__lt=0)),
            same=Count("pk", filter=Q(difference=0)),
        ),
        "winners": _ten(of_wallet.filter(difference__gt=0).order_by("-difference")),
        "losers": _ten(of_wallet.filter(difference__lt=0).order_by("difference")),
    }


def _months(test: BackTest, wallet_id: int, points: Sums) -> dict[str, list[int]]:
    """Return every month of the period in order, those without points too."""
    return {
        month: points.get((wallet_id, month), NOTHING)
        for month in months_between(test.first_day, test.last_day)
    }


def months_between(first: date, last: date) -> list[str]:
    months, day = [], first.replace(day=1)
    while day <= last:
        months.append(f"{day:%Y-%m}")
        day = add_months(day, 1)
    return months


def _rules(test: BackTest, wallet_id: int, tally: Tally) -> list[dict[str, Any]]:
    """Return each rule of either side, and those that only the ledger still knows."""
    names: dict[str, str] = {}
    for rule in (*rules_of(test, AFTER), *rules_of(test, BEFORE)):
        definition = rule.definition
        if definition.wallet_id == wallet_id:
            names.setdefault(definition.code, definition.name or definition.code)
    for wallet, code in tally.rules:
        if wallet == wallet_id:
            names.setdefault(code, code)
    return [
        {
            "code": code,
            "name": name,
            "points": tally.rules.get((wallet_id, code), NOTHING),
            "times": tally.times.get((wallet_id, code), NOTHING),
        }
        for code, name in names.items()
    ]


def _ten(members: QuerySet[BackTestMember]) -> list[Sequence[int]]:
    chosen = members.order_by(*members.query.order_by, "member_id")
    return [
        list(row)
        for row in chosen.values_list("member_id", "points_before", "points_after")[
            :WINNERS
        ]
    ]
