"""Try so many random codes at the verb itself; print how many were found.

Run as a program: ``python -m tests.battery.guess_codes TRIES NEIGHBOURS_OF``. After the
random ones it tries every code that differs from a good one in one letter.
"""

from __future__ import annotations

import json
import sys

import django


def guess(tries: int, good: str) -> dict[str, int]:
    from core.batch import chunks
    from core.codes import ALPHABET, random_code
    from rewards.using.checking import look_up

    def found(codes: list[str]) -> int:
        return sum(one.voucher is not None for one in look_up(codes))

    hits = sum(
        found(list({random_code(len(good)) for _guess in chunk}))
        for chunk in chunks(range(tries))
    )
    neighbours = [
        good[:place] + letter + good[place + 1 :]
        for place in range(len(good))
        for letter in ALPHABET
        if letter != good[place]
    ]
    return {
        "hits": hits,
        "neighbours": len(neighbours),
        "neighbours_hit": found(neighbours),
        "good_found": found([good]),
    }


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(guess(int(sys.argv[1]), sys.argv[2])))
