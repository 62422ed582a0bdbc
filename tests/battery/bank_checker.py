"""The judge of the bank test: reads histories and the database, counts what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.battery.harness import Operation, read_history, read_operations
from tests.battery.prepare_bank import GIFT_FEE_PERCENT
from tests.battery.running import Database

# Rows that follow from a preparation or from the clock.
BY_THEMSELVES = ("opening:", "expire:", "mature:")

TRANSFERS = """
    SELECT t.key, t.id, t.kind, f.member_id, g.member_id, t.amount, t.reverses_id,
        t.source_id
    FROM points_transfer t
    JOIN points_account f ON f.id = t.from_account_id
    JOIN points_account g ON g.id = t.to_account_id
"""
WRONG_BALANCES = """
    SELECT a.id FROM points_account a LEFT JOIN (
        SELECT account_id, SUM(amount) AS moved, COUNT(*) AS moves FROM (
            SELECT to_account_id AS account_id, amount FROM points_transfer
            UNION ALL SELECT from_account_id, -amount FROM points_transfer
        ) AS sides GROUP BY account_id
    ) AS m ON m.account_id = a.id
    WHERE a.kind = 'member'
    AND (a.balance <> COALESCE(m.moved, 0) OR a.version <> COALESCE(m.moves, 0))
"""
OVERTAKEN = """
    SELECT t.id FROM points_transfer t JOIN points_transfer r ON r.reverses_id = t.id
    GROUP BY t.id, t.amount HAVING SUM(r.amount) > t.amount
"""
HOLDS = """
    SELECT h.transfer_id, a.member_id, h.amount FROM points_hold h
    JOIN points_account a ON a.id = h.account_id
"""
RESERVATIONS = "SELECT transfer_id, state, captured FROM points_reservation"
REPEATED = {
    "transfer keys": "SELECT key FROM points_transfer GROUP BY key HAVING COUNT(*) > 1",
    "orders": (
        "SELECT external_id FROM activities_order GROUP BY external_id HAVING COUNT(*) > 1"
    ),
    "earnings of one order": (
        "SELECT source_id FROM points_transfer WHERE kind = 'earn' "
        "AND source_id IS NOT NULL GROUP BY source_id HAVING COUNT(*) > 1"
    ),
}


@dataclass(frozen=True)
class Row:
    """A transfer as it stands; programme accounts have no member."""

    id: int
    kind: str
    taken_from: int | None
    given_to: int | None
    amount: int
    reverses: int | None
    source: int | None


@dataclass
class Verdict:
    """What happened, and what must not have happened, by kind."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def blame(self, kind: str, what: Any) -> None:
        self.violations[kind].append(what)

    @property
    def num_violations(self) -> int:
        return sum(map(len, self.violations.values()))


class Checker:
    def __init__(self, database: Database, folder: Path, clients: int) -> None:
        self.database = database
        self.folder = folder
        self.verdict = Verdict()
        self.operations = {
            operation.key: operation
            for number in range(clients)
            for operation in read_operations(read_history(folder / f"{number}.history"))
        }
        self.rows = {row[0]: Row(*row[1:]) for row in database.ask(TRANSFERS)}
        self.holds = {pk: tuple(rest) for pk, *rest in database.ask(HOLDS)}
        self.reservations = {pk: tuple(rest) for pk, *rest in database.ask(RESERVATIONS)}
        self.orders = {
            external_id: (pk, member)
            for external_id, pk, member in database.ask(
                "SELECT external_id, id, member_id FROM activities_order"
            )
        }

    def judge(self) -> Verdict:
        for operation in self.operations.values():
            self._count(operation)
            self._judge(operation)
        self._find_ghosts()
        self._add_up("expire")
        self._add_up("mature")
        self._read_snapshots()
        for name, sql in REPEATED.items():
            for (what,) in self.database.ask(sql):
                self.verdict.blame(f"repeated {name}", what)
        for (transfer,) in self.database.ask(OVERTAKEN):
            self.verdict.blame("taken back for more than it moved", transfer)
        for (account,) in self.database.ask(WRONG_BALANCES):
            self.verdict.blame("wrong balance", account)
        self.verdict.counts["transfers"] = len(self.rows)
        return self.verdict

    def _count(self, operation: Operation) -> None:
        counts = self.verdict.counts
        counts["operations"] += 1
        counts[operation.outcome] += 1
        counts["resent"] += operation.sendings > 1

    def _judge(self, operation: Operation) -> None:
        """An acknowledged operation stands once as asked; a refused one does not stand."""
        if operation.outcome in ("open", "error"):
            self.verdict.blame(operation.outcome, [operation.key, operation.answer])
        elif operation.verb == "again":
            first = self.operations[operation.facts["key"]]
            if operation.outcome != "ok" or operation.answer != first.answer:
                self.verdict.blame("another answer", operation.key)
        elif operation.outcome == "fail":
            if operation.key in self.rows or operation.key in self.orders:
                self.verdict.blame("refused but written", operation.key)
        elif operation.verb not in ("expire", "mature") and not self._stands(operation):
            self.verdict.blame("acknowledged but lost", operation.key)

    def _stands(self, operation: Operation) -> bool:
        facts, answer = operation.facts, operation.answer
        if operation.verb == "earn":
            order = self.orders.get(operation.key)
            row = self.rows.get(f"order:{order[0]}:per-amount") if order else None
            wanted = (facts["member"], facts["points"], answer[0])
            return row is not None and (row.given_to, row.amount, row.source) == wanted
        if operation.verb in ("capture", "release"):
            return self._is_settled(operation)
        key = operation.key
        row = self.rows.get(f"reserve:t1:{key}" if operation.verb == "reserve" else key)
        if operation.verb == "part":
            stands = (row.reverses, row.amount) if row else (facts["transfer"], 0)
            return stands == (facts["transfer"], answer)
        if row is None or row.id != answer:
            return False
        if operation.verb == "reverse":
            return row.reverses == facts["transfer"]
        if operation.verb == "hold":
            return self.holds.get(row.id) == (facts["member"], facts["amount"])
        if operation.verb == "gift" and not self._is_gift(row, operation):
            return False
        gained = operation.verb == "adjust" and facts["amount"] > 0
        member = row.given_to if gained else row.taken_from
        return (member, row.amount) == (facts["member"], abs(facts["amount"]))

    def _is_settled(self, operation: Operation) -> bool:
        state, captured = self.reservations[operation.facts["reservation"]]
        if operation.verb == "release":
            return bool((state, captured) == ("released", 0) and operation.answer == state)
        return bool(state == "captured" and captured == operation.facts["amount"])

    def _is_gift(self, row: Row, operation: Operation) -> bool:
        """The receiver has it, and the giver paid the fee beside it, once."""
        fee = operation.facts["amount"] * GIFT_FEE_PERCENT // 100
        paid = self.rows.get(f"{operation.key}:fee")
        return row.given_to == operation.facts["receiver"] and fee == (
            paid.amount if paid else 0
        )

    def _find_ghosts(self) -> None:
        """Everything that stands was asked for and acknowledged."""
        done = [o for o in self.operations.values() if o.outcome == "ok"]
        keys = {o.key for o in done}
        order_ids = {f"order:{self.orders[k][0]}" for k in keys & self.orders.keys()}
        settled = {str(o.facts["reservation"]) for o in done if "reservation" in o.facts}
        for key in self.rows:
            head, _colon, last = key.rpartition(":")
            if head in ("capture", "release"):
                is_known = last in settled
            elif last in ("fee", "matured", "reserved"):
                is_known = head in keys
            else:
                is_known = key.removeprefix("reserve:t1:") in keys or head in order_ids
            if not is_known and not key.startswith(BY_THEMSELVES):
                self.verdict.blame("nobody asked for it", key)

    def _add_up(self, verb: str) -> None:
        """What a verb without a key told in all is what it wrote in all."""
        asked = [o for o in self.operations.values() if o.verb == verb]
        told = sum(int(o.answer) for o in asked if o.outcome == "ok")
        stands = sum(r.amount for r in self.rows.values() if r.kind == verb)
        is_clear = all(o.sendings == 1 for o in asked)
        if told > stands or (is_clear and told != stands):
            self.verdict.blame(verb, {"told": told, "stands": stands})

    def _read_snapshots(self) -> None:
        for seen in read_history(self.folder / "snapshots.history"):
            self.verdict.counts["snapshots"] += 1
            if seen["members"] + seen["programme"]:
                self.verdict.blame("wrong total", seen)
            if seen["lots"] != seen["members"]:
                self.verdict.blame("lots differ from balances", seen)
            if seen["held"] != seen["open"]:
                self.verdict.blame("held differs from holds and reservations", seen)
            if seen["negative"]:
                self.verdict.blame("below zero", seen)
