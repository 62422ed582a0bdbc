"""A repeat that comes while the first request is still at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from api.models import ApiRequest, TillKey
from members.models import Member
from tests.api.conftest import Till, problem

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@contextmanager
def first_request_at_work(
    till_key: TillKey, *, ends_well: bool
) -> Iterator[threading.Event]:
    """Hold the key "k" in an open transaction of another connection until told to end."""
    taken, may_end = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                ApiRequest.objects.create(
                    till_key=till_key,
                    key="k",
                    content_hash="other",
                    status=201,
                    body="{}",
                    created_at=timezone.now(),
                )
                taken.set()
                may_end.wait(20)
                if not ends_well:
                    transaction.set_rollback(True)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert taken.wait(10)
    try:
        yield may_end
    finally:
        may_end.set()
        thread.join()


@pytest.fixture(autouse=True)
def _short_patience() -> Iterator[None]:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time: there is nothing to wait for.")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


def test_is_told_to_come_back(till: Till, mai: Member) -> None:
    with first_request_at_work(till.till_key, ends_well=True):
        response = till.order(key="k")

    assert (response.status_code, response["Retry-After"]) == (409, "2")
    assert problem(response)["code"] == "in_progress"


def test_waits_for_the_answer_of_the_first(till: Till, mai: Member) -> None:
    with first_request_at_work(till.till_key, ends_well=True) as may_end:
        threading.Timer(0.1, may_end.set).start()
        response = till.order(key="k")

    # The first one had other content; what matters is that its row was seen.
    assert problem(response)["code"] == "idempotency_key_reused"


def test_is_the_first_when_the_first_one_failed(till: Till, mai: Member) -> None:
    with first_request_at_work(till.till_key, ends_well=False) as may_end:
        threading.Timer(0.1, may_end.set).start()
        response = till.order(key="k")

    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response
