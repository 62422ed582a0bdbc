"""How a gift is wanted: said or changed until it is packed, and no later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.models import Store
from core.phones import InvalidPhone
from members.models import Member
from rewards.errors import StepRefused, WishRefused
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Fulfilment, FulfilmentEvent
from rewards.services import choose_handover
from tests.rewards.helpers import make_benefit

pytestmark = pytest.mark.django_db
HOME = {
    "method": "delivery",
    "recipient": "Nguyễn Thị Mai",
    "phone": "0912345678",
    "address": "12 Lê Lợi, phường Sài Gòn",
    "province": "TP. Hồ Chí Minh",
}


@pytest.fixture
def store(db: None) -> Store:
    return Store.objects.create(code="nh", name="Sông Nguyễn Huệ")


@pytest.fixture
def gift(mai: Member, now: datetime) -> Fulfilment:
    """A mug that a tier gave, so nobody has asked where to send it yet."""
    given = give_benefit(
        Giving(make_benefit(Benefit.Kind.GIFT), mai.pk, "tier:1", "tier"), at=now
    )
    return Fulfilment.objects.get(given=given)


def events(gift: Fulfilment) -> list[str]:
    rows = FulfilmentEvent.objects.filter(fulfilment=gift).order_by("pk")
    return list(rows.values_list("state", flat=True))


def test_an_address_puts_it_on_the_board(gift: Fulfilment, now: datetime) -> None:
    assert gift.state == Fulfilment.State.ASKED

    later = now + timedelta(hours=1)
    chosen = choose_handover(fulfilment=gift, wishes=HOME, at=later)

    assert (chosen.state, chosen.method) == ("new", "delivery")
    assert (chosen.recipient, chosen.phone) == ("Nguyễn Thị Mai", "+84912345678")
    assert chosen.address == "12 Lê Lợi, phường Sài Gòn"
    assert chosen.changed_at == later
    assert events(gift) == ["asked", "new"]


def test_a_change_of_mind_leaves_no_old_address(
    gift: Fulfilment, store: Store, now: datetime
) -> None:
    choose_handover(fulfilment=gift, wishes=HOME, at=now)
    pick_up = {"method": "pick_up", "store_id": store.pk}
    chosen = choose_handover(fulfilment=gift, wishes=pick_up, at=now)

    assert (chosen.method, chosen.store_id) == ("pick_up", store.pk)
    assert (chosen.recipient, chosen.phone, chosen.address) == ("", "", "")
    assert events(gift) == ["asked", "new"]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({}, WishRefused),
        ({"method": "drone"}, WishRefused),
        ({"method": "pick_up"}, WishRefused),
        ({"method": "pick_up", "store_id": 999}, WishRefused),
        (HOME | {"address": " "}, WishRefused),
        (HOME | {"phone": "113"}, InvalidPhone),
    ],
)
def test_refuses_what_is_incomplete(
    gift: Fulfilment, now: datetime, wishes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        choose_handover(fulfilment=gift, wishes=wishes, at=now)

    gift.refresh_from_db()
    assert (gift.state, gift.method, gift.address) == ("asked", "", "")
    assert events(gift) == ["asked"]


@pytest.mark.parametrize("state", ["packed", "shipped", "ready", "done", "cancelled"])
def test_refuses_once_it_is_packed(gift: Fulfilment, now: datetime, state: str) -> None:
    choose_handover(fulfilment=gift, wishes=HOME, at=now)
    Fulfilment.objects.filter(pk=gift.pk).update(state=state)

    with pytest.raises(StepRefused):
        choose_handover(fulfilment=gift, wishes=HOME | {"address": "Hà Nội"}, at=now)

    gift.refresh_from_db()
    assert (gift.state, gift.address) == (state, "12 Lê Lợi, phường Sài Gòn")
    assert events(gift) == ["asked", "new"]
