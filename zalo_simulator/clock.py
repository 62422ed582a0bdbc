"""The simulator's own clock, which a demo can move."""

import time
from datetime import datetime, timedelta, timezone

# Vietnam has one zone and no summer time, so no zone database is needed.
VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")

NIGHT_STARTS_AT = 22
NIGHT_ENDS_AT = 6


class Clock:
    def __init__(self) -> None:
        self._offset = 0.0

    def milliseconds(self) -> int:
        return int((time.time() + self._offset) * 1000)

    def now(self) -> datetime:
        return at_milliseconds(self.milliseconds())

    def move_to(self, moment: datetime) -> None:
        """Set the time; it keeps ticking from there."""
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=VIETNAM)
        self._offset = moment.timestamp() - time.time()

    def reset(self) -> None:
        self._offset = 0.0

    @property
    def is_moved(self) -> bool:
        return self._offset != 0.0

    def is_night(self) -> bool:
        hour = self.now().hour
        return hour >= NIGHT_STARTS_AT or hour < NIGHT_ENDS_AT

    def start_of_day(self) -> int:
        return to_milliseconds(_midnight(self.now()))

    def start_of_month(self) -> int:
        return to_milliseconds(_midnight(self.now()).replace(day=1))


def at_milliseconds(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, VIETNAM)


def to_milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
