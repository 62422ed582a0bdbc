"""Many who want the same last points at the same moment.

Run as a program with a plan as its argument: forks processes, each with threads of its
own connection, lets all of them begin together, round after round, and prints for each
round who won, how many were refused, and what else went wrong. GUARDS_OFF names what
of that which makes the ledger right is taken away.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import django

from tests.battery.bank_verbs import NOW
from tests.battery.unguarded import take_away

THREADS = 5
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Plan:
    """What is wanted: one round for each target, so many tries in a round.

    ``verb`` is "spend" (targets are members, each try takes ``amount``), "reverse" or
    "part" (targets are transfers, each try takes ``amount`` of one back), or "gift"
    (targets are receivers, each try gives ``amount`` by another of the ``givers``).

    "till": targets are rewards. Every other try is a member's, another of the ``givers``,
    who wants the reward; the rest are tills that want to use the voucher beside it in
    ``vouchers``, for a member too.
    """

    verb: str
    targets: list[int]
    tries: int
    amount: int = 0
    processes: int = 8
    givers: list[int] = field(default_factory=list)
    vouchers: list[str] = field(default_factory=list)

    @property
    def crowd(self) -> int:
        """How many connections there are."""
        return self.processes * THREADS


@dataclass
class Tally:
    """What one round came to."""

    won: list[str] = field(default_factory=list)
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def try_once(plan: Plan, target: int, key: str, number: int) -> None:
    from members.models import Member
    from points.models import Transfer
    from points.services import (
        TakeBack,
        default_wallet,
        gift_points,
        reverse_transfer,
        spend_points,
        take_back,
    )

    if plan.verb == "till":
        stand_at_till(plan, target, key, number)
    elif plan.verb == "spend":
        spend_points(member=Member(pk=target), amount=plan.amount, key=key, at=NOW)
    elif plan.verb == "part":
        take_back([TakeBack(target, plan.amount, key)], at=NOW)
    elif plan.verb == "gift":
        giver = Member.objects.get(pk=plan.givers[number % len(plan.givers)])
        gift_points(
            giver=giver,
            receiver=Member.objects.get(pk=target),
            amount=plan.amount,
            key=key,
            at=NOW,
            wallet=default_wallet(),
        )
    else:
        original = Transfer.objects.get(pk=target)
        reverse_transfer(transfer=original, key=key, at=NOW)


def stand_at_till(plan: Plan, target: int, key: str, number: int) -> None:
    """Want the reward or the voucher, by the parity of the number."""
    from members.models import Member
    from rewards.models import Reward
    from rewards.services import redeem_reward, use_vouchers
    from rewards.using.checkout import Checkout

    member = Member.objects.get(pk=plan.givers[number // 2 % len(plan.givers)])
    if number % 2:
        reward = Reward.objects.get(pk=target)
        redeem_reward(member=member, reward=reward, key=key, at=NOW)
        return
    use_vouchers(
        source="battery",
        reference=key,
        codes=[plan.vouchers[plan.targets.index(target)]],
        checkout=Checkout(total=Decimal(100_000)),
        member=member,
        at=NOW,
    )


def storm(plan: Plan, number: int, start: Barrier, tallies: list[Tally]) -> None:
    """Be one of the crowd: wait for all others, then try one's share at once."""
    from django.db import connection

    from core.errors import Conflict
    from points.errors import GiftRefused, NotEnoughPoints
    from rewards.errors import RewardUnavailable, VoucherRefused

    refusals = (NotEnoughPoints, GiftRefused, Conflict, RewardUnavailable, VoucherRefused)
    for target, tally in zip(plan.targets, tallies, strict=True):
        connection.ensure_connection()
        start.wait(WAIT_SECONDS)
        tries = plan.tries // plan.crowd
        for turn in range(tries):
            key = f"t7:{plan.verb}:{target}:{number}:{turn}"
            try:
                try_once(plan, target, key, number * tries + turn)
                tally.won.append(key)
            except refusals:
                tally.refused += 1
            except Exception as fault:
                tally.faults[name_of(fault)] += 1
    connection.close()


def name_of(fault: Exception) -> str:
    """Return a fault's class and, where the database says it, its SQLSTATE and words."""
    state = getattr(fault.__cause__, "sqlstate", None) or ""
    words = (str(fault).splitlines() or [""])[0]
    return " ".join(filter(None, (type(fault).__name__, state, words[:120])))


def process(plan: Plan, number: int, start: Barrier, file: Path) -> None:
    tallies = [[Tally() for _ in plan.targets] for _ in range(THREADS)]
    threads = [
        threading.Thread(target=storm, args=(plan, number * THREADS + i, start, mine))
        for i, mine in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rounds = [
        {
            "won": [key for tally in one for key in tally.won],
            "refused": sum(tally.refused for tally in one),
            "faults": sum((tally.faults for tally in one), Counter()),
        }
        for one in zip(*tallies, strict=True)
    ]
    file.write_text(json.dumps(rounds))


def main(plan: Plan, folder: Path) -> list[dict[str, Any]]:
    django.setup()
    for module in ("members.models", "points.services", "rewards.services"):
        import_module(module)
    take_away(os.environ.get("GUARDS_OFF", ""))
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(plan.crowd)
    files = [
        folder / f"storm-{plan.verb}-{number}.json" for number in range(plan.processes)
    ]
    crowd = [
        fork.Process(target=process, args=(plan, number, start, file))
        for number, file in enumerate(files)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    by_process = [json.loads(file.read_text()) for file in files]
    return [
        {
            "won": [key for one in parts for key in one["won"]],
            "refused": sum(one["refused"] for one in parts),
            "faults": sum((Counter(one["faults"]) for one in parts), Counter()),
        }
        for parts in zip(*by_process, strict=True)
    ]


if __name__ == "__main__":
    asked = Plan(**json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(main(asked, Path(sys.argv[2]))))
