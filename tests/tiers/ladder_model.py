"""Tiers as one would count them on paper: lists of days, and no database.

It knows nothing of the product's code: the last day of a tier is found by trying one day
after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

DAY = timedelta(days=1)
FAR = 1200


@dataclass
class Sale:
    day: date
    total: int
    back: int = 0


@dataclass
class Terms:
    """Thresholds by rank: (money, orders), either of them may be None."""

    steps: list[tuple[int | None, int | None]]
    window: str
    months: int
    combine: str
    downgrade: str
    grace: int
    falls_on_refund: bool


def months_back(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    year, month = index // 12, index % 12 + 1
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


# Asked for the same days again and again, and a hundred anniversaries are tried each time.
@cache
def joined_again(joined: date, day: date) -> date:
    """Return the latest anniversary on or before a day; 29 February falls on the 28th."""
    return max(
        start
        for years in range(-60, 60)
        if (start := months_back(joined, -12 * years)) <= day
    )


@dataclass
class Paper:
    """One member's standing, kept by hand."""

    terms: Terms
    joined: date
    sales: dict[str, Sale] = field(default_factory=dict)
    rank: int | None = None
    holds: date | None = None
    stepped: bool = False
    events: list[tuple[str, int | None, int]] = field(default_factory=list)

    def buy(self, number: str, day: date, total: int) -> None:
        self.sales[number] = Sale(day, total)
        self.look(day)

    def bring_back(self, number: str, day: date, part: int) -> int:
        sale = self.sales[number]
        back = min(part, sale.total - sale.back)
        if back:
            sale.back += back
            self.look(day, refund=True)
        return back

    def look(self, day: date, *, refund: bool = False) -> None:
        reached = self.reached(day)
        before, held = self.rank, self.holds
        if self.rank is None or reached > self.rank:
            self._set(reached, day)
        elif reached == self.rank:
            kept = self.last_day(reached, day)
            exact = refund and self.terms.falls_on_refund and not self.stepped
            if kept is not None and held is not None and not exact:
                kept = max(kept, held)
            self.holds, self.stepped = kept, False
        elif refund and self._undone(day):
            self._set(reached, day)
        elif self._over(day):
            self._fall(reached, day)
        self._note(before, held, day)

    def _undone(self, day: date) -> bool:
        in_time = self.holds is None or day <= self.holds
        return self.terms.falls_on_refund and not self.stepped and in_time

    def _over(self, day: date) -> bool:
        if self.terms.downgrade == "none" or self.holds is None:
            return False
        return day > self.holds + self.terms.grace * DAY

    def _fall(self, reached: int, day: date) -> None:
        assert self.rank is not None
        if self.terms.downgrade == "by_measure" or self.rank - 1 <= reached:
            self._set(reached, day)
            return
        self.rank, self.stepped = self.rank - 1, True
        if self.terms.window == "rolling":
            self.holds = months_back(day, -self.terms.months) - DAY
        else:
            self.holds = self._year(day)[1]

    def _set(self, rank: int, day: date) -> None:
        self.rank, self.stepped = rank, False
        self.holds = self.last_day(rank, day)

    def _note(self, before: int | None, held: date | None, day: date) -> None:
        assert self.rank is not None
        if before is None:
            self.events.append(("entered", None, self.rank))
        elif self.rank != before:
            kind = "up" if self.rank > before else "down"
            self.events.append((kind, before, self.rank))
        elif held is not None and not self.stepped:
            later = self.holds is None or self.holds > held
            yearly = self.terms.window in ("calendar", "anniversary")
            if later and (yearly or held < day):
                self.events.append(("kept", before, self.rank))

    # --- counting ---------------------------------------------------------------------

    def reached(self, day: date) -> int:
        return max(
            rank
            for first, last in self._spans(day)
            for rank in range(len(self.terms.steps))
            if self._meets(rank, first, last)
        )

    def last_day(self, rank: int, day: date) -> date | None:
        if rank == 0 or self.terms.downgrade == "none" or self.terms.window == "lifetime":
            return None
        last = day
        for n in range(FAR):
            if self.reached(day + n * DAY) >= rank:
                last = day + n * DAY
        return last

    def _meets(self, rank: int, first: date, last: date) -> bool:
        money, number = self.terms.steps[rank]
        inside = [s for s in self.sales.values() if first <= s.day <= last]
        answers = []
        if money is not None:
            answers.append(sum(s.total - s.back for s in inside) >= money)
        if number is not None:
            answers.append(sum(1 for s in inside if s.back < s.total) >= number)
        if rank == 0 or not answers:
            return True
        return all(answers) if self.terms.combine == "all" else any(answers)

    def _spans(self, day: date) -> list[tuple[date, date]]:
        if self.terms.window == "lifetime":
            return [(date.min, day)]
        if self.terms.window == "rolling":
            return [(months_back(day, self.terms.months) + DAY, day)]
        first, _last = self._year(day)
        before, end = self._year(first - DAY)
        return [(first, day), (before, min(end + self.terms.grace * DAY, day))]

    def _year(self, day: date) -> tuple[date, date]:
        if self.terms.window == "calendar":
            return date(day.year, 1, 1), date(day.year, 12, 31)
        first = joined_again(self.joined, day)
        return first, joined_again(self.joined, first + 370 * DAY) - DAY
