"""Put members with points, and what is scarce, into an empty database.

Run as a program: ``python -m tests.battery.prepare_rewards ROUNDS GIFTS USES``; prints as
JSON the rewards, the vouchers of two kinds and the members. Each reward has GIFTS gifts.
Each voucher has a code of USES uses; each limited one any number, but its type USES.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

MEMBERS = 50
PRICE = 10


def prepare(rounds: int, gifts: int, uses: int) -> dict[str, list[Any]]:
    from points.services import Grant, grant_points
    from tests import factories
    from tests.battery.bank_verbs import NOW
    from tests.rewards.helpers import make_benefit, make_reward
    from tests.rewards.using import limit, make_type, make_voucher

    factories.make_programme()
    factories.make_wallet()
    members = [factories.make_member(code=f"M{number}").pk for number in range(MEMBERS)]
    grant_points(
        grants=[Grant(pk, rounds * 100 * PRICE, f"opening:{pk}") for pk in members], at=NOW
    )
    benefit = make_benefit("gift")
    told: dict[str, list[Any]] = {
        "rewards": [],
        "vouchers": [],
        "limited": [],
        "members": members,
    }
    for number in range(rounds):
        reward = make_reward(benefit, code=f"r{number}", price_points=PRICE, stock=gifts)
        counted = make_type(f"v{number}", uses_per_code=uses)
        limited = make_type(f"l{number}", uses_per_code=None)
        limit(limited, uses, per="everyone", period="day")
        told["rewards"].append(reward.pk)
        told["vouchers"].append(make_voucher(f"CODE{number}", voucher_type=counted).code)
        told["limited"].append(make_voucher(f"LIMIT{number}", voucher_type=limited).code)
    return told


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(prepare(*map(int, sys.argv[1:]))))
