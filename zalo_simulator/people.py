"""The people behind the phones: what the Official Account knows, what they allow."""

import re
import sqlite3
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zalo_simulator.clock import Clock
from zalo_simulator.errors import PERSON_STATES
from zalo_simulator.store import Store, phone_hash

_MOBILE = re.compile(r"84[35789]\d{8}")
_COLUMNS = (
    "key, phone, user_id, name, follows, state, last_interaction_at, last_message_at,"
    " num_messages"
)


@dataclass(frozen=True)
class Person:
    """One inbox. The key is the phone if known, else the user id, else the hash."""

    key: str
    phone: str
    user_id: str
    name: str
    follows: bool
    state: str
    last_interaction_at: int | None
    last_message_at: int | None
    num_messages: int

    @property
    def title(self) -> str:
        return self.name or self.address

    @property
    def address(self) -> str:
        return shown_phone(self.phone) if self.phone else self.user_id or self.key


class People:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def by_key(self, key: str) -> Person | None:
        return self._first("key = ?", key)

    def by_phone(self, phone: str) -> Person | None:
        return self._first("phone = ?", phone)

    def by_user_id(self, user_id: str) -> Person | None:
        return self._first("user_id = ?", user_id)

    def by_phone_hash(self, value: str) -> Person | None:
        return self._first("phone_hash = ?", value)

    def register(
        self, *, phone: str = "", user_id: str = "", name: str = "", follows: bool
    ) -> str:
        """Make one person known under both addresses; two inboxes become one."""
        phone = normalised_phone(phone) or ""
        key = phone or user_id
        if not key:
            raise ValueError("A person needs a phone or a user_id.")
        with self._store.lock:
            self._insert(key)
            for address in (user_id, phone_hash(phone) if phone else ""):
                if address and address != key:
                    self._join(address, key)
            self._give_up_user_id(user_id, key)
            self._write(key, phone, user_id, name, follows)
        return key

    def register_all(self, people: Iterable[dict[str, Any]]) -> int:
        count = 0
        for item in people:
            self.register(
                phone=str(item.get("phone") or ""),
                user_id=str(item.get("user_id") or ""),
                name=str(item.get("name") or ""),
                follows=bool(item.get("follows", bool(item.get("user_id")))),
            )
            if item.get("state"):
                self.set_state(key_of(item), str(item["state"]))
            count += 1
        return count

    def open_inbox(self, address: str) -> str:
        """Return the inbox of a typed phone or user id; a new address gets one."""
        phone = normalised_phone(address)
        found = self.by_phone(phone) if phone else self.by_user_id(address)
        if found or not address:
            return found.key if found else ""
        if phone:
            return self.register(phone=phone, follows=False)
        return self.register(user_id=address, follows=True)

    def set_state(self, key: str, state: str) -> None:
        if state and state not in PERSON_STATES:
            raise ValueError(f"state must be one of {', '.join(PERSON_STATES)}")
        self._insert(key)
        self._store.execute("UPDATE person SET state = ? WHERE key = ?", state, key)

    def set_follows(self, key: str, follows: bool) -> None:
        self._store.execute("UPDATE person SET follows = ? WHERE key = ?", follows, key)

    def note_interaction(self, key: str) -> None:
        self._store.execute(
            "UPDATE person SET last_interaction_at = ? WHERE key = ?",
            *(self._clock.milliseconds(), key),
        )

    def page(self, search: str, offset: int, limit: int) -> list[Person]:
        """List inboxes, the one with the newest message first."""
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM person WHERE {_matching(search)}"
            " ORDER BY last_message_at DESC, key LIMIT ? OFFSET ?",
            *_patterns(search),
            *(limit, offset),
        )
        return [_person(row) for row in rows]

    def count(self, search: str = "") -> int:
        sql = f"SELECT COUNT(*) FROM person WHERE {_matching(search)}"
        return self._store.number(sql, *_patterns(search))

    def with_user_id(
        self, follows: bool | None, tag: str, offset: int, limit: int
    ) -> list[Person]:
        where, values = _known_to_account(follows, tag)
        sql = f"SELECT {_COLUMNS} FROM person WHERE {where} ORDER BY key LIMIT ? OFFSET ?"
        return [_person(row) for row in self._store.rows(sql, *values, limit, offset)]

    def count_with_user_id(self, follows: bool | None, tag: str) -> int:
        where, values = _known_to_account(follows, tag)
        return self._store.number(f"SELECT COUNT(*) FROM person WHERE {where}", *values)

    def _first(self, condition: str, value: str) -> Person | None:
        row = self._store.row(f"SELECT {_COLUMNS} FROM person WHERE {condition}", value)
        return _person(row) if row else None

    def _insert(self, key: str) -> None:
        phone = normalised_phone(key)
        self._store.execute(
            "INSERT OR IGNORE INTO person (key, phone, phone_hash, search)"
            " VALUES (?, ?, ?, ?)",
            *(key, phone, phone_hash(phone) if phone else None, key),
        )

    def _write(self, key: str, phone: str, user_id: str, name: str, follows: bool) -> None:
        self._store.execute(
            "UPDATE person SET user_id = COALESCE(?, user_id), name = COALESCE(?, name),"
            " follows = ?, search = ?, last_interaction_at ="
            " CASE WHEN ? THEN COALESCE(last_interaction_at, ?)"
            " ELSE last_interaction_at END"
            " WHERE key = ?",
            *(user_id or None, name or None, follows),
            *(
                searchable(f"{name} {phone} {user_id}"),
                follows,
                self._clock.milliseconds(),
                key,
            ),
        )

    def _give_up_user_id(self, user_id: str, key: str) -> None:
        self._store.execute(
            "UPDATE person SET user_id = NULL WHERE user_id = ? AND key <> ?", user_id, key
        )

    def _join(self, old_key: str, key: str) -> None:
        old = self.by_key(old_key)
        if old is None:
            return
        self._store.execute(
            "UPDATE message SET person_key = ? WHERE person_key = ?", key, old_key
        )
        self._store.execute("DELETE FROM person WHERE key = ?", old_key)
        self._store.execute(
            "UPDATE person SET num_messages = num_messages + ?,"
            " last_message_at = MAX(COALESCE(last_message_at, 0), ?) WHERE key = ?",
            *(old.num_messages, old.last_message_at or 0, key),
        )


def key_of(item: dict[str, Any]) -> str:
    return normalised_phone(str(item.get("phone") or "")) or str(item.get("user_id") or "")


def normalised_phone(value: str) -> str | None:
    """Return 84 and nine digits for 84…, +84…, 0… or nine digits; else None."""
    digits = value.strip().removeprefix("+")
    if not digits.isascii() or not digits.isdigit():
        return None
    if digits.startswith("0"):
        digits = "84" + digits[1:]
    elif len(digits) == 9:
        digits = "84" + digits
    return digits if _MOBILE.fullmatch(digits) else None


def shown_phone(phone: str) -> str:
    """84912345678 → 0912 345 678, as people write it."""
    local = "0" + phone.removeprefix("84")
    return f"{local[:4]} {local[4:7]} {local[7:]}"


def searchable(text: str) -> str:
    """Fold accents and case, so that "nguyen" finds "Nguyễn"."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _matching(search: str) -> str:
    return "search LIKE ? ESCAPE '!'" if search.strip() else "1"


def _patterns(search: str) -> tuple[str, ...]:
    text = searchable(search.strip())
    if not text:
        return ()
    digits = text.replace(" ", "")
    if digits.isdigit() and digits.startswith("0"):
        text = "84" + digits[1:]
    elif digits.isdigit():
        text = digits
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return (f"%{text}%",)


def _known_to_account(follows: bool | None, tag: str) -> tuple[str, tuple[Any, ...]]:
    where = "user_id IS NOT NULL"
    values: list[str | int] = []
    if follows is not None:
        where += " AND follows = ?"
        values.append(int(follows))
    if tag:
        where += " AND user_id IN (SELECT user_id FROM tag WHERE name = ?)"
        values.append(tag)
    return where, tuple(values)


def _person(row: sqlite3.Row) -> Person:
    return Person(
        key=row["key"],
        phone=row["phone"] or "",
        user_id=row["user_id"] or "",
        name=row["name"],
        follows=bool(row["follows"]),
        state=row["state"],
        last_interaction_at=row["last_interaction_at"],
        last_message_at=row["last_message_at"],
        num_messages=row["num_messages"],
    )
