"""The conditions of a voucher that the basket does not decide: where, when, how, who."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from points.earning.sentence import WEEKDAYS
from rewards.discounts.basket import Context
from rewards.discounts.said import Facts, Reason, Saying
from rewards.discounts.terms import Kind, Terms


class Condition(NamedTuple):
    """When it is asked, whether it holds, and what to say when it does not."""

    reason: Reason
    is_asked: Callable[[Terms], bool]
    holds: Callable[[Terms, Context], bool]
    facts: Callable[[Terms], Facts] = lambda terms: {}


def unmet(terms: Terms, context: Context) -> Saying | None:
    """Return the first condition that does not hold."""
    for condition in CONDITIONS:
        if condition.is_asked(terms) and not condition.holds(terms, context):
            return Saying(condition.reason, condition.facts(terms))
    return None


def _is_named(word: str, words: Collection[str]) -> bool:
    return word.casefold() in {w.casefold() for w in words}


def _in_hours(terms: Terms, context: Context) -> bool:
    now = context.at.astimezone(context.zone).time()
    start, end = terms.from_time, terms.until_time
    if start and end and start > end:
        return now >= start or now < end  # over midnight
    return (not start or now >= start) and (not end or now < end)


def hours(terms: Terms) -> Facts:
    return {
        "start": f"{terms.from_time:%H:%M}" if terms.from_time else "00:00",
        "end": f"{terms.until_time:%H:%M}" if terms.until_time else "24:00",
    }


def weekdays(terms: Terms) -> str:
    return ", ".join(str(WEEKDAYS[day]) for day in WEEKDAYS if day in terms.weekdays)


CONDITIONS = (
    Condition(
        Reason.PARTNER,
        lambda t: t.kind == Kind.PARTNER,
        lambda t, c: False,
    ),
    Condition(
        Reason.STORE,
        lambda t: bool(t.store_ids),
        lambda t, c: c.store_id in t.store_ids,
    ),
    Condition(
        Reason.CHANNEL,
        lambda t: bool(t.channels),
        lambda t, c: _is_named(c.channel, t.channels),
        lambda t: {"channels": ", ".join(sorted(t.channels))},
    ),
    Condition(
        Reason.WEEKDAY,
        lambda t: bool(t.weekdays),
        lambda t, c: c.at.astimezone(c.zone).isoweekday() in t.weekdays,
        lambda t: {"days": weekdays(t)},
    ),
    Condition(
        Reason.HOURS,
        lambda t: t.from_time is not None or t.until_time is not None,
        _in_hours,
        hours,
    ),
    Condition(
        Reason.PAYMENT,
        lambda t: bool(t.payment_methods),
        lambda t, c: _is_named(c.payment_method, t.payment_methods),
        lambda t: {"methods": ", ".join(sorted(t.payment_methods))},
    ),
    Condition(
        Reason.SEGMENT,
        lambda t: bool(t.segment_ids),
        lambda t, c: not t.segment_ids.isdisjoint(c.segment_ids),
    ),
    Condition(
        Reason.FIRST_ORDER,
        lambda t: t.first_order_only,
        lambda t, c: c.is_first_order,
    ),
)
