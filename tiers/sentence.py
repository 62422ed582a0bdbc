"""Ladders, tiers and perks in words, for staff and for members."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.money import format_money, group_digits
from tiers.definition import Definition, Downgrade, Measure, PerkTold, Step, Window
from tiers.models import Ladder, Perk
from tiers.queries import Standing


def describe_ladder(ladder: Definition) -> str:
    """Say what counts, and when members rise and fall."""
    rises = _("Members rise at once.")
    return " ".join([_what_counts(ladder), rises, _falls(ladder), _refunds(ladder)])


def _what_counts(ladder: Definition) -> str:
    if ladder.window == Window.ROLLING:
        return ngettext(
            "What counts is the last month, day by day.",
            "What counts is the last %(months)s months, day by day.",
            ladder.months,
        ) % {"months": ladder.months}
    texts = {
        Window.LIFETIME: _("Everything counts since the member joined."),
        Window.CALENDAR: _(
            "What counts is a calendar year; a tier is kept to the end of the next."
        ),
        Window.ANNIVERSARY: _(
            "What counts is a year of membership; a tier is kept to the end of the next."
        ),
    }
    return texts[Window(ladder.window)]


def _falls(ladder: Definition) -> str:
    if ladder.downgrade == Downgrade.NONE:
        return _("A tier once reached is never lost.")
    if ladder.window == Window.LIFETIME:
        return _("Time lowers nobody.")
    if ladder.downgrade == Downgrade.ONE_STEP:
        text = _("Who no longer reaches a tier falls by one tier at a time.")
    else:
        text = _("Who no longer reaches a tier falls to the one that was reached.")
    if not ladder.grace_days:
        return text
    return f"{text} " + ngettext(
        "There is one day of grace.",
        "There are %(days)s days of grace.",
        ladder.grace_days,
    ) % {"days": ladder.grace_days}


def _refunds(ladder: Definition) -> str:
    if ladder.falls_on_refund:
        return _("A refund takes its tier back at once.")
    return _("A refund changes a tier only at its end.")


def describe_threshold(step: Step, ladder: Definition, *, currency: str) -> str:
    """Say what a tier asks for: "from 2.000.000 ₫"."""
    wanted = step.threshold
    parts = amounts(
        Measure(wanted.spend or Decimal(0), wanted.points or 0, wanted.orders or 0),
        currency=currency,
    )
    if step.rank == 0 or not parts:
        return _("for everybody")
    return _("from %(amounts)s") % {"amounts": joined(parts, ladder)}


def joined(parts: list[str], ladder: Definition) -> str:
    """Join several things that a tier asks for as the ladder combines them."""
    word = _("and") if ladder.combine == Ladder.Combine.ALL else _("or")
    return f" {word} ".join(parts)


def amounts(measure: Measure, *, currency: str) -> list[str]:
    """Write what is not zero of a measure."""
    parts = []
    if measure.spend > 0:
        parts.append(format_money(measure.spend, currency))
    if measure.points > 0:
        parts.append(
            _("%(points)s qualifying points") % {"points": group_digits(measure.points)}
        )
    if measure.orders > 0:
        parts.append(
            ngettext("one order", "%(orders)s orders", measure.orders)
            % {"orders": group_digits(measure.orders)}
        )
    return parts


def describe_perk(perk: PerkTold, *, currency: str) -> str:
    """Say a perk: staff's own sentence, else its kind with its number."""
    if perk.sentence:
        return perk.sentence
    if perk.kind == Perk.Kind.DISCOUNT and perk.percent is not None:
        percent = f"{perk.percent.normalize():f}".replace(".", ",")
        return _("%(percent)s%% off every order") % {"percent": percent}
    if perk.kind == Perk.Kind.FREE_DELIVERY and perk.amount is not None:
        money = format_money(perk.amount, currency)
        return _("Free delivery for orders from %(amount)s") % {"amount": money}
    return ""


def describe_progress(standing: Standing, *, currency: str) -> str:
    """Say how much more the next tier takes, and by when; empty at the top."""
    progress = standing.next
    if progress is None:
        return ""
    facts = {
        "amounts": joined(amounts(progress.missing, currency=currency), standing.ladder),
        "tier": progress.step.name,
    }
    if progress.by is None:
        return _("%(amounts)s more to reach %(tier)s") % facts
    facts["day"] = date_format(progress.by, "d/m/Y")
    return _("%(amounts)s more by %(day)s to reach %(tier)s") % facts


def describe_keeping(standing: Standing, *, currency: str) -> str:
    """Say how long a tier is kept, and what keeps it longer; empty when for good."""
    if standing.until is None:
        return ""
    day = date_format(standing.until, "d/m/Y")
    if standing.to_keep is None or standing.by_hand:
        return _("You keep this tier through %(day)s.") % {"day": day}
    missing = joined(amounts(standing.to_keep, currency=currency), standing.ladder)
    return _("%(amounts)s more by %(day)s to keep this tier.") % {
        "amounts": missing,
        "day": day,
    }
