"""What may be asked about points: what members hold, and what of it ends soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from core.clock import add_months
from core.money import group_digits
from members.segments import (
    Also,
    Asked,
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    who_has,
)
from members.segments.uses import UsedBy, register_use
from points.expiry import INACTIVITY, ExpiryPolicy, last_day_of_undated
from points.models import Account, EarnRule, Lot, Wallet
from points.queries import balances, expiring, points_wallet

GROUP = _("Points")
EVERYONE = Q(pk__gt=0)
NOBODY = Q(pk__lt=0)


def register_points_fields() -> None:
    """Fill the registry of segments with the fields of this app."""
    register_field(_balance())
    register_field(_expiring())
    register_use(_rules_that_use)


def _balance() -> Field:
    wallet = Also(
        "wallet", _("wallet"), ValueKind.CHOICE, _wallets, first=None, before=_("in")
    )
    return Field(
        "balance",
        _("balance of a wallet"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("hold at least %(value)s in “%(also)s”"),
                lambda asked, _moment: _holds(asked, more_than=asked.value - 1),
                ValueKind.NUMBER,
                negated=_("hold less than %(value)s in “%(also)s”"),
                also=wallet,
            ),
            Operator(
                "at_most",
                _("at most"),
                _("hold at most %(value)s in “%(also)s”"),
                lambda asked, _moment: ~_holds(asked, more_than=asked.value),
                ValueKind.NUMBER,
                negated=_("hold more than %(value)s in “%(also)s”"),
                also=wallet,
            ),
        ),
        tell=_tell_balance,
    )


def _expiring() -> Field:
    soon = Also(
        "days",
        _("days"),
        before=_("end within"),
        after=pgettext_lazy("after a number", "days"),
    )
    return Field(
        "points_expiring",
        _("points that end soon"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("hold at least %(value)s points that end within %(also)s days"),
                _ends_soon,
                ValueKind.NUMBER,
                negated=_("hold fewer than %(value)s points that end within %(also)s days"),
                also=soon,
            ),
            Operator(
                "less_than",
                _("fewer than"),
                _("hold fewer than %(value)s points that end within %(also)s days"),
                lambda asked, moment: ~_ends_soon(asked, moment),
                ValueKind.NUMBER,
                negated=_("hold at least %(value)s points that end within %(also)s days"),
                also=soon,
            ),
        ),
        tell=_tell_expiring,
    )


# --- what they hold ----------------------------------------------------------------------


def _wallets() -> list[tuple[str, str]]:
    return list(Wallet.objects.filter(is_active=True).values_list("code", "name"))


def _holds(asked: Asked, *, more_than: int) -> Q:
    """Compare a balance that is zero for who never had the wallet; debts are below."""
    accounts = Account.objects.filter(member=OuterRef("pk"), wallet__code=asked.also)
    if more_than >= 0:
        return Q(Exists(accounts.filter(balance__gt=more_than)))
    return ~Q(Exists(accounts.filter(balance__lte=more_than)))


def _tell_balance(
    member_ids: Sequence[int], asked: Asked, _moment: Moment
) -> Mapping[int, str]:
    wallet = Wallet.objects.filter(code=asked.also).first()
    held = balances(member_ids, wallet=wallet) if wallet else {}
    return {
        pk: gettext("%(count)s in “%(wallet)s”")
        % {"count": group_digits(held.get(pk, 0)), "wallet": asked.also}
        for pk in member_ids
    }


# --- what ends soon ----------------------------------------------------------------------


def _ends_soon(asked: Asked, moment: Moment) -> Q:
    """Add up the open lots of "my points" whose last day lies in the coming days."""
    wallet = points_wallet()
    if asked.value <= 0:
        return EVERYONE
    if wallet is None:
        return NOBODY
    last = moment.days_before(-asked.also)
    ending = (
        Lot.objects.filter(
            Q(expires_on__range=(moment.today, last))
            | _undated(ExpiryPolicy.of(wallet), moment.today, last),
            account__wallet=wallet,
            # Most hold less than is asked for: their lots need no look.
            account__balance__gte=asked.value,
            remaining__gt=0,
        )
        .order_by()
        .values(member=F("account__member"))
        .annotate(points=Sum("remaining"))
        .filter(points__gte=asked.value)
    )
    return who_has(ending, moment)


def _undated(policy: ExpiryPolicy, first: date, last: date) -> Q:
    """Return which lots without a day end between two days, by the wallet's policy."""
    if policy.kind != INACTIVITY:
        day = last_day_of_undated(policy, None)
        ends = day is not None and first <= day <= last
        return Q(expires_on__isnull=True) if ends else NOBODY
    found = Q(account__active_on__range=_active_between(policy, first, last))
    since = policy.since
    if since is not None:
        # Who was quiet already when the policy began is counted from that day.
        found &= Q(account__active_on__gt=since)
        if first <= add_months(since, policy.months) <= last:
            quiet = Q(account__active_on__isnull=True) | Q(account__active_on__lte=since)
            found |= quiet
    return Q(expires_on__isnull=True) & found


def _active_between(policy: ExpiryPolicy, first: date, last: date) -> tuple[date, date]:
    """Return which last days of activity make points end between two days."""
    begin = add_months(first, -policy.months)
    # 31 March and a month are 30 April; 30 April less a month is 30 March.
    while add_months(begin, policy.months) < first:
        begin += timedelta(days=1)
    end = add_months(last, -policy.months)
    while add_months(end + timedelta(days=1), policy.months) <= last:
        end += timedelta(days=1)
    while add_months(begin - timedelta(days=1), policy.months) >= first:
        begin -= timedelta(days=1)
    return begin, end


def _tell_expiring(
    member_ids: Sequence[int], asked: Asked, moment: Moment
) -> Mapping[int, str]:
    ending = expiring(member_ids, at=moment.at, within_days=asked.also)
    return {
        pk: gettext("%(count)s points end within %(days)s days")
        % {
            "count": group_digits(sum(one.points for one in ending.get(pk, ()))),
            "days": asked.also,
        }
        for pk in member_ids
    }


# --- who uses a segment ------------------------------------------------------------------


def _rules_that_use(codes: Sequence[str]) -> list[UsedBy]:
    rules: Any = EarnRule.objects.filter(segment__code__in=codes).select_related("segment")
    return [
        UsedBy(rule.segment.code, _("earn rule"), rule.name, "points_earnrule", rule.pk)
        for rule in rules
    ]
