"""A refund in the console: what came back, for which sale, and what it did to points."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activities.models import Refund
from activities.services import OrderFact, OrderLineFact, RefundFact, RefundLineFact
from flows.record import record, record_refunds
from members.models import Member
from tests.factories import make_earn_rule, make_programme, make_wallet


def test_a_refund_names_its_sale_and_its_points(
    client: Client, staff: User, mai: Member, now: datetime
) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet())
    line = OrderLineFact(sku="CF", product="Cà phê", total=Decimal(80_000))
    record([OrderFact("till", "A", mai.pk, now, Decimal(80_000), lines=(line,))], at=now)
    back = RefundLineFact("CF", "Cà phê", Decimal("0.5"), Decimal(40_000))
    fact = RefundFact("till", "R", mai.pk, now, Decimal(40_000), "A", lines=(back,))
    record_refunds([fact], at=now)
    refund = Refund.objects.get()
    client.force_login(staff)

    address = reverse("admin:activities_refund_change", args=[refund.pk])
    page = client.get(address, headers={"Accept-Language": "en"}).content.decode()

    for part in ("40.000 ₫", "0,5", "Cà phê", "Nguyễn Thị Mai"):
        assert part in page
    listed = reverse("admin:activities_refund_changelist")
    for term in ("R", "A", "0912345678"):
        found = client.get(listed, {"q": term}).content.decode()
        assert address in found
    assert address not in client.get(listed, {"matched": "no"}).content.decode()
