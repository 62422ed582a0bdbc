"""Everything the engine says: why a voucher takes nothing off, and how it came to it.

The codes are stable and meant for machines; the sentences are meant for whoever holds the
voucher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.money import format_money, plain_number
from rewards.discounts.amounts import to_money
from rewards.discounts.basket import Context


class Reason(models.TextChoices):
    """Why a voucher takes nothing off."""

    INCOMPLETE = "incomplete", _("Its terms are not complete, so it takes nothing off.")
    PARTNER = "partner", _("It is used at the partner and takes nothing off here.")
    STORE = "store", _("It does not work in this store.")
    CHANNEL = "channel", _("It works only through %(channels)s.")
    WEEKDAY = "weekday", _("It works only on %(days)s.")
    HOURS = "hours", _("It works only between %(start)s and %(end)s.")
    PAYMENT = "payment_method", _("It works only when paid by %(methods)s.")
    SEGMENT = "segment", _("It is for a group of members that you are not in.")
    FIRST_ORDER = "first_order", _("It works only on a first order.")
    NO_PRODUCT = "no_product", _("Nothing in the basket is a product that it is for.")
    MINIMUM_VALUE = (
        "minimum_value",
        _("It works from %(minimum)s; %(missing)s more is needed."),
    )
    MINIMUM_OF_PRODUCTS = (
        "minimum_of_products",
        _("It works from %(minimum)s of its products; %(missing)s more is needed."),
    )
    MAXIMUM_VALUE = (
        "maximum_value",
        _("It works up to %(maximum)s; this comes to %(value)s."),
    )
    MINIMUM_QUANTITY = (
        "minimum_quantity",
        _("It works from %(least)s pieces; the basket has %(count)s."),
    )
    BAND_VALUE = "band_value", _("It begins at %(minimum)s; %(missing)s more is needed.")
    BAND_QUANTITY = (
        "band_quantity",
        _("It begins at %(least)s pieces; the basket has %(count)s."),
    )
    PIECES = (
        "pieces",
        _("It needs %(least)s pieces that no other voucher counts; there are %(count)s."),
    )
    NO_GIVEN = "no_given", _("Put what it gives into the basket, too.")
    NO_DELIVERY = "no_delivery", _("There is no delivery fee to take off.")
    NOTHING_LEFT = "nothing_left", _("There is nothing left that it could take off.")
    TOO_SMALL = "too_small", _("What it takes off comes to nothing when rounded.")
    # Beside other vouchers.
    OTHER_ALONE = (
        "other_alone",
        _("%(others)s is used instead: it goes together with no other voucher."),
    )
    ALONE = (
        "alone",
        _("It goes together with no other voucher; used instead: %(others)s."),
    )
    GROUP = (
        "group",
        _("It does not go together with %(others)s, which is used instead."),
    )
    TOO_MANY = (
        "too_many",
        _("For one order at most %(count)s can be used; used instead: %(others)s."),
    )
    BETTER_WITHOUT = (
        "better_without",
        _("Without it you save at least as much, with %(others)s."),
    )


class Note(models.TextChoices):
    """How a voucher came to what it takes off."""

    PERCENT = "percent", _("%(percent)s%% of %(base)s.")
    AMOUNT = "amount", _("%(amount)s off.")
    DELIVERY = "delivery", _("Of the delivery fee of %(base)s.")
    BAND_VALUE = "band_value", _("%(value)s reaches the band from %(minimum)s.")
    BAND_QUANTITY = "band_quantity", _("%(count)s pieces reach the band from %(least)s.")
    FREE = "free", _("%(count)s free, worth %(base)s.")
    CHEAPER = "cheaper", _("%(count)s at %(percent)s%% off, worth %(base)s.")
    AT_MOST = "at_most", _("At most %(maximum)s.")
    LEFT_OVER = (
        "left_over",
        _("%(lost)s is not taken off: no product goes below its lowest price, or zero."),
    )


# Facts that are money (in units of the currency), and facts that are plain numbers.
MONEY = frozenset({"minimum", "missing", "maximum", "value", "base", "amount", "lost"})

Fact = int | Decimal | str
Facts = Mapping[str, Fact]


class Saying(NamedTuple):
    """Something to say, before anybody has asked to hear it."""

    what: Reason | Note
    facts: Facts = {}


@dataclass(frozen=True, slots=True)
class Said:
    """A code for machines, a sentence for people, and the numbers in it."""

    code: str
    sentence: str
    facts: dict[str, Fact] = field(default_factory=dict)


def say(saying: Saying, context: Context) -> Said:
    facts: dict[str, Fact] = {}
    texts: dict[str, str] = {}
    for name, fact in saying.facts.items():
        if name in MONEY:
            money = to_money(int(fact), context.decimals)
            facts[name], texts[name] = money, format_money(money, context.currency)
        elif isinstance(fact, str):
            facts[name] = texts[name] = fact
        else:
            facts[name], texts[name] = fact, plain_number(Decimal(fact))
    return Said(saying.what.value, str(saying.what.label) % texts, facts)
