"""A worker of bench_ledger.py: posts through a public verb, or by hand-written SQL.

python benchmarks/ledger_worker.py KIND URL SEED
"""

import random
import sys
import time
from collections.abc import Callable

import psycopg
from crew import serve
from scratch import use_django

BATCH = 1000


def main() -> None:
    kind, url, seed = sys.argv[1:]
    dice = random.Random(f"{kind}{seed}{time.time()}")
    serve(KINDS[kind](url, dice))


def bare_grant(url: str, dice: random.Random) -> Callable[[], None]:
    """Key, account under lock, lot, balance."""
    connection, accounts, programme = _bare(url, "opening")

    def post() -> None:
        account = dice.choice(accounts)
        with connection.transaction():
            transfer = _insert_transfer(connection, dice, "opening", programme, account)
            _lock(connection, account)
            connection.execute(
                "INSERT INTO points_lot (account_id, transfer_id, amount, remaining) "
                "VALUES (%s, %s, 5, 5)",
                (account, transfer),
            )
            _change_balance(connection, account, 5)

    return post


def bare_spend(url: str, dice: random.Random) -> Callable[[], None]:
    """Key, account under lock, its open lots, what is drawn on one, balance."""
    connection, accounts, programme = _bare(url, "redeemed")

    def post() -> None:
        account = dice.choice(accounts)
        with connection.transaction():
            transfer = _insert_transfer(connection, dice, "spend", account, programme)
            _lock(connection, account)
            lots = connection.execute(
                "SELECT id, remaining FROM points_lot WHERE account_id = %s "
                "AND remaining > 0 ORDER BY expires_on IS NULL, expires_on, id",
                (account,),
            ).fetchall()
            lot = next(pk for pk, remaining in lots if remaining >= 5)
            connection.execute(
                "UPDATE points_lot SET remaining = remaining - 5 "
                "WHERE id = %s AND remaining >= 5",
                (lot,),
            )
            connection.execute(
                "INSERT INTO points_lotdraw (transfer_id, lot_id, amount) "
                "VALUES (%s, %s, 5)",
                (transfer, lot),
            )
            _change_balance(connection, account, -5)

    return post


def grant(url: str, dice: random.Random) -> Callable[[], None]:
    members = _members(url)
    from django.utils import timezone

    from points.services import Grant, grant_points

    def post() -> None:
        given = Grant(dice.choice(members).pk, 5, _key(dice))
        grant_points(grants=[given], at=timezone.now())

    return post


def spend(url: str, dice: random.Random) -> Callable[[], None]:
    members = _members(url)
    from django.utils import timezone

    from points.services import spend_points

    def post() -> None:
        member = dice.choice(members)
        spend_points(member=member, amount=5, key=_key(dice), at=timezone.now())

    return post


def bare_batch(url: str, dice: random.Random) -> Callable[[], None]:
    """A thousand keys, accounts under lock, lots and balances, each in one statement."""
    connection, accounts, programme = _bare(url, "issued")
    mine = _half(accounts)

    def post() -> None:
        chosen = sorted(dice.sample(mine, BATCH))
        keys = [_key(dice) for _account in chosen]
        with connection.transaction():
            new = connection.execute(
                "INSERT INTO points_transfer (key, kind, from_account_id, to_account_id, "
                "amount, happened_at, source_type, actor, note) "
                "SELECT key, 'earn', %s, account, 5, now(), '', '', '' "
                "FROM unnest(%s::text[], %s::bigint[]) AS r(key, account) "
                "ON CONFLICT (key) DO NOTHING RETURNING id, to_account_id",
                (programme, keys, chosen),
            ).fetchall()
            connection.execute(
                "SELECT id, balance FROM points_account WHERE id = ANY(%s) "
                "ORDER BY id FOR UPDATE",
                (chosen,),
            ).fetchall()
            connection.execute(
                "INSERT INTO points_lot (transfer_id, account_id, amount, remaining) "
                "SELECT id, account, 5, 5 "
                "FROM unnest(%s::bigint[], %s::bigint[]) AS r(id, account)",
                ([pk for pk, _account in new], [account for _pk, account in new]),
            )
            connection.execute(
                "UPDATE points_account SET balance = balance + 5, version = version + 1 "
                "FROM unnest(%s::bigint[]) AS r(account) WHERE id = r.account",
                (chosen,),
            )

    return post


def batch(url: str, dice: random.Random) -> Callable[[], None]:
    use_django(url)
    from django.utils import timezone

    from points.ledger import Posting, post
    from points.models import Account

    members = Account.objects.filter(kind="member").order_by("pk")
    mine = _half(list(members.values_list("pk", flat=True)))
    issued = Account.objects.get(kind="issued").pk

    def post_batch() -> None:
        at = timezone.now()
        post(
            [
                Posting(_key(dice), "earn", issued, account, 5, at)
                for account in dice.sample(mine, BATCH)
            ]
        )

    return post_batch


KINDS = {
    "bare_grant": bare_grant,
    "grant": grant,
    "bare_spend": bare_spend,
    "spend": spend,
    "bare_batch": bare_batch,
    "batch": batch,
}


def _half(accounts: list[int]) -> list[int]:
    """Choose the accounts of this worker of two, so that neither waits for the other."""
    return accounts[int(sys.argv[3]) :: 2]


def _bare(url: str, programme: str) -> tuple[psycopg.Connection, list[int], int]:
    connection = psycopg.connect(url, autocommit=True)
    rows = connection.execute("SELECT id, kind FROM points_account").fetchall()
    accounts = [pk for pk, kind in rows if kind == "member"]
    return connection, accounts, next(pk for pk, kind in rows if kind == programme)


def _members(url: str) -> list:
    use_django(url)
    from members.models import Member

    return list(Member.objects.all())


def _key(dice: random.Random) -> str:
    return f"bench:{dice.getrandbits(64):x}"


def _insert_transfer(
    connection: psycopg.Connection, dice: random.Random, kind: str, source: int, target: int
) -> int:
    row = connection.execute(
        "INSERT INTO points_transfer (key, kind, from_account_id, to_account_id, "
        "amount, happened_at, source_type, actor, note) "
        "VALUES (%s, %s, %s, %s, 5, now(), '', '', '') "
        "ON CONFLICT (key) DO NOTHING RETURNING id",
        (_key(dice), kind, source, target),
    ).fetchone()
    assert row is not None, "no key comes twice"
    return row[0]


def _lock(connection: psycopg.Connection, account: int) -> None:
    connection.execute(
        "SELECT balance FROM points_account WHERE id = %s FOR UPDATE", (account,)
    ).fetchone()


def _change_balance(connection: psycopg.Connection, account: int, amount: int) -> None:
    changed = connection.execute(
        "UPDATE points_account SET balance = balance + %s, version = version + 1 "
        "WHERE id = %s AND balance + %s >= 0",
        (amount, account, amount),
    )
    assert changed.rowcount == 1, "there are points enough"


if __name__ == "__main__":
    main()
