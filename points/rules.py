"""Wallets and earn rules as staff keep them: drafts, publishing, and what is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.clock import local_date
from core.errors import InvalidInput
from core.models import Programme
from core.money import format_money
from members.models import Segment
from points.amounts import Unit
from points.earning.definition import (
    Definition,
    Method,
    definition_of,
    draft_definition,
)
from points.earning.rulebook import definition_of_version
from points.earning.sentence import describe
from points.models import EarnBand, EarnCap, EarnRule, EarnRuleVersion, Wallet
from points.queries import active_wallets

CASHBACK = "cashback"
NOT_MONEY = gettext_lazy(
    "A percent of the amount is money: choose a wallet that holds cashback."
)


@transaction.atomic
def publish_rule(
    rule: EarnRule, *, at: datetime, by: str = "", for_all_time: bool = False
) -> EarnRuleVersion:
    """Make the draft of a rule the version that gives points; returns that version.

    Purchases before ``at``, told late, keep following the version before, unless it is the
    first one or ``for_all_time`` is asked for. Publishing what is published already
    changes nothing. Raises InvalidInput for a draft that could never give points.
    """
    stored = EarnRule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    definition = definition_of(stored)
    check_definition(draft_definition(stored), stored.wallet)
    latest = stored.versions.order_by("-number").first()
    if latest is not None and not unpublished_changes(stored):
        return latest
    version = EarnRuleVersion.objects.create(
        rule=stored,
        number=stored.version + 1,
        definition=definition,
        applies_from=None if latest is None or for_all_time else at,
        published_at=at,
        published_by=by,
    )
    EarnRule.objects.filter(pk=stored.pk).update(version=version.number)
    rule.version = version.number
    return version


def check_definition(definition: Definition, wallet: Wallet) -> None:
    """Refuse what no purchase could ever meet in its wallet, with a sentence."""
    if definition.method == Method.PERCENT and not wallet.holds_money:
        raise InvalidInput(NOT_MONEY)
    if definition.method == EarnRule.Method.BANDS and not definition.bands:
        raise InvalidInput(_("Fill in at least one band."))
    is_order = definition.trigger == EarnRule.Trigger.ORDER
    fixed = (EarnRule.Method.FIXED, EarnRule.Method.PER_UNIT)
    if not is_order and definition.method not in fixed:
        raise InvalidInput(_("Without an order, points are fixed or counted by the piece."))
    if definition.stacking == EarnRule.Stacking.BEST and not definition.group:
        raise InvalidInput(_("Name the group in which only the best rule counts."))


@transaction.atomic
def discard_draft(rule: EarnRule) -> EarnRule:
    """Put a rule back to what is published; raises InvalidInput when nothing is."""
    latest = rule.versions.order_by("-number").first()
    if latest is None:
        raise InvalidInput(_("This rule was never published."))
    data: dict[str, Any] = latest.definition
    defaults = definition_of(EarnRule(wallet=rule.wallet))
    relations = ("store_ids", "bands", "caps")
    for name, default in defaults.items():
        if name not in relations:
            field: Any = EarnRule._meta.get_field(name.removesuffix("_id"))
            setattr(rule, name, field.to_python(data.get(name, default)))
    rule.save()
    rule.stores.set(data.get("store_ids") or ())
    rule.bands.all().delete()
    EarnBand.objects.bulk_create(
        EarnBand(rule=rule, from_amount=start, points=points, per_amount=per)
        for start, points, per in data.get("bands") or ()
    )
    rule.caps.all().delete()
    EarnCap.objects.bulk_create(
        EarnCap(rule=rule, limit=limit, unit=unit, period=period)
        for limit, unit, period in data.get("caps") or ()
    )
    return rule


def live_version(rule: EarnRule) -> EarnRuleVersion | None:
    """Return the newest published version."""
    return max(rule.versions.all(), key=lambda v: v.number, default=None)


def unpublished_changes(rule: EarnRule) -> list[str]:
    """Name the fields in which the draft differs from what is published; [] when equal."""
    latest = live_version(rule)
    draft = definition_of(rule)
    published = latest.definition if latest else {}
    defaults = definition_of(EarnRule(wallet=rule.wallet))
    return [
        name
        for name, value in draft.items()
        if value != published.get(name, defaults.get(name))
    ]


@transaction.atomic
def save_wallet(wallet: Wallet, *, at: datetime) -> Wallet:
    """Save a wallet; whether debt is allowed counts for the accounts there are, too.

    Who is in debt when it is switched off stays so until the debt is repaid. When expiry
    is switched on, or counts in another way, points that carry no day of their own end one
    full period after ``at``. Raises InvalidInput for money that would pay more or less
    than it is.
    """
    if wallet.holds_money and wallet.pays_at_till:
        worth = money_in(wallet.pay_points, Programme.current())
        if wallet.pay_value != worth:
            raise InvalidInput(not_its_worth(worth))
    stored = Wallet.objects.filter(pk=wallet.pk).first()
    if stored is not None and stored.expiry_policy != wallet.expiry_policy:
        switched_on = wallet.expiry_policy != Wallet.Expiry.NEVER
        wallet.expiry_since = local_date(at) if switched_on else None
    wallet.save()
    accounts = wallet.accounts.filter(member__isnull=False)
    if not wallet.allows_debt:
        accounts = accounts.filter(balance__gte=0)
    accounts.exclude(may_go_negative=wallet.allows_debt).update(
        may_go_negative=wallet.allows_debt
    )
    return wallet


def money_in(amount: int, programme: Programme) -> Decimal:
    """Return the money that an amount of a cashback wallet is."""
    return amount * programme.smallest_amount


def not_its_worth(worth: Decimal) -> str:
    """Say that a block of money can only pay what it is."""
    money = format_money(worth, Programme.current().currency)
    return _("Cashback pays what it is: this block is %(money)s.") % {"money": money}


def money_wallet() -> Wallet:
    """Return the first wallet of money in use, made where there is none."""
    money = active_wallets().filter(kind=Wallet.Kind.CASHBACK)
    return money.first() or make_money_wallet(name=_("Cashback"))[0]


def make_money_wallet(
    *, name: str, code: str = CASHBACK, **fields: Any
) -> tuple[Wallet, bool]:
    """Make a wallet of money that pays orders for what it holds; tell whether it is new.

    A wallet of that code that is there already is answered as it is.
    """
    return Wallet.objects.get_or_create(
        code=code,
        defaults={
            "name": name,
            "kind": Wallet.Kind.CASHBACK,
            "pays_at_till": True,
            "pay_points": 1,
            "pay_value": money_in(1, Programme.current()),
            **fields,
        },
    )


def describe_rule(rule: EarnRule, programme: Programme | None = None) -> str:
    """Say the draft of a rule in a sentence; its wallet and group should be loaded."""
    programme = programme or Programme.current()
    return describe(
        draft_definition(rule),
        unit=unit_of_rule(rule, programme),
        programme=programme,
        group=rule.segment.name if rule.segment else "",
    )


def unit_of_rule(rule: EarnRule, programme: Programme) -> Unit:
    """Return the unit of a rule's wallet; before one is chosen, that of the programme."""
    if rule.wallet_id:
        return Unit.of(rule.wallet, programme)
    return Unit(programme.unit_name)


def describe_version(
    version: EarnRuleVersion,
    programme: Programme | None = None,
    *,
    groups: Mapping[int, str] | None = None,
) -> str:
    """Say a published version in a sentence; its rule and wallet should be loaded.

    ``groups`` are the names of the groups that versions are for (``group_names``); without
    them, a version that has one looks its own up.
    """
    programme = programme or Programme.current()
    definition = definition_of_version(version)
    groups = group_names([definition]) if groups is None else groups
    return describe(
        definition,
        unit=Unit.of(version.rule.wallet, programme),
        programme=programme,
        group=groups.get(definition.segment_id or 0, ""),
    )


def group_names(definitions: Iterable[Definition]) -> dict[int, str]:
    """Return the names of the groups that rules are for. One query where there are any."""
    wanted = {d.segment_id for d in definitions if d.segment_id}
    if not wanted:
        return {}
    return dict(Segment.objects.filter(pk__in=wanted).values_list("pk", "name"))
