"""A history with returns in it, as shops export it: cancellations, prices of tenths of a
cent, lines of one invoice that are not neighbours, goods nobody ever sold."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from activities.models import Order, PurchaseSummary, Refund
from core.models import Programme
from points.models import Transfer
from points.queries import balances
from tests.factories import make_earn_rule, make_wallet
from tests.points.helpers import assert_proved

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n"
MAP = {
    "InvoiceNo": "order_id",
    "StockCode": "sku",
    "Description": "product",
    "Quantity": "quantity",
    "InvoiceDate": "placed_at",
    "UnitPrice": "unit_price",
    "CustomerID": "member_id",
}


@pytest.fixture(autouse=True)
def _programme(db: None) -> None:
    Programme.objects.create(name="Gifts", currency="GBP")
    make_earn_rule(wallet=make_wallet(allows_debt=True), amount=Decimal(1))


def run(path: Path, reject_file: Path | None = None) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "import_orders",
        str(path),
        "--create-members",
        "--json",
        *("--reject-file", str(reject_file or path.with_suffix(".rejected.csv"))),
        *(part for pair in MAP.items() for part in ("--map", "=".join(pair))),
        stdout=out,
    )
    return json.loads(out.getvalue())


def write(folder: Path, *rows: str) -> Path:
    path = folder / "retail.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_sales_and_cancellations(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1001,A,Lamp,6,2010-12-01 08:26:00,2.55,17850",
        "1002,B,Mug,100,2010-12-01 08:30:00,0.125,17850",
        # The rest of the first invoice, a minute later and not beside it.
        "1001,C,Bowl,2,2010-12-01 08:27:00,5.00,17850",
        "C1003,A,Lamp,-2,2010-12-05 09:00:00,2.55,17850",
        # Nobody has sold this; and a member who only ever cancels.
        "C1004,D,Discount,-1,2010-12-06 09:00:00,27.50,17850",
        "C1005,A,Lamp,-1,2010-12-06 09:00:00,2.55,999",
        "1006,A,Lamp,1,2010-12-07 09:00:00,2.55,",
        "A1007,B,Adjust bad debt,1,2010-12-08 09:00:00,-11062.06,",
    )

    report = run(path)

    counted = {name: report[name] for name in ("rows", "orders", "refunds", "rejected")}
    assert counted == {"rows": 8, "orders": 2, "refunds": 3, "rejected": 2}
    # 25.30 and 12.50 earn 25 and 12; without two lamps 20.20 is left of the first.
    assert report["points"] == 37
    assert report["refunds_unmatched"] == "30.05"
    totals = dict(Order.objects.values_list("external_id", "total"))
    assert totals == {"1001": Decimal("25.30"), "1002": Decimal("12.50")}
    shop = Order.objects.first().member  # type: ignore[union-attr]
    assert balances([shop.pk]) == {shop.pk: 32}
    spend = dict(PurchaseSummary.objects.values_list("member__code", "spend"))
    assert spend == {"17850": Decimal("5.20"), "999": Decimal("-2.55")}
    assert_proved()


def test_again_it_changes_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1001,A,Lamp,6,2010-12-01 08:26:00,2.55,17850",
        "C1003,A,Lamp,-2,2010-12-05 09:00:00,2.55,17850",
    )
    run(path)
    before = list(Transfer.objects.values())

    report = run(path)

    assert (report["known"], report["refunds"], report["refunds_known"]) == (1, 0, 1)
    assert list(Transfer.objects.values()) == before


def test_a_cancellation_may_stand_before_its_sale(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "C1003,A,Lamp,-2,2010-12-05 09:00:00,2.55,17850",
        "1001,A,Lamp,6,2010-12-01 08:26:00,2.55,17850",
    )

    assert run(path)["refunds_unmatched"] == "0.00"
    assert Order.objects.get().refunded == Decimal("5.10")


def test_rows_that_sell_and_take_back_at_once_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1001,A,Lamp,6,2010-12-01 08:26:00,2.55,17850",
        "1001,B,Mug,-1,2010-12-01 08:26:00,2.55,17850",
    )

    assert run(path)["rejected"] == 2
    assert not Order.objects.exists()
    assert not Refund.objects.exists()


@pytest.mark.skipif(
    "ONLINE_RETAIL" not in os.environ, reason="ONLINE_RETAIL names no history"
)
def test_the_real_history_loads_whole(tmp_path: Path) -> None:
    report = run(Path(os.environ["ONLINE_RETAIL"]), tmp_path / "rejected.csv")

    assert (report["orders"], report["refunds"]) == (18_536, 3_654)
    assert (report["members"], report["points"]) == (4_372, 8_902_670)
    # Only rows without a customer are left out, each with that reason.
    assert report["rejected"] == 541_909 - 406_829
    spends = list(PurchaseSummary.objects.values_list("spend", flat=True))
    assert sum(spend < 0 for spend in spends) == 41
    # Lines are rounded to the penny, which the file's own sum of 8,300,065.814 is not.
    assert sum(spends) == Decimal("8300065.81")
    assert_proved()
