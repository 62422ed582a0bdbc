"""T18 at the till: every address, asked by everybody who must not have it.

The addresses come from the resolver, so a new page cannot be forgotten here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activities.models import Store
from members.models import Member
from points.models import Wallet
from rewards.models import Redemption, VoucherType
from rewards.services import redeem_reward
from tests.factories import JOINED
from tests.points.helpers import give
from tests.rewards.helpers import make_reward
from tests.till.helpers import Till, make_shop_staff, make_voucher
from till.urls import urlpatterns

pytestmark = pytest.mark.django_db
OPEN = {"sign-in", "sign-out", "store"}
NAMES = [pattern.name for pattern in urlpatterns if pattern.name]
WITH_TOKEN = [p.name for p in urlpatterns if p.name and p.pattern.converters]
METHODS = ("get", "post")


def address_of(name: str, token: str = "ACDEFGHJKMNP") -> str:
    return reverse(f"till:{name}", args=[token] if name in WITH_TOKEN else [])


def asked(client: Client, name: str, token: str = "ACDEFGHJKMNP") -> Iterator[int]:
    for method in METHODS:
        response = getattr(client, method)(address_of(name, token))
        if response.status_code != 405:
            yield response.status_code


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPEN))
def test_anonymous_visitors_go_to_the_sign_in_page(name: str) -> None:
    for method in METHODS:
        response = getattr(Client(), method)(address_of(name))
        if response.status_code != 405:
            assert response.status_code == 302
            assert response["Location"].startswith("/till/sign-in/")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"sign-in", "sign-out"}))
def test_without_the_permission_every_page_is_403(name: str, till: Till, lan: User) -> None:
    lan.user_permissions.clear()

    assert set(asked(till, name)) == {403}


@pytest.mark.parametrize("name", WITH_TOKEN)
def test_a_made_up_token_is_404(name: str, till: Till) -> None:
    assert set(asked(till, name)) == {404}


@pytest.fixture
def tokens(
    till: Till, mai: Member, card: str, wallet: Wallet, off20: VoucherType
) -> dict[str, str]:
    """One of everything, as Lan's till was shown it; by the name of its address."""
    give(mai, 900, "a", JOINED)
    make_voucher(off20, "DEMO0001", mai)
    reward = make_reward()
    make_reward(reward.benefit, code="paid", price_amount=5000)
    unpaid = redeem_reward(
        member=mai, reward=make_reward(reward.benefit, code="c", price_amount=1), key="k",
        at=JOINED,
    )  # fmt: skip
    Redemption.objects.filter(pk=unpaid.pk).update(pay_until="2999-01-01T00:00Z")
    member = till.look_up(card)
    sale = till.act(f"{member}order/", total="50000", number="HD1")
    done = till.confirm(till.act(f"{member}order/", total="60000", number="HD2"))
    addresses = {
        "voucher": till.look_up("DEMO0001"),
        "member": member,
        "sale": sale,
        "done": done,
        "join": till.look_up("0977000111"),
        "reward": till.act(f"{member}reward/", code="coffee"),
        "redemption": till.look_up(unpaid.code),
    }
    found = {name: address.split("/")[-2] for name, address in addresses.items()}
    of_member = ("prove", "send-code", "order", "voucher-of-member", "choose-reward")
    found |= dict.fromkeys((*of_member, "open-redemption", "open-gift"), found["member"])
    return {**found, "undo": found["done"], "gift": found["member"]}


# Nobody changes anything below, so all addresses are asked of the same till.
def all_asked(client: Client, tokens: dict[str, str]) -> dict[str, set[int]]:
    return {name: set(asked(client, name, tokens[name])) for name in WITH_TOKEN}


EVERYTHING_IS_404 = {name: {404} for name in WITH_TOKEN}


def test_another_tills_token_is_404(
    tokens: dict[str, str], other_till: Till, store: Store
) -> None:
    make_shop_staff("colleague", store)

    for stranger in (other_till, Till("colleague")):
        assert all_asked(stranger, tokens) == EVERYTHING_IS_404


def test_in_another_store_what_was_shown_is_gone(
    tokens: dict[str, str], till: Till, lan: User, other_store: Store
) -> None:
    lan.till_staff.stores.add(other_store)
    till.act("/till/store/", store=other_store.code)

    assert all_asked(till, tokens) == EVERYTHING_IS_404


def test_the_token_opens_the_page_it_stands_for(tokens: dict[str, str], till: Till) -> None:
    for name in sorted(set(WITH_TOKEN) - {"gift"}):
        response = till.get(address_of(name, tokens[name]))

        assert response.status_code in (200, 405), name


def test_a_token_of_another_kind_is_404(tokens: dict[str, str], till: Till) -> None:
    wrong = {**dict.fromkeys(WITH_TOKEN, tokens["join"]), "join": tokens["voucher"]}

    assert all_asked(till, wrong) == EVERYTHING_IS_404
