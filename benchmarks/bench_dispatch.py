"""How fast the outbox is emptied, beside a client that only talks HTTP.

The floor is a bare asynchronous client that sends as many requests of the same size to the
same simulated platform, over as many kept-alive connections, and keeps nothing: no row, no
gate, no text filled in. Both sides are measured in turns; the simulator shares the machine.

    python benchmarks/bench_dispatch.py [--messages 4000]
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from scratch import PROJECT, scratch_database, use_django

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
PORT = 8797
CONNECTIONS = 16
ROUNDS = 2
TARGET = 0.7
SIMULATOR = f"http://127.0.0.1:{PORT}"
ENVIRONMENT = {
    "ZALO_APP_ID": "1000000000000000001",
    "ZALO_APP_SECRET": "simulator-app-secret",
    "ZALO_OA_ID": "1000000000000000002",
    "ZALO_OA_SECRET": "simulator-oa-secret",
    "ZALO_REFRESH_TOKEN": "simulator-refresh-token",
    "ZALO_OAUTH_URL": SIMULATOR,
    "ZALO_OPENAPI_URL": SIMULATOR,
    "ZALO_BUSINESS_URL": SIMULATOR,
}
DATA = {
    "customer_name": "Nguyễn Thị Mai",
    "news": "Tin mới",
    "offer": "Giảm 20%",
    "valid_until": "31/12/2026",
    "link": "https://example.com/m/abcdefghijkl1234/",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    with simulator(), scratch_database("loyalty_bench_dispatch") as url:
        use_django(url)
        figures = measure(options.messages)
    report(figures)


@contextmanager
def simulator() -> Iterator[None]:
    """Start the simulated platform in a process of its own."""
    command = [sys.executable, "-m", "zalo_simulator", "--port", str(PORT)]
    options = ["--state", ":memory:", "--ignore-night", "--delivery-seconds", "3600"]
    process = subprocess.Popen([*command, *options], cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        for _attempt in range(100):
            try:
                HTTPConnection("127.0.0.1", PORT, timeout=1).request("GET", "/")
                break
            except (OSError, HTTPException):
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def measure(messages: int) -> dict[str, float | int]:
    from messaging.models import Message
    from messaging.services import connect_official_account, dispatch_messages
    from messaging.zalo.client import ZaloClient
    from messaging.zalo.tokens import fresh_token

    connect_official_account(name="Cà phê Sông")
    with ZaloClient() as client:
        token = fresh_token(client)
    members = make_members(messages)
    bare, ours = [], []
    for round_number in range(ROUNDS):
        bare.append(clock(lambda: asyncio.run(send_bare(token, messages)), messages))
        plan(members, round_number)
        ours.append(clock(lambda: dispatch_messages(at=AT), messages))
    states = dict(Message.objects.values_list("state", "channel"))
    assert set(states) == {"sent"}, states
    return {
        "messages": messages,
        "bare_a_second": max(bare),
        "ours_a_second": max(ours),
        "ratio": round(max(ours) / max(bare), 2),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def clock(work: object, messages: int) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return round(messages / (time.perf_counter() - started), 1)


# --- our side -----------------------------------------------------------------------------


def make_members(count: int) -> list[int]:
    from django.db import connection

    from tests import factories

    factories.make_programme()
    with connection.cursor() as cursor:
        for statement in (
            "INSERT INTO members_member (id, code, name, gender, province, language, "
            "follows_oa, state, joined_at, created_at, updated_at) SELECT n, 'M' || n, "
            "'Nguyễn Thị ' || n, '', '', 'vi', false, 'active', now(), now(), now() "
            "FROM generate_series(1, %s) n",
            "INSERT INTO members_identifier (member_id, kind, value, is_valid, created_at) "
            "SELECT n, 'phone', '+849' || lpad(n::text, 8, '0'), true, now() "
            "FROM generate_series(1, %s) n",
            "INSERT INTO members_consent (member_id, purpose, channel, is_given, "
            "changed_at, source) SELECT n, 'care', '', true, now(), 'bench' "
            "FROM generate_series(1, %s) n",
        ):
            cursor.execute(statement, [count])
        cursor.execute("ANALYZE")
    return list(range(1, count + 1))


def plan(members: list[int], round_number: int) -> None:
    from messaging.models import MessageTemplate
    from messaging.services import MessagePlan, queue_messages
    from tests import factories

    template = MessageTemplate.objects.filter(code="news").first()
    template = template or factories.make_template(purpose="care")
    queue_messages(
        [
            MessagePlan(
                key=f"bench-{round_number}-{member_id}",
                member_id=member_id,
                template_id=template.pk,
                channel="zalo_phone",
                due_at=AT - timedelta(hours=1),
                expires_at=AT + timedelta(days=1),
                context={
                    "news": "Tin mới",
                    "offer": "Giảm 20%",
                    "valid_until": "31/12/2026",
                },
            )
            for member_id in members
        ]
    )


# --- the floor ----------------------------------------------------------------------------


async def send_bare(token: str, messages: int) -> None:
    numbers = iter(range(messages))
    await asyncio.gather(*(_one_connection(token, numbers) for _ in range(CONNECTIONS)))


async def _one_connection(token: str, numbers: Iterator[int]) -> None:
    place = urlsplit(SIMULATOR)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    for number in numbers:
        body = json.dumps(
            {
                "phone": f"848{number:08}",
                "template_id": "400005",
                "template_data": DATA,
                "tracking_id": f"bare{number}",
            }
        ).encode()
        head = (
            f"POST /message/template HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"access_token: {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await _read_answer(reader)
        assert answer["error"] == 0, answer
    writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> dict[str, object]:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(
        line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line
    )
    answer: dict[str, object] = json.loads(
        await reader.readexactly(int(fields["content-length"]))
    )
    return answer


def report(figures: dict[str, float | int]) -> None:
    verdict = "met" if figures["ratio"] >= TARGET else "NOT met"
    sys.stdout.write(
        f"bare client      {figures['bare_a_second']:8.0f} a second\n"
        f"dispatch         {figures['ours_a_second']:8.0f} a second   "
        f"{figures['ratio']:.2f} of it; at least {TARGET}: {verdict}\n"
    )
    sys.stdout.write(json.dumps({"bench": "dispatch", **figures}) + "\n")


if __name__ == "__main__":
    main()
