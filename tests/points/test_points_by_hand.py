"""Points by hand: small at once; large ones need a second person, whatever one tries."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from core.approvals import (
    AlreadyDecided,
    NotAllowed,
    approve_change,
    reject_change,
    withdraw_change,
)
from core.errors import Conflict
from core.models import ChangeRequest
from members.models import Member
from points.by_hand import give_by_hand
from points.errors import NotEnoughPoints
from points.models import Transfer, Wallet
from points.queries import balances
from tests.factories import make_wallet
from tests.points.helpers import assert_proved


@pytest.fixture
def wallet(db: None) -> Wallet:
    return make_wallet(approval_above=100)


def person(name: str, *, decides: bool = False) -> User:
    user = User.objects.create_user(name, password="x", is_staff=True)
    codes = ["adjust_points", "view_changerequest"]
    codes += ["decide_changerequest"] if decides else []
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def lan(db: None) -> User:
    return person("lan")


@pytest.fixture
def ha(db: None) -> User:
    return person("ha", decides=True)


def give(
    member: Member, wallet: Wallet, amount: int, by: User, at: datetime, key: str = "k"
) -> Transfer | ChangeRequest:
    return give_by_hand(
        member=member,
        wallet=wallet,
        amount=amount,
        key=key,
        at=at,
        reason="goodwill",
        note="Xin lỗi khách",
        by=by,
    )


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


@pytest.fixture
def asked(mai: Member, wallet: Wallet, lan: User, now: datetime) -> ChangeRequest:
    request = give(mai, wallet, 101, lan, now)
    assert isinstance(request, ChangeRequest)
    return request


def test_up_to_the_bound_one_person_is_enough(
    mai: Member, wallet: Wallet, lan: User, now: datetime
) -> None:
    transfer = give(mai, wallet, 100, lan, now)

    assert isinstance(transfer, Transfer)
    assert (transfer.reason, transfer.note, transfer.actor) == (
        "goodwill",
        "Xin lỗi khách",
        "lan",
    )
    assert points(mai) == 100


def test_many_small_ones_count_together(
    mai: Member, wallet: Wallet, lan: User, now: datetime
) -> None:
    from django.utils import timezone

    today = timezone.now()
    give(mai, wallet, 60, lan, today, "1")

    assert isinstance(give(mai, wallet, 41, lan, today, "2"), ChangeRequest)
    assert points(mai) == 60


def test_above_it_nothing_moves_until_a_second_person_approves(
    mai: Member, asked: ChangeRequest, ha: User, now: datetime
) -> None:
    assert points(mai) == 0

    approve_change(asked, by=ha, at=now)

    assert points(mai) == 101
    transfer = Transfer.objects.get()
    assert (transfer.actor, transfer.reason) == ("lan + ha", "goodwill")
    assert_proved()


def test_asking_twice_is_one_request(
    mai: Member, wallet: Wallet, asked: ChangeRequest, lan: User, now: datetime
) -> None:
    assert give(mai, wallet, 101, lan, now) == asked
    assert ChangeRequest.objects.count() == 1


def test_nobody_approves_their_own(
    mai: Member, wallet: Wallet, ha: User, now: datetime
) -> None:
    request = give(mai, wallet, 500, ha, now)
    assert isinstance(request, ChangeRequest)

    with pytest.raises(NotAllowed):
        approve_change(request, by=ha, at=now)

    assert points(mai) == 0


def test_the_database_itself_wants_two(asked: ChangeRequest) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_changerequest SET state = 'approved', "
            "decided_by_id = requested_by_id"
        )


def test_without_the_rights_nobody_decides(
    mai: Member, asked: ChangeRequest, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        approve_change(asked, by=person("minh"), at=now)

    assert points(mai) == 0


def test_approved_twice_it_pays_once(
    mai: Member, asked: ChangeRequest, ha: User, now: datetime
) -> None:
    approve_change(asked, by=ha, at=now)

    with pytest.raises(AlreadyDecided):
        approve_change(asked, by=ha, at=now)
    with pytest.raises(AlreadyDecided):
        reject_change(asked, by=ha, at=now)

    assert points(mai) == 101


def test_what_was_changed_after_asking_is_not_carried_out(
    mai: Member, asked: ChangeRequest, ha: User, now: datetime
) -> None:
    payload = {**asked.payload, "amount": 99_999}
    ChangeRequest.objects.filter(pk=asked.pk).update(payload=payload)

    with pytest.raises(Conflict):
        approve_change(asked, by=ha, at=now)

    assert points(mai) == 0
    assert ChangeRequest.objects.get().state == "open"


def test_a_refusal_of_the_ledger_leaves_it_open(
    mai: Member, wallet: Wallet, lan: User, ha: User, now: datetime
) -> None:
    request = give(mai, wallet, -500, lan, now)
    assert isinstance(request, ChangeRequest)

    with pytest.raises(NotEnoughPoints):
        approve_change(request, by=ha, at=now)

    assert ChangeRequest.objects.get().state == "open"


def test_rejected_or_taken_back_nothing_moves(
    mai: Member, asked: ChangeRequest, lan: User, ha: User, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        withdraw_change(asked, by=ha, at=now)
    withdraw_change(asked, by=lan, at=now)
    with pytest.raises(AlreadyDecided):
        approve_change(asked, by=ha, at=now)

    assert points(mai) == 0


def test_in_the_console_the_maker_sees_no_button(
    client: Client, mai: Member, asked: ChangeRequest, lan: User, ha: User
) -> None:
    address = reverse("admin:core_changerequest_change", args=[asked.pk])
    client.force_login(lan)
    page = client.get(address, headers={"Accept-Language": "en"}).content.decode()
    assert 'name="approve"' not in page
    assert 'name="withdraw"' in page
    client.post(address, {"approve": ""})
    assert points(mai) == 0

    client.force_login(ha)
    assert client.post(address, {"approve": "", "note": "ok"}).status_code == 302
    assert points(mai) == 101
