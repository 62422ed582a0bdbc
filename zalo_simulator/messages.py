"""Accepted messages, and what became of them."""

import json
import secrets
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import Any

from zalo_simulator.clock import Clock
from zalo_simulator.store import Store, phone_hash

_COLUMNS = (
    "id, message_id, person_key, channel, recipient, template_id, data, tracking_id, tag,"
    " price, accepted_at, delivered_at, seen_at, fault"
)
# "reply" is what a person wrote to the Official Account: shown, but not sent by us.
SENT = "channel <> 'reply'"


@dataclass(frozen=True)
class NewMessage:
    channel: str
    recipient: str
    person_key: str
    template_id: str = ""
    template_data: dict[str, Any] = field(default_factory=dict)
    tracking_id: str = ""
    tag: str = ""
    price: int = 0
    reaches_phone: bool = True
    fault: str = ""


@dataclass(frozen=True)
class Message:
    """One accepted message; channel is phone, hash, uid, cs, sms or reply, times in ms."""

    number: int
    message_id: str
    person_key: str
    channel: str
    recipient: str
    template_id: str
    template_data: dict[str, Any]
    tracking_id: str
    tag: str
    price: int
    accepted_at: int
    delivered_at: int | None
    seen_at: int | None
    fault: str
    outcome: str

    @property
    def phone(self) -> str:
        return self.recipient if self.channel in ("phone", "sms") else ""

    @property
    def user_id(self) -> str:
        return self.recipient if self.channel in ("uid", "cs", "reply") else ""


class Messages:
    def __init__(self, store: Store, clock: Clock, delivery_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._delivery_milliseconds = int(delivery_seconds * 1000)
        self._count_lock = threading.Lock()
        self._counts: dict[tuple[int, str], int] = {}

    def accept(self, new: NewMessage) -> Message:
        """Write an accepted message and move its inbox to the top."""
        message_id = secrets.token_hex(10)
        now = self._clock.milliseconds()
        delivered_at = now + self._delivery_milliseconds if new.reaches_phone else None
        self._store.execute_together(
            _insert_of(new, message_id, now, delivered_at), _touch_of(new, now)
        )
        self._note(new.channel)
        found = self.by_id(message_id)
        assert found is not None  # written two lines above
        return found

    def by_id(self, message_id: str) -> Message | None:
        found = self._read("message_id = ?", message_id)
        return found[0] if found else None

    def by_number(self, number: int) -> Message | None:
        found = self._read("id = ?", number)
        return found[0] if found else None

    def of_person(self, key: str, before: int | None, limit: int) -> list[Message]:
        """Return the newest messages of one inbox, oldest first as in a chat."""
        newest = self._read(
            "person_key = ? AND id < ? ORDER BY id DESC LIMIT ?",
            key,
            before or 2**62,
            limit,
        )
        return newest[::-1]

    def latest_of(self, keys: list[str]) -> dict[str, Message]:
        places = ", ".join("?" * len(keys))
        found = self._read(
            f"id IN (SELECT MAX(id) FROM message WHERE person_key IN ({places})"
            " GROUP BY person_key)",
            *keys,
        )
        return {message.person_key: message for message in found}

    def sent(self, *, limit: int = -1, offset: int = 0, **equals: str) -> list[Message]:
        """Return accepted messages in order, optionally of one recipient, template, …"""
        conditions = [SENT, *(f"{_FILTERS[name]} = ?" for name in equals)]
        where = " AND ".join(conditions)
        return self._read(
            f"{where} ORDER BY id LIMIT ? OFFSET ?", *equals.values(), limit, offset
        )

    def count(self) -> int:
        return self._store.number(f"SELECT COUNT(*) FROM message WHERE {SENT}")

    def version(self) -> str:
        """Change whenever a page that shows messages would look different."""
        now = self._clock.milliseconds()
        recent = "FROM message WHERE id > (SELECT MAX(id) FROM message) - 1000"
        row = self._store.row(
            "SELECT (SELECT MAX(id) FROM message),"
            f" (SELECT MAX(seen_at) {recent}),"
            f" (SELECT COUNT(*) {recent} AND delivered_at <= ?),"
            " (SELECT COUNT(*) FROM person)",
            now,
        )
        return "-".join(str(value or 0) for value in (row or ()))

    def mark_seen(self, key: str, number: int | None = None) -> list[Message]:
        """Mark what reached the phone (one message, or all) seen; return what was new."""
        now = self._clock.milliseconds()
        one = "" if number is None else f" AND id = {int(number)}"
        where = f"person_key = ? AND seen_at IS NULL AND delivered_at <= ? AND {SENT}{one}"
        with self._store.lock:
            unseen = self._read(where, key, now)
            self._store.execute(
                f"UPDATE message SET seen_at = ? WHERE {where}", now, key, now
            )
        return unseen

    def num_today(self, channel: str) -> int:
        """Count today's messages of a channel; in memory, as every send asks for it."""
        day = self._clock.start_of_day()
        with self._count_lock:
            if (day, channel) not in self._counts:
                self._counts[day, channel] = self._count_since(day, channel)
            return self._counts[day, channel]

    def num_promotions_to(self, person_key: str, since: int) -> int:
        return self._store.number(
            "SELECT COUNT(*) FROM message"
            " WHERE person_key = ? AND tag = 'PROMOTION' AND accepted_at >= ?",
            *(person_key, since),
        )

    def spent(self) -> int:
        return self._store.number("SELECT SUM(price) FROM message")

    def delete_all(self) -> None:
        self._store.execute("DELETE FROM message")
        self._store.execute("UPDATE person SET num_messages = 0, last_message_at = NULL")
        with self._count_lock:
            self._counts.clear()

    def _note(self, channel: str) -> None:
        key = (self._clock.start_of_day(), channel)
        with self._count_lock:
            if key in self._counts:
                self._counts[key] += 1

    def _count_since(self, since: int, channel: str) -> int:
        return self._store.number(
            "SELECT COUNT(*) FROM message WHERE accepted_at >= ? AND channel = ?",
            since,
            channel,
        )

    def _read(self, where: str, *values: Any) -> list[Message]:
        now = self._clock.milliseconds()
        rows = self._store.rows(f"SELECT {_COLUMNS} FROM message WHERE {where}", *values)
        return [_message(row, now) for row in rows]


_FILTERS = {
    "phone": "channel = 'phone' AND recipient",
    "user_id": "channel IN ('uid', 'cs') AND recipient",
    "template_id": "template_id",
    "tracking_id": "tracking_id",
}


def _insert_of(
    new: NewMessage, message_id: str, now: int, delivered_at: int | None
) -> tuple[str, tuple[Any, ...]]:
    data = json.dumps(new.template_data, ensure_ascii=False)
    return (
        "INSERT INTO message (message_id, person_key, channel, recipient, template_id,"
        " data, tracking_id, tag, price, accepted_at, delivered_at, fault)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (message_id, new.person_key, new.channel, new.recipient, new.template_id, data)
        + (new.tracking_id, new.tag, new.price, now, delivered_at, new.fault),
    )


def _touch_of(new: NewMessage, now: int) -> tuple[str, tuple[Any, ...]]:
    phone = new.recipient if new.channel in ("phone", "sms") else None
    user_id = new.recipient if new.channel == "uid" else None
    return (
        "INSERT INTO person (key, phone, user_id, phone_hash, search, follows,"
        " num_messages, last_message_at) VALUES (?, ?, ?, ?, ?, ?, 1, ?)"
        " ON CONFLICT (key) DO UPDATE"
        " SET num_messages = num_messages + 1, last_message_at = excluded.last_message_at",
        (new.person_key, phone, user_id, phone_hash(phone) if phone else None)
        + (new.recipient, user_id is not None, now),
    )


def _message(row: sqlite3.Row, now: int) -> Message:
    return Message(
        number=row["id"],
        message_id=row["message_id"],
        person_key=row["person_key"],
        channel=row["channel"],
        recipient=row["recipient"],
        template_id=row["template_id"],
        template_data=json.loads(row["data"]),
        tracking_id=row["tracking_id"],
        tag=row["tag"],
        price=row["price"],
        accepted_at=row["accepted_at"],
        delivered_at=row["delivered_at"],
        seen_at=row["seen_at"],
        fault=row["fault"],
        outcome=_outcome(row, now),
    )


def _outcome(row: sqlite3.Row, now: int) -> str:
    if row["seen_at"] is not None:
        return "seen"
    if row["delivered_at"] is None:
        return "undelivered"
    return "delivered" if row["delivered_at"] <= now else "pending"
