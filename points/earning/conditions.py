"""The conditions of a rule: each with a test and a sentence that says why it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.utils.translation import gettext as _

from core.money import format_money
from members.models import Member
from members.occasions import birthday_in
from points.earning.basket import ORDER, Basket, BasketLine
from points.earning.context import Context
from points.earning.definition import Definition
from points.models import EarnRule

Test = Callable[[Definition, Basket, Context], bool]


class Condition(NamedTuple):
    """When it is asked, whether it holds, and what to say when it does not.

    ``about_member``: it looks at who the member was then, which a refund takes as settled.
    """

    is_asked: Callable[[Definition], bool]
    holds: Test
    why_not: Callable[[Definition, Basket, Context], str]
    about_member: bool = False


def matches(definition: Definition, line: BasketLine) -> bool:
    """Tell whether a rule chooses a line and does not exclude it."""
    if definition.leaves_products_out and is_excluded(definition, line):
        return False
    if not definition.chooses_products:
        return True
    return (
        line.sku.casefold() in definition.skus
        or line.category.casefold() in definition.categories
        or line.brand.casefold() in definition.brands
        or any(label.casefold() in definition.labels for label in line.labels)
    )


def is_excluded(definition: Definition, line: BasketLine) -> bool:
    return (
        line.sku.casefold() in definition.excluded_skus
        or line.category.casefold() in definition.excluded_categories
        or line.brand.casefold() in definition.excluded_brands
        or any(label.casefold() in definition.excluded_labels for label in line.labels)
    )


def _in_hours(definition: Definition, basket: Basket, context: Context) -> bool:
    now = basket.happened_at.astimezone(context.zone).time()
    start, end = definition.from_time, definition.until_time
    if start and end and start > end:
        return now >= start or now < end  # over midnight
    return (not start or now >= start) and (not end or now < end)


def _in_birthday(definition: Definition, basket: Basket, context: Context) -> bool:
    born = context.birthdays.get(basket.member_id)
    if born is None:
        return False
    if definition.birthday == EarnRule.Birthday.MONTH:
        return born.month == basket.day.month
    days = 7 if definition.birthday == EarnRule.Birthday.WEEK else 1
    return any(
        0 <= (basket.day - birthday_in(born, year)).days < days
        for year in (basket.day.year - 1, basket.day.year)
    )


def _on_holiday(definition: Definition, basket: Basket, context: Context) -> bool:
    only = definition.holidays == EarnRule.Holidays.ONLY
    return (basket.day in context.holidays) == only


def _why_not_holiday(definition: Definition, basket: Basket, context: Context) -> str:
    if definition.holidays == EarnRule.Holidays.ONLY:
        return _("The day is no public holiday.")
    return _("The day is a public holiday.")


def _promo_code(definition: Definition, basket: Basket, context: Context) -> bool:
    return basket.promo_code.casefold() == definition.promo_code


def _chosen(definition: Definition, basket: Basket, context: Context) -> bool:
    return any(matches(definition, line) for line in basket.lines)


def _nth(definition: Definition, basket: Basket, context: Context) -> bool:
    return context.order_numbers.get(basket.id) == definition.nth_order


def _in_segment(definition: Definition, basket: Basket, context: Context) -> bool:
    return basket.id in context.segments.get(definition.segment_id or 0, ())


def _why_not_segment(definition: Definition, basket: Basket, context: Context) -> str:
    group = context.groups.get(definition.segment_id or 0)
    if not group:
        return _("The member is not in the group of the rule.")
    if basket.trigger != ORDER:
        return _("The member is not in “%(group)s”.") % {"group": group}
    return _("The member was not in “%(group)s” when they bought.") % {"group": group}


def _why_barred(definition: Definition, basket: Basket, context: Context) -> str:
    if context.barred[basket.member_id] == Member.State.BLOCKED:
        return _("The member is blocked: what they do is recorded and earns nothing.")
    return _("The member has left the programme and earns nothing.")


CONDITIONS = (
    Condition(
        lambda d: True,
        lambda d, b, c: b.member_id not in c.barred,
        _why_barred,
        about_member=True,
    ),
    Condition(
        lambda d: d.starts_at is not None,
        lambda d, b, c: d.starts_at is None or b.happened_at >= d.starts_at,
        lambda d, b, c: _("The rule had not begun yet."),
    ),
    Condition(
        lambda d: d.ends_at is not None,
        lambda d, b, c: d.ends_at is None or b.happened_at < d.ends_at,
        lambda d, b, c: _("The rule had ended."),
    ),
    Condition(
        lambda d: bool(d.minimum_total),
        lambda d, b, c: b.total >= d.minimum_total,
        lambda d, b, c: (
            _("The order is below %(amount)s.")
            % {"amount": format_money(d.minimum_total, c.currency)}
        ),
    ),
    Condition(
        lambda d: bool(d.weekdays),
        lambda d, b, c: b.day.isoweekday() in d.weekdays,
        lambda d, b, c: _("It is not one of the weekdays of the rule."),
    ),
    Condition(
        lambda d: bool(d.from_time or d.until_time),
        _in_hours,
        lambda d, b, c: _("It is outside the hours of the rule."),
    ),
    Condition(lambda d: d.holidays != EarnRule.Holidays.ANY, _on_holiday, _why_not_holiday),
    Condition(
        lambda d: bool(d.store_ids),
        lambda d, b, c: b.store_id in d.store_ids,
        lambda d, b, c: _("It was not bought in one of the stores of the rule."),
    ),
    Condition(
        lambda d: bool(d.channels),
        lambda d, b, c: b.channel.casefold() in d.channels,
        lambda d, b, c: _("It did not come through one of the channels of the rule."),
    ),
    Condition(
        lambda d: bool(d.payment_methods),
        lambda d, b, c: b.payment_method.casefold() in d.payment_methods,
        lambda d, b, c: _("It was paid in another way."),
    ),
    Condition(
        lambda d: bool(d.promo_code),
        _promo_code,
        lambda d, b, c: _("The promo code was not given."),
    ),
    Condition(
        lambda d: d.chooses_products,
        _chosen,
        lambda d, b, c: _("None of the products of the rule was bought."),
    ),
    Condition(
        lambda d: d.segment_id is not None,
        _in_segment,
        _why_not_segment,
        about_member=True,
    ),
    Condition(
        lambda d: d.nth_order is not None,
        _nth,
        lambda d, b, c: (
            _("It is the member's order number %(number)s.")
            % {"number": c.order_numbers.get(b.id, "?")}
        ),
        about_member=True,
    ),
    Condition(
        lambda d: d.birthday != EarnRule.Birthday.ANY,
        _in_birthday,
        lambda d, b, c: _("It is not the time of the member's birthday."),
        about_member=True,
    ),
)
