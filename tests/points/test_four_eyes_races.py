"""T21: fifty approvals of one request at the same moment, and what the database holds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from core import approvals
from core.approvals import AlreadyDecided, approve_change
from core.models import ChangeRequest
from members.models import Member
from points import by_hand
from points.by_hand import give_by_hand
from points.models import Transfer
from tests import factories
from tests.points.helpers import assert_proved

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("threads_end_their_sessions"),
]

APPROVALS, AT_ONCE = 50, 10
CHECK = "core_changerequest_maker_is_not_checker"
APPROVE_ONESELF = (
    "UPDATE core_changerequest SET state = 'approved', decided_by_id = requested_by_id"
)


@pytest.fixture
def asked(now: datetime) -> ChangeRequest:
    member: Member = factories.make_member(code="MAI", phone="0912345678")
    maker = User.objects.create_superuser("maker", "maker@example.com", "x")
    request = give_by_hand(
        member=member,
        wallet=factories.make_wallet(approval_above=100),
        amount=500,
        key="k",
        at=now,
        reason="goodwill",
        note="Xin lỗi khách",
        by=maker,
    )
    assert isinstance(request, ChangeRequest)
    return request


@pytest.fixture
def checker(db: None) -> User:
    return User.objects.create_superuser("checker", "checker@example.com", "x")


def approve_at_once(request: ChangeRequest, checker: User, at: datetime) -> int:
    """Approve from many sessions that begin together; returns how many heard yes."""
    barrier = Barrier(AT_ONCE)

    def approve(_number: int) -> bool:
        mine = ChangeRequest.objects.get(pk=request.pk)
        barrier.wait(timeout=60)
        try:
            approve_change(mine, by=checker, at=at)
        except AlreadyDecided:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(approve, range(APPROVALS), timeout=120))


def test_fifty_approvals_pay_once(
    asked: ChangeRequest, checker: User, now: datetime
) -> None:
    assert approve_at_once(asked, checker, now) == 1
    assert [one.amount for one in Transfer.objects.all()] == [500]
    assert_proved()


def decide_whatever_it_is(
    request: ChangeRequest, *, by: User, at: datetime, state: str, note: str
) -> ChangeRequest:
    """Decide as ``_taken`` does, also what was decided before."""
    ChangeRequest.objects.filter(pk=request.pk).update(state=state, decided_by=by)
    return ChangeRequest.objects.get(pk=request.pk)


def test_without_the_guards_they_would_pay_again(
    asked: ChangeRequest, checker: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: nobody asks whether it was decided, and no key names it."""
    adjust = by_hand._adjust

    def without_key(facts: Any, **options: Any) -> Any:
        return adjust({**facts, "key": uuid4().hex}, **options)

    monkeypatch.setattr(by_hand, "_adjust", without_key)
    monkeypatch.setattr(approvals, "_taken", decide_whatever_it_is)
    assert approve_at_once(asked, checker, now) == APPROVALS
    assert Transfer.objects.count() == APPROVALS


@pytest.fixture
def without_check(asked: ChangeRequest) -> Iterator[None]:
    table = ChangeRequest._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {CHECK}")
    yield
    ChangeRequest.objects.all().delete()
    constraint = next(one for one in ChangeRequest._meta.constraints if one.name == CHECK)
    with connection.schema_editor() as editor:
        editor.add_constraint(ChangeRequest, constraint)


@pytest.mark.usefixtures("without_check")
def test_without_the_check_raw_sql_could_approve_oneself(asked: ChangeRequest) -> None:
    """The negative control of ``test_the_database_itself_wants_two``."""
    with connection.cursor() as cursor:
        cursor.execute(APPROVE_ONESELF)
    asked.refresh_from_db()
    assert asked.decided_by_id == asked.requested_by_id
