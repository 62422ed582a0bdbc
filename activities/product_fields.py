"""What may be asked about what members bought, where, and what else they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from activities.models import Activity, ActivityType, Order, OrderLine, Product, Store
from activities.standing import standing
from members.segments import Asked, Field, Moment, Operator, ValueKind, within_days
from members.segments.registry import Choices

PRODUCTS = _("Products bought")
PLACES = _("Where they bought, what they did")
# More would make the page heavy; whoever wants another one types it.
MOST_SUGGESTED = 300

Phrases = tuple[Any, Any, Any, Any]
# The rows that answer for a value, with the member under "member" and the day under "day".
Rows = Callable[[str], QuerySet[Any, Any]]


def product_fields() -> tuple[Field, ...]:
    """Return the fields about products."""
    return (
        _asked_by_day(
            "bought_sku",
            _("product (SKU)"),
            PRODUCTS,
            lambda value: _lines(sku=value),
            (
                _("have bought the product %(value)s"),
                _("have never bought the product %(value)s"),
                _("bought the product %(value)s in the last %(also)s days"),
                _("did not buy the product %(value)s in the last %(also)s days"),
            ),
            suggestions=lambda: [
                (sku, name) for sku, name in _products().values_list("sku", "name")
            ],
        ),
        _asked_by_day(
            "bought_category",
            _("category"),
            PRODUCTS,
            lambda value: _lines(category=value),
            (
                _("have bought from the category “%(value)s”"),
                _("have never bought from the category “%(value)s”"),
                _("bought from the category “%(value)s” in the last %(also)s days"),
                _("did not buy from the category “%(value)s” in the last %(also)s days"),
            ),
            suggestions=lambda: _words("category"),
        ),
        _asked_by_day(
            "bought_brand",
            _("brand"),
            PRODUCTS,
            lambda value: _lines(brand=value),
            (
                _("have bought the brand “%(value)s”"),
                _("have never bought the brand “%(value)s”"),
                _("bought the brand “%(value)s” in the last %(also)s days"),
                _("did not buy the brand “%(value)s” in the last %(also)s days"),
            ),
            suggestions=lambda: _words("brand"),
        ),
    )


def place_fields() -> tuple[Field, ...]:
    """Return the fields about stores, ways of buying and other activities."""
    return (
        _asked_by_day(
            "bought_at_store",
            _("store"),
            PLACES,
            lambda value: _orders(store__code=value),
            (
                _("have bought at %(value)s"),
                _("have never bought at %(value)s"),
                _("bought at %(value)s in the last %(also)s days"),
                _("did not buy at %(value)s in the last %(also)s days"),
            ),
            choices=lambda: list(Store.objects.values_list("code", "name")),
        ),
        _asked_by_day(
            "bought_by_channel",
            _("way of buying"),
            PLACES,
            lambda value: _orders(channel=value),
            (
                _("have bought by way of: %(value)s"),
                _("have never bought by way of: %(value)s"),
                _("bought in the last %(also)s days by way of: %(value)s"),
                _("did not buy in the last %(also)s days by way of: %(value)s"),
            ),
            choices=lambda: Order.Channel.choices,
        ),
        _asked_by_day(
            "did_activity",
            _("activity"),
            PLACES,
            _activities,
            (
                _("have done: %(value)s"),
                _("have never done: %(value)s"),
                _("have done in the last %(also)s days: %(value)s"),
                _("have not done in the last %(also)s days: %(value)s"),
            ),
            choices=lambda: list(ActivityType.objects.values_list("code", "name")),
        ),
    )


def _asked_by_day(
    code: str,
    label: Any,
    group: Any,
    rows: Rows,
    phrases: Phrases,
    *,
    choices: Choices | None = None,
    suggestions: Choices | None = None,
) -> Field:
    """Build a field of four questions: ever, never, within so many days, not within."""

    def at_all(value: str, _moment: Moment) -> Q:
        return Q(Exists(rows(value).filter(member=OuterRef("pk"))))

    def within(asked: Asked, moment: Moment) -> Q:
        since = moment.start_of_days_before(asked.also)
        mine = rows(asked.value).filter(member=OuterRef("pk"), happened__gte=since)
        return Q(Exists(mine))

    kind = ValueKind.TEXT if choices is None else ValueKind.CHOICE
    values: dict[str, Any] = {
        "kind": kind,
        "choices": choices,
        "suggestions": suggestions,
    }
    yes, no, yes_within, no_within = phrases
    return Field(
        code,
        label,
        group,
        (
            Operator("yes", _("ever"), yes, at_all, **values),
            Operator("no", _("never"), no, lambda v, m: ~at_all(v, m), **values),
            Operator(
                "yes_within",
                _("lately"),
                yes_within,
                within,
                also=within_days(),
                **values,
            ),
            Operator(
                "no_within",
                _("not lately"),
                no_within,
                lambda asked, m: ~within(asked, m),
                also=within_days(),
                **values,
            ),
        ),
        tell=_teller(rows),
    )


# --- rows --------------------------------------------------------------------------------


def _orders(**conditions: Any) -> QuerySet[Any, Any]:
    return Order.objects.filter(standing(), **conditions).annotate(happened=F("placed_at"))


def _lines(**conditions: Any) -> QuerySet[Any, Any]:
    """Return what was bought and kept, under the member of its order."""
    gone_back = Q(quantity__gt=0, refunded_quantity__gte=F("quantity"))
    lines = OrderLine.objects.filter(standing("order__"), ~gone_back, **conditions)
    return lines.annotate(member=F("order__member"), happened=F("order__placed_at"))


def _activities(value: str) -> QuerySet[Any, Any]:
    rows = Activity.objects.filter(type__code=value)
    return rows.annotate(happened=F("happened_at"))


def _products() -> QuerySet[Product]:
    return Product.objects.filter(is_active=True).order_by("name")[:MOST_SUGGESTED]


def _words(column: str) -> list[tuple[str, str]]:
    words = Product.objects.exclude(**{column: ""}).order_by(column)
    found = words.values_list(column, flat=True).distinct()[:MOST_SUGGESTED]
    return [(word, word) for word in found]


def _teller(
    rows: Rows,
) -> Callable[[Sequence[int], Any, Moment], Mapping[int, str]]:
    def tell(member_ids: Sequence[int], value: Any, moment: Moment) -> Mapping[int, str]:
        word = value.value if isinstance(value, Asked) else value
        found = rows(word).filter(member__in=member_ids).order_by().values("member")
        last = dict(found.annotate(last=Max("happened")).values_list("member", "last"))
        return {pk: _told(word, last.get(pk), moment) for pk in member_ids}

    return tell


def _told(word: str, last: Any, moment: Moment) -> str:
    if last is None:
        return gettext("%(what)s: never") % {"what": word}
    day: date = moment.local_day(last)
    return gettext("%(what)s: last on %(day)s") % {"what": word, "day": f"{day:%d/%m/%Y}"}
