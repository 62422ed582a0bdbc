"""What each kind of voucher takes off what is still owed: one small function a kind.

All amounts are whole units of the currency. A function returns what is owed afterwards,
or says why nothing is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from rewards.discounts.amounts import spread
from rewards.discounts.owed import Owed, Takes, cut
from rewards.discounts.pieces import cheapest, count, from_two_sets, in_groups, runs_of
from rewards.discounts.prepared import Prepared, outside_thresholds
from rewards.discounts.said import Facts, Note, Reason, Saying
from rewards.discounts.terms import Basis, Kind, Measure, Scope


class Taken(NamedTuple):
    """How much a voucher takes off, what is owed then, and how it came about."""

    amount: int
    owed: Owed
    notes: tuple[Saying, ...] = ()


Outcome = Taken | Saying


def take(voucher: Prepared, owed: Owed) -> Outcome:
    """Let a voucher take off what it can."""
    if voucher.refusal is not None:
        return voucher.refusal
    if saying := outside_thresholds(voucher, owed):
        return saying
    if voucher.terms.where == Scope.DELIVERY and not owed.fee:
        return Saying(Reason.NO_DELIVERY)
    return KINDS[voucher.terms.kind](voucher, owed)


def most(voucher: Prepared, owed: Owed) -> int:
    """Return what a voucher cannot surpass, whatever comes before it."""
    terms = voucher.terms
    if voucher.refusal is not None:
        return 0
    if terms.where == Scope.DELIVERY:
        room = owed.delivery
    else:
        lines = voucher.given if terms.kind == Kind.BUY_GET else voucher.about
        room = sum(owed.room(i) for i in owed.of_lines(lines))
    if terms.kind == Kind.AMOUNT:
        room = min(room, voucher.units(terms.amount))
    if terms.kind == Kind.PERCENT and terms.where != Scope.DELIVERY:
        part, whole = _ratio(terms.percent)
        listed = sum(owed.parts[i].listed for i in owed.of_lines(voucher.about))
        room = min(room, -(-listed * part // whole))
    return room if terms.at_most is None else min(room, voucher.units(terms.at_most))


# --- Percent and amounts ------------------------------------------------------------------


def _percent(voucher: Prepared, owed: Owed) -> Outcome:
    return _percent_off(voucher, owed, voucher.terms.percent)


def _percent_off(
    voucher: Prepared, owed: Owed, percent: Decimal, *notes: Saying
) -> Outcome:
    basis = voucher.terms.price
    if voucher.terms.where == Scope.DELIVERY:
        base = owed.delivery if basis == Basis.REST else owed.fee
        part, whole = _ratio(percent)
        wanted = voucher.rounded(base * part, whole)
        note = Saying(Note.PERCENT, {"percent": percent, "base": base})
        return _off_delivery(voucher, owed, wanted, *notes, note)
    indexes = owed.of_lines(voucher.about)
    prices = owed.prices(basis)
    bases = [prices[i] for i in indexes]
    note = Saying(Note.PERCENT, {"percent": percent, "base": sum(bases)})
    return _off_each(voucher, owed, indexes, bases, percent, *notes, note)


def _amount(voucher: Prepared, owed: Owed) -> Outcome:
    return _amount_off(voucher, owed, voucher.terms.amount)


def _amount_off(voucher: Prepared, owed: Owed, amount: Decimal, *notes: Saying) -> Outcome:
    wanted = voucher.units(amount)
    note = Saying(Note.AMOUNT, {"amount": wanted})
    if voucher.terms.where == Scope.DELIVERY:
        return _off_delivery(voucher, owed, wanted, *notes, note)
    indexes = owed.of_lines(voucher.about)
    weights = [owed.rest[i] for i in indexes]
    return _off_lines(voucher, owed, indexes, weights, wanted, wanted, (*notes, note))


def _free_delivery(voucher: Prepared, owed: Owed) -> Outcome:
    note = Saying(Note.DELIVERY, {"base": owed.fee})
    return _off_delivery(voucher, owed, owed.delivery, note)


def _bands(voucher: Prepared, owed: Owed) -> Outcome:
    """Take what the highest band that is reached gives, on everything it is about."""
    reached, starts = _bands_reached(voucher, owed)
    passed = sum(start <= reached for start in starts)
    start = starts[max(0, passed - 1)]
    facts: Facts = {"least": start, "count": reached}
    reason, note = Reason.BAND_QUANTITY, Note.BAND_QUANTITY
    if voucher.terms.bands_by == Measure.VALUE:
        missing = max(Decimal(0), start - reached)
        facts = {"minimum": start, "value": reached, "missing": missing}
        reason, note = Reason.BAND_VALUE, Note.BAND_VALUE
    if not passed:
        return Saying(reason, facts)
    band = voucher.terms.bands[passed - 1]
    if band.percent is not None:
        return _percent_off(voucher, owed, band.percent, Saying(note, facts))
    return _amount_off(voucher, owed, band.amount or Decimal(0), Saying(note, facts))


def _bands_reached(voucher: Prepared, owed: Owed) -> tuple[Decimal, list[Decimal]]:
    bands = voucher.terms.bands
    if voucher.terms.bands_by == Measure.QUANTITY:
        return voucher.quantity(voucher.about), [band.start for band in bands]
    value = Decimal(voucher.value(owed, voucher.about))
    return value, [Decimal(voucher.units(band.start)) for band in bands]


# --- Pieces -------------------------------------------------------------------------------


def _free_product(voucher: Prepared, owed: Owed) -> Outcome:
    runs = runs_of(owed, voucher.chosen, voucher.terms.price)
    takes = cheapest(runs, voucher.terms.get)
    return _off_pieces(voucher, owed, takes, least=1, there=count(runs))


def _buy_get(voucher: Prepared, owed: Owed) -> Outcome:
    terms = voucher.terms
    if terms.gives_what_is_bought:
        return _groups(voucher, owed, buy=terms.buy, get=terms.get)
    first, second = voucher.chosen, voucher.given
    runs = runs_of(owed, first | second, terms.price)
    takes = from_two_sets(
        runs, first, second, buy=terms.buy, get=terms.get, times=terms.times
    )
    there = count(run for run in runs if run.line in first)
    if there >= terms.buy and not takes:
        return Saying(Reason.NO_GIVEN)
    return _off_pieces(voucher, owed, takes, least=terms.buy, there=there)


def _cheapest(voucher: Prepared, owed: Owed) -> Outcome:
    return _groups(voucher, owed, buy=voucher.terms.every - 1, get=1)


def _groups(voucher: Prepared, owed: Owed, *, buy: int, get: int) -> Outcome:
    runs = runs_of(owed, voucher.chosen, voucher.terms.price)
    takes = in_groups(runs, buy=buy, get=get, times=voucher.terms.times)
    return _off_pieces(voucher, owed, takes, least=buy + 1, there=count(runs))


def _off_pieces(
    voucher: Prepared, owed: Owed, takes: Takes, *, least: int, there: int
) -> Outcome:
    given = sum(of_part.given for of_part in takes.values())
    if not given:
        return Saying(Reason.PIECES, {"least": least, "count": there})
    terms = voucher.terms
    after, indexes = cut(owed, takes, terms.rounding)
    prices = after.prices(terms.price)
    bases = [prices[i] for i in indexes]
    facts: Facts = {"count": given, "base": sum(bases), "percent": terms.given_percent}
    note = Saying(Note.FREE if terms.given_percent == 100 else Note.CHEAPER, facts)
    return _off_each(voucher, after, indexes, bases, terms.given_percent, note)


# --- What is really taken off -------------------------------------------------------------


def _off_each(
    voucher: Prepared,
    owed: Owed,
    indexes: Sequence[int],
    bases: Sequence[int],
    percent: Decimal,
    *notes: Saying,
) -> Outcome:
    """Take a share off each part; what one may not give is not taken off another."""
    part, whole = _ratio(percent)
    pairs = zip(indexes, bases, strict=True)
    shares = [min(base * part, owed.room(i) * whole) for i, base in pairs]
    total = voucher.rounded(sum(shares), whole)
    wanted = voucher.rounded(sum(bases) * part, whole)
    return _off_lines(voucher, owed, indexes, shares, total, wanted, notes)


def _off_lines(
    voucher: Prepared,
    owed: Owed,
    indexes: Sequence[int],
    weights: Sequence[int],
    total: int,
    wanted: int,
    notes: tuple[Saying, ...],
) -> Outcome:
    rooms = [owed.room(i) for i in indexes]
    settled = _settle(voucher, total, wanted, sum(rooms), notes)
    if isinstance(settled, Saying):
        return settled
    total, notes = settled
    return Taken(total, owed.less(indexes, spread(total, weights, rooms)), notes)


def _off_delivery(voucher: Prepared, owed: Owed, wanted: int, *notes: Saying) -> Outcome:
    settled = _settle(voucher, wanted, wanted, owed.delivery, notes)
    if isinstance(settled, Saying):
        return settled
    total, notes = settled
    return Taken(total, owed._replace(delivery=owed.delivery - total), notes)


def _settle(
    voucher: Prepared, total: int, wanted: int, room: int, notes: tuple[Saying, ...]
) -> tuple[int, tuple[Saying, ...]] | Saying:
    """Cut a discount to what the voucher allows and to what there is."""
    total = min(total, room)
    if voucher.terms.at_most is not None:
        cap = voucher.units(voucher.terms.at_most)
        wanted = min(wanted, cap)
        if total > cap:
            total = cap
            notes = (*notes, Saying(Note.AT_MOST, {"maximum": cap}))
    if total <= 0:
        return Saying(Reason.TOO_SMALL if room else Reason.NOTHING_LEFT)
    if total < wanted:
        notes = (*notes, Saying(Note.LEFT_OVER, {"lost": wanted - total}))
    return total, notes


def _ratio(percent: Decimal) -> tuple[int, int]:
    part, whole = percent.as_integer_ratio()
    return part, whole * 100


KINDS: Mapping[Kind, Callable[[Prepared, Owed], Outcome]] = {
    Kind.PERCENT: _percent,
    Kind.AMOUNT: _amount,
    Kind.FREE_DELIVERY: _free_delivery,
    Kind.FREE_PRODUCT: _free_product,
    Kind.BUY_GET: _buy_get,
    Kind.CHEAPEST: _cheapest,
    Kind.BANDS: _bands,
}
