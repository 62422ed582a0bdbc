"""Vouchers in the console: found by the whole code, read at a glance, cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from members.models import Member
from rewards.models import Voucher, VoucherType, VoucherUse
from tests.console import allow, num_queries
from tests.rewards.batches.helpers import made, pooled
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db

LIST = reverse("admin:rewards_voucher_changelist")


@pytest.fixture
def at() -> datetime:
    """Pages look at the clock; so do these tests."""
    return timezone.now()


@pytest.fixture
def drinks(db: None) -> VoucherType:
    return make_voucher_type(name="Half-price drinks", codes="pool")


@pytest.fixture
def voucher(drinks: VoucherType, mai: Member, at: datetime) -> Voucher:
    (voucher,) = pooled(
        drinks,
        "TETA1B2C",
        state="issued",
        member=mai,
        issued_at=at,
        max_uses=3,
        valid_until=datetime(2030, 12, 31, 17, 0, tzinfo=at.tzinfo),
    )
    return voucher


def address(voucher: Voucher, name: str = "change") -> str:
    return reverse(f"admin:rewards_voucher_{name}", args=[voucher.pk])


def listed(client: Client, **asked: str) -> list[str]:
    response = client.get(LIST, asked)
    assert response.status_code == 200
    return [voucher.code for voucher in response.context["cl"].result_list]


def page(client: Client, voucher: Voucher) -> str:
    response = client.get(address(voucher))
    assert response.status_code == 200
    return response.content.decode()


def use(voucher: Voucher, reference: str, at: datetime, **fields: object) -> None:
    told = {
        "source": "till",
        "state": "used",
        "happened_at": at,
        "happened_on": at.date(),
        "used_at": at,
        "order_total": Decimal(200_000),
        "discount": Decimal(40_000),
    }
    told |= fields
    if told["state"] not in ("held", "used"):
        told.setdefault("ended_at", at)
    VoucherUse.objects.create(voucher=voucher, reference=reference, **told)


# --- the list ---------------------------------------------------------------------------


def test_found_by_the_whole_code_or_by_its_owner(
    console: Client, voucher: Voucher, drinks: VoucherType
) -> None:
    pooled(drinks, "OTHER123")

    assert listed(console, q="teta-1b2c") == ["TETA1B2C"]
    assert listed(console, q="TETA 1B2C ") == ["TETA1B2C"]
    assert listed(console, q="0912345678") == ["TETA1B2C"]
    assert listed(console, q="TETA") == []
    assert listed(console) == ["OTHER123", "TETA1B2C"]


def test_a_code_is_looked_up_and_not_searched_for(
    console: Client, voucher: Voucher
) -> None:
    with CaptureQueriesContext(connection) as queries:
        listed(console, q="TETA1B2C")

    about = [q["sql"] for q in queries if "rewards_voucher" in q["sql"]]
    assert about
    assert not any("LIKE" in sql.upper() or "UPPER(" in sql.upper() for sql in about)
    assert not any("COUNT(" in sql.upper() for sql in about)


def test_filters(
    console: Client, voucher: Voucher, drinks: VoucherType, at: datetime
) -> None:
    other = make_voucher_type("other", codes="pool")
    batch = made(other, 2, at)
    pooled(drinks, "OVER1234", valid_until=at)
    pooled(drinks, "GONE1234", state="cancelled")

    assert listed(console, standing="open") == ["TETA1B2C"]
    assert listed(console, standing="expired") == ["OVER1234"]
    assert listed(console, standing="cancelled") == ["GONE1234"]
    assert len(listed(console, standing="pooled")) == 2
    assert len(listed(console, batch=str(batch.pk))) == 2
    assert len(listed(console, voucher_type__id__exact=str(other.pk))) == 2
    assert len(listed(console, batch="x")) == 5


def test_the_list_costs_the_same_however_long_it_is(
    console: Client, voucher: Voucher, drinks: VoucherType
) -> None:
    few = num_queries(console, LIST)
    made(drinks, 30, timezone.now())

    assert num_queries(console, LIST) == few


# --- one voucher ------------------------------------------------------------------------


def test_one_glance_says_what_can_be_done_with_it(
    console: Client, voucher: Voucher, mai: Member, at: datetime
) -> None:
    use(voucher, "HD00017", at, member=mai, actor="pos-1")
    use(voucher, "HD00018", at, state="rolled_back")

    said = page(console, voucher)

    assert "TETA 1B2C" in said
    assert "can be used" in said
    assert "Can be used through 31/12/2030." in said
    assert "Nguyễn Thị Mai" in said
    assert "0 / 3" in said
    assert "HD00017" in said
    assert "40.000 ₫" in said
    assert "taken back" in said


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"state": "pooled", "member": None}, "Waits in the pool."),
        ({"uses": 3}, "Used up: it could be used 3 times."),
        (
            {"valid_until": datetime(2026, 1, 1, 17, 0, tzinfo=UTC)},
            "Could be used through 01/01/2026.",
        ),
        (
            {"valid_from": datetime(2030, 1, 1, 17, 0, tzinfo=UTC)},
            "Can be used from 02/01/2030 on.",
        ),
        ({"valid_until": None}, "Can be used without an end."),
        ({"state": "cancelled"}, "taken back with what gave it"),
    ],
)
def test_how_it_stands_is_a_sentence(
    console: Client, voucher: Voucher, fields: dict[str, object], sentence: str
) -> None:
    Voucher.objects.filter(pk=voucher.pk).update(**fields)

    assert sentence in page(console, voucher)


def test_codes_are_shown_as_they_were_written(console: Client, drinks: VoucherType) -> None:
    (partners,) = pooled(drinks, "GRABX9Y8", written_as="Grab-x9Y8")
    assert "Grab-x9Y8" in page(console, partners)
    assert "GRABX9Y8" in page(console, partners)

    everyones = make_voucher_type("tet", codes="shared", owner_only=False)
    (shared,) = pooled(everyones, "TET2027", state="issued")
    said = page(console, shared)
    assert ">TET2027<" in said
    assert "whoever shows it" in said


def test_a_code_for_everyone_shows_its_newest_uses(
    console: Client, voucher: Voucher, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewards.admin.voucher_page.SHOWN", 2)
    for number in range(3):
        use(voucher, f"HD{number}", at)

    said = page(console, voucher)

    assert "The newest 2 uses." in said
    assert "HD2" in said
    assert "HD0" not in said


def test_the_page_costs_the_same_however_many_uses(
    console: Client, voucher: Voucher, mai: Member, at: datetime
) -> None:
    use(voucher, "HD0", at, member=mai)
    few = num_queries(console, address(voucher))
    for number in range(1, 9):
        use(voucher, f"HD{number}", at, member=mai)

    assert num_queries(console, address(voucher)) == few


# --- cancelling -------------------------------------------------------------------------


def test_cancelled_with_a_reason_that_stays(
    console: Client, voucher: Voucher, staff: User
) -> None:
    Voucher.objects.filter(pk=voucher.pk).update(uses=1)
    asked = console.get(address(voucher, "cancel")).content.decode()
    assert "Cancel TETA 1B2C?" in asked
    assert "What was used stays used: 1." in asked

    console.post(address(voucher, "cancel"), {"because": ""})
    voucher.refresh_from_db()
    assert voucher.state == "issued"

    response = console.post(address(voucher, "cancel"), {"because": "It leaked."})

    assert response["Location"] == address(voucher)
    voucher.refresh_from_db()
    assert (voucher.state, voucher.cancelled_because) == ("cancelled", "It leaked.")
    said = page(console, voucher)
    assert "It leaked." in said
    assert address(voucher, "cancel") not in said
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (staff, "cancelled: It leaked.")

    again = console.post(address(voucher, "cancel"), {"because": "again"})
    assert "It was cancelled before" in again.content.decode()


def test_looking_is_not_cancelling(
    helper: User, helper_console: Client, voucher: Voucher
) -> None:
    allow(helper, "view_voucher")

    assert "Cancel this voucher" not in page(helper_console, voucher)
    assert helper_console.get(address(voucher, "cancel")).status_code == 403
    refused = helper_console.post(address(voucher, "cancel"), {"because": "x"})
    assert refused.status_code == 403
    voucher.refresh_from_db()
    assert voucher.state == "issued"


def test_nobody_looks_without_the_right(helper_console: Client, voucher: Voucher) -> None:
    assert helper_console.get(address(voucher)).status_code == 403
    assert helper_console.get(LIST).status_code == 403


def test_a_window_of_hours_is_written_with_its_hours(
    console: Client, voucher: Voucher, at: datetime
) -> None:
    ends = timezone.localtime(at + timedelta(days=3)).replace(
        hour=18, minute=30, second=0, microsecond=0
    )
    Voucher.objects.filter(pk=voucher.pk).update(valid_until=ends)

    assert f"until 18:30 {ends:%d/%m/%Y}" in page(console, voucher)
