"""What may be asked about the purchases of the last so many days.

A window of 30 days reaches from the day that lies 30 days back through today. What went
back whole is no purchase; a part that went back is taken off what its order was worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from activities.models import Order
from activities.standing import kept_amount, standing
from core.models import Programme
from core.money import format_money
from members.segments import (
    Asked,
    Field,
    Moment,
    Operator,
    ValueKind,
    who_has,
    within_days,
)

GROUP = _("Purchases in a window")
EVERYONE = Q(pk__gt=0)


def window_fields() -> tuple[Field, ...]:
    """Return the fields of this file."""
    return _orders(), _spend(), _average()


def _orders() -> Field:
    return Field(
        "orders_within",
        _("number of orders in a window"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("bought at least %(value)s times in the last %(also)s days"),
                lambda asked, moment: _times(asked, moment, at_least=asked.value),
                ValueKind.NUMBER,
                negated=_("bought fewer than %(value)s times in the last %(also)s days"),
                also=within_days(),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("bought at most %(value)s times in the last %(also)s days"),
                lambda asked, moment: ~_times(asked, moment, at_least=asked.value + 1),
                ValueKind.NUMBER,
                negated=_("bought more than %(value)s times in the last %(also)s days"),
                also=within_days(),
            ),
        ),
        tell=_tell_window,
    )


def _spend() -> Field:
    return Field(
        "spend_within",
        _("spend in a window"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("spent at least %(value)s in the last %(also)s days"),
                lambda asked, moment: (
                    _come_to(asked, moment, amount__gte=asked.value)
                    if asked.value > 0
                    else EVERYONE
                ),
                ValueKind.MONEY,
                negated=_("spent less than %(value)s in the last %(also)s days"),
                also=within_days(),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("spent at most %(value)s in the last %(also)s days"),
                lambda asked, moment: ~_come_to(asked, moment, amount__gt=asked.value),
                ValueKind.MONEY,
                negated=_("spent more than %(value)s in the last %(also)s days"),
                also=within_days(),
            ),
        ),
        tell=_tell_window,
    )


def _average() -> Field:
    """Ask for the average order; who did not buy has none and is on neither side."""
    return Field(
        "average_within",
        _("average order in a window"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("spent at least %(value)s on an average order of the last %(also)s days"),
                lambda asked, moment: _come_to(
                    asked, moment, amount__gte=F("count") * Value(asked.value)
                ),
                ValueKind.MONEY,
                also=within_days(),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("spent at most %(value)s on an average order of the last %(also)s days"),
                lambda asked, moment: _come_to(
                    asked, moment, amount__lte=F("count") * Value(asked.value)
                ),
                ValueKind.MONEY,
                also=within_days(),
            ),
        ),
        tell=_tell_window,
    )


# --- conditions --------------------------------------------------------------------------


def _times(asked: Asked, moment: Moment, *, at_least: int) -> Q:
    """Compare a number that is zero for who did not buy."""
    if at_least <= 0:
        return EVERYONE
    if at_least == 1:
        return _at_all(asked.also, moment)
    return _come_to(asked, moment, count__gte=at_least)


def _at_all(days: int, moment: Moment) -> Q:
    """Ask who bought in a window at all: the summary knows without reading orders."""
    return Q(
        purchases__last_order_on__isnull=False,
        purchases__last_order_on__gte=moment.days_before(days),
    )


def _come_to(asked: Asked, moment: Moment, **condition: Any) -> Q:
    """Ask what the purchases of a window come to; false for who has none there."""
    return who_has(_totals(asked.also, moment).filter(**condition), moment)


def _totals(days: int, moment: Moment) -> QuerySet[Any, Any]:
    """Return how often and for how much each member bought in a window."""
    orders = Order.objects.filter(
        standing(),
        # The day is what counts; the instant is what the index of a member's orders knows.
        placed_at__gte=moment.start_of_days_before(days),
    )
    rows = orders.order_by().values("member")
    return rows.annotate(count=Count("pk"), amount=Sum(kept_amount()))


def _tell_window(
    member_ids: Sequence[int], asked: Asked, moment: Moment
) -> Mapping[int, str]:
    currency = str(Programme.current().currency)
    rows = _totals(asked.also, moment).filter(member__in=member_ids)
    totals = {row["member"]: (row["count"], row["amount"]) for row in rows}
    return {
        pk: gettext("%(count)s orders of %(amount)s in the last %(days)s days")
        % {
            "count": totals.get(pk, (0,))[0],
            "amount": format_money(totals.get(pk, (0, Decimal(0)))[1], currency),
            "days": asked.also,
        }
        for pk in member_ids
    }
