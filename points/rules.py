"""Wallets and earn rules: how many points an order gives, in numbers and in a sentence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.models import Programme
from core.money import Rounding, format_money, group_digits, round_whole
from points.models import EarnRule, Wallet

# What decides points; changing one of these makes a new version.
DECIDING_FIELDS = (
    "wallet_id",
    "points",
    "amount",
    "rounding",
    "minimum_total",
    "starts_at",
    "ends_at",
)


def applies(rule: EarnRule, *, total: Decimal, placed_at: datetime) -> bool:
    """Tell whether a rule speaks about an order of this total, placed at this moment."""
    if total < rule.minimum_total:
        return False
    if rule.starts_at and placed_at < rule.starts_at:
        return False
    return not (rule.ends_at and placed_at >= rule.ends_at)


def points_for(rule: EarnRule, total: Decimal) -> int:
    """Return points for an amount of money: total × points ÷ amount, then rounded."""
    return round_whole(total * rule.points / rule.amount, rule.rounding)


@transaction.atomic
def save_rule(rule: EarnRule) -> EarnRule:
    """Save a rule; a change of what decides points makes a new version."""
    if rule.pk:
        stored = EarnRule.objects.get(pk=rule.pk)
        changed = any(
            getattr(stored, name) != getattr(rule, name) for name in DECIDING_FIELDS
        )
        rule.version = stored.version + 1 if changed else stored.version
    rule.save()
    return rule


@transaction.atomic
def save_wallet(wallet: Wallet) -> Wallet:
    """Save a wallet; whether debt is allowed counts for the accounts there are, too.

    Who is in debt when it is switched off stays so until the debt is repaid.
    """
    wallet.save()
    accounts = wallet.accounts.filter(member__isnull=False)
    if not wallet.allows_debt:
        accounts = accounts.filter(balance__gte=0)
    accounts.exclude(may_go_negative=wallet.allows_debt).update(
        may_go_negative=wallet.allows_debt
    )
    return wallet


def active_rules() -> list[EarnRule]:
    """Return the rules in force, in a fixed order. One query."""
    rules = EarnRule.objects.filter(is_active=True, wallet__is_active=True)
    return list(rules.select_related("wallet").order_by("code", F("pk").asc()))


def describe_rule(rule: EarnRule, programme: Programme | None = None) -> str:
    """Say a rule in one sentence."""
    programme = programme or Programme.current()
    currency = programme.currency
    facts = {
        "points": group_digits(rule.points),
        "unit": rule.wallet.unit_name if rule.wallet_id else programme.unit_name,
        "amount": format_money(Decimal(rule.amount), currency),
        "rounding": Rounding(rule.rounding).label.lower(),
        "minimum": format_money(Decimal(rule.minimum_total), currency),
    }
    if rule.minimum_total:
        return (
            _(
                "%(points)s %(unit)s for every %(amount)s on orders from %(minimum)s, "
                "%(rounding)s."
            )
            % facts
        )
    return _("%(points)s %(unit)s for every %(amount)s, %(rounding)s.") % facts
