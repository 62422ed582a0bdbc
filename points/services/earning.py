"""Earning: the points that the rules in force grant for orders and other activities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from core.batch import Column, fetch_all, rows_source
from points.earning.basket import ORDER, Basket
from points.earning.caps import Allowance, use_keys
from points.earning.context import Context, load_context
from points.earning.definition import Definition, Hold
from points.earning.engine import evaluate
from points.earning.rulebook import RuleBook, rules_in_force
from points.expiry import ExpiryPolicy, last_day
from points.ledger import HoldTerms, Posting, post
from points.models import Account, Transfer, Wallet
from points.queries import POINTS_WALLET, active_wallets
from points.services.accounts import member_accounts, programme_account

# What the second of two postings is called when a partner pays a share.
BY_FUNDER = ":funder"


class Earning(NamedTuple):
    """Points that one rule gives for one basket, after its limits."""

    basket: Basket
    definition: Definition
    points: int


@transaction.atomic
def earn_points(
    baskets: Sequence[Basket], *, book: RuleBook | None = None
) -> dict[int, int]:
    """Give the points that the rules in force grant for facts that are new.

    Returns points by basket id, in the wallet that members mean by "my points", for every
    basket that earns there; held points count. The facts must have been saved by the same
    transaction: it is their key that keeps limits from being counted twice.
    """
    if not baskets:
        return {}
    book = book or rules_in_force(only={basket.trigger for basket in baskets})
    granted = list(_granted(baskets, book))
    if not granted:
        return {}
    wallets = {wallet.pk: wallet for wallet in active_wallets()}
    # A wallet may have been switched off since the rules were read.
    earnings = _within_limits([e for e in granted if e.definition.wallet_id in wallets])
    postings = list(_postings(earnings, wallets))
    # All rules in one batch: the accounts of all are locked once and in one order.
    post(postings)
    shown = next(iter(wallets), None)
    totals: dict[int, int] = defaultdict(int)
    for earning in earnings:
        if earning.definition.wallet_id == shown:
            totals[earning.basket.id] += earning.points
    return dict(totals)


def _granted(baskets: Sequence[Basket], book: RuleBook) -> Iterator[Earning]:
    """Ask the rules about each basket, in the order in which the purchases happened."""
    context: Context = load_context(baskets, book.definitions)
    for basket in sorted(baskets, key=lambda basket: (basket.happened_at, basket.id)):
        for award in evaluate(basket, book.rules_at(basket.happened_at), context).awards:
            yield Earning(basket, award.definition, award.points)


def _within_limits(earnings: list[Earning]) -> list[Earning]:
    """Cut what the limits of rules do not leave room for."""
    limited = [e for e in earnings if e.definition.caps or e.definition.budget is not None]
    if not limited:
        return earnings
    allowance = Allowance(
        key
        for e in limited
        for key in use_keys(e.definition, e.basket.member_id, e.basket.day)
    )
    kept = []
    for earning in earnings:
        points = earning.points
        if earning.definition.caps or earning.definition.budget is not None:
            points = allowance.claim(
                earning.definition,
                member_id=earning.basket.member_id,
                day=earning.basket.day,
                points=points,
            )
        if points:
            kept.append(earning._replace(points=points))
    allowance.save()
    return kept


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The accounts of one wallet that a batch needs."""

    issued: int
    held: int
    members: Mapping[int, int]
    policy: ExpiryPolicy


def _postings(
    earnings: Sequence[Earning], wallets: Mapping[int, Wallet]
) -> Iterator[Posting]:
    accounts: dict[int, _Accounts] = {}
    for wallet_id, wallet in wallets.items():
        of_wallet = [e for e in earnings if e.definition.wallet_id == wallet_id]
        if not of_wallet:
            continue
        holds = any(e.definition.hold != Hold.NONE for e in of_wallet)
        issued = programme_account(wallet, Account.Kind.ISSUED)
        accounts[wallet_id] = _Accounts(
            issued,
            programme_account(wallet, Account.Kind.HELD) if holds else 0,
            member_accounts(wallet, [e.basket.member_id for e in of_wallet]),
            ExpiryPolicy.of(wallet),
        )
    for earning in earnings:
        yield from _postings_of(earning, accounts[earning.definition.wallet_id])


def _postings_of(earning: Earning, accounts: _Accounts) -> Iterator[Posting]:
    basket, rule, points = earning
    account = accounts.members[basket.member_id]
    hold = _hold_terms(rule, basket, account)
    posting = Posting(
        key=occasion_key(basket, rule.code),
        kind=Transfer.Kind.EARN.value,
        from_account=accounts.issued,
        to_account=accounts.held if hold else account,
        amount=points,
        happened_at=basket.happened_at,
        source_type=basket.trigger,
        source_id=basket.id,
        rule_id=rule.rule_id,
        rule_version=rule.version,
        expires_on=last_day(accounts.policy, basket.day),
        hold=hold,
    )
    by_funder = funded_share(rule, points)
    if points - by_funder:
        yield posting._replace(amount=points - by_funder)
    if by_funder:
        yield posting._replace(
            key=posting.key + BY_FUNDER, amount=by_funder, funder_id=rule.funder_id
        )


def funded_share(rule: Definition, points: int) -> int:
    """Return how many of these points the funding party pays; the brand pays the rest."""
    if rule.funder_id is None:
        return 0
    return int(Decimal(points) * rule.funder_percent / 100)


def occasion_key(basket: Basket, code: str) -> str:
    """Name the one occasion on which a rule may give something for a basket."""
    if basket.trigger in ("birthday", "anniversary"):
        return f"{basket.trigger}:{basket.member_id}:{basket.day.year}:{code}"
    return f"{basket.trigger}:{basket.id}:{code}"


def _hold_terms(rule: Definition, basket: Basket, account: int) -> HoldTerms | None:
    if rule.hold == Hold.DAYS and rule.hold_days:
        return HoldTerms(account, basket.day + timedelta(days=rule.hold_days))
    if rule.hold == Hold.DELIVERY:
        return HoldTerms(account, None, rule.hold_days)
    if rule.hold == Hold.DATE and rule.hold_date and rule.hold_date > basket.day:
        return HoldTerms(account, rule.hold_date)
    return None


def points_of_orders(order_ids: Sequence[int]) -> dict[int, int]:
    """Return how many points orders were given when they were first recorded. One query.

    Points of the wallet that members mean by "my points", held ones included.
    """
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in order_ids])
    # In this order, or SQLite looks every transfer of every order up in the list.
    rows = fetch_all(
        f"SELECT t.source_id, SUM(t.amount) FROM {source} CROSS JOIN points_transfer t "
        "JOIN points_account a ON a.id = t.from_account_id "
        "WHERE t.source_id = r.id AND t.source_type = %s AND t.kind = %s "
        f"AND a.wallet_id = {POINTS_WALLET} GROUP BY t.source_id",
        [*parameters, ORDER, Transfer.Kind.EARN.value],
    )
    return {order_id: int(points) for order_id, points in rows}
