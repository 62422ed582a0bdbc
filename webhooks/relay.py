"""One process' way of sending webhooks: the database here, the network in threads.

This thread leases and settles; a few threads only talk to receivers. No transaction is
open while anyone waits for one. Each endpoint has a few requests under way at most, and
one that fails has a single one: a slow or dead receiver holds up nobody but itself.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from webhooks import outbox
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.outbox import Settlement
from webhooks.posting import Answer, new_client, post

# Requests under way to one endpoint, to one that fails, and altogether.
EACH, EACH_FAILING, TOGETHER = 8, 1, 64
# While answers are awaited, others may have become due.
LOOK_AGAIN_SECONDS = 0.5
# One transaction serves what is answered within this time.
GATHERING_SECONDS, GATHERED = 0.02, 24


class Relay:
    """A run through what is due; it ends when nothing more is."""

    def __init__(self, *, at: datetime, seconds: float | None = None) -> None:
        self._at = at
        self._seconds = seconds
        self._started = time.monotonic()
        self._lease = outbox.new_lease()
        self._in_flight: dict[Future[Answer], WebhookDelivery] = {}
        self._answered: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._result: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """Send until nothing is due; return how many attempts ended in each state."""
        outbox.tidy(at=self._now())
        with (
            new_client(TOGETHER) as self._client,
            ThreadPoolExecutor(TOGETHER) as self._pool,
        ):
            try:
                while self._begin() or self._in_flight:
                    self._finish()
            finally:
                # Also when we are interrupted: what has begun is waited for and written
                # down, so that nothing is sent twice without need.
                while self._in_flight:
                    self._finish()
        return self._result

    def _now(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._started)

    def _begin(self) -> bool:
        """Start what is due and has room; tell whether there was anything."""
        elapsed = time.monotonic() - self._started
        if self._seconds is not None and elapsed >= self._seconds:
            return False
        has_begun = False
        busy = Counter(one.endpoint_id for one in self._in_flight.values())
        for endpoint in outbox.endpoints_with_work(self._now()):
            each = EACH_FAILING if endpoint.failing_since else EACH
            room = min(each - busy[endpoint.pk], TOGETHER - len(self._in_flight))
            if room <= 0:
                continue
            leased = outbox.lease_due(
                endpoint_id=endpoint.pk, at=self._now(), limit=room, lease=self._lease
            )
            for delivery in leased:
                self._start(endpoint, delivery)
                has_begun = True
        return has_begun

    def _start(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
        future = self._pool.submit(
            post,
            self._client,
            endpoint.address,
            message_id=delivery.message_id,
            payload=delivery.payload,
            secrets=endpoint.secrets_at(self._now()),
        )
        self._in_flight[future] = delivery
        future.add_done_callback(self._answered.put)

    def _finish(self) -> None:
        """Settle together what was answered, or come back after a moment to look again."""
        answered = self._gather()
        at = self._now()
        settlements = []
        for future in answered:
            delivery = self._in_flight.pop(future)
            settlements.append(outbox.judge(delivery, future.result(), at=at))
        ours = outbox.settle(settlements, lease=self._lease, at=at)
        self._count([one for one in settlements if one.delivery.pk in ours])

    def _gather(self) -> list[Future[Answer]]:
        answered: list[Future[Answer]] = []
        wait = LOOK_AGAIN_SECONDS
        while len(answered) < min(GATHERED, len(self._in_flight)):
            try:
                answered.append(self._answered.get(timeout=wait))
            except Empty:
                break
            wait = GATHERING_SECONDS
        return answered

    def _count(self, settlements: list[Settlement]) -> None:
        self._result.update(str(one.state) for one in settlements)
