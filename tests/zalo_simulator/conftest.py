"""A running simulator, and a small client that speaks to it as a business would."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from zalo_simulator.server import Simulator

MAI_PHONE, MAI_UID = "84912345678", "246851883529190001"
BINH_PHONE, BINH_UID = "84987654321", "246851883529190002"

OTP = {"template_id": "400002", "template_data": {"otp": "482913"}}
CARE = {
    "template_id": "400004",
    "template_data": {
        "customer_name": "Nguyễn Thị Mai",
        "points": "320",
        "expires_on": "31/12/2026",
        "balance": "1.250",
        "link": "https://example.com/m/abc",
    },
}
COME_BACK = {
    "template_id": "400001",
    "template_data": {
        "customer_name": "Nguyễn Thị Mai",
        "days": "45",
        "points": "1.250",
        "expiring": "320 điểm, ngày 31/12/2026",
        "offer": "Tặng 100 điểm",
        "link": "https://example.com/m/abc",
    },
}


@dataclass
class Business:
    """Holds an access token and sends with it."""

    zalo: Simulator
    session: requests.Session = field(default_factory=requests.Session)

    def post(self, path: str, body: Any, **kwargs: Any) -> Any:
        answer = self.session.post(
            self.zalo.base_url + path, json=body, timeout=5, **kwargs
        )
        return answer.json()

    def get(self, path: str, **params: str) -> Any:
        return self.session.get(self.zalo.base_url + path, params=params, timeout=5).json()

    def by_phone(self, phone: str = MAI_PHONE, **body: Any) -> Any:
        return self.post("/message/template", {"phone": phone} | (CARE | body))

    def by_uid(self, user_id: str = MAI_UID, **body: Any) -> Any:
        return self.post("/v3.0/oa/message/template", {"user_id": user_id} | (CARE | body))


MakeSimulator = Callable[..., Simulator]


@pytest.fixture
def make_zalo() -> Iterator[MakeSimulator]:
    """Start simulators with options of one's own; all are stopped at the end."""
    started: list[Simulator] = []

    def make(**options: Any) -> Simulator:
        options = {"delivery_seconds": 0.0, "ignore_night": True} | options
        started.append(Simulator(port=0, **options).start())
        return started[-1]

    yield make
    for simulator in started:
        simulator.stop()


@pytest.fixture
def zalo(make_zalo: MakeSimulator) -> Simulator:
    return make_zalo()


@pytest.fixture
def connect() -> Iterator[Callable[[Simulator], Business]]:
    made: list[Business] = []

    def connect(zalo: Simulator) -> Business:
        business = Business(zalo)
        business.session.headers["access_token"] = zalo.platform.tokens.mint_access()
        made.append(business)
        return business

    yield connect
    for business in made:
        business.session.close()


@pytest.fixture
def business(zalo: Simulator, connect: Callable[[Simulator], Business]) -> Business:
    return connect(zalo)


def register_mai_and_binh(zalo: Simulator) -> None:
    zalo.people.register(
        phone=MAI_PHONE, user_id=MAI_UID, name="Nguyễn Thị Mai", follows=True
    )
    zalo.people.register(
        phone=BINH_PHONE, user_id=BINH_UID, name="Trần Bình", follows=False
    )


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A business's webhook address; `statuses` are the answers to the first requests."""

    def __init__(self, statuses: list[int] | None = None) -> None:
        self.received: list[Received] = []
        self.statuses = statuses or []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers.items()), body))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *values: Any) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def wait_for(self, number: int, seconds: float = 5.0) -> list[Received]:
        until = time.monotonic() + seconds
        while len(self.received) < number and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.received) >= number, f"{len(self.received)} of {number} arrived"
        return self.received

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def make_receiver() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(statuses: list[int] | None = None) -> Receiver:
        made.append(Receiver(statuses))
        return made[-1]

    yield make
    for receiver in made:
        receiver.stop()
