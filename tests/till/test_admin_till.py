"""The console: who serves where, and what was done at the tills."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from activities.models import Store
from flows.roles import create_roles
from members.models import Member
from points.models import Wallet
from rewards.models import VoucherType
from tests.console import num_queries
from tests.till.helpers import Till, make_shop_staff, make_voucher
from till.models import TillAct, TillStaff

pytestmark = pytest.mark.django_db
STAFF = "/admin/till/tillstaff/"
ACTS = "/admin/till/tillact/"


def test_a_person_gets_a_till(console: Client, store: Store) -> None:
    user = User.objects.create_user("an", password="x")
    told = {"user": user.pk, "stores": [store.pk], "own_phone": "0912 345 678"}

    response = console.post(f"{STAFF}add/", told)

    assert response.status_code == 302
    staff = TillStaff.objects.get()
    assert staff.own_phone == "+84912345678"
    assert list(staff.stores.all()) == [store]
    assert staff.history.count() >= 1
    assert "has not the role" in console.get(STAFF).content.decode()


def test_the_role_lets_them_in(store: Store) -> None:
    roles = {group.name: group for group in create_roles()}
    user = User.objects.create_user("an", password="till-password")
    TillStaff.objects.create(user=user).stores.add(store)
    user.groups.add(roles["Nhân viên cửa hàng"])

    assert Till("an").get("/till/").status_code == 200


def test_a_wrong_phone_is_refused(console: Client, store: Store) -> None:
    user = User.objects.create_user("an", password="x")
    told = {"user": user.pk, "stores": [store.pk], "own_phone": "12"}

    response = console.post(f"{STAFF}add/", told)

    assert response.status_code == 200
    assert "is no Vietnamese mobile number" in response.content.decode()
    assert not TillStaff.objects.exists()


def test_the_list_of_people_costs_no_queries_each(console: Client, store: Store) -> None:
    make_shop_staff("an", store)
    few = num_queries(console, STAFF)
    for number in range(8):
        make_shop_staff(f"an{number}", store)

    assert num_queries(console, STAFF) == few


def test_what_was_done_is_listed_and_found(
    console: Client, till: Till, off20: VoucherType, mai: Member, wallet: Wallet
) -> None:
    make_voucher(off20, "DEMO0001", mai)
    till.confirm(till.act(till.look_up("DEMO0001"), total="100000", number="HD1"))

    body = console.get(ACTS).content.decode()
    assert "Nguyễn Thị Mai" in body
    assert "80.000 ₫" in body
    assert "lan" in body
    for term in ("0912345678", "lan", TillAct.objects.get().token):
        assert "80.000 ₫" in console.get(ACTS, {"q": term}).content.decode()
    assert "80.000 ₫" not in console.get(ACTS, {"q": "nobody"}).content.decode()
    act = TillAct.objects.get()
    assert console.get(f"{ACTS}{act.pk}/change/").status_code == 200


def test_nobody_changes_what_was_done(console: Client, till: Till, mai: Member) -> None:
    assert console.get(f"{ACTS}add/").status_code == 403
