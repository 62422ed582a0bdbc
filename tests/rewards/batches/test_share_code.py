"""One code for everyone: chosen by staff, written once, never somebody else's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.approvals import approve_change, reject_change
from core.models import ChangeRequest
from rewards.batches import cancel_voucher, share_code
from rewards.errors import BatchRefused, CodeRefused
from rewards.models import Voucher, VoucherType
from tests.console import allow
from tests.rewards.batches.helpers import pooled
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def tet(now: datetime) -> VoucherType:
    return make_voucher_type(
        "tet",
        codes="shared",
        owner_only=False,
        uses_per_code=500,
        valid_from=now,
        valid_until=now + timedelta(days=14),
    )


def share(voucher_type: VoucherType, code: str, at: datetime, **told: Any) -> Any:
    return share_code(voucher_type=voucher_type, code=code, at=at, **told)


def test_everyone_can_use_it(tet: VoucherType, staff: User, now: datetime) -> None:
    voucher = share(tet, " tet-2027 ", now, by=staff)

    assert (voucher.code, voucher.state, voucher.member) == ("TET2027", "issued", None)
    assert (voucher.uses, voucher.max_uses, voucher.batch) == (0, 500, None)
    assert (voucher.valid_from, voucher.valid_until) == (now, tet.valid_until)
    assert voucher.issued_at == now


def test_again_it_is_the_same(tet: VoucherType, now: datetime) -> None:
    assert share(tet, "TET2027", now) == share(tet, "Tet 2027", now)
    assert Voucher.objects.count() == 1


def test_any_number_of_uses(now: datetime) -> None:
    endless = make_voucher_type(codes="shared", owner_only=False, uses_per_code=None)

    assert share(endless, "XUAN", now).max_uses is None


@pytest.mark.parametrize("code", ["TẾT2027", "ABC", "A" * 41, "", "TET!", "ТЕТ2027"])
def test_what_cannot_be_typed_at_every_till(
    tet: VoucherType, code: str, now: datetime
) -> None:
    with pytest.raises(CodeRefused, match="4 to 40 letters"):
        share(tet, code, now)
    assert not Voucher.objects.exists()


def test_a_code_that_is_taken(tet: VoucherType, now: datetime) -> None:
    pooled(make_voucher_type("other"), "TET2027")
    with pytest.raises(CodeRefused, match="Choose another one"):
        share(tet, "TET2027", now)

    # What was cancelled does not come back: tills may have refused it already.
    cancel_voucher(share(tet, "TET2028", now), because="leaked", at=now)
    with pytest.raises(CodeRefused, match="Choose another one"):
        share(tet, "TET2028", now)
    assert Voucher.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"codes": "pool"}, "Make a batch"),
        ({"is_active": False}, "switched off"),
        ({"owner_only": True}, "Switch that off first"),
        ({"valid_days": 7}, "given to nobody"),
    ],
)
def test_types_without_such_a_code(
    tet: VoucherType, fields: dict[str, Any], said: str, now: datetime
) -> None:
    VoucherType.objects.update(**fields)
    tet.refresh_from_db()

    with pytest.raises(BatchRefused, match=said):
        share(tet, "TET2027", now)
    assert not Voucher.objects.exists()


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        (500, "TET2027: one code of “Tết” for 500 uses, worth 10.000.000 ₫ at most"),
        (
            None,
            "TET2027: one code of “Tết” for any number of uses, without an upper "
            "bound in money",
        ),
    ],
)
def test_many_uses_wait_for_a_second_person(
    uses: int | None, said: str, staff: User, helper: User, now: datetime
) -> None:
    allow(helper, "add_voucherbatch", "decide_changerequest")
    tet = make_voucher_type(
        name="Tết",
        codes="shared",
        owner_only=False,
        uses_per_code=uses,
        approval_above=499,
        terms={"kind": "amount", "amount": "20000"},
    )

    request = share(tet, "tet2027", now, by=staff)

    assert isinstance(request, ChangeRequest)
    assert request.summary == said
    assert share(tet, "TET2027", now, by=staff) == request
    assert not Voucher.objects.exists()

    reject_change(request, by=User.objects.get(pk=helper.pk), at=now)
    again = share(tet, "TET2027", now, by=staff)
    assert again != request

    approve_change(again, by=User.objects.get(pk=helper.pk), at=now)
    assert Voucher.objects.get().code == "TET2027"
    # The command line, and what is there, ask nobody.
    assert share(tet, "TET2027", now, by=staff) == Voucher.objects.get()
    assert share(tet, "OTHER1", now).code == "OTHER1"
