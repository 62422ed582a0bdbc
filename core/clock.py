"""Time: days are the programme's days, instants are UTC.

Every verb that depends on the clock takes ``at``; these helpers turn what people type
into an instant and an instant into the programme's day.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from core.batch import fetch_all
from core.errors import InvalidInput
from core.models import Programme

# A bare date means the middle of that local day: far from both midnights, inside
# everybody's sending hours.
MIDDAY = time(12, 0)


def programme_zone() -> ZoneInfo:
    """Return the time zone in which the programme's days begin and end."""
    # Asked for with nearly every movement of points, so by hand: a third of the time.
    rows = fetch_all(
        "SELECT time_zone FROM core_programme WHERE id = %s",
        [Programme.SINGLETON_ID],
        prepare=True,
    )
    return ZoneInfo(rows[0][0]) if rows else Programme().zone


def local_date(at: datetime) -> date:
    """Return the programme's calendar day of an instant."""
    return at.astimezone(programme_zone()).date()


def local_midday(day: date) -> datetime:
    """Return the instant at the middle of a programme day (UTC)."""
    return datetime.combine(day, MIDDAY, tzinfo=programme_zone()).astimezone(UTC)


def start_of_day(day: date, zone: ZoneInfo | None = None) -> datetime:
    """Return the first instant of a programme day (UTC)."""
    local = datetime.combine(day, time.min, tzinfo=zone or programme_zone())
    return local.astimezone(UTC)


def parse_at(text: str | None) -> datetime:
    """Read ``--at``: nothing is now, a date is its local midday, a naive time is local."""
    if not text:
        return timezone.now()
    try:
        if day := parse_date(text):
            return local_midday(day)
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise InvalidInput(
            _("“%(text)s” is no time. Write 2026-12-31 or 2026-12-31T09:30.")
            % {"text": text}
        )
    if at.tzinfo is None:
        at = at.replace(tzinfo=programme_zone())
    return at.astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """Move a date by whole months, ending on the month's last day where needed."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last_day = (first_of_next - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last_day))
