"""One process' way of emptying the outbox: the database here, the network elsewhere.

This thread leases, asks the gate, fills in, marks, and settles; the senders' own threads
talk to providers. No transaction is open while anyone waits for one. A channel that cannot
send holds up no other. Requests flow: while some answers are written down others are under
way, so neither the database nor the network waits for the other, and a slow answer holds
up nobody but itself.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from queue import Empty, SimpleQueue

from django.db import transaction

from core.retry import retry_on_conflict
from messaging import cascade, gate, outbox, texts, verdicts
from messaging.cascade import Ways
from messaging.channels.answers import Answer, Outcome
from messaging.channels.base import Parcel, Sender
from messaging.channels.registry import new_senders
from messaging.models import ZALO_CHANNELS, Message
from messaging.outbox import Settlement, State
from messaging.verdicts import Consequences

# A platform needs a fifth of a second for an answer.
CONNECTIONS = 32
# Begun and not yet written down: when answers come in, others are ready to follow them. As
# many are in doubt when a relay is killed.
UNDER_WAY = 48
BATCH = 400
# One transaction serves what is answered within this time, up to so many.
GATHERING_SECONDS, GATHERED = 0.02, 24


@dataclass
class Dispatched:
    """What became of the messages that were due."""

    # How many ended this run in each state; those that wait for later are "pending".
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    # Why some of it still waits: not_connected, grant_lost, account_stopped, no_token,
    # not_configured, channel_stopped.
    stopped: str = ""

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def sent(self) -> int:
        return self.states[State.SENT]


class Relay:
    """A run through the outbox; it ends when nothing more is due."""

    def __init__(
        self,
        *,
        at: datetime,
        limit: int | None = None,
        seconds: float | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self._at = at
        self._limit = limit
        self._seconds = seconds
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._leased = 0
        self._lease = outbox.new_lease()
        self._senders: dict[str, Sender] = {}
        # Channels that cannot send in this run, and why.
        self._closed: dict[str, str] = {}
        self._ready: deque[Parcel] = deque()
        self._in_flight: dict[Future[Answer], Parcel] = {}
        self._answered: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._is_dry = False
        self._result = Dispatched()

    def run(self) -> Dispatched:
        """Send until nothing is due, the limit is reached or no channel is left."""
        at = self._now()
        self._result.states[State.EXPIRED.value] += outbox.expire_late(at)
        self._result.reasons["too_late"] += self._result.states[State.EXPIRED.value]
        senders = new_senders(connections=CONNECTIONS)
        self._senders = {c: sender for sender in senders for c in sender.channels}
        try:
            for sender in senders:
                self._note_closed(sender, sender.open())
            self._flow()
        finally:
            for sender in senders:
                sender.close()
        self._result.stopped = self._result.stopped or self._why_some_wait()
        self._result.states += Counter()
        self._result.reasons += Counter()
        return self._result

    def _note_closed(self, sender: Sender, why: str) -> None:
        if why:
            self._closed |= dict.fromkeys(sender.channels, why)

    def _why_some_wait(self) -> str:
        """Say why messages that are due stay where they are, if any do."""
        waiting = Message.objects.filter(
            state=State.PENDING, due_at__lte=self._now(), channel__in=self._closed
        )
        found = waiting.values_list("channel", flat=True).first() if self._closed else None
        return self._closed[found] if found else ""

    def _now(self) -> datetime:
        """Move the business clock on with the run, by whole seconds."""
        return self._at + timedelta(seconds=int(time.monotonic() - self._started))

    def _flow(self) -> None:
        try:
            while self._ready or self._in_flight or not self._is_dry:
                if len(self._ready) < UNDER_WAY and not self._is_dry:
                    self._fetch()
                self._begin()
                self._finish()
        finally:
            # Also when we are interrupted: what has not begun goes back at once, and what
            # has begun is waited for, so that nothing is left in doubt without need.
            self._give_back(lambda _parcel: True, "account_stopped")
            while self._in_flight:
                self._finish()

    # --- Taking messages in -------------------------------------------------------------

    def _fetch(self) -> None:
        """Lease a batch, ask the gate, and fill in what may go."""
        size = BATCH if self._limit is None else min(BATCH, self._limit - self._leased)
        elapsed = time.monotonic() - self._started
        if size <= 0 or (self._seconds is not None and elapsed >= self._seconds):
            self._is_dry = True
            return
        at = self._now()
        ways = cascade.current_ways()
        stopped = {row.channel for row in ways.rows.values() if row.stopped_because}
        for channel in stopped - set(self._closed):
            self._closed[channel] = "channel_stopped"
        outbox.take_back_from_the_dead(at)
        batch = outbox.lease_due(
            at=at,
            limit=size,
            lease=self._lease,
            held=self._held(at, ways),
            closed=self._closed,
            room=cascade.room(ways, at),
        )
        # Where all is slow, what waits in our hands may have been freed and leased anew.
        at_hand = {message.pk for message in self._at_hand()}
        messages = [message for message in batch if message.pk not in at_hand]
        self._is_dry = len(batch) < size
        self._leased += len(messages)
        self._prepare(messages, at, ways)

    def _held(self, at: datetime, ways: Ways) -> frozenset[str]:
        rows = ways.rows.values()
        held = {row.channel for row in rows if row.held_until and row.held_until > at}
        return frozenset(held).union(
            *(s.held(at) for s in dict.fromkeys(self._senders.values()))
        )

    def _at_hand(self) -> Iterator[Message]:
        """Name what is leased and not settled yet."""
        for parcel in chain(self._ready, self._in_flight.values()):
            yield parcel.message

    def _prepare(self, messages: list[Message], at: datetime, ways: Ways) -> None:
        if not messages:
            return
        busy = {
            m.member_id for m in self._at_hand() if m.template.purpose == gate.MARKETING
        }
        verdicts_of = gate.ask(messages, at, self._lease, busy=busy, ways=ways)
        passed = [m for m in messages if not verdicts_of[m.pk].reason]
        filled = texts.fill_in(passed, at)
        known = cascade.zalo_templates({m.template_id: m.template for m in passed}.values())
        over = Consequences(at=at)
        ready: list[Parcel] = []
        for message in messages:
            verdict = verdicts_of[message.pk]
            if verdict.reason:
                over.add(verdicts.turned_away(message, verdict, over))
            elif filled[message.pk].problem:
                over.add(verdicts.not_written(message, filled[message.pk], over))
            else:
                found = filled[message.pk]
                template = message.template
                price = cascade.price_of(
                    message.channel, template, ways, known.get(template.zalo_template_id)
                )
                parcel = Parcel(
                    message, verdict.address, found.data, cost=price * found.parts
                )
                ready.append(parcel)
        self._ready.extend(self._within_limits(ready, over, ways))
        self._settle(over)

    def _within_limits(
        self, parcels: list[Parcel], over: Consequences, ways: Ways
    ) -> list[Parcel]:
        """Keep back what another relay's messages have left no room for in this minute."""
        numbers = Counter(parcel.message.channel for parcel in parcels)
        full = {
            channel
            for channel, number in numbers.items()
            if ways.rows[channel].per_minute
            and not cascade.take_room(channel, number, over.at)
        }
        for parcel in parcels:
            if parcel.message.channel in full:
                over.add(verdicts.too_fast(parcel.message, over.at))
        return [parcel for parcel in parcels if parcel.message.channel not in full]

    # --- Sending ------------------------------------------------------------------------

    def _begin(self) -> None:
        """Mark and start as many requests as there is room for."""
        parcels = self._take_ready(UNDER_WAY - len(self._in_flight))
        if not parcels:
            return
        ours = outbox.mark_requested(
            ids=[parcel.message.pk for parcel in parcels], lease=self._lease
        )
        for parcel in parcels:
            if parcel.message.pk in ours:
                parcel.message.attempts += 1
                self._start(parcel)

    def _take_ready(self, number: int) -> list[Parcel]:
        """Take what can go now; a provider that cannot be asked is left alone."""
        parcels: list[Parcel] = []
        while self._ready and len(parcels) < number:
            parcel = self._ready.popleft()
            if why := self._sender(parcel).make_ready(parcel):
                self._ready.appendleft(parcel)
                self._close(parcel.message.channel, why)
            else:
                parcels.append(parcel)
        return parcels

    def _sender(self, parcel: Parcel) -> Sender:
        return self._senders[parcel.message.channel]

    def _start(self, parcel: Parcel) -> None:
        future = self._sender(parcel).send(parcel)
        self._in_flight[future] = parcel
        future.add_done_callback(self._answered.put)

    # --- Taking answers in --------------------------------------------------------------

    def _finish(self) -> None:
        """Wait for the first answers and settle them together."""
        if not self._in_flight:
            return
        answered = self._gather()
        over = Consequences(at=self._now())
        for future in answered:
            parcel = self._in_flight.pop(future)
            answer = future.result()
            if self._again(parcel, answer):
                continue
            is_refused = answer.outcome == Outcome.REFUSED
            fault = self._sender(parcel).explain(parcel, answer) if is_refused else None
            over.add(verdicts.judge(parcel, answer, fault, over))
        self._settle(over)

    def _gather(self) -> list[Future[Answer]]:
        """Wait for the first answer, and a breath longer for those right behind it."""
        answered = [self._answered.get()]
        until = time.monotonic() + GATHERING_SECONDS
        while len(answered) < min(GATHERED, len(self._in_flight)):
            try:
                answered.append(
                    self._answered.get(timeout=max(0, until - time.monotonic()))
                )
            except Empty:
                break
        return answered

    def _again(self, parcel: Parcel, answer: Answer) -> bool:
        """Send at once a second time where that helps; the row is marked already."""
        sender = self._sender(parcel)
        if not sender.wants_again(parcel, answer) or sender.make_ready(parcel):
            return False
        parcel.is_second_try = True
        self._start(parcel)
        return True

    def _settle(self, over: Consequences) -> None:
        if not over.settlements:
            return
        ours = _write_down(over, self._lease, self._senders)
        for settlement in over.settlements:
            if settlement.message.pk in ours:
                self._count(settlement)
        self._obey(over)
        if self._on_progress:
            self._on_progress(self._result.total)

    def _count(self, settlement: Settlement) -> None:
        self._result.states[str(settlement.state)] += 1
        if settlement.reason:
            self._result.reasons[settlement.reason] += 1

    def _obey(self, over: Consequences) -> None:
        """Stop what is stopped, and let rest what must rest."""
        for channel in over.stops:
            is_zalo = channel in ZALO_CHANNELS
            self._close(channel, "account_stopped" if is_zalo else "channel_stopped")
        if over.holds:
            self._give_back(lambda p: _rests(p.message, over.holds), "quota")
        if over.stopped_templates:
            self._give_back(
                lambda p: p.message.template_id in over.stopped_templates,
                "template_stopped",
            )

    def _close(self, channel: str, why: str) -> None:
        """Send nothing more by this provider in this run."""
        sender = self._senders[channel]
        self._result.stopped = self._result.stopped or why
        self._note_closed(sender, why)
        is_zalo = channel in ZALO_CHANNELS
        reason = "account_stopped" if is_zalo else "channel_stopped"
        self._give_back(lambda p: p.message.channel in sender.channels, reason)

    def _give_back(self, concerns: Callable[[Parcel], bool], reason: str) -> None:
        """Put what has not begun back into the queue as it was."""
        back = [parcel for parcel in self._ready if concerns(parcel)]
        if not back:
            return
        self._ready = deque(p for p in self._ready if not concerns(p))
        settlements = [Settlement(p.message, State.PENDING, reason=reason) for p in back]
        with transaction.atomic(durable=True):
            outbox.settle(settlements, lease=self._lease)
        self._result.states[State.PENDING.value] += len(back)
        self._result.reasons[reason] += len(back)


@retry_on_conflict
def _write_down(over: Consequences, lease: str, senders: Mapping[str, Sender]) -> set[int]:
    """Settle and draw the consequences in one transaction; return what was ours."""
    with transaction.atomic(durable=True):
        ours = outbox.settle(over.settlements, lease=lease)
        over.apply(ours, senders)
    return ours


def _rests(message: Message, channels: Container[str]) -> bool:
    return message.channel in channels and message.template.purpose != outbox.CODE
