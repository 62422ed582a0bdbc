"""T7 for what is scarce: the last ten gifts and a voucher's three uses, wanted by all.

Forty connections of eight processes begin each round together (twenty of four on SQLite):
two hundred members who want the gift and two hundred tills that want the voucher, in any
order, on the same few members. The control believes what it read before and counts only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.storm import Plan
from tests.battery.test_t7_last_points import Storm
from tests.battery.tiers import size
from tests.battery.unguarded import drop_constraints

pytestmark = pytest.mark.battery

TRIES = 400
GIFTS, USES = 10, 3
ROUNDS = size(2, 20)
REDEEMED = "SELECT count(*) FROM rewards_redemption WHERE state = 'done'"
USED = "SELECT count(*) FROM rewards_voucheruse WHERE state = 'used'"


class Counter(Storm):
    """A storm at the counter, and what is left behind it."""

    def prepare_counter(self, rounds: int) -> dict[str, list[Any]]:
        command = ("-m", "tests.battery.prepare_rewards")
        numbers = (str(rounds), str(GIFTS), str(USES))
        return dict(json.loads(run(self.database, *command, *numbers)))

    def at_counter(self, told: dict[str, Any], vouchers: str, **more: str) -> list[Any]:
        plan = Plan(
            "till",
            told["rewards"],
            TRIES,
            givers=told["members"],
            vouchers=told[vouchers],
        )
        return self.blow(plan, **more)

    def numbers(self, sql: str) -> list[int]:
        return sorted(int(number or 0) for (number,) in self.database.ask(sql))

    def won(self, one: dict[str, Any]) -> tuple[int, int]:
        """Return how many gifts and uses a round gave: odd tries want gifts."""
        share = TRIES // self.connections
        turns = [key.split(":")[-2:] for key in one["won"]]
        gifts = sum((int(number) * share + int(turn)) % 2 for number, turn in turns)
        return gifts, len(turns) - gifts

    def tell_counter(self, test: str, rounds: Sequence[dict[str, Any]]) -> None:
        gifts, uses = zip(*map(self.won, rounds), strict=True)
        report(
            test,
            rounds=len(rounds),
            tries=sum(len(one["won"]) + one["refused"] for one in rounds),
            connections=self.connections,
            gifts=f"{min(gifts)}–{max(gifts)} of {GIFTS}",
            uses=f"{min(uses)}–{max(uses)} of {USES}",
            faults=sum(sum(one["faults"].values()) for one in rounds),
            seconds=round(self.seconds, 1),
            violations=sum(n != GIFTS for n in gifts) + sum(n != USES for n in uses),
        )


@pytest.fixture
def counter(scratch: Callable[[], Database], tmp_path: Path) -> Counter:
    return Counter(scratch(), tmp_path)


@pytest.mark.parametrize("vouchers", ["vouchers", "limited"])
def test_the_last_ten_gifts_and_three_uses(counter: Counter, vouchers: str) -> None:
    told = counter.prepare_counter(ROUNDS)

    rounds = counter.at_counter(told, vouchers)

    counter.tell_counter(f"T7 gifts and {vouchers}", rounds)
    assert {counter.won(one) for one in rounds} == {(GIFTS, USES)}
    assert {one["refused"] for one in rounds} == {TRIES - GIFTS - USES}
    # Rows are what the counters say, and nothing was given on the way to a refusal.
    each_gifts, each_uses = [GIFTS] * ROUNDS, [USES] * ROUNDS
    assert counter.numbers("SELECT taken FROM rewards_reward") == each_gifts
    assert counter.numbers(f"{REDEEMED} GROUP BY reward_id") == each_gifts
    assert counter.database.count("rewards_redemption") == GIFTS * ROUNDS
    assert counter.database.count("rewards_fulfilment") == GIFTS * ROUNDS
    assert counter.database.count("rewards_givenbenefit") == GIFTS * ROUNDS
    assert counter.numbers("SELECT uses FROM rewards_voucher WHERE uses > 0") == each_uses
    assert counter.numbers(f"{USED} GROUP BY voucher_id") == each_uses
    assert counter.database.count("rewards_voucheruse") == USES * ROUNDS
    limited = each_uses if vouchers == "limited" else []
    assert counter.numbers("SELECT times FROM rewards_tally") == limited
    assert counter.is_proven()


@pytest.mark.postgresql
def test_control_without_the_guards_more_are_given(counter: Counter) -> None:
    drop_constraints(counter.database)
    told = counter.prepare_counter(2)

    rounds = counter.at_counter(told, "vouchers", GUARDS_OFF="scarce")

    counter.tell_counter("T7 control: gifts and vouchers unguarded", rounds)
    assert max(counter.numbers("SELECT taken FROM rewards_reward")) > GIFTS
    assert max(counter.numbers("SELECT uses FROM rewards_voucher")) > USES
