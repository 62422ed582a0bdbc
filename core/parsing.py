"""Read what people write into cells: amounts, moments, dates, yes and no.

Every function is pure, returns one exact value or raises InvalidInput with one sentence
that names the text, the field and how to write it.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core.clock import MIDDAY
from core.errors import InvalidInput

# What the money columns of the database hold: 16 digits before the point, 2 after it.
WHOLE_DIGITS = 16
PLACES = 2
FIRST_YEAR, LAST_YEAR = 1900, 2200

_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?").fullmatch
_ADORNMENT = re.compile(r"(?:VND|VNĐ|USD|EUR|GBP|[₫đĐ$€£\s])+", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?)([0-9][0-9.,]*)").fullmatch
_DOTS_FIRST = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+)(?:,([0-9]+))?").fullmatch
_COMMAS_FIRST = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]+))?").fullmatch
_DECIMAL = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?").fullmatch
_DAY_FIRST = re.compile(
    r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})"
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
).fullmatch

_FLAGS = {
    **dict.fromkeys(("1", "yes", "y", "true", "có", "co", "x", "đúng"), True),
    **dict.fromkeys(("0", "no", "n", "false", "không", "khong", "sai"), False),
}


def parse_amount(text: str, field: str, *, currency: str = "VND") -> Decimal:
    """Read money: 1250000, 1.250.000, 1,250,000, 12.50, 1.250,50, with or without ₫.

    ``1.250`` is 1250 where money has no cents; elsewhere nobody can know, so it is
    refused. A negative amount is returned as it is: the caller knows what it means.
    """
    # Exports of machines, nearly always: no need to look at it twice.
    if _PLAIN(text):
        return Decimal(text)
    match = _NUMBER(_ADORNMENT.sub("", text))
    if match is None:
        raise _no_amount(text, field)
    sign, number = match.groups()
    return Decimal(sign + _plain_number(number, text, field, currency))


def _plain_number(number: str, text: str, field: str, currency: str) -> str:
    """Take the thousands' separators out and put a point before the decimals."""
    if currency != "VND" and re.fullmatch(r"[1-9][0-9]{0,2}\.[0-9]{3}", number):
        raise InvalidInput(
            _("“%(text)s” in %(field)s can be read in two ways. Write 1250 or 1.25.")
            % {"text": text[:40], "field": field}
        )
    grouped = None
    # A leading zero never starts a group of thousands: 0.250 is a quarter.
    if not number.startswith("0"):
        grouped = _DOTS_FIRST(number) or _COMMAS_FIRST(number)
    match = grouped or _DECIMAL(number)
    if match is None:
        raise _no_amount(text, field)
    whole = re.sub(r"[.,]", "", match[1])
    decimals = (match[2] or "").rstrip("0")
    if len(whole) > WHOLE_DIGITS or len(decimals) > PLACES:
        raise InvalidInput(
            _("“%(text)s” in %(field)s is too long. Write at most two decimals.")
            % {"text": text[:40], "field": field}
        )
    return f"{whole}.{decimals}" if decimals else whole


def _no_amount(text: str, field: str) -> InvalidInput:
    return InvalidInput(
        _("“%(text)s” in %(field)s is no amount. Write 1250000 or 12.50.")
        % {"text": text[:40], "field": field}
    )


def parse_quantity(text: str, field: str) -> Decimal:
    """Read a quantity with up to three decimals: 2, 0.25, 1,5."""
    match = re.fullmatch(r"([+-]?[0-9]{1,9})(?:[.,]([0-9]{1,12}))?", text.strip())
    if match is None or len((match[2] or "").rstrip("0")) > 3:
        raise InvalidInput(
            _("“%(text)s” in %(field)s is no quantity. Write 2 or 0.25.")
            % {"text": text[:40], "field": field}
        )
    return Decimal(f"{match[1]}.{(match[2] or '0')[:3]}")


def parse_whole(text: str, field: str) -> int:
    """Read a whole number such as a number of points: 1250, 1.250, 1,250."""
    number = parse_amount(text, field)
    if number != int(number):
        raise InvalidInput(
            _("“%(text)s” in %(field)s is no whole number. Write 1250.")
            % {"text": text[:40], "field": field}
        )
    return int(number)


def parse_moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a moment as UTC; without an offset it is local, a bare date is its midday.

    Understands 2026-12-31, 2026-12-31T09:30:00+07:00, 31/12/2026 and 31/12/2026 09:30.
    """
    if len(text) <= 10:
        return _moment_of_day(text, zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _day_first(text)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _no_moment(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


# Histories name the same few hundred days over and over.
@lru_cache(maxsize=4096)
def _moment_of_day(text: str, zone: ZoneInfo) -> datetime:
    day = parse_date(text)
    return datetime.combine(day, MIDDAY, tzinfo=zone).astimezone(UTC)


def parse_date(text: str) -> date:
    """Read a day: 2026-12-31 or 31/12/2026; a time of day behind it is dropped."""
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        day = _day_first(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _no_moment(text)
    return day.date()


def _day_first(text: str) -> datetime:
    match = _DAY_FIRST(text.strip())
    if match is None:
        raise _no_moment(text)
    day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the caller knows the zone
    except ValueError:
        raise _no_moment(text) from None


def _no_moment(text: str) -> InvalidInput:
    return InvalidInput(
        _("“%(text)s” is no date. Write 2026-12-31 or 31/12/2026, with 09:30 behind it.")
        % {"text": text[:40]}
    )


def parse_flag(text: str, field: str) -> bool:
    """Read yes or no, in English or Vietnamese."""
    try:
        return _FLAGS[text.strip().casefold()]
    except KeyError:
        raise InvalidInput(
            _("“%(text)s” in %(field)s is neither yes nor no. Write yes or no.")
            % {"text": text[:40], "field": field}
        ) from None
