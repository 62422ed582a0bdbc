"""What the till's pages need: a programme, two stores, and who serves in them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from activities.models import Store
from members.models import Identifier, Member
from points.models import Wallet
from rewards.models import VoucherType
from tests import factories
from tests.rewards.helpers import make_voucher_type
from tests.till.helpers import Till, desk_of, make_shop_staff
from till.access import Desk


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme()


@pytest.fixture
def store(db: None) -> Store:
    return Store.objects.create(code="nh", name="Sông Nguyễn Huệ")


@pytest.fixture
def other_store(db: None) -> Store:
    return Store.objects.create(code="bd", name="Sông Bạch Đằng")


@pytest.fixture
def lan(store: Store) -> User:
    """She serves in one store."""
    return make_shop_staff("lan", store)


@pytest.fixture
def desk(lan: User, store: Store) -> Desk:
    return desk_of(lan, store)


@pytest.fixture
def till(lan: User) -> Till:
    """Lan's browser, signed in."""
    return Till("lan")


@pytest.fixture
def other_till(other_store: Store) -> Till:
    """The browser of a colleague in the other store."""
    make_shop_staff("hoa", other_store)
    return Till("hoa")


@pytest.fixture
def wallet(db: None) -> Wallet:
    """Points that pay: 10 of them 1.000 ₫, at most half of an order; a rule earns them."""
    wallet = factories.make_wallet(
        pays_at_till=True, pay_points=10, pay_value=Decimal(1000), pay_max_percent=50
    )
    factories.make_earn_rule(wallet=wallet)
    return wallet


@pytest.fixture
def card(mai: Member) -> str:
    """Mai's card number."""
    return Identifier.objects.create(
        member=mai, kind=Identifier.Kind.CARD, value="123456789012"
    ).value


@pytest.fixture
def off20(db: None) -> VoucherType:
    """20 % off the order, at most 35.000 ₫."""
    terms = {"kind": "percent", "percent": "20", "at_most": "35000"}
    return make_voucher_type("p20", terms=terms)


@pytest.fixture
def today() -> datetime:
    """The clock of the pages."""
    return timezone.now()
