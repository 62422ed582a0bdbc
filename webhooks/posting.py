"""One signed request to one endpoint: pinned to a judged address, short, and bounded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook

from core.http import HttpClient, Reply, Request
from webhooks.addresses import read_target, resolve
from webhooks.errors import AddressRefused, NameNotFound
from webhooks.models import ANSWER_LENGTH, WebhookDelivery

Problem = WebhookDelivery.Problem

# With all addresses of a name, however slowly they drip.
ANSWER_SECONDS = 10.0
LONGEST_PAUSE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, if anything; ``problem`` is empty when it was accepted."""

    status: int | None = None
    problem: str = ""
    text: str = ""
    retry_after: timedelta = timedelta(0)


def new_client(connections: int = 1) -> HttpClient:
    """Open connections that trust whom the brand trusts."""
    return HttpClient(connections=connections, ca_file=settings.WEBHOOKS_CA_FILE)


def post(
    client: HttpClient,
    address: str,
    *,
    message_id: str,
    payload: str,
    secrets: Sequence[str],
) -> Answer:
    """Send a payload, signed with each secret; every end is an answer, none is raised."""
    try:
        target = read_target(address)
        found = resolve(target)
    except NameNotFound:
        return Answer(problem=Problem.NOT_FOUND)
    except AddressRefused:
        return Answer(problem=Problem.FORBIDDEN)
    headers = _headers(message_id, payload, secrets)
    deadline = time.monotonic() + ANSWER_SECONDS
    answer = Answer(problem=Problem.UNREACHABLE)
    for ip in found:
        request = Request(
            target.url,
            headers,
            payload.encode(),
            connect_to=f"[{ip}]" if ":" in ip else ip,
            seconds=deadline - time.monotonic(),
        )
        answer = client.ask(request, _understood).result()
        # Another address of the same name is worth a try only while nothing was sent.
        if answer.problem != Problem.UNREACHABLE or time.monotonic() >= deadline:
            break
    return answer


def _headers(message_id: str, payload: str, secrets: Sequence[str]) -> dict[str, str]:
    now = timezone.now()
    signatures = (
        Webhook(secret).sign(msg_id=message_id, timestamp=now, data=payload)
        for secret in secrets
    )
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Loyalty-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _understood(reply: Reply) -> Answer:
    """Read an answer; its status stands, whatever becomes of the body."""
    if not reply.status:
        return Answer(problem=Problem(reply.problem))
    # Neither database keeps a NUL in a text.
    text = reply.body.decode(errors="replace").replace("\0", "\ufffd")[:ANSWER_LENGTH]
    if 200 <= reply.status < 300:
        return Answer(reply.status, text=text)
    problem = Problem.REFUSED
    if reply.status == 410:
        problem = Problem.GONE
    elif 300 <= reply.status < 400:
        problem = Problem.REDIRECT
    pause = min(timedelta(seconds=reply.retry_after), LONGEST_PAUSE)
    return Answer(reply.status, problem, text, pause)
