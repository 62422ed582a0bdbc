import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.zalo_simulator.conftest import (
    BINH_PHONE,
    CARE,
    MAI_PHONE,
    MAI_UID,
    Business,
    register_mai_and_binh,
)
from zalo_simulator.server import Simulator


def switch_on(business: Business, **fault: Any) -> Any:
    return business.post("/simulator/faults", fault)


def post(business: Business, timeout: float = 5) -> requests.Response:
    address = f"{business.zalo.base_url}/message/template"
    return business.session.post(address, json={"phone": MAI_PHONE} | CARE, timeout=timeout)


def test_error_code_for_the_next_two(zalo: Simulator, business: Business) -> None:
    switch_on(business, kind="error", code=-100, next=2)

    answers = [business.by_phone()["error"] for _ in range(3)]
    assert answers == [-100, -100, 0]
    assert len(zalo.sent()) == 1
    (rule,) = business.get("/simulator/faults")["faults"]
    assert (rule["hits"], rule["left"]) == (2, 0)


def test_error_code_for_one_phone(business: Business) -> None:
    switch_on(business, kind="error", code=-118, to=BINH_PHONE)

    assert business.by_phone(BINH_PHONE) == {
        "error": -118,
        "message": "Zalo account not existed",
    }
    assert business.by_phone(MAI_PHONE)["error"] == 0


def test_fault_by_uid_leaves_the_phone_alone(zalo: Simulator, business: Business) -> None:
    register_mai_and_binh(zalo)
    switch_on(business, kind="error", code=-213, channel="uid")

    assert business.by_uid(MAI_UID)["error"] == -213
    assert business.by_phone(MAI_PHONE)["error"] == 0


def test_percentage_is_the_same_for_the_same_seed(business: Business) -> None:
    def run() -> list[int]:
        business.session.delete(f"{business.zalo.base_url}/simulator/faults", timeout=5)
        switch_on(business, kind="error", code=-100, percent=30, seed=7)
        return [business.by_phone()["error"] for _ in range(40)]

    first = run()
    assert run() == first
    assert first.count(-100) == 16


def test_stable_fault_always_strikes_the_same_people(business: Business) -> None:
    switch_on(business, kind="error", code=-118, percent=50, stable=True)
    phones = [f"8491000{number:04d}" for number in range(20)]

    first = [business.by_phone(phone)["error"] for phone in phones]
    assert [business.by_phone(phone)["error"] for phone in phones] == first
    assert set(first) == {0, -118}


def test_http_500_takes_nothing_unless_told_to(zalo: Simulator, business: Business) -> None:
    switch_on(business, kind="http_500", next=1)
    assert post(business).status_code == 500
    assert zalo.sent() == []

    switch_on(business, kind="http_500", next=1, accept=True)
    assert post(business).status_code == 500
    assert [message.fault for message in zalo.sent()] == ["http_500"]


def test_timeout_comes_after_the_message_was_accepted(
    zalo: Simulator, business: Business
) -> None:
    switch_on(business, kind="timeout", next=1)

    with pytest.raises(requests.Timeout):
        post(business, timeout=0.3)
    assert [message.fault for message in zalo.sent()] == ["timeout"]


def test_slow_reply_is_a_good_reply(business: Business) -> None:
    switch_on(business, kind="slow", seconds=0.3)
    started = time.monotonic()

    assert business.by_phone()["error"] == 0
    assert time.monotonic() - started >= 0.3


def test_connection_reset(zalo: Simulator, business: Business) -> None:
    switch_on(business, kind="reset", next=1)

    with pytest.raises(requests.ConnectionError):
        post(business)
    assert zalo.sent() == []
    assert business.by_phone()["error"] == 0


def test_html_instead_of_json(business: Business) -> None:
    switch_on(business, kind="html")

    answer = post(business)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html"
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_other_calls_can_fail_too(zalo: Simulator, business: Business) -> None:
    switch_on(business, kind="http_500", calls="/message/quota")

    address = f"{zalo.base_url}/message/quota"
    assert business.session.get(address, timeout=5).status_code == 500
    assert business.by_phone()["error"] == 0


def test_a_list_replaces_what_was_there(business: Business) -> None:
    switch_on(business, kind="html")
    switch_on(business, faults=[{"kind": "error", "code": -100}])

    rules = business.get("/simulator/faults")["faults"]
    assert [rule["kind"] for rule in rules] == ["error"]


@pytest.mark.parametrize("fault", [{"kind": "flood"}, {"kind": "html", "how": 1}, {}])
def test_nonsense_is_refused(zalo: Simulator, fault: dict[str, Any]) -> None:
    answer = requests.post(f"{zalo.base_url}/simulator/faults", json=fault, timeout=5)

    assert answer.status_code == 400
    assert zalo.faults.listed() == []


def test_many_senders_at_once_lose_nothing(zalo: Simulator, business: Business) -> None:
    def send(number: int) -> int:
        with requests.Session() as session:
            session.headers.update(business.session.headers)
            body = {"phone": f"8491{number:07d}", "tracking_id": f"t-{number}"} | CARE
            address = f"{zalo.base_url}/message/template"
            code: int = session.post(address, json=body, timeout=20).json()["error"]
            return code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(200)))
    assert answers == [0] * 200
    assert {message.tracking_id for message in zalo.sent()} == {
        f"t-{n}" for n in range(200)
    }


def test_stopping_ends_replies_that_are_held_back(make_zalo: Any, connect: Any) -> None:
    zalo = make_zalo()
    business = connect(zalo)
    switch_on(business, kind="timeout", seconds=60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, business)
        while not zalo.sent():
            time.sleep(0.01)
        zalo.stop()
        with pytest.raises(requests.ConnectionError):
            waiting.result(timeout=5)
