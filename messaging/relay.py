"""One process' way of emptying the outbox: the database here, the network in threads.

This thread leases, asks the gate, fills in, marks, and settles; a few threads only talk
HTTP. No transaction is open while anyone waits for Zalo. Requests flow: as soon as one
ends the next begins, so a slow answer holds up nobody but itself.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from django.db import transaction

from core.retry import retry_on_conflict
from messaging import gate, outbox, texts, verdicts
from messaging.accounts import held_channels
from messaging.errors import GrantLost, NotConnected
from messaging.models import Channel, Message, OfficialAccount
from messaging.outbox import Settlement, State
from messaging.verdicts import Consequences, Parcel
from messaging.zalo.client import Answer, ZaloClient
from messaging.zalo.tokens import TokenUnavailable, current_account, fresh_token

# Threads wait for Zalo most of the time; more of them than this gain nothing.
WORKERS = 16
BATCH = 200
GATHERING_SECONDS = 0.02


@dataclass
class Dispatched:
    """What became of the messages that were due."""

    # How many ended this run in each state; those that wait for later are "pending".
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    # Why the run ended early: not_connected, grant_lost, account_stopped, no_token.
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
        self._account: OfficialAccount | None = None
        self._token = ""
        self._ready: deque[Parcel] = deque()
        self._in_flight: dict[Future[Answer], Parcel] = {}
        self._is_dry = False
        self._result = Dispatched()

    def run(self) -> Dispatched:
        """Send until nothing is due, the limit is reached or Zalo stops us."""
        at = self._now()
        self._result.states[State.EXPIRED.value] += outbox.expire_late(at)
        self._result.reasons["too_late"] += self._result.states[State.EXPIRED.value]
        with ZaloClient(connections=WORKERS) as client, ThreadPoolExecutor(WORKERS) as pool:
            self._client, self._pool = client, pool
            if self._has_account():
                self._flow()
        self._result.states += Counter()
        self._result.reasons += Counter()
        return self._result

    def _now(self) -> datetime:
        """Move the business clock on with the run, by whole seconds."""
        return self._at + timedelta(seconds=int(time.monotonic() - self._started))

    def _has_account(self) -> bool:
        self._account = current_account()
        if self._account is None:
            self._result.stopped = "not_connected"
        elif self._account.state == OfficialAccount.State.STOPPED:
            self._result.stopped = "account_stopped"
        return not self._result.stopped

    def _flow(self) -> None:
        try:
            while self._ready or self._in_flight or not self._is_dry:
                if len(self._ready) < WORKERS and not self._is_dry:
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
        assert self._account is not None  # _flow runs with an account only
        held = held_channels(self._account, at)
        outbox.take_back_from_the_dead(at)
        batch = outbox.lease_due(at=at, limit=size, lease=self._lease, held=held)
        at_hand = {message.pk for message in self._at_hand()}
        messages = [message for message in batch if message.pk not in at_hand]
        self._is_dry = len(messages) < size
        self._leased += len(messages)
        self._prepare(messages, at)

    def _at_hand(self) -> Iterator[Message]:
        """Name what is leased and not settled yet."""
        for parcel in chain(self._ready, self._in_flight.values()):
            yield parcel.message

    def _prepare(self, messages: list[Message], at: datetime) -> None:
        if not messages:
            return
        busy = {
            m.member_id for m in self._at_hand() if m.template.purpose == gate.MARKETING
        }
        verdicts_of = gate.ask(messages, at, self._lease, busy=busy)
        passed = [m for m in messages if not verdicts_of[m.pk].reason]
        filled = texts.fill_in(passed, at)
        over = Consequences(at=at)
        for message in messages:
            verdict = verdicts_of[message.pk]
            if verdict.reason:
                over.add(verdicts.turned_away(message, verdict, over))
            elif filled[message.pk].problem:
                over.add(verdicts.not_written(message, filled[message.pk], over))
            else:
                data = filled[message.pk].data
                self._ready.append(Parcel(message, verdict.address, data))
        self._settle(over)

    # --- Sending ------------------------------------------------------------------------

    def _begin(self) -> None:
        """Mark and start as many requests as there are free threads."""
        free = WORKERS - len(self._in_flight)
        if free <= 0 or not self._ready or not self._has_token():
            return
        parcels = [self._ready.popleft() for _ in range(min(free, len(self._ready)))]
        ours = outbox.mark_requested(
            ids=[parcel.message.pk for parcel in parcels], lease=self._lease
        )
        for parcel in parcels:
            if parcel.message.pk in ours:
                parcel.message.attempts += 1
                self._start(parcel)

    def _start(self, parcel: Parcel) -> None:
        parcel.token = self._token
        self._in_flight[self._pool.submit(self._send, parcel)] = parcel

    def _send(self, parcel: Parcel) -> Answer:
        """Runs in a thread: HTTP and nothing else."""
        message = parcel.message
        if message.channel == Channel.ZALO_UID:
            return self._client.send_by_uid(
                token=parcel.token,
                user_id=parcel.address,
                template_id=message.template.zalo_template_id,
                data=parcel.data,
            )
        return self._client.send_by_phone(
            token=parcel.token,
            phone=parcel.address,
            template_id=message.template.zalo_template_id,
            data=parcel.data,
            tracking_id=verdicts.tracking_id(message.pk),
        )

    def _has_token(self, rejected: str = "") -> bool:
        """Hold a token that works, or stop the run."""
        if self._token and not rejected:
            return True
        try:
            self._token = fresh_token(self._client, rejected=rejected)
        except GrantLost:
            self._stop("grant_lost")
        except NotConnected:
            self._stop("not_connected")
        except TokenUnavailable:
            self._stop("no_token")
        return not self._result.stopped

    # --- Taking answers in --------------------------------------------------------------

    def _finish(self) -> None:
        """Wait for the first answers and settle them together."""
        if not self._in_flight:
            return
        wait(self._in_flight, return_when=FIRST_COMPLETED)
        # A breath longer, and one transaction serves several answers.
        done, _rest = wait(self._in_flight, timeout=GATHERING_SECONDS)
        over = Consequences(at=self._now())
        for future in done:
            parcel = self._in_flight.pop(future)
            answer = future.result()
            if verdicts.token_was_rejected(parcel, answer) and self._again(parcel):
                continue
            over.add(verdicts.judge(parcel, answer, over))
        self._settle(over)

    def _again(self, parcel: Parcel) -> bool:
        """Send once more with a new token; the row is marked already."""
        if parcel.is_second_try:
            return False
        rejected = parcel.token if parcel.token == self._token else ""
        if not self._has_token(rejected):
            return False
        parcel.is_second_try = True
        self._start(parcel)
        return True

    def _settle(self, over: Consequences) -> None:
        if not over.settlements:
            return
        ours = _write_down(over, self._lease, self._account)
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
        """Stop with the account, and let rest what must rest."""
        if over.stops_account:
            self._stop("account_stopped")
        if over.holds:
            self._account = current_account()
            self._give_back(lambda p: _rests(p.message, over.holds), "quota")
        if over.stopped_templates:
            self._give_back(
                lambda p: p.message.template_id in over.stopped_templates,
                "template_stopped",
            )

    def _stop(self, why: str) -> None:
        self._result.stopped = self._result.stopped or why
        self._is_dry = True
        self._give_back(lambda _parcel: True, "account_stopped")

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
def _write_down(
    over: Consequences, lease: str, account: OfficialAccount | None
) -> set[int]:
    """Settle and draw the consequences in one transaction; return what was ours."""
    with transaction.atomic(durable=True):
        ours = outbox.settle(over.settlements, lease=lease)
        over.apply(ours, account)
    return ours


def _rests(message: Message, channels: Container[str]) -> bool:
    return message.channel in channels and message.template.purpose != outbox.CODE
