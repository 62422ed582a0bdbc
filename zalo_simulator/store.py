"""Everything the simulator remembers, in one small SQLite file."""

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS token (
    kind TEXT NOT NULL, value TEXT NOT NULL, expires_at INTEGER NOT NULL,
    used_at INTEGER, note TEXT NOT NULL DEFAULT '', PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS person (
    key TEXT PRIMARY KEY, phone TEXT UNIQUE, user_id TEXT UNIQUE, phone_hash TEXT,
    name TEXT NOT NULL DEFAULT '', search TEXT NOT NULL DEFAULT '',
    follows INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '',
    last_interaction_at INTEGER, last_message_at INTEGER,
    num_messages INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS person_latest ON person (last_message_at DESC, key);
CREATE INDEX IF NOT EXISTS person_phone_hash ON person (phone_hash);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, person_key TEXT NOT NULL,
    channel TEXT NOT NULL, recipient TEXT NOT NULL, template_id TEXT NOT NULL,
    data TEXT NOT NULL, tracking_id TEXT NOT NULL, tag TEXT NOT NULL,
    price INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, delivered_at INTEGER, seen_at INTEGER,
    fault TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS message_of_person ON message (person_key, id);
CREATE TABLE IF NOT EXISTS template (template_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tag (
    name TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (name, user_id)
) WITHOUT ROWID;
"""


class Store:
    """One connection behind one lock: simple, and thousands of writes a second."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        # A toy inbox may lose its last second in a power cut; it need not wait for a disk.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA journal_mode = PERSIST")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def execute(self, sql: str, *values: Any) -> int:
        with self.lock:
            return self._connection.execute(sql, values).rowcount

    def execute_together(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with self.lock:
            self._connection.execute("BEGIN")
            for sql, values in statements:
                self._connection.execute(sql, values)
            self._connection.execute("COMMIT")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self.lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def number(self, sql: str, *values: Any) -> int:
        found = self.row(sql, *values)
        return int(found[0] or 0) if found else 0

    def tokens(self, kind: str) -> list[tuple[str, int]]:
        found = self.rows("SELECT value, expires_at FROM token WHERE kind = ?", kind)
        return [(row["value"], row["expires_at"]) for row in found]

    def add_token(self, kind: str, value: str, expires_at: int, note: str = "") -> None:
        self.execute(
            "INSERT OR IGNORE INTO token (kind, value, expires_at, note)"
            " VALUES (?, ?, ?, ?)",
            *(kind, value, expires_at, note),
        )

    def replace_token(self, kind: str, value: str, expires_at: int) -> None:
        self.execute(
            "INSERT OR REPLACE INTO token (kind, value, expires_at) VALUES (?, ?, ?)",
            *(kind, value, expires_at),
        )

    def use_token(self, kind: str, value: str, at: int) -> bool:
        """Claim a single-use token; of several callers exactly one gets True."""
        sql = (
            "UPDATE token SET used_at = ?"
            " WHERE kind = ? AND value = ? AND used_at IS NULL AND expires_at > ?"
        )
        return self.execute(sql, at, kind, value, at) == 1

    def token_note(self, kind: str, value: str) -> str:
        found = self.row("SELECT note FROM token WHERE kind = ? AND value = ?", kind, value)
        return str(found["note"]) if found else ""

    def delete_tokens(self, kind: str) -> None:
        self.execute("DELETE FROM token WHERE kind = ?", kind)

    def saved_templates(self) -> list[dict[str, Any]]:
        return [json.loads(row["body"]) for row in self.rows("SELECT body FROM template")]

    def save_template(self, template_id: str, body: dict[str, Any]) -> None:
        self.execute(
            "INSERT OR REPLACE INTO template VALUES (?, ?)",
            *(template_id, json.dumps(body, ensure_ascii=False)),
        )

    def forget_everything(self) -> None:
        for table in ("token", "person", "message", "template", "tag"):
            self.execute(f"DELETE FROM {table}")


def phone_hash(phone: str) -> str:
    return hashlib.sha256(phone.encode()).hexdigest()
