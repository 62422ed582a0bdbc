"""Whose data is erased leaves no address in the gifts, and every gift stays what it is."""

from __future__ import annotations

from datetime import datetime

import pytest

from members.models import Member
from rewards.giving import Giving, give_benefit
from rewards.models import Fulfilment, FulfilmentEvent
from rewards.services import forget_handovers
from tests.rewards.helpers import make_benefit

pytestmark = pytest.mark.django_db
HOME = {
    "method": "delivery",
    "recipient": "Nguyễn Thị Mai",
    "phone": "0912345678",
    "address": "12 Lê Lợi",
    "province": "Huế",
}


def gift(member: Member, at: datetime, key: str, state: str) -> Fulfilment:
    benefit = make_benefit("gift", code=key)
    given = give_benefit(
        Giving(benefit, member.pk, key, source="staff", wishes=HOME), at=at
    )
    Fulfilment.objects.filter(given=given).update(state=state, note="ring twice")
    FulfilmentEvent.objects.filter(fulfilment__given=given).update(note="Mai called")
    return Fulfilment.objects.get(given=given)


def said(fulfilment: Fulfilment) -> tuple[str, ...]:
    fulfilment.refresh_from_db()
    told = (fulfilment.recipient, fulfilment.phone, fulfilment.address)
    return (*told, fulfilment.province, fulfilment.note, fulfilment.state)


@pytest.mark.parametrize(
    ("state", "after", "left"),
    [
        ("new", "asked", ""),
        ("packed", "packed", "—"),
        ("shipped", "shipped", "—"),
        ("done", "done", ""),
        ("returned", "returned", ""),
        ("cancelled", "cancelled", ""),
    ],
)
def test_nothing_of_an_address_is_left(
    mai: Member, binh: Member, now: datetime, state: str, after: str, left: str
) -> None:
    hers, his = gift(mai, now, "hers", state), gift(binh, now, "his", state)
    before = said(his)

    assert forget_handovers([mai.pk], at=now) == 1
    forget_handovers([mai.pk], at=now)

    assert said(hers) == (left, left, left, left, "", after)
    assert said(his) == before
    assert set(hers.events.values_list("note", flat=True)) == {""}
