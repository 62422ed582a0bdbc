"""How fast the outbox is emptied, beside a client that only talks HTTP.

The floor is aiohttp, the fastest asynchronous client of Python: it sends as many requests
of the same size to the same simulated platform over as many kept-alive connections, and
keeps nothing: no row, no gate, no text filled in. Relays run as they do on a machine of two
cores, one process for each; the simulator and PostgreSQL share these cores.

Two scenes: a platform that answers at once, where only our own work counts, and one that
answers after a twentieth of a second, which is still faster than a real one. Both sides are
measured in turns.

    python benchmarks/bench_dispatch.py [--messages 4000] [--relays 2]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any

from crew import Crew
from peers import NoPeers, peers_python
from scratch import PROJECT, scratch_database, use_django

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
PORT = 8797
ROUNDS = 2
TARGET = 0.7
# Seconds until the platform answers.
SCENES = (0.0, 0.05)
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--relays", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    try:
        client = str(peers_python())
    except NoPeers as error:
        print(f"aiohttp could not be installed to compare with: {error}")
        return 1
    with simulator(), scratch_database("loyalty_bench_dispatch") as url:
        use_django(url)
        for seconds in SCENES:
            report(measure(client, url, seconds, options.messages, options.relays))
    return 0


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


def measure(
    client: str, url: str, seconds: float, messages: int, relays: int
) -> dict[str, Any]:
    from messaging.models import Message
    from messaging.relay import CONNECTIONS

    connections = relays * CONNECTIONS
    token = prepare(messages)
    answer_after(seconds)
    bare = Crew([client, "http_client.py", SIMULATOR, token, str(connections)], 1)
    ours = Crew([sys.executable, "relay_worker.py", url], relays)
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    for round_number in range(ROUNDS):
        rates["bare"].append(a_second(bare, messages))
        plan(messages, f"{seconds}-{round_number}")
        rates["ours"].append(a_second(ours, messages))
    bare.close()
    ours.close()
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    best_bare, best_ours = max(rates["bare"]), max(rates["ours"])
    return {
        "messages": messages,
        "answer_seconds": seconds,
        "connections": connections,
        "relays": relays,
        "bare_a_second": best_bare,
        "ours_a_second": best_ours,
        "ratio": round(best_ours / best_bare, 2),
    }


def a_second(crew: Crew, messages: int) -> float:
    """Let a crew send all messages once; return how many that were in a second."""
    started = time.perf_counter()
    crew.rate(messages)
    return round(messages / (time.perf_counter() - started), 1)


def answer_after(seconds: float) -> None:
    """Let the simulated platform take its time."""
    connection = HTTPConnection("127.0.0.1", PORT, timeout=5)
    connection.request("DELETE", "/simulator/faults")
    connection.getresponse().read()
    if seconds:
        slow = json.dumps({"kind": "slow", "seconds": seconds})
        connection.request("POST", "/simulator/faults", slow)
        assert connection.getresponse().status == 200
    connection.close()


# --- our side -----------------------------------------------------------------------------


def prepare(messages: int) -> str:
    """Connect the account and make whom to write to, once; return a token that works."""
    from members.models import Member
    from messaging.services import connect_official_account
    from messaging.zalo.client import ZaloClient
    from messaging.zalo.tokens import fresh_token
    from tests import factories

    if not Member.objects.exists():
        factories.make_programme()
        connect_official_account(name="Cà phê Sông")
        make_members(messages)
    with ZaloClient() as client:
        return fresh_token(client)


def make_members(count: int) -> None:
    from django.db import connection

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


def plan(messages: int, name: str) -> None:
    from messaging.models import MessageTemplate
    from messaging.services import MessagePlan, queue_messages
    from tests import factories

    template = MessageTemplate.objects.filter(code="news").first()
    template = template or factories.make_template(purpose="care")
    queue_messages(
        [
            MessagePlan(
                key=f"bench-{name}-{member_id}",
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
            for member_id in range(1, messages + 1)
        ]
    )


def report(figures: dict[str, Any]) -> None:
    verdict = "met" if figures["ratio"] >= TARGET else "NOT met"
    milliseconds = round(figures["answer_seconds"] * 1000)
    print(f"answers after {milliseconds} ms, {figures['connections']} connections")
    print(f"  aiohttp   {figures['bare_a_second']:8.0f} a second")
    print(
        f"  {figures['relays']} relays  {figures['ours_a_second']:8.0f} a second   "
        f"{figures['ratio']:.2f} of it; at least {TARGET}: {verdict}"
    )
    print(json.dumps({"bench": "dispatch", **figures}))


if __name__ == "__main__":
    sys.exit(main())
