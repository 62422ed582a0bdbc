r"""How fast drafts are run over past orders: three rules on each side, one with a limit.

The floor is reading the same orders and lines from the tables without asking any rule.

    python benchmarks/bench_backtest.py [--orders 50000]
"""

import argparse
import csv
import gzip
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scratch import manage, scratch_database

RULES = """
from points.models import EarnCap, EarnRule, Wallet
from points.rules import publish_rule
from django.utils import timezone
wallet = Wallet.objects.order_by("pk").first()
now = timezone.now()
for code, fields in (
    ("weekend", {"method": "multiplier", "factor": 2, "weekdays": [6, 7]}),
    ("coffee", {"method": "extra", "points": 5, "categories": ["coffee"]}),
):
    rule = EarnRule.objects.create(code=code, name=code, wallet=wallet, **fields)
    publish_rule(rule, at=now)
rule = EarnRule.objects.get(code="weekend")
EarnRule.objects.filter(pk=rule.pk).update(factor=3)
EarnCap.objects.create(rule=rule, limit=50, unit="points", period="month")
"""
READ = """
import time
from activities.models import Order
from points.earning.orders import kept_baskets
ids = list(Order.objects.order_by("placed_at", "pk").values_list("pk", flat=True))
began = time.perf_counter()
for start in range(0, len(ids), 1000):
    kept_baskets(ids[start:start + 1000])
print("SECONDS", time.perf_counter() - began)
"""


def make_file(path: Path, orders: int) -> Path:
    """Write a year up to yesterday, ten orders a member, two lines an order."""
    first = datetime.now(tz=UTC).date() - timedelta(days=365)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["order_id", "member_id", "phone", "placed_at", "total", "category", "sku"]
        )
        for n in range(orders):
            day = first + timedelta(days=n * 364 // orders)
            member = (n * 31) % (orders // 10)
            for line, category in enumerate(("coffee" if n % 3 else "tea", "cake")):
                total = 10000 + (n * 7919 + line) % 400000
                writer.writerow(
                    [f"B{n:08}", f"M{member:06}", f"09{member:08}", day, total]
                    + [category, f"S{n % 50}"]
                )
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=50000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_database("loyalty_bench_backtest") as url,
    ):
        path = make_file(Path(folder) / "orders.csv.gz", options.orders)
        manage(url, "setup_programme", "retail")
        manage(url, "import_orders", str(path), "--create-members", "--json")
        manage(url, "shell", "-c", RULES)
        first = (datetime.now(tz=UTC).date() - timedelta(days=366)).isoformat()
        report = json.loads(manage(url, "backtest_rules", "--from", first, "--json"))
        read = float(manage(url, "shell", "-c", READ).split("SECONDS")[1])
    show(report, read)


def show(report: dict[str, float], read: float) -> None:
    orders, seconds = int(report["orders"]), report["seconds"]
    print(f"orders {orders}, members {report['members']}, two sides of three rules")
    print(f"back-test                 {seconds:8.2f} s {orders / seconds:10.0f} orders/s")
    print(f"reading orders and lines  {read:8.2f} s {orders / read:10.0f} orders/s")
    print(f"back-test / reading       {seconds / read:8.2f}")


if __name__ == "__main__":
    main()
