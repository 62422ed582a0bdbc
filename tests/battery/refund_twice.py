"""Many redemptions, each refunded twice at the same moment by two workers.

Run as a program with the number of workers, of redemptions, and the members' ids as JSON:
forks the workers, lets each redeem its share, and when all are done lets pairs of them
refund the same redemptions in the same order under keys of their own. Prints how many
redemptions there were, and how many refunds were done, refused and failed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections import Counter
from importlib import import_module
from multiprocessing.synchronize import Barrier
from pathlib import Path

import django

from tests.battery.bank_verbs import NOW
from tests.battery.unguarded import take_away

WAIT_SECONDS = 240


def redeem(number: int, share: int, members: list[int]) -> list[int]:
    from members.models import Member
    from points.services import spend_points

    made = []
    for turn in range(share):
        owner = Member(pk=members[(number + turn) % len(members)])
        key = f"t3:{number}:{turn}"
        made.append(spend_points(member=owner, amount=1, key=key, at=NOW).pk)
    return made


def refund(number: int, redemptions: list[int]) -> Counter[str]:
    from core.errors import Conflict
    from points.models import Transfer
    from points.services import reverse_transfer

    tally: Counter[str] = Counter()
    for pk in redemptions:
        original = Transfer.objects.get(pk=pk)
        try:
            reverse_transfer(transfer=original, key=f"t3:back:{pk}:{number % 2}", at=NOW)
            tally["done"] += 1
        except Conflict:
            tally["refused"] += 1
        except Exception as fault:
            tally[f"fault {type(fault).__name__}"] += 1
    return tally


def work(
    number: int, share: int, members: list[int], gates: list[Barrier], folder: Path
) -> None:
    file = folder / f"redeemed-{number}.json"
    file.write_text(json.dumps(redeem(number, share, members)))
    gates[0].wait(WAIT_SECONDS)
    first = number - number % 2
    both = [
        json.loads((folder / f"redeemed-{n}.json").read_text()) for n in (first, first + 1)
    ]
    gates[1].wait(WAIT_SECONDS)
    tally = refund(number, both[0] + both[1])
    (folder / f"refunded-{number}.json").write_text(json.dumps(tally))


def main(workers: int, redemptions: int, members: list[int], folder: Path) -> Counter[str]:
    django.setup()
    for module in ("members.models", "points.services"):
        import_module(module)
    take_away(os.environ.get("GUARDS_OFF", ""))
    fork = multiprocessing.get_context("fork")
    gates = [fork.Barrier(workers), fork.Barrier(workers)]
    share = redemptions // workers
    crowd = [
        fork.Process(target=work, args=(number, share, members, gates, folder))
        for number in range(workers)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    total: Counter[str] = Counter(redeemed=share * workers)
    for number in range(workers):
        total += Counter(json.loads((folder / f"refunded-{number}.json").read_text()))
    return total


if __name__ == "__main__":
    asked = main(
        int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4])
    )
    sys.stdout.write(json.dumps(asked))
