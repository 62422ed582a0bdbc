"""Someone with the database's own password: changes the ledger past triggers and all.

Works through a connection of its own, as a superuser on PostgreSQL and by the file on
SQLite, and keeps a copy of every table so that each change can be undone.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psycopg

from tests.battery.running import Database

TABLES = ("points_transfer", "points_lot", "points_lotdraw", "points_ledgerseal")
# What a transfer's record holds between its key and the time of writing.
LONGEST_RECORD = 300


class Flip(NamedTuple):
    """One byte of the file that was changed, and what it was."""

    offset: int
    before: int


class Attacker:
    def __init__(self, database: Database) -> None:
        self.is_sqlite = database.is_sqlite
        self.file = Path(database.url.removeprefix("sqlite:///"))
        self.url = database.url
        self.flips: list[Flip] = []
        self._connect()
        if self.is_sqlite:
            self._drop_triggers()
        for table in TABLES:
            self.do(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")

    def _connect(self) -> None:
        self.connection: Any
        if self.is_sqlite:
            self.connection = sqlite3.connect(self.file, isolation_level=None)
            self.do("PRAGMA synchronous = OFF")
            return
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.do("SET synchronous_commit = off")
        # Neither triggers nor foreign keys are asked any more.
        self.do("SET session_replication_role = replica")

    def _drop_triggers(self) -> None:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in self.ask(triggers):
            self.do(f"DROP TRIGGER {name}")

    def do(self, sql: str) -> int:
        return int(self.connection.execute(sql).rowcount)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql).fetchall())

    def columns(self, table: str) -> list[str]:
        cursor = self.connection.execute(f"SELECT * FROM {table} LIMIT 0")
        return [column[0] for column in cursor.description]

    def insert_copy(self, table: str, row_id: int, **changes: str) -> None:
        """Write a copy of a row; changes are SQL."""
        names = self.columns(table)
        values = ", ".join(changes.get(name, name) for name in names)
        changed = self.do(
            f"INSERT INTO {table} ({', '.join(names)}) "
            f"SELECT {values} FROM {table} WHERE id = {row_id}"
        )
        assert changed == 1

    def restore(self) -> None:
        """Put every table back to what it was."""
        for table in TABLES:
            key = "number" if table == "points_ledgerseal" else "id"
            other = f"SELECT * FROM {table} EXCEPT SELECT * FROM kept_{table}"
            self.do(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM ({other}) d)")
            there = f"SELECT {key} FROM {table}"
            kept = f"SELECT * FROM kept_{table} WHERE {key} NOT IN ({there})"
            self.do(f"INSERT INTO {table} {kept}")

    # --- Bytes of the file ----------------------------------------------------------

    def flip_byte(self, transfer_id: int, chance: Random) -> Flip:
        """Change one bit of a transfer's record in the file of an SQLite database."""
        before = self._record(transfer_id)
        key, kind, written = before[:3]
        self.connection.close()
        data = self.file.read_bytes()
        start = -1
        while (start := data.find(f"{key}{kind}".encode(), start + 1)) >= 0:
            end = data.find(written.encode(), start, start + LONGEST_RECORD) + len(written)
            offset = chance.randrange(start, end)
            flip = Flip(offset, data[offset])
            self._write_byte(offset, data[offset] ^ (1 << chance.randrange(8)))
            self._connect()
            # A page that was split may have left an old copy of the record behind.
            if self._record(transfer_id) != before:
                return flip
            self.connection.close()
            self._write_byte(*flip)
        raise AssertionError(f"transfer {transfer_id} is not in the file")

    def unflip(self, flip: Flip) -> None:
        self.connection.close()
        self._write_byte(*flip)
        self._connect()

    def _record(self, transfer_id: int) -> tuple[Any, ...]:
        names = ", ".join(
            f"CAST({name} AS BLOB), TYPEOF({name})"
            for name in self.columns("points_transfer")
        )
        ((key, kind, written, *rest),) = self.ask(
            "SELECT CAST(key AS BLOB), CAST(kind AS BLOB), CAST(created_at AS BLOB), "
            f"{names} FROM points_transfer NOT INDEXED WHERE id = {transfer_id}"
        )
        texts = (part.decode(errors="replace") for part in (key, kind, written))
        return (*texts, *rest)

    def _write_byte(self, offset: int, value: int) -> None:
        with self.file.open("r+b") as file:
            file.seek(offset)
            file.write(bytes([value]))
