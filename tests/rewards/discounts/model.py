"""The engine once more, slow and plain: dictionaries, fractions and every combination.

It knows percent, amounts and free delivery with caps, minima, floors, groups, exclusive
vouchers and a most per order; it shares no code with the engine but the terms.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

from rewards.discounts.basket import Asked, Basket
from rewards.discounts.terms import Terms

DELIVERY = "delivery"


def best(bought: Basket, vouchers: list[Asked], most: int | None) -> dict[str, Any]:
    """Try every set of vouchers; return what each takes off and what is then paid."""
    ordered = sorted(vouchers, key=lambda a: (a.terms.priority, a.code))
    tried = []
    for size in range(len(ordered) + 1):
        for chosen in combinations(range(len(ordered)), size):
            told = [ordered[i] for i in chosen]
            if allowed([a.terms for a in told], most):
                owed, taken = play(bought, told)
                if all(taken.values()):
                    tried.append(((-sum(taken.values()), size, chosen), taken, owed))
    _key, taken, owed = min(tried, key=lambda one: one[0])
    return {"taken": taken, "owed": owed}


def allowed(terms: list[Terms], most: int | None) -> bool:
    groups = [t.group for t in terms if t.group]
    if len(set(groups)) < len(groups) or (most is not None and len(terms) > most):
        return False
    return len(terms) < 2 or not any(t.exclusive for t in terms)


def play(bought: Basket, told: list[Asked]) -> tuple[dict[str, int], dict[str, int]]:
    """Let vouchers take off one after the other."""
    owed = {line.key: int(line.full_price - line.discount) for line in bought.lines}
    owed[DELIVERY] = int(bought.delivery_fee)
    taken = {}
    for voucher in told:
        parts = off(bought, voucher.terms, owed)
        owed = {key: rest - parts.get(key, 0) for key, rest in owed.items()}
        taken[voucher.code] = sum(parts.values())
    return owed, taken


def off(bought: Basket, terms: Terms, owed: dict[str, int]) -> dict[str, int]:
    listed = {line.key: int(line.full_price) for line in bought.lines}
    shop = {line.key: int(line.full_price - line.discount) for line in bought.lines}
    of_lines = {key: rest for key, rest in owed.items() if key != DELIVERY}
    views = {"list": listed, "shop": shop, "rest": of_lines}
    about = [
        line.key
        for line in bought.lines
        if line.category in terms.products.categories
        or (terms.scope == "order" and not terms.products)
    ]
    counted = views[terms.counted_price]
    keys = about if terms.counted == "products" else list(counted)
    if not about or sum(counted[key] for key in keys) < terms.minimum_value:
        return {}
    if terms.where == DELIVERY:
        wanted = owed[DELIVERY]
        return {DELIVERY: min(wanted, int(terms.at_most or wanted))}
    rooms = {
        line.key: max(0, owed[line.key] - math.ceil(line.floor * line.quantity))
        for line in bought.lines
        if line.key in about
    }
    if terms.kind == "percent":
        view = views[terms.price]
        weights = {
            key: min(Fraction(view[key]) * Fraction(terms.percent) / 100, Fraction(room))
            for key, room in rooms.items()
        }
        exact = sum(weights.values(), Fraction(0))
    else:
        weights = {key: Fraction(owed[key]) for key in rooms}
        exact = Fraction(min(int(terms.amount), sum(rooms.values())))
    rounds = {
        "down": math.floor,
        "up": math.ceil,
        "half_up": lambda x: math.floor(x + Fraction(1, 2)),
    }
    total = rounds[terms.rounding](exact)
    total = min(total, sum(rooms.values()), int(terms.at_most or total))
    return share(total, weights, rooms)


def share(
    total: int, weights: dict[str, Fraction], rooms: dict[str, int]
) -> dict[str, int]:
    """Share a total by weight; who is full steps out and the others share anew."""
    whole = sum(weights.values())
    if not total or not whole:
        return dict.fromkeys(weights, 0)
    exact = {key: total * weight / whole for key, weight in weights.items()}
    full = {key: rooms[key] for key in exact if exact[key] > rooms[key]}
    if full:
        others = {key: weight for key, weight in weights.items() if key not in full}
        return {**full, **share(total - sum(full.values()), others, rooms)}
    parts = {key: math.floor(part) for key, part in exact.items()}
    places = {key: place for place, key in enumerate(weights)}
    by_rest = sorted(parts, key=lambda key: (parts[key] - exact[key], places[key]))
    for key in by_rest[: total - sum(parts.values())]:
        parts[key] += 1
    return parts
