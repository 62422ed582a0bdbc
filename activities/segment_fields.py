"""What may be asked about a member's purchases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F, Q, Value
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from activities.models import PurchaseSummary
from activities.product_fields import place_fields, product_fields
from activities.rfm_cells import rfm_fields
from activities.window_fields import window_fields
from members.segments import (
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    yes_and_no,
)

GROUP = _("Purchases")

# The summary is one row a member, so a join to it doubles nobody; who never bought has
# none, and every condition says on its own what that means.
# Whose every purchase went back has a summary without days.
HAS_ORDERED = Q(purchases__last_order_on__isnull=False)


def register_purchase_fields() -> None:
    """Fill the registry of segments with the fields of this app."""
    own = (_recency(), _first_order(), _has_ordered(), _num_orders(), _spend(), _average())
    for field in (
        *own,
        *window_fields(),
        *product_fields(),
        *place_fields(),
        *rfm_fields(),
    ):
        register_field(field)


def _recency() -> Field:
    return Field(
        "days_since_last_order",
        _("days since the last order"),
        GROUP,
        (
            Operator(
                "more_than",
                _("more than"),
                _("last bought more than %(value)s days ago"),
                lambda days, moment: _ordered(last_order_on__lt=moment.days_before(days)),
                ValueKind.NUMBER,
                negated=_("bought in the last %(value)s days or never"),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("bought in the last %(value)s days"),
                lambda days, moment: _ordered(last_order_on__gte=moment.days_before(days)),
                ValueKind.NUMBER,
                negated=_("have not bought in the last %(value)s days"),
            ),
        ),
        tell=_tell_last_order,
    )


def _first_order() -> Field:
    return Field(
        "days_since_first_order",
        _("days since the first order"),
        GROUP,
        (
            Operator(
                "more_than",
                _("more than"),
                _("first bought more than %(value)s days ago"),
                lambda days, moment: _ordered(first_order_on__lt=moment.days_before(days)),
                ValueKind.NUMBER,
                negated=_("first bought in the last %(value)s days or never"),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("first bought in the last %(value)s days"),
                lambda days, moment: _ordered(first_order_on__gte=moment.days_before(days)),
                ValueKind.NUMBER,
            ),
        ),
        tell=_tell_first_order,
    )


def _has_ordered() -> Field:
    return Field(
        "has_ordered",
        _("has ever bought"),
        GROUP,
        yes_and_no(
            label_yes=_("yes"),
            label_no=_("no"),
            yes=_("have bought before"),
            no=_("have never bought"),
            build=lambda _moment: HAS_ORDERED,
        ),
        tell=_tell_last_order,
    )


def _num_orders() -> Field:
    return Field(
        "num_orders",
        _("number of orders"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("have bought at least %(value)s times"),
                lambda number, _moment: _at_least("num_orders", number),
                ValueKind.NUMBER,
                negated=_("have bought fewer than %(value)s times"),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("have bought at most %(value)s times"),
                lambda number, _moment: ~_ordered(num_orders__gt=number),
                ValueKind.NUMBER,
                negated=_("have bought more than %(value)s times"),
            ),
        ),
        tell=_tell_totals,
    )


def _spend() -> Field:
    return Field(
        "spend",
        _("spend so far"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("have spent at least %(value)s"),
                lambda amount, _moment: _at_least("spend", amount),
                ValueKind.MONEY,
                negated=_("have spent less than %(value)s"),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("have spent at most %(value)s"),
                lambda amount, _moment: ~_ordered(spend__gt=amount),
                ValueKind.MONEY,
                negated=_("have spent more than %(value)s"),
            ),
        ),
        tell=_tell_totals,
    )


def _average() -> Field:
    """Ask for the average order; who never bought has none and is on neither side."""
    spent = F("purchases__num_orders")
    return Field(
        "average_order",
        _("average order so far"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("spend at least %(value)s on an average order"),
                lambda amount, _moment: _ordered(spend__gte=spent * Value(amount)),
                ValueKind.MONEY,
            ),
            Operator(
                "at_most",
                _("at most"),
                _("spend at most %(value)s on an average order"),
                lambda amount, _moment: _ordered(spend__lte=spent * Value(amount)),
                ValueKind.MONEY,
            ),
        ),
        tell=_tell_totals,
    )


def _ordered(**conditions: Any) -> Q:
    """Return a condition on the summary that is plainly false for who has none."""
    return HAS_ORDERED & Q(**{f"purchases__{name}": v for name, v in conditions.items()})


def _at_least(name: str, value: Any) -> Q:
    """Compare a total that is zero for who never bought."""
    return _ordered(**{f"{name}__gte": value}) if value > 0 else Q(pk__gt=0)


def _tell_last_order(
    member_ids: Sequence[int], _value: Any, moment: Moment
) -> Mapping[int, str]:
    last = dict(
        PurchaseSummary.objects.filter(member_id__in=member_ids).values_list(
            "member_id", "last_order_on"
        )
    )
    return {
        pk: gettext("Last order %(day)s, %(days)s days ago")
        % {"day": f"{day:%d/%m/%Y}", "days": moment.days_since(day)}
        if (day := last.get(pk))
        else gettext("No order yet")
        for pk in member_ids
    }


def _tell_first_order(
    member_ids: Sequence[int], _value: Any, _moment: Moment
) -> Mapping[int, str]:
    rows = PurchaseSummary.objects.filter(member_id__in=member_ids)
    first = dict(rows.values_list("member_id", "first_order_on"))
    return {
        pk: gettext("First order %(day)s") % {"day": f"{day:%d/%m/%Y}"}
        if (day := first.get(pk))
        else gettext("No order yet")
        for pk in member_ids
    }


def _tell_totals(
    member_ids: Sequence[int], _value: Any, _moment: Moment
) -> Mapping[int, str]:
    counts = dict(
        PurchaseSummary.objects.filter(member_id__in=member_ids).values_list(
            "member_id", "num_orders"
        )
    )
    return {
        pk: gettext("%(count)s orders so far") % {"count": counts.get(pk, 0)}
        for pk in member_ids
    }
