from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities.models import Order, Store
from api.models import ApiRequest
from members.models import Identifier, Member
from points.models import Account, Transfer
from tests.api.conftest import AN_ORDER, ORDERS, Till, make_till, problem

pytestmark = pytest.mark.django_db


def balance_of(member: Member) -> int:
    account = Account.objects.filter(member=member).first()
    return account.balance if account else 0


def nothing_changed() -> bool:
    return not Order.objects.exists() and not Transfer.objects.exists()


def test_gives_points_in_the_same_answer(till: Till, mai: Member) -> None:
    response = till.order()

    assert response.status_code == 201
    assert response.json() == {
        "order_id": "HD-001",
        "status": "recorded",
        "points": 18,
        "balance": 18,
        "wallets": [{"wallet": "points", "name": "Điểm", "money": None, "earned": 18}],
        "member": {"member_id": "MAI", "name": "Nguyễn Thị Mai"},
        "expiring": [],
        "tier": None,
        "perks": [],
        "vouchers": [],
    }
    order = Order.objects.get()
    assert (order.source, order.external_id, order.member_id) == ("pos", "HD-001", mai.pk)
    assert order.placed_at.isoformat() == "2026-03-02T05:00:00+00:00"
    assert balance_of(mai) == 18


def test_says_what_expires(till: Till, mai: Member, wallet: Any) -> None:
    wallet.expiry_policy, wallet.expiry_months = "rolling", 1
    wallet.save(update_fields=["expiry_policy", "expiry_months"])

    response = till.post(
        ORDERS, {k: v for k, v in AN_ORDER.items() if k != "placed_at"}, key="k"
    )

    assert [part["points"] for part in response.json()["expiring"]] == [18]


def test_keeps_the_lines(till: Till, mai: Member) -> None:
    lines = [
        {"sku": "CF1", "product": "Cà phê sữa", "quantity": 2, "total": 58000},
        {"sku": "BM1", "product": "Bánh mì", "unit_price": "25000.00", "total": "127000"},
    ]

    assert till.order(lines=lines).status_code == 201

    stored = Order.objects.get().lines.order_by("position")
    assert [line.sku for line in stored] == ["CF1", "BM1"]
    assert [int(line.total) for line in stored] == [58000, 127000]


@pytest.mark.parametrize(
    "who", [{"phone": "0912 345 678"}, {"card_number": "123456789012"}]
)
def test_finds_the_member_by_phone_or_card(
    till: Till, mai: Member, who: dict[str, str]
) -> None:
    Identifier.objects.create(member=mai, kind="card", value="123456789012")
    body = {k: v for k, v in AN_ORDER.items() if k != "member_id"} | who

    assert till.post(ORDERS, body, key="k").json()["member"]["member_id"] == "MAI"


def test_registers_a_new_member_when_told_to(till: Till) -> None:
    body = {"order_id": "1", "phone": "0912345678", "total": 20000, "create_member": True}

    response = till.post(ORDERS, body, key="k")

    assert response.status_code == 201
    assert response.json()["points"] == 2
    assert Identifier.objects.get(kind="phone").value == "+84912345678"


def test_a_repeat_under_another_key_is_known(till: Till, mai: Member) -> None:
    till.order(key="first")

    response = till.order(key="second")

    assert response.status_code == 200
    assert response.json()["status"] == "known"
    assert response.json()["points"] == 18
    assert balance_of(mai) == 18


def test_a_repeat_without_a_time_is_known(till: Till, mai: Member) -> None:
    body = {"order_id": "1", "member_id": "MAI", "total": 185000}
    assert till.post(ORDERS, body, key="first").status_code == 201

    response = till.post(ORDERS, body, key="second")

    assert (response.status_code, response.json()["status"]) == (200, "known")
    assert balance_of(mai) == 18


@pytest.mark.parametrize("with_time", [True, False])
def test_other_content_under_the_same_number_is_refused(
    till: Till, mai: Member, with_time: bool
) -> None:
    body = dict(AN_ORDER) if with_time else {"order_id": "1", "member_id": "MAI"}
    till.post(ORDERS, body | {"total": 185000}, key="first")

    response = till.post(ORDERS, body | {"total": 999000}, key="second")

    assert response.status_code == 409
    assert problem(response)["code"] == "conflict"
    assert balance_of(mai) == 18


def test_unknown_member_is_told_and_nothing_changes(till: Till) -> None:
    response = till.order(member_id="NOBODY")

    assert response.status_code == 404
    assert problem(response)["code"] == "member_not_found"
    assert nothing_changed()


def test_a_refusal_takes_the_new_member_back(till: Till) -> None:
    body = {"order_id": "1", "phone": "0912345678", "total": 1, "create_member": True}

    response = till.post(ORDERS, body | {"store": "NOWHERE"}, key="k")

    assert problem(response)["code"] == "store_not_found"
    assert not Member.objects.exists()
    assert ApiRequest.objects.get().status == 404


def test_the_order_belongs_to_the_store_of_the_key(till: Till, mai: Member) -> None:
    store = Store.objects.create(code="Q1", name="Quận 1")

    assert make_till(store=store).order().status_code == 201

    assert Order.objects.get().store == store


def test_another_store_is_refused(till: Till, mai: Member) -> None:
    own = Store.objects.create(code="Q1", name="Quận 1")
    Store.objects.create(code="Q3", name="Quận 3")

    response = make_till(store=own).order(store="Q3")

    assert response.status_code == 422
    assert problem(response)["code"] == "other_store"
    assert nothing_changed()


def test_a_key_without_store_may_name_one(till: Till, mai: Member) -> None:
    Store.objects.create(code="Q3", name="Quận 3")

    till.order(store="Q3")

    order = Order.objects.get()
    assert order.store is not None
    assert order.store.code == "Q3"


def test_another_currency_is_refused(till: Till, mai: Member) -> None:
    response = till.order(currency="USD")

    assert response.status_code == 422
    assert problem(response)["extra"] == {"currency": "VND"}
    assert nothing_changed()


def test_a_cancelled_order_gives_nothing(till: Till, mai: Member) -> None:
    response = till.order(status="cancelled")

    assert (response.status_code, response.json()["points"]) == (201, 0)


def test_the_same_number_from_another_source_is_another_order(
    till: Till, stranger: Till, mai: Member
) -> None:
    till.order()

    assert stranger.order().status_code == 201
    assert balance_of(mai) == 36


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total": -1}, "total"),
        ({"total": "12.345"}, "total"),
        ({"total": "1e400"}, "total"),
        ({"total": "NaN"}, "total"),
        ({"total": True}, "total"),
        ({"total": None}, "total"),
        ({"total": [1]}, "total"),
        ({"total": 10**15}, "total"),
        ({"order_id": ""}, "order_id"),
        ({"order_id": "x" * 81}, "order_id"),
        ({"order_id": {"a": 1}}, "order_id"),
        ({"placed_at": "yesterday"}, "placed_at"),
        ({"placed_at": "2026-03-02T12:00:00"}, "placed_at"),
        ({"placed_at": "2026-03-02"}, "placed_at"),
        ({"placed_at": "0001-01-01T00:00:00+07:00"}, "placed_at"),
        ({"placed_at": "0001-01-01T00:00:00Z"}, "placed_at"),
        ({"placed_at": 1700000000}, "placed_at"),
        ({"status": "paid"}, "status"),
        ({"channel": ["web"]}, "channel"),
        ({"currency": "XXX"}, "currency"),
        ({"points": 1000000}, "points"),
        ({"source": "web"}, "source"),
        ({"phone": "0123"}, "phone"),
        ({"lines": "none"}, "lines"),
        ({"lines": [{"total": 1}, {"sku": "A"}]}, "lines[1].total"),
        ({"lines": [{"total": 1, "price": 1}]}, "lines[0].price"),
        ({"lines": [{"total": 1}] * 501}, "lines"),
        ({"create_member": "perhaps"}, "create_member"),
        ({"create_member": True}, "create_member"),
        ({"phone": "0912345678"}, ""),
        ({"member_id": ""}, "member_id"),
    ],
)
def test_names_the_wrong_field(
    till: Till, mai: Member, change: dict[str, Any], field: str
) -> None:
    response = till.order(**change)

    assert response.status_code == 400
    document = problem(response)
    assert document["code"] == "invalid_input"
    assert [error["field"] for error in document["errors"]] == [field]
    assert document["errors"][0]["message"].endswith(".")
    assert nothing_changed()
    assert not ApiRequest.objects.exists()


def test_an_order_from_the_future_is_refused(till: Till, mai: Member) -> None:
    response = till.order(placed_at="2999-01-01T00:00:00Z")

    assert response.status_code == 422
    assert problem(response)["extra"] == {"reason": "in_the_future"}
    assert nothing_changed()


def test_lists_every_missing_field(till: Till) -> None:
    response = till.post(ORDERS, {"member_id": "MAI"}, key="k")

    fields = [error["field"] for error in problem(response)["errors"]]
    assert fields == ["order_id", "total"]


def test_other_methods_are_refused(till: Till) -> None:
    response = till.get(ORDERS)

    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert problem(response)["code"] == "method_not_allowed"


def test_costs_a_known_number_of_queries(till: Till, mai: Member) -> None:
    now = timezone.now().isoformat()
    till.order(order_id="warm-up", key="warm-up", placed_at=now)
    with CaptureQueriesContext(connection) as queries:
        assert till.order(placed_at=now).status_code == 201
    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(asked) <= MOST_QUERIES, asked


# Key, idempotency, member, programme, order with its summary, points with their lot, tags
# and returns, balance, what expires, twice a look whether there are tiers, at rewards that
# redeem themselves, at what campaigns wait for, and at who hears of it by webhook.
MOST_QUERIES = 32
