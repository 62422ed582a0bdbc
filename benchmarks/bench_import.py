r"""How fast a history of orders comes in, with rules, points and tags.

The floor is a bare ``COPY`` of the same rows from Python, twice in the same run: into a
table without anything, and into a copy of the orders table with its keys and checks.

    python benchmarks/bench_import.py [--orders 70000]
    python benchmarks/bench_import.py --file orders.csv.gz --currency USD \
        --amount-per-point 1
"""

import argparse
import csv
import gzip
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from scratch import manage, scratch_database

TARGET = 1 / 15


def make_file(path: Path, orders: int) -> Path:
    """Write 500 days up to today, about three orders a member, members interleaved."""
    first = datetime.now(tz=UTC).date() - timedelta(days=500)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "member_id", "placed_at", "total", "quantity"])
        for n in range(orders):
            day = first + timedelta(days=n * 500 // orders)
            total = 10000 + (n * 7919) % 400000
            writer.writerow([f"B{n:08}", f"M{(n * 31) % (orders // 3):06}", day, total, 1])
    return path


def read_rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    return rows[1:]


def time_copy(connection: psycopg.Connection, path: Path) -> float:
    """Time a bare COPY from the file into an unindexed table, best of three."""
    connection.execute(
        "CREATE TABLE bench_plain (order_id text, member_id text, "
        "placed_at timestamptz, total numeric, quantity int)"
    )
    times = []
    for _round in range(3):
        started = time.perf_counter()
        with connection.cursor().copy("COPY bench_plain FROM STDIN") as copy:
            for row in read_rows(path):
                copy.write_row(row[:5])
        connection.commit()
        times.append(time.perf_counter() - started)
    return min(times)


def time_keyed_copy(connection: psycopg.Connection, path: Path) -> float:
    """Time a COPY into a copy of the orders table with its indexes and checks."""
    columns = (
        "source, external_id, member_id, channel, status, placed_at, placed_on, "
        "total, currency, content_hash"
    )
    connection.execute("CREATE TABLE bench_keyed (LIKE activities_order INCLUDING ALL)")
    connection.execute(
        "ALTER TABLE bench_keyed ADD FOREIGN KEY (member_id) REFERENCES members_member"
    )
    ids = dict(connection.execute("SELECT code, id FROM members_member").fetchall())
    connection.commit()
    started = time.perf_counter()
    with connection.cursor().copy(f"COPY bench_keyed ({columns}) FROM STDIN") as copy:
        for row in read_rows(path):
            day = row[2][:10]
            copy.write_row(
                ("bench", row[0], ids[row[1]], "store", "completed", row[2], day)
                + (row[3], "VND", "0" * 64)
            )
    connection.commit()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="a history; without it one is made")
    parser.add_argument("--orders", type=int, default=70000)
    parser.add_argument("--currency", default="VND")
    parser.add_argument("--amount-per-point", default="10000")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_database("loyalty_bench_import") as url,
    ):
        path = options.file or make_file(Path(folder) / "orders.csv.gz", options.orders)
        programme = ["--currency", options.currency]
        programme += ["--amount-per-point", options.amount_per_point]
        manage(url, "setup_programme", "retail", *programme)
        members = Path(folder) / "members.csv"
        codes = sorted({row[1] for row in read_rows(path)})
        members.write_text("member_id\n" + "\n".join(codes) + "\n")
        manage(url, "import_members", str(members), "--json")
        started = time.perf_counter()
        printed = manage(url, "import_orders", str(path), "--json")
        seconds = time.perf_counter() - started
        report = json.loads(printed)
        with psycopg.connect(url) as connection:
            plain = time_copy(connection, path)
            keyed = time_keyed_copy(connection, path)
    show(report, seconds, plain, keyed)


def show(report: dict[str, int], seconds: float, plain: float, keyed: float) -> None:
    orders = report["orders"]
    print(f"orders {orders}, rejected {report['rejected']}, points {report['points']}")
    print(f"import, whole process     {seconds:8.2f} s {orders / seconds:10.0f} orders/s")
    print(f"COPY, keys and checks     {keyed:8.2f} s {orders / keyed:10.0f} rows/s")
    print(f"COPY, bare table          {plain:8.2f} s {orders / plain:10.0f} rows/s")
    # What the two floors mean: docs/decisions/0005-the-floor-of-an-import.md.
    verdict = "met" if plain / seconds >= TARGET else "NOT met"
    print(f"import : COPY bare      = 1/{seconds / plain:.1f} (target 1/15: {verdict})")
    print(f"import : COPY with keys = 1/{seconds / keyed:.1f}")
    figures = {
        "benchmark": "import",
        "orders": orders,
        "seconds": round(seconds, 2),
        "orders_per_second": round(orders / seconds),
        "ratio_to_keyed_copy": round(keyed / seconds, 4),
        "ratio_to_bare_copy": round(plain / seconds, 4),
        "target": round(TARGET, 4),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
