"""One field: what was scanned or typed is recognised, and what is nothing is counted."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from core.models import RateLimit
from members.models import Identifier, Member
from rewards.models import Redemption, Voucher, VoucherType
from rewards.services import redeem_reward
from tests import factories
from tests.points.helpers import give
from tests.rewards.helpers import make_reward
from tests.till.helpers import Till, make_voucher, state_of, text_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("typed", ["DEMO2024X", "demo-2024-x", " demo 2024 x "])
def test_a_voucher_however_it_is_written(
    till: Till, off20: VoucherType, mai: Member, typed: str
) -> None:
    make_voucher(off20, "DEMO2024X", mai)

    assert till.look_up(typed).startswith("/till/voucher/")


@pytest.mark.parametrize("typed", ["123456789012", "1234 5678 9012"])
def test_a_card(till: Till, card: str, mai: Member, typed: str) -> None:
    address = till.look_up(typed)

    assert address.startswith("/till/member/")
    assert "Points and vouchers can be spent." in text_of(till.get(address))


@pytest.mark.parametrize("typed", ["0912 345 678", "0912345678", "+84912345678"])
def test_a_phone_number(till: Till, mai: Member, typed: str) -> None:
    address = till.look_up(typed)

    assert address.startswith("/till/member/")
    assert "Known by the phone number only" in text_of(till.get(address))


def test_a_member_code_is_the_card_of_who_has_none(till: Till, mai: Member) -> None:
    assert "can be spent" in text_of(till.get(till.look_up("mai")))

    Identifier.objects.create(member=mai, kind=Identifier.Kind.CARD, value="1234567890")

    assert "number only" in text_of(till.get(till.look_up("MAI")))


def test_a_merged_member_is_who_was_kept(till: Till, mai: Member, binh: Member) -> None:
    Member.objects.filter(pk=binh.pk).update(state="merged", merged_into=mai)

    assert "Nguyễn Thị Mai" in text_of(till.get(till.look_up("BINH")))


def test_a_redemption(till: Till, mai: Member, now: object) -> None:
    factories.make_wallet()
    give(mai, 500, "a", factories.JOINED)
    redemption = redeem_reward(
        member=mai, reward=make_reward(), key="k", at=factories.JOINED
    )

    assert till.look_up(redemption.code.lower()).startswith("/till/redemption/")
    assert Redemption.objects.count() == 1


def test_a_number_that_is_nobodys_can_be_registered(till: Till) -> None:
    assert till.look_up("0977 000 111").startswith("/till/join/")


@pytest.mark.parametrize("typed", ["NOSUCH99", "https://example.com/x", "Đây là gì", "0"])
def test_anything_else_is_unknown_and_says_no_more(till: Till, typed: str) -> None:
    response = till.post("/till/look-up/", {"q": typed})

    assert response.status_code == 404
    assert state_of(response)[0] == "red"
    assert "This is no voucher, card or phone number" in text_of(response)


def test_a_code_in_the_pool_is_as_unknown_as_none(till: Till, off20: VoucherType) -> None:
    make_voucher(off20, "POOLED11", state=Voucher.State.POOLED, issued_at=None)

    response = till.post("/till/look-up/", {"q": "POOLED11"})

    assert response.status_code == 404
    assert "This is no voucher, card or phone number" in text_of(response)


def test_nothing_typed_costs_nothing(till: Till) -> None:
    assert till.post("/till/look-up/", {"q": "  "}).status_code == 404

    assert not RateLimit.objects.filter(key__startswith="till-misses").exists()


def test_after_thirty_wrong_codes_none_is_looked_at(
    till: Till, off20: VoucherType, mai: Member
) -> None:
    make_voucher(off20, "DEMO2024X", mai)
    for number in range(30):
        assert till.post("/till/look-up/", {"q": f"GUESS{number}"}).status_code == 404

    refused = till.post("/till/look-up/", {"q": "DEMO2024X"})

    assert refused.status_code == 429
    assert "Too many codes were wrong." in text_of(refused)
    assert int(refused["Retry-After"]) > 3000
    # Customers who tell their number are served all the same.
    assert till.look_up("0912345678").startswith("/till/member/")


def test_another_person_at_the_till_is_not_held_up(
    till: Till, other_till: Till, lan: User, off20: VoucherType, mai: Member
) -> None:
    make_voucher(off20, "DEMO2024X", mai)
    for number in range(30):
        till.post("/till/look-up/", {"q": f"GUESS{number}"})

    assert other_till.look_up("DEMO2024X").startswith("/till/voucher/")


def test_nobody_looks_up_three_hundred_numbers_an_hour(till: Till, mai: Member) -> None:
    till.look_up("0912345678")
    RateLimit.objects.filter(key__startswith="till-look-ups").update(count=300)

    refused = till.post("/till/look-up/", {"q": "0912345678"})

    assert refused.status_code == 429
    assert "very many numbers" in text_of(refused)
