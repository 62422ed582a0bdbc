"""A rule in one sentence, as it would stand in the terms and conditions."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Programme
from core.money import Rounding, format_money, plain_number
from points.amounts import Unit, closed_up
from points.earning.definition import Definition, Hold, Method, Scope, Stacking, Trigger
from points.models import EarnCap, EarnRule

WEEKDAYS = {
    1: gettext_lazy("Monday"),
    2: gettext_lazy("Tuesday"),
    3: gettext_lazy("Wednesday"),
    4: gettext_lazy("Thursday"),
    5: gettext_lazy("Friday"),
    6: gettext_lazy("Saturday"),
    7: gettext_lazy("Sunday"),
}


def describe(
    definition: Definition,
    *,
    unit: Unit,
    programme: Programme | None = None,
    group: str = "",
) -> str:
    """Say what a rule gives, on what, when, to whom and within what limits.

    ``group`` is the name of the members' group that the rule is for.
    """
    programme = programme or Programme.current()
    d, currency = definition, str(programme.currency)
    parts = [_what(d, unit, currency), *_on_what(d), *_when(d), *_for_whom(d, group)]
    sentences = [", ".join(parts) + ".", *_limits(d, unit), *_beside(d), *_usable(d)]
    text = closed_up(" ".join(sentences))
    return text[:1].upper() + text[1:]


def _what(d: Definition, unit: Unit, currency: str) -> str:
    facts = {
        "points": unit.number(d.points),
        "unit": unit.name,
        "amount": format_money(d.amount, currency),
        "percent": plain_number(d.percent),
        "pieces": plain_number(d.amount),
        "factor": plain_number(d.factor),
        "minimum": format_money(d.minimum_total, currency),
        "rounding": Rounding(d.rounding).label.lower(),
        "bands": _bands(d, unit, currency),
    }
    texts = {
        Method.PER_AMOUNT: _("%(points)s %(unit)s for every %(amount)s"),
        Method.PERCENT: _("%(percent)s %% of the amount back"),
        Method.PER_UNIT: _("%(points)s %(unit)s for every %(pieces)s pieces"),
        Method.FIXED: _("%(points)s %(unit)s"),
        Method.BANDS: _("%(bands)s"),
        Method.MULTIPLIER: _("%(factor)s times what the other rules give")
        if unit.currency
        else _("%(factor)s times the %(unit)s of the other rules"),
        Method.EXTRA: _("%(points)s %(unit)s extra"),
    }
    text = texts[Method(d.method)] % facts
    if d.trigger != Trigger.ORDER:
        text += " " + _for_trigger(d)
    if d.minimum_total:
        text += " " + _("on orders from %(minimum)s") % facts
    if d.method in (Method.PER_AMOUNT, Method.PER_UNIT, Method.PERCENT):
        text += ", " + str(facts["rounding"])
    if d.order_limit is not None:
        most = unit.amount(d.order_limit)
        text += ", " + _("at most %(most)s for one order") % {"most": most}
    return text


def _for_trigger(d: Definition) -> str:
    texts = {
        Trigger.ACTIVITY: _("for each activity of this kind"),
        Trigger.SIGN_UP: _("for joining the programme"),
        Trigger.BIRTHDAY: _("on each birthday"),
        Trigger.ANNIVERSARY: _("on each anniversary of joining"),
    }
    return texts[Trigger(d.trigger)]


def _bands(d: Definition, unit: Unit, currency: str) -> str:
    texts = []
    for band in d.bands:
        facts = {
            "start": format_money(band.from_amount, currency),
            "points": unit.number(band.points),
            "unit": unit.name,
        }
        if band.per_amount is None:
            texts.append(_("from %(start)s: %(points)s %(unit)s") % facts)
        else:
            facts["each"] = format_money(band.per_amount, currency)
            text = _("from %(start)s: %(points)s %(unit)s for every %(each)s")
            texts.append(text % facts)
    return "; ".join(texts) or _("bands that are not filled in yet")


def _on_what(d: Definition) -> list[str]:
    parts = []
    chosen = [*d.skus, *d.categories, *d.brands, *d.labels]
    if chosen and d.scope == Scope.LINES:
        parts.append(_("counted on %(products)s only") % {"products": _words(chosen)})
    elif chosen:
        parts.append(_("when %(products)s is bought") % {"products": _words(chosen)})
    out = [
        *d.excluded_skus,
        *d.excluded_categories,
        *d.excluded_brands,
        *d.excluded_labels,
    ]
    if out:
        parts.append(_("without %(products)s") % {"products": _words(out)})
    basis = {
        "before_discount": _("before discounts"),
        "before_voucher": _("before vouchers"),
        "without_tax": _("without tax"),
        "without_delivery": _("without delivery"),
    }
    parts += [text for name, text in basis.items() if getattr(d, name)]
    return parts


def _when(d: Definition) -> list[str]:
    parts = []
    if d.starts_at:
        parts.append(_("from %(day)s") % {"day": date_format(d.starts_at, "d/m/Y")})
    if d.ends_at:
        parts.append(_("until %(day)s") % {"day": date_format(d.ends_at, "d/m/Y")})
    if d.weekdays:
        days = ", ".join(str(WEEKDAYS[day]) for day in d.weekdays)
        parts.append(_("on %(days)s") % {"days": days})
    if d.from_time or d.until_time:
        hours = {
            "start": f"{d.from_time:%H:%M}" if d.from_time else "00:00",
            "end": f"{d.until_time:%H:%M}" if d.until_time else "24:00",
        }
        parts.append(_("between %(start)s and %(end)s") % hours)
    if d.holidays != EarnRule.Holidays.ANY:
        parts.append(str(EarnRule.Holidays(d.holidays).label))
    return parts


def _for_whom(d: Definition, group: str) -> list[str]:
    parts = []
    if d.nth_order == 1:
        parts.append(_("on a member's first order"))
    elif d.nth_order:
        parts.append(_("on a member's order number %(number)s") % {"number": d.nth_order})
    if d.birthday != EarnRule.Birthday.ANY:
        parts.append(str(EarnRule.Birthday(d.birthday).label))
    if d.segment_id:
        parts.append(_of_group(d, group))
    if d.store_ids:
        parts.append(_("in %(count)s stores") % {"count": len(d.store_ids)})
    if d.channels:
        parts.append(_("through %(channels)s") % {"channels": _words(d.channels)})
    if d.payment_methods:
        parts.append(_("paid by %(methods)s") % {"methods": _words(d.payment_methods)})
    if d.promo_code:
        parts.append(_("with the code %(code)s") % {"code": d.promo_code.upper()})
    return parts


def _of_group(d: Definition, group: str) -> str:
    if not group:
        return _("for members of one group")
    if d.trigger != Trigger.ORDER:
        return _("for members of “%(group)s”") % {"group": group}
    return _("for who belongs to “%(group)s” when they buy") % {"group": group}


def _limits(d: Definition, unit: Unit) -> list[str]:
    texts = []
    for cap in d.caps:
        counted = unit if cap.unit == EarnCap.Unit.POINTS else Unit(_("times"))
        facts = {
            "limit": counted.number(cap.limit),
            "unit": counted.name,
            "period": EarnCap.Period(cap.period).label,
        }
        texts.append(_("At most %(limit)s %(unit)s %(period)s for one member.") % facts)
    if d.budget:
        facts = {"budget": unit.number(d.budget), "unit": unit.name}
        texts.append(_("The rule gives at most %(budget)s %(unit)s in all.") % facts)
    return texts


def _beside(d: Definition) -> list[str]:
    texts = []
    if d.stacking == Stacking.BEST:
        texts.append(
            _("Only the best rule of the group “%(group)s” counts.") % {"group": d.group}
        )
    if d.stacking == Stacking.EXCLUSIVE:
        texts.append(_("No other rule counts beside it."))
    if d.stops_here:
        texts.append(_("Rules after it are not asked."))
    return texts


def _usable(d: Definition) -> list[str]:
    facts = {"days": d.hold_days, "unit": ""}
    if d.hold == Hold.DAYS:
        return [_("Usable %(days)s days later.") % facts]
    if d.hold == Hold.DELIVERY:
        return [_("Usable %(days)s days after delivery.") % facts]
    if d.hold == Hold.DATE and d.hold_date:
        return [_("Usable from %(day)s.") % {"day": date_format(d.hold_date, "d/m/Y")}]
    return []


def _words(words: Collection[str]) -> str:
    listed = sorted(words)
    if len(listed) > 4:
        rest = len(listed) - 4
        return _("%(some)s and %(rest)s more") % {
            "some": ", ".join(listed[:4]),
            "rest": rest,
        }
    return ", ".join(listed)
