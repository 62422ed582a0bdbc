import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from activities.models import Order
from api import idempotency
from api.errors import TryAgain
from api.idempotency import delete_old_requests
from api.models import ApiRequest
from core.errors import DomainError
from members.errors import BusyMembers
from members.models import Member
from tests.api.conftest import AN_ORDER, MEMBERS, ORDERS, Till, make_till, problem

pytestmark = pytest.mark.django_db


def test_a_repeat_gets_the_first_answer_word_for_word(till: Till, mai: Member) -> None:
    first = till.order(key="k")
    till.order(key="other", order_id="HD-002")

    again = till.order(key="k")

    assert again.status_code == first.status_code == 201
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Order.objects.count() == 2


def test_the_order_of_fields_does_not_matter(till: Till, mai: Member) -> None:
    till.order(key="k")

    again = till.post(ORDERS, dict(reversed(AN_ORDER.items())), key="k")

    assert again["Idempotency-Replayed"] == "true"


def test_other_content_is_refused(till: Till, mai: Member) -> None:
    till.order(key="k")

    response = till.order(key="k", order_id="HD-002")

    assert response.status_code == 422
    assert problem(response)["code"] == "idempotency_key_reused"
    assert Order.objects.count() == 1


def test_another_address_is_other_content(till: Till, mai: Member) -> None:
    till.order(key="k")

    response = till.post(MEMBERS, {"phone": "0912345678"}, key="k")

    assert response.status_code == 422


def test_each_till_has_its_own_keys(till: Till, stranger: Till, mai: Member) -> None:
    till.order(key="k")

    response = stranger.order(key="k")

    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response
    assert Order.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "khoá", "a\tb", "a\x7fb"])
def test_a_malformed_key_is_refused(till: Till, mai: Member, key: str) -> None:
    response = till.order(key=key)

    assert response.status_code == 400
    assert problem(response)["code"] == "idempotency_key_invalid"
    assert not Order.objects.exists()


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b/c=?!~"])
def test_every_printable_key_is_taken(till: Till, mai: Member, key: str) -> None:
    assert till.order(key=key).status_code == 201


def test_an_order_needs_one(till: Till, mai: Member) -> None:
    response = till.post(ORDERS, AN_ORDER)

    assert response.status_code == 400
    assert problem(response)["code"] == "idempotency_key_missing"
    assert not Order.objects.exists()


def test_a_refusal_is_an_answer_too(till: Till) -> None:
    first = till.order(key="k")
    assert first.status_code == 404

    again = till.order(key="k")

    assert again.status_code == 404
    assert again.content == first.content
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotency-Replayed"] == "true"


def test_what_was_never_begun_is_not_remembered(till: Till, mai: Member) -> None:
    assert till.order(key="k", total="much").status_code == 400

    assert till.order(key="k").status_code == 201


def test_a_fault_takes_everything_back(
    till: Till, mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.client.raise_request_exception = False

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("api.services.balances", fail)
        response = till.order(key="k")

    assert response.status_code == 500
    assert problem(response)["code"] == "server_error"
    assert not Order.objects.exists()
    assert not ApiRequest.objects.exists()
    assert till.order(key="k").status_code == 201


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [("database is locked", 503, "try_again"), ("lock timeout", 409, "in_progress")],
)
def test_a_busy_database_says_when_to_come_back(
    till: Till,
    mai: Member,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    status: int,
    code: str,
) -> None:
    def wait_in_vain(*args: Any, **kwargs: Any) -> None:
        cause = RuntimeError(words)
        cause.sqlstate = "55P03" if status == 409 else None  # type: ignore[attr-defined]
        raise OperationalError(words) from cause

    monkeypatch.setattr(idempotency, "insert_new", wait_in_vain)

    response = till.order(key="k")

    assert response.status_code == status
    assert int(response["Retry-After"]) >= 1
    assert problem(response)["code"] == code
    assert not Order.objects.exists()


@pytest.mark.parametrize("error", [TryAgain, BusyMembers])
def test_a_refusal_that_passes_is_not_remembered(
    till: Till,
    mai: Member,
    monkeypatch: pytest.MonkeyPatch,
    error: type[DomainError],
) -> None:
    def busy(*args: Any, **kwargs: Any) -> None:
        raise error("Later.")

    with monkeypatch.context() as patch:
        patch.setattr("api.services.balances", busy)
        response = till.order(key="k")

    assert response.status_code == error.status
    assert int(response["Retry-After"]) >= 1
    assert not Order.objects.exists()
    assert till.order(key="k").status_code == 201


def test_answers_are_kept_for_thirty_days(till: Till, mai: Member) -> None:
    now = timezone.now()
    till.order(key="old")
    till.order(key="young")
    ApiRequest.objects.filter(key="old").update(
        created_at=now - timedelta(days=30, hours=1)
    )
    ApiRequest.objects.filter(key="young").update(created_at=now - timedelta(days=29))

    assert delete_old_requests(at=now) == 1

    assert till.order(key="young")["Idempotency-Replayed"] == "true"
    # The order's own number still stands: no second effect.
    assert till.order(key="old").json()["status"] == "known"


def test_the_stored_text_is_what_was_sent(till: Till, mai: Member) -> None:
    response = till.order(key="k")

    stored = ApiRequest.objects.get()
    assert stored.body.encode() == response.content
    assert (stored.status, json.loads(stored.body)["points"]) == (201, 18)
    assert stored.till_key == till.till_key


def test_two_tills_do_not_share_answers(till: Till, mai: Member) -> None:
    till.order(key="k")
    second = make_till()

    response = second.order(key="k")

    assert "Idempotency-Replayed" not in response
    assert response.json()["status"] == "known"
