"""Vouchers at the till's door: validate, hold, use, release, take back, look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities.models import Order, Store
from members.models import Identifier, Member
from points.models import Wallet
from rewards.models import VoucherUse
from tests.api.conftest import Till, make_till, problem
from tests.rewards.using import (
    FROM_200,
    TENTH_OFF,
    limit,
    make_type,
    make_voucher,
    states,
    uses_left,
)

VALIDATE = "/api/v1/vouchers/validate/"
HOLDS = "/api/v1/vouchers/holds/"
USES = "/api/v1/vouchers/uses/"
ASK = {"codes": ["aaaa-1111"], "member_id": "MAI", "total": "185000"}
USE = {**ASK, "reference": "HD/1"}
NEUTRAL = {
    "is_usable": False,
    "name": "",
    "taken_off": "0.00",
    "delivery": "0.00",
    "lines": [],
    "notes": [],
    "reason": "not_usable",
    "sentence": "This voucher cannot be used here.",
}


def test_validate_says_what_comes_off_line_by_line(till: Till, mai: Member) -> None:
    make_voucher(member=mai, voucher_type=make_type(terms=TENTH_OFF, name="A tenth"))
    lines = [
        {"sku": "CF1", "quantity": "2", "total": "58000"},
        {"sku": "BM1", "total": "97000"},
    ]

    answer = till.post(VALIDATE, {**ASK, "lines": lines, "delivery_fee": "30000"})

    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "total": "185000.00",
        "taken_off": "15500.00",
        "to_pay": "169500.00",
        "vouchers": [
            {
                "code": "aaaa-1111",
                "is_usable": True,
                "name": "A tenth",
                "taken_off": "15500.00",
                "delivery": "0.00",
                "lines": [
                    {"line": 1, "taken_off": "5800.00"},
                    {"line": 2, "taken_off": "9700.00"},
                ],
                "notes": ["10% of 155.000 ₫."],
                "reason": "",
                "sentence": "",
            }
        ],
    }
    assert not VoucherUse.objects.exists()


def test_an_owner_learns_why_and_a_stranger_only_that(
    till: Till, mai: Member, binh: Member
) -> None:
    make_voucher(member=mai, voucher_type=make_type(terms=FROM_200))

    def told(**who: Any) -> dict[str, Any]:
        body = {"codes": ["AAAA1111"], "total": "185000", **who}
        return dict(till.post(VALIDATE, body).json()["vouchers"][0])

    owner = told(member_id="MAI")
    assert (owner["reason"], owner["sentence"]) == (
        "minimum_value",
        "It works from 200.000 ₫; 15.000 ₫ more is needed.",
    )
    assert owner["name"] == "20% off drinks"
    assert told(phone="0912 345 678") == owner
    unknown = {**NEUTRAL, "code": "AAAA1111"}
    assert told(member_id="BINH") == unknown
    assert told() == unknown


@pytest.mark.parametrize(
    "change",
    [
        {"codes": []},
        {"codes": ["X"] * 11},
        {"codes": ["x" * 101]},
        {"codes": "AAAA1111"},
        {"codes": ["AAAA1111", "aaaa 1111"]},
        {"total": "-1"},
        {"total": None},
        {"phone": "0912345678"},
        {"delivery_fee": "185001"},
        {"channel": "fax"},
        {"customer_ip": "home"},
        {"lines": [{"total": "1", "quantity": "many"}]},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_asked(till: Till, mai: Member, change: dict[str, Any]) -> None:
    make_voucher(member=mai)
    answer = till.post(VALIDATE, {**ASK, **change})
    assert problem(answer)["code"] == "invalid_input"
    assert answer.status_code == 400


def test_unknown_members_and_stores(till: Till, mai: Member) -> None:
    assert till.post(VALIDATE, {**ASK, "member_id": "NOBODY"}).status_code == 404
    assert till.post(VALIDATE, {**ASK, "store": "Q9"}).status_code == 404


def test_a_till_of_a_store_asks_for_its_store(mai: Member, wallet: Wallet) -> None:
    store = Store.objects.create(code="Q1", name="Quận 1")
    terms = {**TENTH_OFF, "store_ids": [store.pk]}
    make_voucher(member=mai, voucher_type=make_type(terms=terms))

    assert make_till(store=store).post(VALIDATE, ASK).json()["taken_off"] == "18500.00"
    elsewhere = make_till("web").post(VALIDATE, ASK).json()["vouchers"][0]
    assert elsewhere["reason"] == "store"


def test_hold_use_and_look(till: Till, mai: Member) -> None:
    voucher = make_voucher(member=mai)
    before = timezone.now()

    held = till.post(HOLDS, USE, key="h")

    assert held.status_code == 201, held.content
    body = held.json()
    until = VoucherUse.objects.get().held_until
    assert until is not None
    assert timedelta(minutes=15) <= until - before < timedelta(minutes=16)
    assert {**body, "held_until": None} == {
        "reference": "HD/1",
        "state": "held",
        "held_until": None,
        "total": "185000.00",
        "taken_off": "20000.00",
        "to_pay": "165000.00",
        "vouchers": [
            {
                "code": "AAAA1111",
                "name": "20% off drinks",
                "state": "held",
                "taken_off": "20000.00",
                "delivery": "0.00",
                "lines": [],
                "notes": ["20.000 ₫ off."],
            }
        ],
    }
    assert till.post(HOLDS, USE, key="h").headers["Idempotency-Replayed"] == "true"
    assert till.post(HOLDS, USE, key="h2").json() == body
    assert till.get(f"{USES}HD/1/").json() == body

    used = till.post(f"{HOLDS}HD/1/use/", {}, key="u")

    assert (used.status_code, used.json()["state"]) == (200, "used")
    assert used.json()["held_until"] is None
    assert till.get(f"{USES}HD/1/").json()["state"] == "used"
    assert uses_left(voucher) == 0
    closed = till.post(f"{HOLDS}HD/1/release/", {}, key="r")
    assert problem(closed)["code"] == "voucher_use_closed"
    assert problem(closed)["extra"] == {"state": "used"}


def test_use_at_once_and_take_back(till: Till, mai: Member) -> None:
    voucher = make_voucher(member=mai)

    used = till.post(USES, USE, key="u")
    assert (used.status_code, used.json()["state"]) == (201, "used")
    other = till.post(USES, {**USE, "total": "1"}, key="u2")
    assert (other.status_code, problem(other)["code"]) == (409, "key_reused")

    back = till.post(f"{USES}HD/1/roll-back/", {}, key="b")

    assert (back.status_code, back.json()["state"]) == (200, "rolled_back")
    assert uses_left(voucher) == 1


def test_release_and_hold_anew(till: Till, mai: Member) -> None:
    make_voucher(member=mai)
    till.post(HOLDS, USE, key="h")

    released = till.post(f"{HOLDS}HD/1/release/", {}, key="r")
    anew = till.post(HOLDS, {**USE, "total": "90000"}, key="h2")

    assert released.json()["state"] == "released"
    assert (anew.status_code, anew.json()["to_pay"]) == (201, "70000.00")


def test_a_refusal_names_each_code(till: Till, mai: Member, binh: Member) -> None:
    make_voucher("AAAA1111", member=mai, voucher_type=make_type(terms=FROM_200))
    make_voucher("BBBB2222", member=binh, voucher_type=make_type("his"))

    answer = till.post(USES, {**USE, "codes": ["AAAA1111", "BBBB2222"]}, key="u")

    assert answer.status_code == 409
    told = problem(answer)
    assert told["code"] == "voucher_refused"
    assert [(one["code"], one["reason"]) for one in told["extra"]["vouchers"]] == [
        ("AAAA1111", "minimum_value"),
        ("BBBB2222", "not_usable"),
    ]
    assert states() == []


def test_other_sources_find_nothing(till: Till, stranger: Till, mai: Member) -> None:
    make_voucher(member=mai)
    till.post(HOLDS, USE, key="h")

    for path in (f"{HOLDS}HD/1/use/", f"{HOLDS}HD/1/release/", f"{USES}HD/1/roll-back/"):
        assert stranger.post(path, {}, key=path).status_code == 404
    answer = stranger.get(f"{USES}HD/1/")
    assert problem(answer)["code"] == "voucher_use_not_found"
    assert states() == ["held"]


@pytest.mark.parametrize("path", [VALIDATE, HOLDS, USES, f"{HOLDS}HD-1/use/"])
def test_nobody_without_a_key(mai: Member, wallet: Wallet, path: str) -> None:
    assert Client().post(path, {}, content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    "path", [HOLDS, USES, f"{HOLDS}HD-1/use/", f"{USES}HD-1/roll-back/"]
)
def test_writes_need_their_key(till: Till, mai: Member, path: str) -> None:
    answer = till.post(path, USE if path in (HOLDS, USES) else {})
    assert problem(answer)["code"] == "idempotency_key_missing"


# --- Guessing ---------------------------------------------------------------------------


def guess(till: Till, number: int, **who: Any) -> list[int]:
    """Try so many codes; return the statuses."""
    return [
        till.post(VALIDATE, {"codes": [f"GUESS{n:05}"], "total": "1000", **who}).status_code
        for n in range(number)
    ]


def test_a_member_guesses_ten_times_an_hour(till: Till, mai: Member, binh: Member) -> None:
    make_voucher(member=mai)

    assert guess(till, 12, member_id="MAI") == [200] * 10 + [429] * 2

    # Now not even the right one is looked at, by any door.
    answer = till.post(VALIDATE, ASK)
    assert problem(answer)["code"] == "too_many_misses"
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    held = till.post(HOLDS, USE, key="h")
    assert held.status_code == 429
    assert states() == []
    assert guess(till, 1, member_id="BINH") == [200]


def test_codes_held_and_used_count_too_and_refusals_stay_answers(
    till: Till, mai: Member
) -> None:
    body = {**USE, "codes": [f"GUESS{n:05}" for n in range(5)]}

    first = till.post(HOLDS, body, key="h")
    again = till.post(HOLDS, body, key="h")
    second = till.post(USES, body, key="u")
    third = till.post(USES, body, key="u2")

    assert [one.status_code for one in (first, second, third)] == [409, 409, 429]
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"


def test_without_a_member_the_address_is_slowed(
    till: Till, stranger: Till, mai: Member
) -> None:
    assert guess(till, 31) == [200] * 30 + [429]
    assert guess(stranger, 1) == [429]
    assert guess(stranger, 1, customer_ip="203.0.113.9") == [200]
    assert guess(stranger, 1, member_id="MAI") == [200]


def test_a_shopper_is_slowed_and_not_the_shop(till: Till, mai: Member) -> None:
    assert guess(till, 31, customer_ip="203.0.113.9") == [200] * 30 + [429]
    assert guess(till, 1, customer_ip="203.0.113.10") == [200]


def test_who_may_know_the_reason_guesses_nothing(till: Till, mai: Member) -> None:
    make_voucher(member=mai, voucher_type=make_type(terms=FROM_200))
    for _try in range(12):
        assert till.post(VALIDATE, ASK).status_code == 200


# --- Orders -----------------------------------------------------------------------------


def test_an_order_uses_what_it_names(till: Till, mai: Member) -> None:
    make_voucher(member=mai)
    till.post(HOLDS, {**USE, "reference": "HD-001"}, key="h")

    told = till.order(total="165000", vouchers=["aaaa1111", "NOSUCH12"])

    assert told.status_code == 201, told.content
    assert told.json()["vouchers"] == [
        {
            "code": "aaaa1111",
            "is_accepted": True,
            "taken_off": "20000.00",
            "reason": "",
            "sentence": "",
        },
        {
            "code": "NOSUCH12",
            "is_accepted": False,
            "taken_off": "0.00",
            "reason": "not_usable",
            "sentence": "This voucher cannot be used here.",
        },
    ]
    assert VoucherUse.objects.get().order == Order.objects.get()
    again = till.order("second", total="165000", vouchers=["aaaa1111", "NOSUCH12"])
    assert (again.status_code, again.json()["vouchers"]) == (200, told.json()["vouchers"])


def test_a_cancelled_order_gives_them_back(till: Till, mai: Member) -> None:
    voucher = make_voucher(member=mai)
    till.order(vouchers=["AAAA1111"])

    told = till.order("second", vouchers=["AAAA1111"], status="cancelled")

    assert told.json()["vouchers"][0]["is_accepted"] is False
    assert states() == ["rolled_back"]
    assert uses_left(voucher) == 1


def test_an_order_is_never_refused_for_its_vouchers(till: Till, mai: Member) -> None:
    for number in range(3):
        codes = [f"GUESS{number}{n:04}" for n in range(6)]
        told = till.order(f"k{number}", order_id=f"HD-{number}", vouchers=codes)
        assert told.status_code == 201
    # But the guesses were counted.
    assert till.post(VALIDATE, ASK).status_code == 429


# --- A member's vouchers ----------------------------------------------------------------


def test_a_members_vouchers_page_by_page(till: Till, mai: Member, binh: Member) -> None:
    now = timezone.now()
    several = make_type("several", name="Coffee", fine_print="Not on Tết.", uses_per_code=3)
    end = now + timedelta(days=1)
    first = make_voucher("AAAA1111", member=mai, voucher_type=several, valid_until=end)
    second = make_voucher("BBBB2222", member=mai, voucher_type=several, uses=1)
    make_voucher("CCCC3333", member=mai, voucher_type=several, uses=3)
    make_voucher("DDDD4444", member=mai, voucher_type=several, valid_until=now)
    make_voucher("EEEE5555", member=mai, voucher_type=several, state="cancelled")
    make_voucher("FFFF6666", member=binh, voucher_type=several)
    path = "/api/v1/members/MAI/vouchers/"

    page = till.get(path, {"limit": 1}).json()
    rest = till.get(path, {"limit": 1, "before": page["next"]}).json()
    end_page = till.get(path, {"limit": 1, "before": rest["next"]}).json()

    assert [one["code"] for one in page["vouchers"]] == ["BBBB2222"]
    assert page["next"] == second.pk
    assert rest["vouchers"] == [
        {
            "id": first.pk,
            "code": "AAAA1111",
            "type": "several",
            "name": "Coffee",
            "terms": "Not on Tết.",
            "valid_from": None,
            "valid_until": end.isoformat().replace("+00:00", "Z"),
            "uses_left": 3,
        }
    ]
    assert end_page == {"vouchers": [], "next": None}
    assert till.get("/api/v1/members/NOBODY/vouchers/").status_code == 404
    assert till.get(path, {"limit": 0}).status_code == 400


def test_what_a_merged_member_had_is_shown(till: Till, mai: Member, binh: Member) -> None:
    make_voucher(member=binh)
    binh.state, binh.merged_into = Member.State.MERGED, mai
    binh.save()
    Identifier.objects.filter(member=binh).update(member=mai)

    page = till.get("/api/v1/members/MAI/vouchers/").json()

    assert [one["code"] for one in page["vouchers"]] == ["AAAA1111"]


# --- What it costs ----------------------------------------------------------------------


def count_queries(till: Till, path: str, body: Any, key: str | None = None) -> int:
    with CaptureQueriesContext(connection) as context:
        answer = till.post(path, body, key=key) if body else till.get(path)
    assert answer.status_code < 300, answer.content
    return len(context)


def test_query_budgets(till: Till, mai: Member) -> None:
    voucher_type = make_type(uses_per_code=100)
    limit(voucher_type, 50)
    for number in range(5):
        make_voucher(f"CODE{number}", member=mai, voucher_type=voucher_type)
    codes = [f"CODE{number}" for number in range(5)]

    # The key, the member, misses, the programme, vouchers, their limits, the counts.
    one = {**ASK, "codes": codes[:1]}
    assert count_queries(till, VALIDATE, one) == 7
    assert count_queries(till, VALIDATE, {**ASK, "codes": codes}) == 7
    held = count_queries(till, HOLDS, {**one, "reference": "R1"}, "r1")
    several = count_queries(till, HOLDS, {**USE, "codes": codes}, "r5")
    # One statement for each count that is taken: its limit and the code.
    assert several - held == 4 * 2
    assert held == 23
    path = "/api/v1/members/MAI/vouchers/"
    assert count_queries(till, path, None) == 4
