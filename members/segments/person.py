"""What may be asked about the person: age, birthday, language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import ExtractDay, ExtractMonth
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.clock import add_months
from members.models import Member
from members.occasions import birthday_in
from members.segments.registry import Field, Moment, Operator, ValueKind
from members.segments.telling import tell_column

GROUP = _("About the member")
OLDEST = 150
# Every day of a year, 29 February among them.
WHOLE_YEAR = 365
LEAP_DAY = date(2024, 2, 29)


def person_fields() -> tuple[Field, ...]:
    """Return the fields of this file."""
    return _age(), _birthday(), _language()


def _age() -> Field:
    return Field(
        "age",
        _("age"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("are at least %(value)s years old"),
                lambda years, moment: _born(birth_date__lte=_born_until(years, moment)),
                ValueKind.NUMBER,
                most=OLDEST,
            ),
            Operator(
                "at_most",
                _("at most"),
                _("are at most %(value)s years old"),
                lambda years, moment: _born(birth_date__gt=_born_until(years + 1, moment)),
                ValueKind.NUMBER,
                most=OLDEST,
            ),
        ),
        tell=tell_birthday,
    )


def _birthday() -> Field:
    return Field(
        "birthday_in_days",
        _("days until the birthday"),
        GROUP,
        (
            Operator(
                "at_most",
                _("at most"),
                _("have their birthday within %(value)s days"),
                _birthday_within,
                ValueKind.NUMBER,
                most=WHOLE_YEAR,
            ),
            Operator(
                "is",
                _("is"),
                _("have their birthday in exactly %(value)s days"),
                lambda days, moment: _kept_between(days, days, moment),
                ValueKind.NUMBER,
                # In a year it is the birthday that was kept today.
                most=WHOLE_YEAR - 1,
            ),
        ),
        tell=tell_birthday,
    )


def _language() -> Field:
    return Field(
        "language",
        _("language"),
        GROUP,
        (
            Operator(
                "is",
                _("is"),
                _("read %(value)s"),
                lambda code, _moment: Q(language=code),
                ValueKind.CHOICE,
                lambda: Member.Language.choices,
            ),
            Operator(
                "is_not",
                _("is not"),
                _("do not read %(value)s"),
                lambda code, _moment: ~Q(language=code),
                ValueKind.CHOICE,
                lambda: Member.Language.choices,
            ),
        ),
        tell=tell_column(_("language"), "language", lambda: Member.Language.choices),
    )


def _born(**conditions: Any) -> Q:
    """Return a condition that is plainly false for whose day of birth nobody knows."""
    return Q(birth_date__isnull=False) & Q(**conditions)


def _born_until(years: int, moment: Moment) -> date:
    """Return the last day of birth of those who are so many years old by now.

    Who was born on 29 February is a year older on the 28th of the other years.
    """
    if years >= moment.today.year:
        return date.min
    day = add_months(moment.today, -12 * years)
    leap_day = day + timedelta(days=1)
    is_kept_today = (leap_day.month, leap_day.day) == (2, 29)
    return leap_day if is_kept_today and moment.today.day == 28 else day


def _birthday_within(days: int, moment: Moment) -> Q:
    if days >= WHOLE_YEAR:
        return Q(birth_date__isnull=False)
    return _kept_between(0, days, moment)


def _kept_between(first: int, last: int, moment: Moment) -> Q:
    """Ask whose birthday is kept between two days from now, at most a year apart."""
    begin, end = moment.days_before(-first), moment.days_before(-last)
    kept = _in_span(_place(begin), _place(end))
    # 29 February is kept on the 28th in years that have none.
    for year in {begin.year, end.year}:
        if begin <= birthday_in(LEAP_DAY, year) <= end:
            kept |= Q(birth_date__month=2, birth_date__day=29)
    return Q(birth_date__isnull=False) & kept


def _place(day: date) -> int:
    """Return where a day stands in every year: 228 for 28 February."""
    return day.month * 100 + day.day


def _in_span(first: int, last: int) -> Q:
    place = ExtractMonth("birth_date") * 100 + ExtractDay("birth_date")
    after = Q(GreaterThanOrEqual(place, first))
    before = Q(LessThanOrEqual(place, last))
    # From December into January the span goes around the year's end.
    return after & before if first <= last else after | before


def tell_birthday(
    member_ids: Sequence[int], _value: Any, _moment: Moment
) -> Mapping[int, str]:
    """Tell the day of birth."""
    rows = Member.objects.filter(pk__in=member_ids).values_list("pk", F("birth_date"))
    return {
        pk: gettext("Born %(day)s") % {"day": f"{day:%d/%m/%Y}"}
        if day
        else gettext("Day of birth unknown")
        for pk, day in rows
    }
