"""Types of voucher in the console: typed, said back, worked out, and kept once promised."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activities.models import Store
from core.errors import InvalidInput
from members.models import Segment
from rewards.discounts.terms import Terms
from rewards.errors import TermsStand
from rewards.models import Voucher, VoucherLimit, VoucherType
from rewards.voucher_types import copy_voucher_type, save_voucher_type
from tests import factories
from tests.console import allow, form_data
from tests.rewards.helpers import make_voucher_type

PERCENT = {
    "kind": "percent",
    "scope": "lines",
    "percent": "20",
    "at_most": "50000",
    "products": {"categories": ["drinks"]},
    "minimum_value": "60000",
}

OFF = {"kind": "percent", "percent": "20"}


@pytest.fixture(autouse=True)
def _programme(db: None) -> None:
    factories.make_programme()


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def page(row: VoucherType, name: str = "change") -> str:
    return reverse(f"admin:rewards_vouchertype_{name}", args=[row.pk])


def add(console: Client, **told: Any) -> Any:
    address = reverse("admin:rewards_vouchertype_add")
    data = form_data(console.get(address))
    return console.post(address, data | {"name": "N", "code": "n"} | told)


def terms() -> Terms:
    return Terms.from_json(VoucherType.objects.get().terms)


# --- The form -----------------------------------------------------------------------------


def test_terms_are_typed_never_json(console: Client) -> None:
    shop = Store.objects.create(code="q1", name="Quận 1")
    group = Segment.objects.create(code="vip", name="VIP", conditions={"all": []})

    response = add(
        console,
        kind="percent",
        scope="lines",
        percent="12,5",
        at_most="50.000",
        products_categories="drinks\ncakes",
        excluded_labels="sale, clearance",
        minimum_value="60000",
        weekdays=["1", "5"],
        from_time="09:00",
        until_time="11:30",
        stores=[shop.pk],
        channels=["store"],
        payment_methods="momo",
        segments=[group.pk],
        first_order_only="on",
        group="tet",
        priority="5",
    )

    assert response.status_code == 302
    stored = VoucherType.objects.get().terms
    assert stored["percent"] == "12.5"
    assert stored["at_most"] == "50000"
    assert stored["products"]["categories"] == ["cakes", "drinks"]
    assert stored["excluded"]["labels"] == ["clearance", "sale"]
    assert (stored["weekdays"], stored["channels"]) == ([1, 5], ["store"])
    assert (stored["from_time"], stored["until_time"]) == ("09:00:00", "11:30:00")
    assert (stored["store_ids"], stored["segment_ids"]) == ([shop.pk], [group.pk])
    assert (stored["payment_methods"], stored["group"]) == (["momo"], "tet")
    assert (stored["priority"], stored["first_order_only"]) == (5, True)


@pytest.mark.parametrize(
    "stored",
    [
        PERCENT,
        {"kind": "amount", "amount": "50000", "exclusive": True},
        {"kind": "free_delivery", "at_most": "30000"},
        {"kind": "free_product", "get": 2, "products": {"skus": ["A", "B"]}},
        {
            "kind": "buy_get",
            "buy": 2,
            "get": 1,
            "times": 3,
            "given_percent": "50",
            "products": {"brands": ["X"]},
            "given_products": {"labels": ["new"]},
        },
        {"kind": "cheapest", "every": 3},
        {
            "kind": "bands",
            "bands_by": "value",
            "bands": [["500000", "10", None], ["1000000", None, "150000"]],
        },
        {"kind": "bands", "bands_by": "quantity", "bands": [["2", "5", None]]},
        {"kind": "partner"},
    ],
)
def test_what_is_opened_and_saved_stays_the_same(
    console: Client, stored: dict[str, Any]
) -> None:
    row = make_voucher_type(terms=Terms.from_json(stored).to_json())

    data = form_data(console.get(page(row)))
    console.post(page(row), {**data, "name": "Renamed"})

    row.refresh_from_db()
    assert row.name == "Renamed"
    assert Terms.from_json(row.terms) == Terms.from_json(stored)


@pytest.mark.parametrize(
    ("told", "field", "sentence"),
    [
        ({"kind": "percent", "percent": "0"}, "percent", "above 0, up to 100"),
        ({"kind": "amount"}, "amount", "Write an amount above zero."),
        (
            {"kind": "percent", "percent": "5", "scope": "lines"},
            "products_skus",
            "Choose at least one product, category, brand or label.",
        ),
        ({"kind": "bands"}, "bands", "Fill in at least one band."),
        ({"kind": "bands", "bands": "much"}, "bands", "“much” is no band."),
        ({"kind": "bands", "bands": "9: 5%\n3: 6%"}, "bands", "above the one before"),
        ({"kind": "cheapest", "every": "1"}, "every", "Write at least 2 pieces."),
        (
            {"kind": "amount", "amount": "1", "from_time": "09:00", "until_time": "09:00"},
            "until_time",
            "The hours end when they begin.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    console: Client, told: dict[str, str], field: str, sentence: str
) -> None:
    response = add(console, **told)

    assert sentence in str(response.context["adminform"].form.errors[field])
    assert not VoucherType.objects.exists()


def test_bands_are_read_as_people_write_them(console: Client) -> None:
    add(
        console, kind="bands", bands_by="value", bands="500.000: 10%\n1.000.000 = 150.000 ₫"
    )
    assert [tuple(band) for band in terms().bands] == [
        (500_000, 10, None),
        (10**6, None, 150_000),
    ]


def test_what_means_nothing_for_the_kind_is_not_kept(console: Client) -> None:
    add(console, kind="amount", amount="50000", percent="20", buy="9", bands="1: 5%")
    stored = VoucherType.objects.get().terms
    assert (stored["percent"], stored["buy"], stored["bands"]) == ("0", 1, [])


def test_the_sentence_follows_what_is_typed(console: Client) -> None:
    address = reverse("admin:rewards_vouchertype_sentence", args=[0])
    told = {"kind": "percent", "percent": "20", "valid_days": "30", "codes": "generated"}
    shown = text(console.post(address, told))
    assert "20% off the order." in shown
    assert "Usable for 30 days." in shown
    wrong = text(console.post(address, {"kind": "percent"}))
    assert "Write a percentage above 0, up to 100." in wrong


# --- What was promised --------------------------------------------------------------------


def issued(row: VoucherType) -> None:
    Voucher.objects.create(code="A1", voucher_type=row, state="issued")


def test_terms_stand_once_somebody_has_a_code(console: Client) -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    Voucher.objects.create(code="P", voucher_type=row, state="pooled")
    assert 'name="percent"' in text(console.get(page(row)))
    old_form = form_data(console.get(page(row)))
    issued(row)

    shown = text(console.get(page(row)))
    assert 'name="percent"' not in shown
    assert "what it takes off stands" in shown
    assert "20% off drinks, at most 50.000 ₫" in shown
    console.post(page(row), {**old_form, "percent": "90", "name": "Renamed"})

    row.refresh_from_db()
    assert (row.name, row.terms["percent"]) == ("Renamed", "20")


def test_the_verb_refuses_what_the_form_no_longer_asks() -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    issued(row)
    row.terms = {"kind": "amount", "amount": "1"}
    with pytest.raises(TermsStand, match="Copy it instead"):
        save_voucher_type(row, changed=["terms"])
    row.owner_only = False
    with pytest.raises(TermsStand):
        save_voucher_type(row, changed=["owner_only"])
    row.refresh_from_db()
    assert (row.terms["kind"], row.owner_only) == ("percent", True)
    row.valid_days = 7
    save_voucher_type(row, changed=["valid_days"])
    assert VoucherType.objects.get().valid_days == 7


def test_wrong_terms_are_refused_by_the_verb() -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    row.terms = {"kind": "percent", "percent": "150"}
    with pytest.raises(InvalidInput, match="up to 100"):
        save_voucher_type(row, changed=["terms"])
    with pytest.raises(InvalidInput):
        save_voucher_type(VoucherType(code="x", name="x", terms={"kind": "x"}), changed=[])


def test_a_copy_may_differ(console: Client) -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    VoucherLimit.objects.create(voucher_type=row, times=1, period="day")
    issued(row)

    response = console.post(page(row, "copy"))

    copy = VoucherType.objects.latest("pk")
    assert response["Location"] == page(copy)
    assert (copy.code, copy.is_active, copy.terms) == ("off20-2", False, row.terms)
    assert copy.limits.get().times == 1
    assert 'name="percent"' in text(console.get(page(copy)))
    assert copy_voucher_type(row).code == "off20-3"


def test_limits_stand_as_well(console: Client) -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    VoucherLimit.objects.create(voucher_type=row, times=1, period="day")
    data = form_data(console.get(page(row)))
    issued(row)

    console.post(page(row), {**data, "limits-0-times": "9"})

    assert VoucherLimit.objects.get().times == 1


# --- The worked example -------------------------------------------------------------------


def test_a_sample_is_worked_out_at_once(console: Client) -> None:
    row = make_voucher_type(
        name="Giảm 20%",
        terms=Terms.from_json({"kind": "percent", "percent": "20"}).to_json(),
    )
    shown = text(console.get(page(row, "example")))
    # Two lattes, a croissant, a bag of beans: 345.000 ₫.
    assert "−69.000 ₫" in shown
    assert "276.000 ₫" in shown


def test_others_beside_it_say_why_not(console: Client) -> None:
    row = make_voucher_type(
        name="Giảm 20%",
        terms=Terms.from_json({"kind": "percent", "percent": "20"}).to_json(),
    )
    alone = make_voucher_type(
        "alone",
        name="Giảm 50k",
        terms=Terms.from_json(
            {"kind": "amount", "amount": "50000", "exclusive": True}
        ).to_json(),
    )
    told = {
        "line-TOTAL_FORMS": "1",
        "line-INITIAL_FORMS": "0",
        "line-0-name": "Latte",
        "line-0-quantity": "2",
        "line-0-unit_price": "50000",
        "others": [alone.pk],
    }

    shown = text(console.get(page(row, "example"), told))

    assert "“Giảm 50k” is used instead" in shown
    assert "50.000 ₫ <small>of 100.000 ₫; 50.000 ₫ taken off" in shown


def test_a_basket_that_cannot_be_is_said(console: Client) -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    told = {
        "line-TOTAL_FORMS": "1",
        "line-INITIAL_FORMS": "0",
        "line-0-unit_price": "50",
        "line-0-discount": "90",
    }
    assert "are not above its price" in text(console.get(page(row, "example"), told))


# --- Who may ------------------------------------------------------------------------------


def test_looking_is_not_copying(helper: User, helper_console: Client) -> None:
    row = make_voucher_type(terms=Terms.from_json(PERCENT).to_json())
    assert helper_console.get(page(row, "example")).status_code == 403
    allow(helper, "view_vouchertype")
    client = Client()
    client.force_login(User.objects.get(pk=helper.pk))

    assert client.get(page(row, "example")).status_code == 200
    assert client.post(page(row, "copy")).status_code == 403
    assert VoucherType.objects.count() == 1
