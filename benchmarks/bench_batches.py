"""How fast a million voucher codes are made, and a partner's list of codes is taken in.

The floor is a bare ``COPY`` of the very same rows, twice in the same run: into a table
without anything, and into a copy of the vouchers' table with its keys and checks.

    python benchmarks/bench_batches.py [--codes 1000000] [--listed 100000]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from scratch import manage, scratch_database, use_django

# One million on two cores.
TARGET_SECONDS = 60
CHUNK = 20_000
NAMES = "code, voucher_type_id, batch_id, state, uses, max_uses"
FOREIGN_KEYS = ("voucher_type", "batch", "given", "member")
REFERENCES = ("vouchertype", "voucherbatch", "givenbenefit", None)


def make_types(url: str) -> None:
    script = (
        "from rewards.models import VoucherType as T\n"
        "T.objects.create(code='pool', name='Pool', codes='pool')\n"
        "T.objects.create(code='partner', name='Partner', codes='pool')"
    )
    manage(url, "shell", "-c", script)


def time_batch(url: str, codes: int) -> float:
    """Time the making itself; the start of a process is no part of it."""
    words = ("pool", "--count", str(codes), "--wait", "--json")
    told = json.loads(manage(url, "make_vouchers", *words))
    assert (told["made"], told["state"]) == (codes, "done"), told
    return float(told["seconds"])


def write_list(folder: str, codes: int) -> Path:
    path = Path(folder) / "codes.csv"
    lines = "".join(f"GRAB-{n * 7919 % 10**8:08}\n" for n in range(codes))
    path.write_text("code\n" + lines)
    return path


def time_list(path: Path) -> tuple[float, float]:
    """Time the reading with its preview, and the taking in."""
    from django.utils import timezone

    from rewards.batches import run_batch, take_in, upload_codes
    from rewards.models import VoucherType

    partner = VoucherType.objects.get(code="partner")
    started = time.perf_counter()
    draft = upload_codes(path, voucher_type=partner, name="", at=timezone.now())
    read = time.perf_counter()
    take_in(draft, at=timezone.now())
    batch = run_batch(draft.pk)
    assert batch is not None
    assert batch.made == batch.size == draft.size
    return read - started, time.perf_counter() - read


def chunks_of(rows: list[str]) -> Iterator[str]:
    for start in range(0, len(rows), CHUNK):
        yield "".join(rows[start : start + CHUNK])


def time_copy(connection: psycopg.Connection, table: str, rows: list[str]) -> float:
    """Time a COPY of these lines in transactions as large as the worker's."""
    started = time.perf_counter()
    for chunk in chunks_of(rows):
        with connection.cursor().copy(f"COPY {table} ({NAMES}) FROM STDIN") as copy:
            copy.write(chunk)
        connection.commit()
    return time.perf_counter() - started


def read_rows(connection: psycopg.Connection) -> list[str]:
    """Return the rows that were made, as COPY reads them."""
    lines = connection.cursor().copy(f"COPY rewards_voucher ({NAMES}) TO STDOUT")
    with lines as copy:
        return [bytes(line).decode() for line in copy]


def make_tables(connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE TABLE bench_plain (code varchar(40), voucher_type_id bigint, "
        "batch_id bigint, state varchar(10), uses int, max_uses int)"
    )
    connection.execute("CREATE TABLE bench_keyed (LIKE rewards_voucher INCLUDING ALL)")
    for column, table in zip(FOREIGN_KEYS, REFERENCES, strict=True):
        connection.execute(
            f"ALTER TABLE bench_keyed ADD FOREIGN KEY ({column}_id) REFERENCES "
            f"{f'rewards_{table}' if table else 'members_member'} "
            "DEFERRABLE INITIALLY DEFERRED"
        )
    connection.commit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=int, default=1_000_000)
    parser.add_argument("--listed", type=int, default=100_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_database("loyalty_bench_batches") as url,
    ):
        make_types(url)
        seconds = time_batch(url, options.codes)
        with psycopg.connect(url) as connection:
            rows = read_rows(connection)
            make_tables(connection)
            keyed = time_copy(connection, "bench_keyed", rows)
            plain = time_copy(connection, "bench_plain", rows)
        use_django(url)
        read, taken = time_list(write_list(folder, options.listed))
        from django.db import connections

        connections.close_all()
    show(options.codes, seconds, plain, keyed)
    show_list(options.listed, read, taken)


def show(codes: int, seconds: float, plain: float, keyed: float) -> None:
    print(f"codes made in a batch     {seconds:8.2f} s {codes / seconds:10.0f} codes/s")
    print(f"COPY, keys and checks     {keyed:8.2f} s {codes / keyed:10.0f} rows/s")
    print(f"COPY, bare table          {plain:8.2f} s {codes / plain:10.0f} rows/s")
    per_million = seconds * 1_000_000 / codes
    verdict = "met" if per_million < TARGET_SECONDS else "NOT met"
    print(f"a million takes {per_million:.1f} s (target {TARGET_SECONDS} s: {verdict})")
    print(f"batch : COPY with keys = 1/{seconds / keyed:.2f}")
    print(f"batch : COPY bare      = 1/{seconds / plain:.1f}")
    figures = {
        "benchmark": "batches",
        "codes": codes,
        "seconds": round(seconds, 2),
        "codes_per_second": round(codes / seconds),
        "ratio_to_keyed_copy": round(keyed / seconds, 4),
        "ratio_to_bare_copy": round(plain / seconds, 4),
        "target_seconds_per_million": TARGET_SECONDS,
    }
    print(json.dumps(figures))


def show_list(codes: int, read: float, taken: float) -> None:
    print(f"a list read and previewed {read:8.2f} s {codes / read:10.0f} codes/s")
    print(f"a list taken in           {taken:8.2f} s {codes / taken:10.0f} codes/s")
    figures = {
        "benchmark": "uploaded list",
        "codes": codes,
        "seconds_to_preview": round(read, 2),
        "seconds_to_take_in": round(taken, 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
