"""Change one thing in a sealed ledger, look whether the proof names it, undo it; again.

Run as a program: ``python -m tests.battery.tamper TRIALS SEED``. Plays a history of every
verb into the database, seals it in small blocks and prints for each way of tampering how
often it was tried, how often the right transfers were named and nothing else, and how
often the proofs without seals noticed anything at all.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import django

from tests.battery import bank_verbs, prepare_bank
from tests.battery.attacker import Attacker
from tests.battery.harness import Operation
from tests.battery.running import Database

MEMBERS, OPERATIONS, BLOCK = 8, 160, 32
CHANGED, MISSING, ADDED = "changed", "missing", "added"

Named = set[tuple[str, int]]
Way = Callable[[Attacker, Random], Named]


@dataclass
class Tally:
    """What became of one way of tampering."""

    trials: int = 0
    named: int = 0
    by_proofs: int = 0
    wrong: list[Any] = field(default_factory=list)


# --- One column of one row --------------------------------------------------------------

LATER = {
    True: "STRFTIME('%Y-%m-%d %H:%M:%f', {column}, '+1 seconds')",
    False: "{column} + INTERVAL '1 microsecond'",
}
OTHER_ACCOUNT = (
    "(SELECT a.id FROM points_account a WHERE a.id NOT IN "
    "(points_transfer.from_account_id, points_transfer.to_account_id) LIMIT 1)"
)
# Column → what is written there, and which rows can be changed so within the constraints.
TRANSFER_COLUMNS = {
    "key": ("key || 'x'", "TRUE"),
    "kind": ("CASE kind WHEN 'earn' THEN 'adjust' ELSE 'earn' END", "kind <> 'reverse'"),
    "from_account_id": (OTHER_ACCOUNT, "TRUE"),
    "to_account_id": (OTHER_ACCOUNT, "TRUE"),
    "amount": ("amount + 1", "TRUE"),
    "happened_at": (LATER, "TRUE"),
    "created_at": (LATER, "TRUE"),
    "source_type": ("source_type || 'x'", "TRUE"),
    "source_id": ("COALESCE(source_id, 0) + 1", "TRUE"),
    "rule_id": ("CASE WHEN rule_id IS NULL THEN 1 END", "TRUE"),
    "rule_version": ("COALESCE(rule_version, 0) + 1", "TRUE"),
    "reverses_id": ("reverses_id + 1", "kind = 'reverse'"),
    "funder_id": ("COALESCE(funder_id, 0) + 1", "TRUE"),
    "reason": ("CASE reason WHEN 'fraud' THEN '' ELSE 'fraud' END", "TRUE"),
}
LOT_COLUMNS = {
    "account_id": ("account_id + 1", "TRUE"),
    "amount": ("amount + 1", "TRUE"),
    "expires_on": ("CASE WHEN expires_on IS NULL THEN '2026-12-31' END", "TRUE"),
}
DRAW_COLUMNS = {
    "amount": ("amount * 2", "TRUE"),
    "lot_id": ("(SELECT MAX(id) + 1 FROM points_lot)", "TRUE"),
}


def change(table: str, column: str, value: Any, where: str) -> Way:
    def way(attacker: Attacker, chance: Random) -> Named:
        row = pick(attacker, table, chance, where)
        new = value if isinstance(value, str) else value[attacker.is_sqlite]
        new = new.format(column=column)
        if column == "expires_on" and not attacker.is_sqlite:
            new = f"CAST({new} AS DATE)"
        assert attacker.do(f"UPDATE {table} SET {column} = {new} WHERE id = {row}") == 1
        return {(CHANGED, owner(attacker, table, row))}

    return way


def pick(attacker: Attacker, table: str, chance: Random, where: str = "TRUE") -> int:
    rows = attacker.ask(f"SELECT id FROM {table} WHERE {where} ORDER BY id")
    return int(chance.choice(rows)[0])


def owner(attacker: Attacker, table: str, row: int) -> int:
    """Return the transfer that a row belongs to."""
    column = "id" if table == "points_transfer" else "transfer_id"
    return int(attacker.ask(f"SELECT {column} FROM {table} WHERE id = {row}")[0][0])


# --- Whole rows -------------------------------------------------------------------------


def delete(table: str) -> Way:
    def way(attacker: Attacker, chance: Random) -> Named:
        row = pick(attacker, table, chance)
        rule = MISSING if table == "points_transfer" else CHANGED
        expected = {(rule, owner(attacker, table, row))}
        attacker.do(f"DELETE FROM {table} WHERE id = {row}")
        return expected

    return way


def delete_with_its_parts(attacker: Attacker, chance: Random) -> Named:
    row = pick(attacker, "points_transfer", chance)
    for table in ("points_lot", "points_lotdraw"):
        attacker.do(f"DELETE FROM {table} WHERE transfer_id = {row}")
    attacker.do(f"DELETE FROM points_transfer WHERE id = {row}")
    return {(MISSING, row)}


def add_transfer(attacker: Attacker, chance: Random) -> Named:
    """Put a movement where no id was used: in a gap, or before everything."""
    ids = {row[0] for row in attacker.ask("SELECT id FROM points_transfer")}
    unused = chance.choice(sorted({*range(min(ids) - 3, max(ids))} - ids))
    row = pick(attacker, "points_transfer", chance)
    attacker.insert_copy("points_transfer", row, id=str(unused), key="key || '+'")
    return {(ADDED, unused)}


def add_lot(attacker: Attacker, chance: Random) -> Named:
    row = pick(attacker, "points_lot", chance)
    attacker.insert_copy("points_lot", row, id="(SELECT MAX(id) + 1 FROM points_lot)")
    return {(CHANGED, owner(attacker, "points_lot", row))}


def add_draw(attacker: Attacker, chance: Random) -> Named:
    row = pick(attacker, "points_lotdraw", chance)
    attacker.insert_copy(
        "points_lotdraw",
        row,
        id="(SELECT MAX(id) + 1 FROM points_lotdraw)",
        lot_id="(SELECT MAX(id) + 1 FROM points_lot)",
    )
    return {(CHANGED, owner(attacker, "points_lotdraw", row))}


def move(table: str) -> Way:
    """Hang a lot or a draw on another transfer: two are no longer what they were."""

    def way(attacker: Attacker, chance: Random) -> Named:
        row = pick(attacker, table, chance)
        first = owner(attacker, table, row)
        taken = f"SELECT transfer_id FROM {table}"
        other = pick(attacker, "points_transfer", chance, f"id NOT IN ({taken})")
        attacker.do(f"UPDATE {table} SET transfer_id = {other} WHERE id = {row}")
        return {(CHANGED, first), (CHANGED, other)}

    return way


def swap_rows(attacker: Attacker, chance: Random) -> Named:
    first, second = two(attacker, chance)
    for old, new in ((first, -99), (second, first), (-99, second)):
        attacker.do(f"UPDATE points_transfer SET id = {new} WHERE id = {old}")
    return {(CHANGED, first), (CHANGED, second)}


def swap_amounts(attacker: Attacker, chance: Random) -> Named:
    first, second = two(attacker, chance)
    amounts = dict(attacker.ask("SELECT id, amount FROM points_transfer"))
    for row, amount in ((first, amounts[second]), (second, amounts[first])):
        attacker.do(f"UPDATE points_transfer SET amount = {amount} WHERE id = {row}")
    return {(CHANGED, first), (CHANGED, second)}


def two(attacker: Attacker, chance: Random) -> tuple[int, int]:
    """Choose two transfers of different amounts."""
    first = pick(attacker, "points_transfer", chance)
    other = f"amount <> (SELECT amount FROM points_transfer WHERE id = {first})"
    return first, pick(attacker, "points_transfer", chance, other)


# --- One byte ---------------------------------------------------------------------------


def flip_in_file(attacker: Attacker, chance: Random) -> Named:
    row = pick(attacker, "points_transfer", chance)
    attacker.flips.append(attacker.flip_byte(row, chance))
    return {(CHANGED, row)}


def flip_as_superuser(attacker: Attacker, chance: Random) -> Named:
    """Change one bit of a stored number or of one byte of a stored text."""
    row = pick(attacker, "points_transfer", chance)
    if chance.random() < 0.5:
        bit = 1 << chance.randrange(39)
        column, value = "amount", f"amount # {bit}"
        where = f"id = {row} AND amount # {bit} BETWEEN 1 AND 1000000000000"
    else:
        column, where = "key", f"id = {row}"
        value = "'" + flipped_key(attacker, row, chance).replace("'", "''") + "'"
    sql = f"UPDATE points_transfer SET {column} = {value} WHERE {where}"
    return {(CHANGED, row)} if attacker.do(sql) else flip_as_superuser(attacker, chance)


def flipped_key(attacker: Attacker, row: int, chance: Random) -> str:
    """Return a transfer's key with one bit changed, such that nobody else has it."""
    keys = dict(attacker.ask("SELECT id, key FROM points_transfer"))
    key = str(keys[row])
    while True:
        place = chance.randrange(len(key))
        letter = chr(ord(key[place]) ^ (1 << chance.randrange(7)))
        flipped = f"{key[:place]}{letter}{key[place + 1 :]}"
        if letter != "\0" and flipped not in keys.values():
            return flipped


def ways(*, is_sqlite: bool) -> dict[str, Way]:
    """Return every way to tamper by what it is called."""
    columns = {
        "points_transfer": TRANSFER_COLUMNS,
        "points_lot": LOT_COLUMNS,
        "points_lotdraw": DRAW_COLUMNS,
    }
    found: dict[str, Way] = {}
    for table, changes in columns.items():
        for column, (value, where) in changes.items():
            found[f"{table}.{column}"] = change(table, column, value, where)
        found[f"delete {table}"] = delete(table)
    return found | {
        "delete with lots and draws": delete_with_its_parts,
        "add transfer": add_transfer,
        "add lot": add_lot,
        "add draw": add_draw,
        "move lot": move("points_lot"),
        "move draw": move("points_lotdraw"),
        "swap rows": swap_rows,
        "swap amounts": swap_amounts,
        "flip a byte": flip_in_file if is_sqlite else flip_as_superuser,
    }


# --- The trials -------------------------------------------------------------------------


def prepare(seed: int) -> str:
    """Play a history, seal it, and return the newest head."""
    from django.utils import timezone

    from points.sealing import seal_ledger

    members = prepare_bank.prepare(MEMBERS, 200)
    chance, done = Random(seed), list[Operation]()
    for number in range(OPERATIONS):
        asked = bank_verbs.choose(f"op{number}", chance, members, done)
        try:
            bank_verbs.ask(asked.verb, asked.key, asked.facts)
        except bank_verbs.Refused:
            continue
        done.append(asked)
    return seal_ledger(at=timezone.now() + timedelta(minutes=11), block=BLOCK).head


def look() -> tuple[Named, bool]:
    """Ask the proof: what do the seals name, and did anything else notice?"""
    from points import seal_check
    from points.audit import verify_ledger

    words = {
        seal_check.CHANGED: CHANGED,
        seal_check.MISSING: MISSING,
        seal_check.ADDED: ADDED,
    }
    differences = verify_ledger().differences
    # What the seals say about themselves would be wrong here: nobody touched them.
    about_seals = [one for one in differences if one.keys() & {"seal", "first", "head"}]
    named = {(words[one["rule"]], one["transfer"]) for one in about_seals}
    return named, len(about_seals) < len(differences)


def tamper(attacker: Attacker, trials: int, seed: int) -> dict[str, Tally]:
    chance = Random(seed)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for name, way in every(ways(is_sqlite=attacker.is_sqlite), trials):
        expected = way(attacker, chance)
        named, noticed = look()
        undo(attacker)
        tally = tallies[name]
        tally.trials += 1
        tally.named += named == expected
        tally.by_proofs += noticed
        if named != expected:
            tally.wrong.append([sorted(expected), sorted(named)])
    assert look() == (set(), False), "something was not undone"
    return tallies


def every(found: dict[str, Way], trials: int) -> Iterator[tuple[str, Way]]:
    """Go round all ways until there were enough trials."""
    names = list(found)
    for number in range(trials):
        name = names[number % len(names)]
        yield name, found[name]


def undo(attacker: Attacker) -> None:
    from django.db import connection

    if attacker.flips:
        connection.close()
        attacker.unflip(attacker.flips.pop())
    attacker.restore()


def rewrite(attacker: Attacker, head: str, trials: int, seed: int) -> dict[str, int]:
    """Change a transfer and make all seals anew: only a head kept outside tells."""
    from django.utils import timezone

    from points import seal_check
    from points.sealing import seal_ledger

    chance, found, unnoticed = Random(seed), 0, 0
    for _trial in range(trials):
        change("points_transfer", "happened_at", LATER, "TRUE")(attacker, chance)
        attacker.do("DELETE FROM points_ledgerseal")
        seal_ledger(at=timezone.now() + timedelta(minutes=11), block=BLOCK)
        unnoticed += not seal_check.check_seals(most=9).differences
        told = seal_check.check_seals(known_head=head, most=9).differences
        found += [one["rule"] for one in told] == [seal_check.UNKNOWN_HEAD]
        attacker.restore()
    return {"rewritten": trials, "found_by_head": found, "unnoticed": unnoticed}


def main(trials: int, seed: int) -> dict[str, Any]:
    from points.models import LedgerSeal, Transfer

    logging.disable(logging.INFO)
    head = prepare(seed)
    attacker = Attacker(Database(os.environ["DATABASE_URL"]))
    assert look() == (set(), False)
    tallies = tamper(attacker, trials, seed)
    return {
        "transfers": Transfer.objects.count(),
        "seals": LedgerSeal.objects.count(),
        "ways": {name: asdict(tally) for name, tally in tallies.items()},
        **rewrite(attacker, head, max(5, trials // 20), seed),
    }


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
