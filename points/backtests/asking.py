"""Asking for a back-test: both sides are frozen, the orders are found later.

The question is what the rules *as they are published now* would give for past orders, and
what the drafts would. So both sides apply their newest wording to every order of the
period, whichever version decided in its time; days and hours inside a rule keep meaning.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.models import Programme
from points.amounts import Unit
from points.earning.definition import definition_of, draft_definition
from points.errors import NothingToTest
from points.models import BackTest, EarnRule, Wallet
from points.rules import check_definition, live_version, unpublished_changes

Kind = Wallet.Kind
ORDER = EarnRule.Trigger.ORDER


@transaction.atomic
def ask_back_test(
    *,
    first_day: date,
    last_day: date,
    at: datetime,
    by: str = "",
    rule: EarnRule | None = None,
    point_worth: Decimal | None = None,
) -> BackTest:
    """Freeze both sides and put the test in line; a worker does it.

    ``rule`` leaves the drafts of all other rules out. Asking again for what is still under
    way gives the test there is. Raises NothingToTest when no draft about orders differs
    from what is published, InvalidInput for a period or a draft that makes no sense.
    """
    if last_day < first_day:
        raise InvalidInput(_("The period ends before it begins."))
    definitions = _freeze(rule, point_worth)
    asked = {
        "first_day": first_day,
        "last_day": last_day,
        "rule": rule,
        "point_worth": point_worth,
    }
    for test in BackTest.objects.filter(state__in=BackTest.OPEN, **asked):
        if test.definitions == definitions:
            return test
    return BackTest.objects.create(
        **asked, definitions=definitions, asked_at=at, asked_by=by
    )


def testable_drafts() -> list[EarnRule]:
    """Return the rules about orders whose draft differs from what is published."""
    return [rule for rule in _rules() if _is_about_orders(rule) and _differs(rule)]


def needs_worth() -> bool:
    """Tell whether a wallet that rules fill says nowhere what its points are worth."""
    wallets = {rule.wallet_id: rule.wallet for rule in _rules()}
    return any(
        wallet.kind in (Kind.POINTS, Kind.STAMPS) and not wallet.pays_at_till
        for wallet in wallets.values()
    )


def _rules() -> list[EarnRule]:
    """Return the rules that are switched on, with all that a definition is made of."""
    found = EarnRule.objects.filter(is_active=True, wallet__is_active=True)
    found = found.select_related("wallet").order_by("priority", "code")
    return list(found.prefetch_related("bands", "caps", "stores", "versions"))


def _freeze(only: EarnRule | None, point_worth: Decimal | None) -> dict[str, Any]:
    rules = _rules()
    drafts = {rule.pk for rule in rules if only is None or rule.pk == only.pk}
    if only is not None and not drafts:
        raise NothingToTest(
            _("“%(name)s” is switched off, so its draft gives nothing.")
            % {"name": only.name}
        )
    changed = [
        rule
        for rule in rules
        if rule.pk in drafts and _is_about_orders(rule) and _differs(rule)
    ]
    if not changed:
        raise NothingToTest.because(only)
    for rule in changed:
        _check(rule)
    before = [one for rule in rules if (one := _published(rule))]
    after = [one for rule in rules if (one := _drafted(rule, drafts))]
    wallet_ids = {one["definition"]["wallet_id"] for one in (*before, *after)}
    wallets = Wallet.objects.filter(pk__in=wallet_ids)
    return {
        "before": before,
        "after": after,
        "changed": [
            {"code": rule.code, "fields": unpublished_changes(rule)} for rule in changed
        ],
        "wallets": [
            _frozen_wallet(wallet, point_worth, Programme.current())
            for wallet in wallets.order_by("pk")
        ],
    }


def _check(rule: EarnRule) -> None:
    try:
        check_definition(draft_definition(rule), rule.wallet)
    except InvalidInput as error:
        sentence = _("“%(name)s” cannot be tested: %(why)s")
        raise InvalidInput(sentence % {"name": rule.name, "why": error.message}) from error


def _differs(rule: EarnRule) -> bool:
    return live_version(rule) is None or bool(unpublished_changes(rule))


def _is_about_orders(rule: EarnRule) -> bool:
    live = live_version(rule)
    published = live.definition.get("trigger", ORDER) if live else None
    return ORDER in (rule.trigger, published)


def _published(rule: EarnRule) -> dict[str, Any] | None:
    live = live_version(rule)
    if live is None or live.definition.get("trigger", ORDER) != ORDER:
        return None
    return _frozen(rule, live.number, live.definition)


def _drafted(rule: EarnRule, drafts: set[int]) -> dict[str, Any] | None:
    if rule.pk not in drafts or not _differs(rule):
        return _published(rule)
    if rule.trigger != ORDER:
        return None
    return _frozen(rule, rule.version + 1, definition_of(rule))


def _frozen(rule: EarnRule, version: int, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "rule_id": rule.pk,
        "code": rule.code,
        "version": version,
        "definition": definition,
    }


def _frozen_wallet(
    wallet: Wallet, point_worth: Decimal | None, programme: Programme
) -> dict[str, Any]:
    worth = worth_of(wallet, point_worth)
    unit = Unit.of(wallet, programme)
    return {
        "id": wallet.pk,
        "name": wallet.name,
        "unit": unit.name,
        "currency": unit.currency,
        "decimals": unit.decimals,
        "worth": None if worth is None else str(worth),
    }


def worth_of(wallet: Wallet, told: Decimal | None) -> Decimal | None:
    """Return what one unit of a wallet costs the programme; None when nobody said.

    What it pays at the till, or what it is where it holds money; ``told`` for others.
    """
    if wallet.kind == Kind.QUALIFYING:
        return None
    if wallet.holds_money:
        return Programme.current().smallest_amount
    if wallet.pays_at_till:
        return wallet.pay_value / wallet.pay_points
    return told
