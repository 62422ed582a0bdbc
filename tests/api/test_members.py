from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flows.merge import merge_members
from members.models import Consent, Identifier, Member
from points.services import adjust_points
from tests.api.conftest import MEMBERS, Till, problem

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def give(member: Member, amount: int, key: str) -> None:
    adjust_points(member=member, amount=amount, key=key, at=AT, note="A gift", actor="test")


# --- Register ---------------------------------------------------------------------------


def test_registers_by_phone(till: Till) -> None:
    response = till.post(MEMBERS, {"phone": "0912 345 678", "name": "Mai"})

    assert response.status_code == 201
    body = response.json()
    member = Member.objects.get()
    assert body["member_id"] == member.code
    assert (body["name"], body["phone"]) == ("Mai", "09•• ••• 678")
    assert len(body["card_number"]) == 12
    assert body["state"] == "active"


def test_a_known_phone_answers_its_member(till: Till, mai: Member) -> None:
    response = till.post(MEMBERS, {"phone": "+84912345678", "name": "Other"})

    assert response.status_code == 200
    assert response.json()["member_id"] == "MAI"
    assert Member.objects.get().name == "Nguyễn Thị Mai"


def test_the_same_key_gets_the_same_answer(till: Till) -> None:
    first = till.post(MEMBERS, {"phone": "0912345678"}, key="k")

    again = till.post(MEMBERS, {"phone": "0912345678"}, key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("answer", [True, False])
def test_keeps_what_the_customer_said_about_offers(till: Till, answer: bool) -> None:
    till.post(MEMBERS, {"phone": "0912345678", "consent": answer})

    consent = Consent.objects.get(purpose=Consent.Purpose.MARKETING)
    assert (consent.is_given, consent.source) == (answer, "pos")


def test_takes_no_consent_that_was_not_given(till: Till) -> None:
    till.post(MEMBERS, {"phone": "0912345678"})

    assert not Consent.objects.filter(is_given=True).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone"),
        ({"phone": "12345"}, "phone"),
        ({"phone": 5}, "phone"),
        ({"phone": "0912345678", "name": "x" * 121}, "name"),
        ({"phone": "0912345678", "code": "MAI"}, "code"),
        ({"phone": "0912345678", "state": "blocked"}, "state"),
        ({"phone": "0912345678", "balance": 1000000}, "balance"),
    ],
)
def test_names_the_wrong_field(till: Till, body: dict[str, Any], field: str) -> None:
    response = till.post(MEMBERS, body)

    assert response.status_code == 400
    assert [e["field"] for e in problem(response)["errors"]] == [field]
    assert not Member.objects.exists()


# --- Find -------------------------------------------------------------------------------


def test_finds_by_phone(till: Till, mai: Member, binh: Member) -> None:
    response = till.get(MEMBERS, {"phone": "84 912 345 678"})

    assert response.status_code == 200
    assert response.json()["member_id"] == "MAI"


def test_finds_by_card(till: Till, mai: Member, binh: Member) -> None:
    Identifier.objects.create(member=binh, kind="card", value="123456789012")

    body = till.get(MEMBERS, {"card": "123456789012"}).json()

    assert (body["member_id"], body["card_number"]) == ("BINH", "123456789012")


def test_any_till_may_look_up(stranger: Till, mai: Member) -> None:
    assert stranger.get(f"{MEMBERS}MAI/").json()["name"] == "Nguyễn Thị Mai"


@pytest.mark.parametrize("query", [{"phone": "0987654321"}, {"card": "000"}])
def test_nobody_is_not_found(till: Till, mai: Member, query: dict[str, str]) -> None:
    response = till.get(MEMBERS, query)

    assert response.status_code == 404
    assert problem(response)["code"] == "member_not_found"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"phone": "0912345678", "card": "1"},
        {"phone": ""},
        {"phone": "x"},
        {"card": "a\x00b"},
        {"card": "9" * 300},
        {"name": "Mai"},
    ],
)
def test_other_questions_are_refused(
    till: Till, mai: Member, query: dict[str, str]
) -> None:
    response = till.get(MEMBERS, query)

    assert response.status_code == 400
    problem(response)


@pytest.mark.parametrize("code", ["NOBODY", "%00", "x" * 300])
@pytest.mark.parametrize("part", ["", "balance/", "wallets/", "history/"])
def test_an_unknown_code_is_not_found(till: Till, code: str, part: str) -> None:
    response = till.get(f"{MEMBERS}{code}/{part}")

    assert response.status_code == 404
    problem(response)


@pytest.mark.parametrize("part", ["", "balance/", "wallets/", "history/"])
def test_a_member_cannot_be_changed_or_deleted(till: Till, mai: Member, part: str) -> None:
    response = till.client.delete(
        f"{MEMBERS}MAI/{part}", headers={"Authorization": f"Api-Key {till.text}"}
    )

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert Member.objects.filter(code="MAI").exists()


@pytest.mark.parametrize("part", ["", "balance/", "wallets/", "history/"])
def test_nobody_reads_without_a_key(mai: Member, till: Till, part: str) -> None:
    till.text = "wrong"

    assert till.get(f"{MEMBERS}MAI/{part}").status_code == 401


# --- Balance and history ----------------------------------------------------------------


def test_balance_names_what_expires(till: Till, mai: Member, wallet: Any) -> None:
    wallet.expiry_policy, wallet.expiry_months = "rolling", 1
    wallet.save(update_fields=["expiry_policy", "expiry_months"])
    till.post(
        "/api/v1/orders/", {"order_id": "1", "phone": "0912345678", "total": 50000}, "k"
    )

    body = till.get(f"{MEMBERS}MAI/balance/").json()

    assert (body["member_id"], body["balance"]) == ("MAI", 5)
    assert [part["points"] for part in body["expiring"]] == [5]


def test_balance_of_one_who_never_earned_is_zero(till: Till, mai: Member) -> None:
    assert till.get(f"{MEMBERS}MAI/balance/").json() == {
        "member_id": "MAI",
        "balance": 0,
        "expiring": [],
    }


def test_history_tells_each_movement(till: Till, mai: Member) -> None:
    till.order()
    give(mai, -8, "a")

    body = till.get(f"{MEMBERS}MAI/history/").json()

    assert body["next"] is None
    taken, earned = body["entries"]
    assert (taken["kind"], taken["points"], taken["order_id"]) == ("adjust", -8, None)
    assert (earned["kind"], earned["points"], earned["order_id"]) == ("earn", 18, "HD-001")
    assert earned["happened_at"] == "2026-03-02T05:00:00Z"
    assert earned["rule"] == "Tích điểm"
    assert earned["is_reversed"] is False


def test_history_hides_order_numbers_of_other_sources(
    till: Till, stranger: Till, mai: Member
) -> None:
    till.order()

    entry = stranger.get(f"{MEMBERS}MAI/history/").json()["entries"][0]

    assert (entry["points"], entry["order_id"]) == (18, None)


def test_history_goes_on_page_by_page(till: Till, mai: Member) -> None:
    for number in range(1, 6):
        give(mai, number, f"k{number}")

    first = till.get(f"{MEMBERS}MAI/history/", {"limit": 2}).json()
    second = till.get(
        f"{MEMBERS}MAI/history/", {"limit": 2, "before": first["next"]}
    ).json()
    third = till.get(
        f"{MEMBERS}MAI/history/", {"limit": 2, "before": second["next"]}
    ).json()

    pages = [[e["points"] for e in page["entries"]] for page in (first, second, third)]
    assert pages == [[5, 4], [3, 2], [1]]
    assert third["next"] is None


@pytest.mark.parametrize(
    "query",
    [{"before": "x"}, {"before": 0}, {"before": 2**63}, {"before": "9" * 300}]
    + [{"limit": 0}, {"limit": 101}, {"page": 2}],
)
def test_history_refuses_nonsense(till: Till, mai: Member, query: dict[str, Any]) -> None:
    response = till.get(f"{MEMBERS}MAI/history/", query)

    assert response.status_code == 400
    assert [e["field"] for e in problem(response)["errors"]] == list(query)


@pytest.mark.parametrize(
    ("address", "most"),
    [
        ("MAI/", 4),
        ("MAI/balance/", 8),
        ("MAI/wallets/", 7),
        ("MAI/history/", 7),
        ("?phone=0912345678", 4),
    ],
)
def test_costs_a_known_number_of_queries(
    till: Till, mai: Member, address: str, most: int
) -> None:
    for number in range(1, 30):
        give(mai, number, f"k{number}")
    till.order()
    with CaptureQueriesContext(connection) as queries:
        assert till.get(f"{MEMBERS}{address}").status_code == 200
    assert len(queries) <= most, [q["sql"][:90] for q in queries]


def test_the_code_of_a_merged_member_answers_who_was_kept(
    till: Till, mai: Member, binh: Member
) -> None:
    give(binh, 40, "a")
    merge_members(kept=mai, merged=binh, note="Same", by="staff", at=AT)

    body = till.get(f"{MEMBERS}BINH/").json()

    assert (body["member_id"], body["state"]) == ("MAI", "active")
    points = till.get(f"{MEMBERS}BINH/balance/").json()
    assert (points["member_id"], points["balance"]) == ("MAI", 40)
