"""How fast the ledger takes postings: one at a time, and in batches with lots.

The floor of a single posting is a transaction of the same shape in hand-written SQL, driven
by as many connections from Python; django-hordak's ``transfer_to`` stands beside it, on the
same server. The floor of a batch is set-based SQL that writes the same rows.

    python benchmarks/bench_ledger.py [--seconds 3] [--rounds 7] [--connections 4]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

import psycopg
from crew import HERE, Crew
from peers import NoPeers, peers_python
from scratch import scratch_database

MEMBERS = 20_000
SINGLE_TARGET, PEER_TARGET, BATCH_TARGET = 0.5, 4, 20_000
BATCH = 1000

PREPARE = (
    """
    INSERT INTO points_wallet (code, name, kind, unit_name, expiry_policy, rounding,
        allows_debt, transfers_allowed, transfer_minimum, transfer_fee_percent,
        transfer_member_days, pays_at_till, pay_points, pay_value, pay_minimum,
        pay_max_percent, reservation_minutes, is_active)
    VALUES ('points', 'Points', 'points', 'p', 'never', 'down', false, false, 1, 0, 0,
        false, 1, 0, 0, 100, 15, true)
    """,
    f"""
    INSERT INTO members_member (code, name, gender, province, state, language, follows_oa,
        joined_at, created_at, updated_at)
    SELECT 'M' || n, '', '', '', 'active', 'vi', false, now(), now(), now()
    FROM generate_series(1, {MEMBERS}) n
    """,
    """
    INSERT INTO points_account (wallet_id, kind, balance, may_go_negative, version)
    SELECT w.id, k.kind, 0, false, 0
    FROM points_wallet w, unnest('{issued,opening,redeemed}'::text[]) AS k(kind)
    """,
    # Enough in one lot for all that is spent.
    """
    INSERT INTO points_account (wallet_id, kind, member_id, balance, may_go_negative,
        version)
    SELECT w.id, 'member', m.id, 1000000, false, 1 FROM members_member m, points_wallet w
    """,
    """
    INSERT INTO points_transfer (key, kind, from_account_id, to_account_id, amount,
        happened_at, source_type, actor, note)
    SELECT 'start:' || a.id, 'opening', o.id, a.id, 1000000, now(), '', '', ''
    FROM points_account a, points_account o WHERE a.kind = 'member' AND o.kind = 'opening'
    """,
    """
    INSERT INTO points_lot (account_id, transfer_id, amount, remaining)
    SELECT to_account_id, id, amount, amount FROM points_transfer
    """,
)


TITLES = {
    "bare_grant": "points given, hand-written SQL",
    "grant": "points given, grant_points",
    "bare_spend": "points spent, hand-written SQL",
    "spend": "points spent, spend_points",
    "hordak": "django-hordak, transfer_to",
    "bare_batch": "batches of 1000, set-based SQL",
    "batch": "batches of 1000, post",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    with (
        scratch_database("loyalty_bench_ledger") as url,
        scratch_database("loyalty_bench_hordak", migrate=False) as peer_url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in PREPARE:
                connection.execute(statement)
            connection.execute("VACUUM ANALYZE")
        rates = _alternate(_singles(url, peer_url, options.connections), options)
        rates |= _alternate(_batches(url), options)
    show(rates, options.connections)


def _singles(url: str, peer_url: str, size: int) -> dict[str, Crew]:
    """Start everyone who posts one at a time; a peer that is not to be had is left out."""
    command = [sys.executable, "ledger_worker.py"]
    kinds = ("bare_grant", "grant", "bare_spend", "spend")
    crews = {kind: Crew([*command, kind, url], size) for kind in kinds}
    try:
        crews["hordak"] = _hordak(peer_url, size)
    except NoPeers as error:
        print(f"django-hordak is not here, so nothing is compared with it: {error}")
    return crews


def _batches(url: str) -> dict[str, Crew]:
    command = [sys.executable, "ledger_worker.py"]
    return {kind: Crew([*command, kind, url], 2) for kind in ("bare_batch", "batch")}


def _hordak(url: str, size: int) -> Crew:
    command = [str(peers_python()), "hordak_worker.py"]
    os.environ["HORDAK_DATABASE_URL"] = url
    done = subprocess.run(
        [*command, "prepare"], cwd=HERE, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NoPeers(done.stderr.strip().splitlines()[-1])
    return Crew(command, size)


def _alternate(
    crews: dict[str, Crew], options: argparse.Namespace
) -> dict[str, list[float]]:
    """Give every crew a round in turn; return how often each did its work in a second."""
    rates: dict[str, list[float]] = {name: [] for name in crews}
    for _round in range(options.rounds):
        for name, crew in crews.items():
            rates[name].append(crew.rate(options.seconds))
    for crew in crews.values():
        crew.close()
    return rates


def _ratio(rates: dict[str, list[float]], ours: str, other: str) -> float:
    """Compare rounds that followed each other; the median forgets a disturbed one."""
    return statistics.median(
        mine / theirs for mine, theirs in zip(rates[ours], rates[other], strict=True)
    )


def show(rates: dict[str, list[float]], connections: int) -> None:
    speed = {name: statistics.median(values) for name, values in rates.items()}
    for name in ("bare_batch", "batch"):
        speed[name] *= BATCH
    print(f"one at a time, {connections} connections, postings a second:")
    for name, title in TITLES.items():
        if name in speed:
            print(f"  {title:40} {speed[name]:8.0f}")
    figures = {f"{name}_per_second": round(value) for name, value in speed.items()}
    targets = [
        ("grant to bare SQL", "grant", "bare_grant", SINGLE_TARGET),
        ("spend to bare SQL", "spend", "bare_spend", SINGLE_TARGET),
        ("grant to transfer_to", "grant", "hordak", PEER_TARGET),
        ("spend to transfer_to", "spend", "hordak", PEER_TARGET),
        ("batch to bare SQL", "batch", "bare_batch", None),
    ]
    for title, ours, other, target in targets:
        if other in rates:
            ratio = _ratio(rates, ours, other)
            figures[title.replace(" ", "_")] = round(ratio, 3)
            verdict = _verdict(ratio, target) if target else ""
            print(f"{title:24} {ratio:6.2f}   {verdict}")
    print(f"{'batches with lots':24} {speed['batch']:6.0f}   ", end="")
    print(_verdict(speed["batch"], BATCH_TARGET))
    print(json.dumps({"benchmark": "ledger", **figures}))


def _verdict(value: float, target: float) -> str:
    return f"(target {target}: {'met' if value >= target else 'NOT met'})"


if __name__ == "__main__":
    main()
