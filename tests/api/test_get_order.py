import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activities.models import Store
from members.models import Member
from tests.api.conftest import ORDERS, Till, make_till, problem

pytestmark = pytest.mark.django_db

ADDRESS = f"{ORDERS}HD-001/"


def test_shows_what_was_told(till: Till, mai: Member) -> None:
    lines = [{"sku": "CF1", "product": "Cà phê sữa", "quantity": "2", "total": "185000"}]
    till.order(lines=lines, channel="delivery")

    response = till.get(ADDRESS)

    assert response.status_code == 200
    body = response.json()
    assert body.pop("recorded_at").endswith("Z")
    assert body == {
        "order_id": "HD-001",
        "member": {"member_id": "MAI", "name": "Nguyễn Thị Mai"},
        "placed_at": "2026-03-02T05:00:00Z",
        "total": "185000.00",
        "currency": "VND",
        "status": "completed",
        "channel": "delivery",
        "store": None,
        "points": 18,
        "lines": [
            {
                "sku": "CF1",
                "product": "Cà phê sữa",
                "category": "",
                "quantity": "2.000",
                "unit_price": None,
                "discount": "0.00",
                "total": "185000.00",
            }
        ],
    }


def test_a_stranger_sees_nothing(till: Till, stranger: Till, mai: Member) -> None:
    till.order()

    response = stranger.get(ADDRESS)

    assert response.status_code == 404
    assert problem(response)["code"] == "order_not_found"


def test_a_till_of_another_store_sees_nothing(till: Till, mai: Member) -> None:
    first = make_till(store=Store.objects.create(code="Q1", name="Quận 1"))
    second = make_till(store=Store.objects.create(code="Q3", name="Quận 3"))
    first.order()

    assert first.get(ADDRESS).status_code == 200
    assert second.get(ADDRESS).status_code == 404


def test_a_number_may_hold_slashes(till: Till, mai: Member) -> None:
    till.order(order_id="HD/2026/001 é")

    response = till.get(f"{ORDERS}HD%2F2026%2F001%20%C3%A9/")

    assert response.json()["order_id"] == "HD/2026/001 é"


@pytest.mark.parametrize("number", ["NONE", "%00", "%ED%A0%80", "%FF", "9" * 300])
def test_what_is_not_there_is_not_found(till: Till, number: str) -> None:
    response = till.get(f"{ORDERS}{number}/")

    assert response.status_code == 404
    problem(response)


def test_other_methods_are_refused(till: Till, mai: Member) -> None:
    till.order()

    response = till.post(ADDRESS, {})

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_costs_a_known_number_of_queries(till: Till, mai: Member) -> None:
    till.order(lines=[{"total": 1}] * 20)
    with CaptureQueriesContext(connection) as queries:
        till.get(ADDRESS)
    # Key, order, lines, points.
    assert len(queries) == 4
