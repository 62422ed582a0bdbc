"""Put a programme with members who own points into an empty database.

Run as a program: ``python -m tests.battery.prepare_bank MEMBERS POINTS``; prints the
members' ids as JSON. Points of orders expire after a month, the opening balances never.
"""

from __future__ import annotations

import json
import sys

import django

GIFT_FEE_PERCENT = 10


def prepare(members: int, points: int) -> list[int]:
    from points.services import Grant, grant_points
    from tests import factories
    from tests.battery.bank_verbs import NOW

    factories.make_programme()
    wallet = factories.make_wallet(
        expiry_months=1, transfers_allowed=True, transfer_fee_percent=GIFT_FEE_PERCENT
    )
    factories.make_earn_rule(wallet=wallet)
    ids = [factories.make_member(code=f"M{number}").pk for number in range(members)]
    grant_points(grants=[Grant(pk, points, f"opening:{pk}") for pk in ids], at=NOW)
    return ids


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(prepare(int(sys.argv[1]), int(sys.argv[2]))))
