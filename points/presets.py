"""Earn rules as shops in Vietnam have them, to be read, changed and published by staff.

A preset makes drafts: nobody gets a point before somebody has published them. Amounts are
examples in dong. What a draft needs beside itself (the kind of activity, the party that
pays) is made where it is missing and never touched where it exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activities.models import ActivityType, Order
from core.errors import NotFound
from core.models import Programme
from points.amounts import Unit
from points.earning.definition import Band, Cap, draft_definition
from points.earning.sentence import describe
from points.models import EarnBand, EarnCap, EarnRule, Funder, Wallet
from points.rules import money_wallet
from points.services import default_wallet

Method, Trigger, Hold = EarnRule.Method, EarnRule.Trigger, EarnRule.Hold
Scope = EarnRule.Scope
TIMES, POINTS = EarnCap.Unit.TIMES.value, EarnCap.Unit.POINTS.value
MONTH, WEEK = EarnCap.Period.MONTH.value, EarnCap.Period.WEEK.value
MONDAY_TO_FRIDAY = [1, 2, 3, 4, 5]
WEEKEND = [6, 7]
MAX_CODE, MAX_NAME = 40, 80
REVIEW, PARTNER = "review", "partner"


@dataclass(frozen=True, slots=True)
class Draft:
    """One rule of a preset: its fields, bands (from, points) and limits."""

    code: str
    name: str | Promise
    fields: Mapping[str, Any]
    bands: Sequence[tuple[int, int]] = ()
    caps: Sequence[tuple[int, str, str]] = ()
    # What it needs beside itself.
    needs_review: bool = False
    needs_partner: bool = False
    needs_money: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """What a shop wants to reach, and the drafts that do it."""

    key: str
    name: str | Promise
    purpose: str | Promise
    icon: str
    drafts: Sequence[Draft] = field(default_factory=tuple)


def _single(
    key: str, name: Any, purpose: Any, icon: str, fields: Mapping[str, Any], **more: Any
) -> Preset:
    return Preset(key, name, purpose, icon, (Draft(key, name, fields, **more),))


PRESETS = (
    _single(
        "per-10000",
        gettext_lazy("1 point for every 10.000 ₫"),
        gettext_lazy("The base rule of most shops: everyone understands it at the till."),
        "payments",
        {"method": Method.PER_AMOUNT, "points": 1, "amount": Decimal(10_000)},
    ),
    _single(
        "invoice-bands",
        gettext_lazy("Points by the size of the invoice"),
        gettext_lazy(
            "Instead of points for every amount: a round number for each size of invoice, "
            "with a reason to reach the next one."
        ),
        "stairs",
        {"method": Method.BANDS},
        bands=((100_000, 5), (200_000, 12), (500_000, 35), (1_000_000, 80)),
    ),
    _single(
        "birthday-month",
        gettext_lazy("Double points in the birthday month"),
        gettext_lazy("A present that costs nothing until the member comes to buy."),
        "cake",
        {
            "method": Method.MULTIPLIER,
            "factor": Decimal(2),
            "birthday": EarnRule.Birthday.MONTH,
        },
        caps=((500, POINTS, MONTH),),
    ),
    _single(
        "welcome",
        gettext_lazy("Welcome points"),
        gettext_lazy("Whoever joins sees points in the wallet on the first day."),
        "waving_hand",
        {"trigger": Trigger.SIGN_UP, "method": Method.FIXED, "points": 50},
    ),
    _single(
        "golden-hours",
        gettext_lazy("Golden hours on weekdays"),
        gettext_lazy("Fills the quiet hours of the afternoon."),
        "schedule",
        {
            "method": Method.MULTIPLIER,
            "factor": Decimal(2),
            "weekdays": MONDAY_TO_FRIDAY,
            "from_time": time(14),
            "until_time": time(17),
        },
    ),
    _single(
        "holidays",
        gettext_lazy("Double points on Tết and public holidays"),
        gettext_lazy(
            "Counts on the days in the list of public holidays: look whether this year's "
            "Tết stands in it."
        ),
        "celebration",
        {
            "method": Method.MULTIPLIER,
            "factor": Decimal(2),
            "holidays": EarnRule.Holidays.ONLY,
        },
    ),
    _single(
        "first-order",
        gettext_lazy("Bonus for the first order"),
        gettext_lazy("Makes of a new member a buyer; the second visit is half won."),
        "looks_one",
        {
            "method": Method.EXTRA,
            "points": 100,
            "nth_order": 1,
            "minimum_total": Decimal(50_000),
        },
    ),
    _single(
        "category-extra",
        gettext_lazy("Extra points for a category"),
        gettext_lazy("Pushes one shelf. Write your own category in the place of “bánh”."),
        "category",
        {"method": Method.EXTRA, "points": 10, "categories": ["bánh"]},
        caps=((3, TIMES, WEEK),),
    ),
    _single(
        "product-review",
        gettext_lazy("Points for a product review"),
        gettext_lazy("Thanks for a word that helps others; twice a week and no more."),
        "reviews",
        {"trigger": Trigger.ACTIVITY, "method": Method.FIXED, "points": 10},
        caps=((2, TIMES, WEEK),),
        needs_review=True,
    ),
    Preset(
        "best-of-two",
        gettext_lazy("Weekend double or app triple, whichever is more"),
        gettext_lazy(
            "Two multipliers in one group: who orders through the app at the weekend gets "
            "the better of both, never their sum."
        ),
        "trophy",
        (
            Draft(
                "weekend-double",
                gettext_lazy("Double points at the weekend"),
                {
                    "method": Method.MULTIPLIER,
                    "factor": Decimal(2),
                    "weekdays": WEEKEND,
                    "stacking": EarnRule.Stacking.BEST,
                    "group": "weekend-app",
                },
            ),
            Draft(
                "app-triple",
                gettext_lazy("Triple points in the app"),
                {
                    "method": Method.MULTIPLIER,
                    "factor": Decimal(3),
                    "channels": [Order.Channel.APP.value],
                    "stacking": EarnRule.Stacking.BEST,
                    "group": "weekend-app",
                },
            ),
        ),
    ),
    _single(
        "held-7-days",
        gettext_lazy("Points after the days of return"),
        gettext_lazy(
            "A base rule for shops that take goods back for seven days: members see their "
            "points at once and use them when the goods stay."
        ),
        "hourglass_top",
        {
            "method": Method.PER_AMOUNT,
            "points": 1,
            "amount": Decimal(10_000),
            "hold": Hold.DAYS,
            "hold_days": 7,
        },
    ),
    _single(
        "partner-funded",
        gettext_lazy("Extra points that a partner pays"),
        gettext_lazy(
            "Who pays with the partner's wallet gets more, and the partner pays for it: "
            "see the settlement of funding parties."
        ),
        "handshake",
        {
            "method": Method.EXTRA,
            "points": 20,
            "minimum_total": Decimal(100_000),
            "payment_methods": ["momo"],
        },
        needs_partner=True,
    ),
    _single(
        "cashback",
        # xgettext:no-python-format
        gettext_lazy("5 % of the bill back as money"),
        gettext_lazy(
            "Cashback in a wallet of its own, usable when the goods stay. Everybody "
            "reckons in dong; the limit keeps one large bill from emptying the budget."
        ),
        "savings",
        {
            "method": Method.PERCENT,
            "percent": Decimal(5),
            "order_limit": 50_000,
            "hold": Hold.DAYS,
            "hold_days": 7,
        },
        needs_money=True,
    ),
    _single(
        "cashback-partner",
        gettext_lazy("A partner gives 10 % back on its products"),
        gettext_lazy(
            "A brand on your shelves pays for money back on its own goods. Write its name "
            "in the place of “Mộc”; what it owes stands in the settlement."
        ),
        "handshake",
        {
            "method": Method.PERCENT,
            "percent": Decimal(10),
            "scope": Scope.LINES,
            "brands": ["Mộc"],
        },
        caps=((200_000, POINTS, MONTH),),
        needs_partner=True,
        needs_money=True,
    ),
    _single(
        "cashback-double-day",
        gettext_lazy("Double cashback on Fridays"),
        gettext_lazy(
            "One day of the week on which all cashback counts twice, with a limit of "
            "its own."
        ),
        "event_repeat",
        {
            "method": Method.MULTIPLIER,
            "factor": Decimal(2),
            "weekdays": [5],
            "order_limit": 50_000,
        },
        needs_money=True,
    ),
)


def find_preset(key: str) -> Preset:
    """Return a preset by its key, or raise NotFound."""
    for preset in PRESETS:
        if preset.key == key:
            return preset
    raise NotFound(_("There is no template of this name."))


def preset_sentences(preset: Preset, programme: Programme, unit: Unit) -> list[str]:
    """Say what the drafts of a preset would give; nothing is written.

    ``unit`` is that of "my points"; cashback is in the programme's currency.
    """
    money = Unit.of(Wallet(kind=Wallet.Kind.CASHBACK), programme)
    texts = []
    for draft in preset.drafts:
        definition = replace(
            draft_definition(EarnRule(code=draft.code, wallet=Wallet(), **draft.fields)),
            bands=tuple(Band(Decimal(start), points) for start, points in draft.bands),
            caps=tuple(Cap(*cap) for cap in draft.caps),
        )
        counted = money if draft.needs_money else unit
        texts.append(describe(definition, unit=counted, programme=programme))
    return texts


@transaction.atomic
def create_from_preset(key: str) -> list[EarnRule]:
    """Make the drafts of a preset; each time new ones, and none of them is published.

    Raises NotFound, and NoWallet where there is nothing yet that points could go to.
    """
    preset = find_preset(key)
    return [
        _create(draft, money_wallet() if draft.needs_money else default_wallet())
        for draft in preset.drafts
    ]


def _create(draft: Draft, wallet: Wallet) -> EarnRule:
    rule = EarnRule.objects.create(
        code=free_code(draft.code),
        name=str(draft.name),
        wallet=wallet,
        activity_type=_review() if draft.needs_review else None,
        funder=_partner() if draft.needs_partner else None,
        **draft.fields,
    )
    EarnBand.objects.bulk_create(
        EarnBand(rule=rule, from_amount=start, points=points)
        for start, points in draft.bands
    )
    EarnCap.objects.bulk_create(
        EarnCap(rule=rule, limit=limit, unit=unit, period=period)
        for limit, unit, period in draft.caps
    )
    return rule


@transaction.atomic
def copy_rule(rule: EarnRule, *, name: str = "") -> EarnRule:
    """Make a draft that says what the draft of another rule says, under a name of its own.

    Bands, limits and stores come along; versions and what limits have counted do not.
    """
    copy = EarnRule.objects.get(pk=rule.pk)
    stores = list(copy.stores.all())
    bands, caps = list(copy.bands.all()), list(copy.caps.all())
    copy.pk, copy.version = None, 0
    copy.code = free_code(rule.code)
    copy.name = (name.strip() or copy_name(rule))[:MAX_NAME]
    copy.save(force_insert=True)
    copy.stores.set(stores)
    parts: tuple[Any, ...] = (*bands, *caps)
    for part in parts:
        part.pk, part.rule = None, copy
    EarnBand.objects.bulk_create(bands)
    EarnCap.objects.bulk_create(caps)
    return copy


def copy_name(rule: EarnRule) -> str:
    """Return the name of a copy, short enough for its column."""
    suffix = _("(copy)")
    return f"{rule.name[: MAX_NAME - len(suffix) - 1].rstrip()} {suffix}"


def free_code(code: str) -> str:
    """Return a code that no rule has yet: the code itself, else with -2, -3…

    Two people at the same moment can get the same one; the unique constraint then refuses
    the second, who tries again.
    """
    stem = code[: MAX_CODE - 5]
    taken = set(
        EarnRule.objects.filter(code__startswith=stem).values_list("code", flat=True)
    )
    if code not in taken:
        return code
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _review() -> ActivityType:
    found, _is_new = ActivityType.objects.get_or_create(
        code=REVIEW, defaults={"name": _("Product review")}
    )
    return found


def _partner() -> Funder:
    """Return the first party that is not the brand itself; a stand-in where none is."""
    others = Funder.objects.exclude(kind=Funder.Kind.BRAND).filter(is_active=True)
    if funder := others.order_by("pk").first():
        return funder
    made, _is_new = Funder.objects.get_or_create(
        code=PARTNER, defaults={"name": _("Partner (write its name here)")}
    )
    return made
