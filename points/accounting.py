"""The books of a wallet, day by day: what members held, what moved, what they hold.

Every way in which points can move stands in exactly one line of ``LINES``. What stands in
none, and every sum that is not what the accounts really hold, is a difference with a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.clock import local_date, programme_zone
from core.errors import InvalidInput
from core.money import group_digits
from core.snapshots import one_snapshot
from points.days import (
    ONE_DAY,
    WAY_FIELDS,
    Way,
    close_days,
    closed_through,
    prove_days,
    sum_ledger,
)
from points.models import Account, DayTotal, Hold, Reservation, Transfer, Wallet

MOST_DAYS = 366
# How far back each night adds the closed days up again.
PROVED_DAYS = 35

# What changes the balance of all members together, in the order of the report.
COLUMNS = {
    "earned": gettext_lazy("Earned by rules"),
    "granted": gettext_lazy("Granted"),
    "released": gettext_lazy("Released from hold"),
    "spent": gettext_lazy("Spent"),
    "reserved": gettext_lazy("Set aside by tills"),
    "taken_back": gettext_lazy("Taken back"),
    "returned": gettext_lazy("Returned"),
    "expired": gettext_lazy("Expired"),
    "adjusted_up": gettext_lazy("Adjusted up"),
    "adjusted_down": gettext_lazy("Adjusted down"),
    "fees": gettext_lazy("Fees"),
}
# Between members: it changes nobody's sum, and is shown for itself.
BETWEEN = {
    "gifts": gettext_lazy("Gifts between members"),
    "merged": gettext_lazy("Merged members"),
}
# What the programme keeps for members until it matures.
HELD = {
    "held_new": gettext_lazy("Newly held"),
    "held_out": gettext_lazy("Released"),
    "held_back": gettext_lazy("Taken back while held"),
}

MEMBER = Account.Kind.MEMBER.value
# (what, what of it was taken back, from, to) → what it adds to which columns.
Line = Mapping[str, int]
LINES: dict[tuple[str, str, str, str], Line] = {
    ("earn", "", "issued", MEMBER): {"earned": 1},
    ("earn", "", "issued", "held"): {"held_new": 1},
    ("reverse", "earn", MEMBER, "issued"): {"taken_back": -1},
    ("reverse", "earn", "held", "issued"): {"held_back": -1},
    ("mature", "", "held", MEMBER): {"released": 1, "held_out": -1},
    # A matured earning is undone through both of its transfers.
    ("reverse", "mature", MEMBER, "held"): {"taken_back": -1, "held_back": 1},
    ("opening", "", "opening", MEMBER): {"granted": 1},
    ("reverse", "opening", MEMBER, "opening"): {"taken_back": -1},
    ("spend", "", MEMBER, "redeemed"): {"spent": -1},
    ("reverse", "spend", "redeemed", MEMBER): {"returned": 1},
    ("reserve", "", MEMBER, "held"): {"reserved": -1},
    ("reverse", "reserve", "held", MEMBER): {"reserved": 1},
    ("capture", "", "held", "redeemed"): {"reserved": 1, "spent": -1},
    ("reverse", "capture", "redeemed", "held"): {"reserved": -1, "returned": 1},
    ("expire", "", MEMBER, "expired"): {"expired": -1},
    ("reverse", "expire", "expired", MEMBER): {"expired": 1},
    ("adjust", "", "adjusted", MEMBER): {"adjusted_up": 1},
    ("reverse", "adjust", "adjusted", MEMBER): {"adjusted_up": 1},
    ("adjust", "", MEMBER, "adjusted"): {"adjusted_down": -1},
    ("reverse", "adjust", MEMBER, "adjusted"): {"adjusted_down": -1},
    ("fee", "", MEMBER, "fee"): {"fees": -1},
    ("reverse", "fee", "fee", MEMBER): {"fees": 1},
    ("gift", "", MEMBER, MEMBER): {"gifts": 1},
    ("reverse", "gift", MEMBER, MEMBER): {"gifts": -1},
    ("merge", "", MEMBER, MEMBER): {"merged": 1},
    ("reverse", "merge", MEMBER, MEMBER): {"merged": -1},
}


@dataclass(slots=True)
class Books:
    """One day, month or period of a wallet; all numbers in the wallet's units.

    ``closing`` follows the accounts; the identity opening + columns = closing is what the
    columns have to meet. ``held`` and ``reserved`` are what the programme keeps at the end.
    """

    first: date
    last: date
    opening: int = 0
    closing: int = 0
    held: int = 0
    reserved: int = 0
    moves: int = 0
    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    # What moved in a way that no column counts.
    unknown: dict[Way, int] = field(default_factory=dict)

    @property
    def difference(self) -> int:
        return self.closing - self.opening - sum(self.sums[name] for name in COLUMNS)

    def add(self, way: Way, amount: int, moves: int) -> None:
        """Count what moved in one way."""
        self.moves += moves
        self.closing += amount * ((way.taker == MEMBER) - (way.giver == MEMBER))
        line = LINES.get(way[:4])
        if line is None:
            self.unknown[way] = self.unknown.get(way, 0) + amount
            return
        for name, sign in line.items():
            # Without a rule it was granted: by a campaign, by staff, by an import.
            column = "granted" if name == "earned" and not way.by_rule else name
            self.sums[column] += sign * amount

    def as_json(self) -> dict[str, Any]:
        names = (*COLUMNS, *BETWEEN, *HELD)
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "opening": self.opening,
            **{name: self.sums[name] for name in names},
            "closing": self.closing,
            "held_at_end": self.held,
            "reserved_at_end": self.reserved,
            "transfers": self.moves,
            "difference": self.difference,
        }


@dataclass(slots=True)
class PointsReport:
    """The books of a wallet over a period, and every sentence about what does not fit."""

    wallet: Wallet
    total: Books
    days: list[Books]
    months: list[Books]
    differences: list[str]

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return {
            "wallet": self.wallet.code,
            "ok": self.ok,
            "differences": self.differences,
            "total": self.total.as_json(),
            "months": [month.as_json() for month in self.months],
            "days": [day.as_json() for day in self.days],
        }


@dataclass(frozen=True, slots=True)
class _Really:
    """What accounts, holds and reservations really hold."""

    balances: int
    held: int
    reserved: int


def report_points(*, wallet: Wallet, first: date, last: date, at: datetime) -> PointsReport:
    """Return the books of a wallet for the days of a period, up to today.

    Closed days are read as they were written down, younger ones from the ledger. Whatever
    the period, the whole chain of days is followed to this moment and held against what
    the accounts hold. Raises InvalidInput for a period that ends before it begins or is
    too long.
    """
    last = min(last, local_date(at))
    if first > last:
        raise InvalidInput(_("Choose a period that begins before it ends, up to today."))
    if (last - first).days >= MOST_DAYS:
        raise InvalidInput(
            _("Choose at most %(days)s days at a time.") % {"days": MOST_DAYS}
        )
    with one_snapshot():
        before, days, after = _moved(wallet, first, last)
        really = _really(wallet)
    opening, lines = _chain(before, days, first, last)
    total = _sum_up(lines, opening)
    end = _end_of_chain(total, after)
    return PointsReport(
        wallet,
        total,
        lines,
        [_sum_up(month, opening) for month in _by_month(lines)],
        [*_unnamed([opening, *lines, end]), *_astray(end, really)],
    )


Sums = list[tuple[Way, int, int]]


def _moved(wallet: Wallet, first: date, last: date) -> tuple[Sums, dict[date, Sums], Sums]:
    """Read what moved before, on each day of, and after a period. Four statements."""
    before: Sums = []
    after: Sums = []
    days: dict[date, Sums] = defaultdict(list)
    closed = closed_through()
    totals = DayTotal.objects.filter(wallet=wallet, zone=programme_zone().key)
    earlier: Any = totals.filter(day__lt=first).values_list(*WAY_FIELDS)
    for *way, amount, moves in earlier.annotate(Sum("amount"), Sum("moves")).order_by():
        before.append((Way(*way), int(amount), int(moves)))
    later: Any = totals.filter(day__gte=first).values_list("day", *WAY_FIELDS)
    moved = [
        (day, Way(*way), amount, moves)
        for day, *way, amount, moves in later.values_list(
            "day", *WAY_FIELDS, "amount", "moves"
        )
    ]
    since = closed + ONE_DAY if closed else None
    live = sum_ledger(first=since, wallet=wallet)
    moved += [(row.day, row.way, row.amount, row.moves) for row in live]
    for day, way, amount, moves in moved:
        heap = before if day < first else after if day > last else days[day]
        heap.append((way, amount, moves))
    return before, days, after


def _really(wallet: Wallet) -> _Really:
    accounts = wallet.accounts.filter(kind=Account.Kind.MEMBER)
    holds = Hold.objects.filter(account__wallet=wallet, remaining__gt=0)
    reservations = Reservation.objects.filter(
        state=Reservation.State.OPEN, transfer__from_account__wallet=wallet
    )
    return _Really(
        int(accounts.aggregate(total=Sum("balance"))["total"] or 0),
        int(holds.aggregate(total=Sum("remaining"))["total"] or 0),
        int(reservations.aggregate(total=Sum("amount"))["total"] or 0),
    )


def _chain(
    before: Sums, days: Mapping[date, Sums], first: date, last: date
) -> tuple[Books, list[Books]]:
    """Follow the days from nothing: what stood before the period, then one line a day."""
    opening = _next(None, date.min, first - ONE_DAY, before)
    lines: list[Books] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        lines.append(_next(lines[-1] if lines else opening, day, day, days.get(day, ())))
    return opening, lines


def _next(
    previous: Books | None, first: date, last: date, moved: Iterable[tuple[Way, int, int]]
) -> Books:
    """Go on from where the line before ended."""
    start = previous.closing if previous else 0
    books = Books(first, last, opening=start, closing=start)
    for way, amount, moves in moved:
        books.add(way, amount, moves)
    held = sum(books.sums[name] for name in HELD)
    books.held = held + (previous.held if previous else 0)
    books.reserved = (previous.reserved if previous else 0) - books.sums["reserved"]
    return books


def _sum_up(lines: list[Books], opening: Books) -> Books:
    """Add lines up into one that begins and ends where they do."""
    start, end = lines[0], lines[-1]
    total = Books(start.first, end.last, start.opening, end.closing, end.held, end.reserved)
    for line in lines:
        total.moves += line.moves
        for name, amount in line.sums.items():
            total.sums[name] += amount
    return total


def _by_month(lines: list[Books]) -> list[list[Books]]:
    months: dict[tuple[int, int], list[Books]] = defaultdict(list)
    for line in lines:
        months[line.first.year, line.first.month].append(line)
    return list(months.values())


def _end_of_chain(total: Books, after: Sums) -> Books:
    """Follow what moved after a period to this moment."""
    return _next(total, total.last + ONE_DAY, date.max, after)


# --- differences ------------------------------------------------------------------------


def _unnamed(lines: list[Books]) -> list[str]:
    """Say where opening + movements is not closing, and which movements are at fault."""
    texts = []
    for line in lines:
        if line.difference:
            texts.append(
                _("%(when)s: opening and movements miss the closing by %(points)s.")
                % {"when": _period(line), "points": _signed(line.difference)}
            )
        for way, amount in line.unknown.items():
            facts = {**_in_words(way), "when": _period(line), "points": _signed(amount)}
            texts.append(
                _(
                    "%(when)s: %(points)s of “%(kind)s” from %(giver)s to %(taker)s is in "
                    "no column."
                )
                % facts
            )
    return texts


def _astray(end: Books, really: _Really) -> list[str]:
    """Say where the end of the chain is not what is really held."""
    pairs = (
        (
            _("Members' accounts hold %(real)s, the days add up to %(added)s."),
            really.balances,
            end.closing,
        ),
        (
            _("Held points are %(real)s, the days add up to %(added)s."),
            really.held,
            end.held,
        ),
        (
            _("Open reservations are %(real)s, the days add up to %(added)s."),
            really.reserved,
            end.reserved,
        ),
    )
    return [
        text % {"real": _signed(real), "added": _signed(added)}
        for text, real, added in pairs
        if real != added
    ]


def _in_words(way: Way) -> dict[str, str]:
    kinds = dict(Transfer.Kind.choices)
    accounts = dict(Account.Kind.choices)
    kind = way.of_kind or way.kind
    return {
        "kind": str(kinds.get(kind, kind)),
        "giver": str(accounts.get(way.giver, way.giver)),
        "taker": str(accounts.get(way.taker, way.taker)),
    }


def _period(line: Books) -> str:
    if line.first == date.min:
        return _("Before the period")
    if line.last == date.max:
        return _("After the period")
    return f"{line.first:%d/%m/%Y}"


def _signed(amount: int) -> str:
    return group_digits(amount).replace("-", "−")


# --- every night ------------------------------------------------------------------------


@dataclass(slots=True)
class Reconciled:
    """What the night found: days written down, wallets looked at, what does not fit."""

    closed: int = 0
    wallets: dict[str, dict[str, Any]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def reconcile_points(*, at: datetime) -> Reconciled:
    """Close the days that are over and hold yesterday's books against what is there.

    Closed days of the last weeks are added up from the ledger once more. Safe to repeat.
    """
    outcome = Reconciled(closed=close_days(at=at))
    yesterday = local_date(at) - ONE_DAY
    for wallet in Wallet.objects.order_by("pk"):
        report = report_points(wallet=wallet, first=yesterday, last=yesterday, at=at)
        outcome.wallets[wallet.code] = report.total.as_json()
        outcome.differences += [f"{wallet.name}: {text}" for text in report.differences]
    for found in prove_days(first=yesterday - timedelta(days=PROVED_DAYS)):
        outcome.differences.append(_not_as_written(found))
    return outcome


def _not_as_written(found: dict[str, Any]) -> str:
    """Say which total of a closed day is not what the ledger adds up to."""
    way = Way(*(found[name] for name in WAY_FIELDS))
    facts = {
        **_in_words(way),
        "day": f"{date.fromisoformat(found['day']):%d/%m/%Y}",
        "written": _signed(found["written_down"]),
        "ledger": _signed(found["ledger"]),
    }
    return (
        _(
            "%(day)s was closed with %(written)s of “%(kind)s” from %(giver)s to "
            "%(taker)s, the ledger says %(ledger)s."
        )
        % facts
    )
