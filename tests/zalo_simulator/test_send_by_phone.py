import hashlib
from typing import Any

import pytest

from tests.zalo_simulator.conftest import (
    BINH_PHONE,
    CARE,
    COME_BACK,
    MAI_PHONE,
    OTP,
    Business,
    MakeSimulator,
    register_mai_and_binh,
)
from zalo_simulator.server import Simulator


def with_data(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return body | {"template_data": body["template_data"] | changes}


def test_accepted_message_is_answered_in_the_documented_shape(
    zalo: Simulator, business: Business
) -> None:
    answer = business.by_phone(tracking_id="cmp42-mbr1001-r1")

    message = zalo.sent()[0]
    assert answer == {
        "error": 0,
        "message": "Success",
        "data": {
            "msg_id": message.message_id,
            "sent_time": str(message.accepted_at),
            "sending_mode": "1",
            "quota": {"dailyQuota": "500000", "remainingQuota": "499999"},
        },
    }
    assert len(message.message_id) == 20


def test_what_was_accepted_can_be_read_back(zalo: Simulator, business: Business) -> None:
    business.by_phone(tracking_id="t-1")

    (message,) = zalo.sent(phone=MAI_PHONE)
    assert message.template_id == "400004"
    assert message.template_data == CARE["template_data"]
    assert message.tracking_id == "t-1"
    assert (message.phone, message.user_id) == (MAI_PHONE, "")
    assert (message.price, message.outcome) == (300, "delivered")
    assert zalo.sent(phone=BINH_PHONE) == []


def test_same_tracking_id_is_sent_twice(zalo: Simulator, business: Business) -> None:
    business.by_phone(tracking_id="t-1")
    business.by_phone(tracking_id="t-1")

    assert len(zalo.sent(tracking_id="t-1")) == 2


@pytest.mark.parametrize(
    "written", ["84912345678", "+84912345678", "0912345678", "912345678"]
)
def test_understands_how_phones_are_written(
    zalo: Simulator, business: Business, written: str
) -> None:
    business.by_phone(written)

    assert zalo.sent()[0].phone == "84912345678"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"template_id": "999"}, -109),
        ({"template_data": {}}, -111),
        ({"template_data": ["x"]}, -112),
        (with_data(CARE, points=320), -112),
        (with_data(CARE, points="1" * 21), -1121),
        # Six letters as people see them, more as they are counted.
        (with_data(CARE, customer_name="Nguyê\u0303n" * 6), -1121),
        (with_data(CARE, points=""), -1122),
        (with_data(CARE, link="example.com"), -1124),
        ({"phone": "12345"}, -108),
        ({"sending_mode": "2"}, -161),
        ({"sending_mode": "3"}, -162),
        ({"tracking_id": "t" * 49}, -132),
        ({"mode": "development"}, -127),
    ],
)
def test_refuses(
    zalo: Simulator, business: Business, body: dict[str, Any], code: int
) -> None:
    assert business.by_phone(**body)["error"] == code
    assert zalo.sent() == []


def test_refusal_names_the_parameter(business: Business) -> None:
    too_long = with_data(CARE, customer_name="M" * 31)

    assert business.by_phone(**too_long) == {
        "error": -1121,
        "message": "template data customer_name is break max length",
    }


def test_optional_parameters_may_be_empty(zalo: Simulator, business: Business) -> None:
    assert business.by_phone(**with_data(COME_BACK, expiring="", offer=""))["error"] == 0


def test_empty_body_and_broken_json(zalo: Simulator, business: Business) -> None:
    address = f"{zalo.base_url}/message/template"

    assert business.session.post(address, timeout=5).json()["error"] == -121
    assert business.session.post(address, data=b"{", timeout=5).json()["error"] == -122


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("no_zalo", -118),
        ("refused_kind", -139),
        ("refused_oa", -141),
        ("inactive", -114),
        ("outdated_app", -110),
        ("not_eligible", -140),
        ("quota_used_up", -1472),
    ],
)
def test_recipient_state_decides(
    zalo: Simulator, business: Business, state: str, code: int
) -> None:
    zalo.people.set_state(MAI_PHONE, state)

    assert business.by_phone(MAI_PHONE)["error"] == code
    assert business.by_phone(BINH_PHONE)["error"] == 0
    assert [message.phone for message in zalo.sent()] == [BINH_PHONE]


def test_promotion_is_refused_at_night_and_a_code_is_not(
    make_zalo: MakeSimulator, connect: Any
) -> None:
    zalo = make_zalo(ignore_night=False)
    business = connect(zalo)

    business.post("/simulator/clock", {"at": "2030-03-04T22:00:00"})
    business.session.headers["access_token"] = zalo.platform.tokens.mint_access()
    assert business.by_phone(**COME_BACK)["error"] == -133
    assert business.by_phone(**OTP)["error"] == 0
    business.post("/simulator/clock", {"at": "2030-03-05T06:00:00"})
    assert business.by_phone(**COME_BACK)["error"] == 0


def test_money_runs_out(make_zalo: MakeSimulator, connect: Any) -> None:
    zalo = make_zalo(balance=500)
    business = connect(zalo)

    assert business.by_phone()["error"] == 0
    assert business.by_phone()["error"] == -115
    assert zalo.platform.balance == 200


def test_daily_quota_runs_out_and_comes_back_at_midnight(
    make_zalo: MakeSimulator, connect: Any
) -> None:
    zalo = make_zalo(daily_quota=1)
    business = connect(zalo)
    business.post("/simulator/clock", {"at": "2030-03-04T23:50:00"})
    business.session.headers["access_token"] = zalo.platform.tokens.mint_access()

    assert business.by_phone()["data"]["quota"]["remainingQuota"] == "0"
    assert business.by_phone()["error"] == -144
    business.post("/simulator/clock", {"at": "2030-03-05T00:00:00"})
    assert business.by_phone()["error"] == 0


def test_promotion_cap_per_person(make_zalo: MakeSimulator, connect: Any) -> None:
    business = connect(make_zalo(promotions_per_day=1))

    assert business.by_phone(**COME_BACK)["error"] == 0
    assert business.by_phone(**COME_BACK)["error"] == -1472
    assert business.by_phone(BINH_PHONE, **COME_BACK)["error"] == 0
    assert business.by_phone(**CARE)["error"] == 0


def test_hashed_phone_reaches_the_same_inbox(zalo: Simulator, business: Business) -> None:
    register_mai_and_binh(zalo)
    value = hashlib.sha256(MAI_PHONE.encode()).hexdigest()

    answer = business.post("/message/template/hashphone", {"hash_phone": value} | CARE)

    assert answer["error"] == 0
    assert zalo.sent()[0].person_key == MAI_PHONE
    wrong = business.post("/message/template/hashphone", {"hash_phone": MAI_PHONE} | CARE)
    assert wrong["error"] == -108


def test_status_tells_what_became_of_it(zalo: Simulator, business: Business) -> None:
    zalo.people.set_state(BINH_PHONE, "offline")
    delivered = business.by_phone(MAI_PHONE)["data"]["msg_id"]
    waiting = business.by_phone(BINH_PHONE)["data"]["msg_id"]

    answer = business.get("/message/status", message_id=delivered)["data"]
    assert answer == {
        "delivery_time": str(zalo.sent()[0].delivered_at),
        "message": "The message was delivered to the user's phone",
        "status": 1,
    }
    assert business.get("/message/status", message_id=waiting)["data"]["status"] == 0
    assert business.get("/message/status", message_id="0" * 20)["data"]["status"] == -1


def test_quota_and_quality(business: Business) -> None:
    business.by_phone()

    quota = business.get("/message/quota")["data"]
    assert (quota["dailyQuota"], quota["remainingQuota"]) == (500_000, 499_999)
    assert quota["dailyQuotaPromotion"] is None
    assert business.get("/quality")["data"] == {
        "oaCurrentQuality": "HIGH",
        "oa7dayQuality": "HIGH",
    }


def test_types_can_be_flipped(make_zalo: MakeSimulator, connect: Any) -> None:
    business = connect(make_zalo(flip_types=True))

    data = business.by_phone()["data"]
    assert data["quota"] == {"dailyQuota": 500_000, "remainingQuota": 499_999}
    assert business.get("/message/quota")["data"]["dailyQuota"] == "500000"


def test_inbox_survives_a_restart(
    make_zalo: MakeSimulator, connect: Any, tmp_path: Any
) -> None:
    path = str(tmp_path / "state.sqlite3")
    connect(make_zalo(state_path=path)).by_phone(tracking_id="t-1")

    assert [message.tracking_id for message in make_zalo(state_path=path).sent()] == ["t-1"]
