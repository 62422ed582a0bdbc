from datetime import timedelta
from typing import Any

import pytest

from tests.zalo_simulator.conftest import (
    BINH_UID,
    COME_BACK,
    MAI_PHONE,
    MAI_UID,
    OTP,
    Business,
    MakeSimulator,
    register_mai_and_binh,
)
from zalo_simulator.server import Simulator

TEXT = {"recipient": {"user_id": MAI_UID}, "message": {"text": "Xin chào!"}}


@pytest.fixture(autouse=True)
def _people(zalo: Simulator) -> None:
    register_mai_and_binh(zalo)


def test_accepted_message_is_answered_in_the_documented_shape(
    zalo: Simulator, business: Business
) -> None:
    answer = business.by_uid(**COME_BACK)

    message = zalo.sent()[0]
    assert answer["data"] == {
        "message_id": message.message_id,
        "user_id": MAI_UID,
        "sent_time": str(message.accepted_at),
        "quota": {"quota_type": "purchase_quota", "remain": 499_999},
    }
    assert (message.user_id, message.phone, message.price) == (MAI_UID, "", 200)


def test_lands_in_the_inbox_of_the_persons_phone(
    zalo: Simulator, business: Business
) -> None:
    business.by_uid()

    assert zalo.sent()[0].person_key == MAI_PHONE


def test_unknown_uid_gets_an_inbox_that_joins_the_phone_once_known(
    zalo: Simulator, business: Business
) -> None:
    business.by_uid("777")
    business.by_phone("84900000007")
    assert zalo.sent()[0].person_key == "777"

    zalo.people.register(phone="84900000007", user_id="777", follows=True)

    assert [message.person_key for message in zalo.sent()] == ["84900000007"] * 2
    person = zalo.people.by_user_id("777")
    assert person is not None
    assert person.num_messages == 2


def test_tracking_id_is_not_part_of_this_channel(
    zalo: Simulator, business: Business
) -> None:
    business.by_uid(tracking_id="t-1")

    assert zalo.sent()[0].tracking_id == ""


@pytest.mark.parametrize("template_id", ["400002", "400003"])
def test_phone_only_templates_are_refused(business: Business, template_id: str) -> None:
    assert business.by_uid(**(OTP | {"template_id": template_id}))["error"] == -249


def test_promotion_needs_a_follower_and_care_does_not(business: Business) -> None:
    assert business.by_uid(BINH_UID, **COME_BACK)["error"] == -213
    assert business.by_uid(BINH_UID)["error"] == 0


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("no_zalo", -201),
        ("refused_kind", -244),
        ("inactive", -227),
        ("unfollowed", -213),
        ("quota_used_up", -218),
        ("not_eligible", -232),
    ],
)
def test_recipient_state_decides(
    zalo: Simulator, business: Business, state: str, code: int
) -> None:
    business.post("/simulator/people/states", {"user_id": MAI_UID, "state": state})

    assert business.by_uid()["error"] == code
    assert zalo.sent() == []


def test_night(make_zalo: MakeSimulator, connect: Any) -> None:
    zalo = make_zalo(ignore_night=False)
    connect(zalo).post("/simulator/clock", {"at": "2030-03-04T05:59:00"})

    assert connect(zalo).by_uid(**COME_BACK)["error"] == -234


def test_bad_user_id(business: Business) -> None:
    assert business.by_uid("not-a-number")["error"] == -201


def test_consultation_is_allowed_for_seven_days(
    zalo: Simulator, business: Business
) -> None:
    assert business.post("/v3.0/oa/message/cs", TEXT)["data"]["user_id"] == MAI_UID

    zalo.platform.clock.move_to(zalo.platform.clock.now() + timedelta(days=7, minutes=1))
    business.session.headers["access_token"] = zalo.platform.tokens.mint_access()
    assert business.post("/v3.0/oa/message/cs", TEXT)["error"] == -230


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2.0/oa/message", -240),
        ("/v3.0/oa/message/transaction", -233),
        ("/v3.0/oa/message/promotion", -233),
    ],
)
def test_dead_paths(business: Business, path: str, code: int) -> None:
    assert business.post(path, TEXT)["error"] == code


def test_user_detail(business: Business) -> None:
    data = business.get("/v3.0/oa/user/detail", data=f'{{"user_id":"{BINH_UID}"}}')["data"]

    assert data["user_id"] == BINH_UID
    assert data["display_name"] == "Trần Bình"
    assert data["user_is_follower"] is False
    assert data["shared_info"]["phone"] == ""
    unknown = business.get("/v3.0/oa/user/detail", data='{"user_id":"5"}')
    assert unknown["error"] == -201


def test_user_list(business: Business) -> None:
    everyone = business.get("/v3.0/oa/user/getlist", data='{"offset":0,"count":1}')["data"]
    followers = business.get("/v3.0/oa/user/getlist", data='{"is_follower":"true"}')["data"]
    too_many = business.get("/v3.0/oa/user/getlist", data='{"count":51}')

    assert everyone == {
        "total": 2,
        "count": 1,
        "offset": 0,
        "users": [{"user_id": MAI_UID}],
    }
    assert followers["users"] == [{"user_id": MAI_UID}]
    assert too_many["error"] == -210


def test_account_and_quota(business: Business) -> None:
    business.by_uid(**COME_BACK)

    account = business.get("/v2.0/oa/getoa")["data"]
    assert (account["oa_id"], account["num_follower"]) == ("1000000000000000002", 1)
    quota = business.post("/v3.0/oa/quota/message", {"user_id": MAI_UID})["data"]
    assert quota["promotion"] == {
        "daily_remain": 0,
        "daily_total": 1,
        "monthly_remain": 29,
        "monthly_total": 30,
    }


def test_tags(business: Business) -> None:
    tagged = {"user_id": MAI_UID, "tag_name": "Khách Q1"}

    assert business.post("/v2.0/oa/tag/tagfollower", tagged)["error"] == 0
    assert business.get("/v2.0/oa/tag/gettagsofoa")["data"] == ["Khách Q1"]
    found = business.get("/v3.0/oa/user/getlist", data='{"tag_name":"Khách Q1"}')["data"]
    assert found["users"] == [{"user_id": MAI_UID}]
    business.post("/v2.0/oa/tag/rmfollowerfromtag", tagged)
    assert business.get("/v2.0/oa/tag/gettagsofoa")["data"] == []
