"""A ledger of any size that every proof holds for, built by set-based SQL.

Four transfers make a block of one member: earned 10, earned 10, spent 10 (all of the first
lot), spent 5 (half of the second); a member has five blocks. The tables' triggers sleep
while it is built, and their indexes are made afterwards.
"""

import psycopg

BLOCK, BLOCKS_A_MEMBER = 4, 5
TABLES = ("points_transfer", "points_lot", "points_lotdraw", "points_account")

WALLET = """
    INSERT INTO points_wallet (code, name, kind, unit_name, expiry_policy, expiry_months,
        rounding, allows_debt, transfers_allowed, transfer_minimum, transfer_fee_percent,
        transfer_member_days, pays_at_till, pay_points, pay_value, pay_minimum,
        pay_max_percent, reservation_minutes, is_active)
    VALUES ('points', 'Points', 'points', 'p', 'rolling', 12, 'down', false, false, 1, 0, 0,
        true, 1, 1, 0, 100, 15, true)
"""
MEMBERS = """
    INSERT INTO members_member (id, code, name, gender, province, state, language,
        follows_oa, joined_at, created_at, updated_at)
    SELECT n, 'M' || n, 'Member ' || n, '', '', 'active', 'vi', false, now(), now(), now()
    FROM generate_series(%(first)s, %(last)s) n
"""
# A member's account has the member's number; the programme's lie below zero.
PROGRAMME = """
    INSERT INTO points_account (id, wallet_id, kind, balance, may_go_negative, version)
    SELECT k.id, w.id, k.kind, 0, false, 0 FROM points_wallet w,
        (VALUES (-1, 'issued'), (-2, 'redeemed'), (-3, 'expired')) AS k(id, kind)
"""
ACCOUNTS = """
    INSERT INTO points_account (id, wallet_id, kind, member_id, balance, may_go_negative,
        version)
    SELECT n, w.id, 'member', n, 0, false, 0
    FROM points_wallet w, generate_series(%(first)s, %(last)s) n
"""
# Block b belongs to member first + b modulo the members: each comes back again and again.
TRANSFERS = """
    INSERT INTO points_transfer (id, key, kind, from_account_id, to_account_id, amount,
        happened_at, source_type, source_id, actor, note)
    SELECT b * 4 + k, 'big:' || lpad((b * 4 + k)::text, 9, '0'),
        CASE WHEN k < 2 THEN 'earn' ELSE 'spend' END,
        CASE WHEN k < 2 THEN -1 ELSE m END, CASE WHEN k < 2 THEN m ELSE -2 END,
        CASE WHEN k < 3 THEN 10 ELSE {last_spent} END,
        timestamptz '2026-11-24' - (%(until)s - b) * (interval '700 days' / %(until)s),
        CASE WHEN k < 2 THEN 'order' ELSE '' END,
        CASE WHEN k < 2 THEN b * 4 + k END, '', ''
    FROM (SELECT b, %(first)s + b %% %(members)s AS m
        FROM generate_series(%(from)s, %(until)s - 1) b) blocks, generate_series(0, 3) k
    ORDER BY b, k
"""
LOTS = """
    INSERT INTO points_lot (id, account_id, transfer_id, amount, remaining, expires_on)
    SELECT b * 2 + k, %(first)s + b %% %(members)s, b * 4 + k, 10,
        CASE WHEN k = 0 THEN 0 ELSE 10 - {last_spent} END,
        CASE WHEN b %% 5 < {due} THEN date '2026-11-24' - (b %% 300)::int
            ELSE date '2026-11-25' + (b %% 365)::int END
    FROM generate_series(%(from)s, %(until)s - 1) b, generate_series(0, 1) k
    ORDER BY b, k
"""
DRAWS = """
    INSERT INTO points_lotdraw (id, transfer_id, lot_id, amount)
    SELECT b * 2 + k, b * 4 + 2 + k, b * 2 + k,
        CASE WHEN k = 0 THEN 10 ELSE {last_spent} END
    FROM generate_series(%(from)s, %(until)s - 1) b, generate_series(0, 1) k
    ORDER BY b, k
"""
BALANCES = """
    UPDATE points_account SET balance = s.remaining, version = s.moves
    FROM (SELECT account_id, sum(remaining) AS remaining, 2 * count(*) AS moves
        FROM points_lot WHERE account_id >= %(first)s GROUP BY account_id) s
    WHERE id = s.account_id
"""
SEQUENCES = """
    SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}
"""
HEAVY_BLOCKS = 12_500


def build(connection: psycopg.Connection, transfers: int, *, due: int = 0) -> int:
    """Fill an empty migrated database and return how many members it has.

    Of five open lots, ``due`` are past their last day.
    """
    blocks = transfers // BLOCK
    members = max(1, blocks // BLOCKS_A_MEMBER)
    connection.execute("SET session_replication_role = replica")
    connection.execute(WALLET)
    connection.execute(PROGRAMME)
    indexes = _drop_indexes(connection)
    _add_blocks(connection, 0, blocks, first=1, members=members, last_spent="5", due=due)
    connection.execute("SET maintenance_work_mem = '256MB'")
    for index in indexes:
        connection.execute(index)
    connection.execute("SET session_replication_role = origin")
    _settle(connection)
    return members


def add_heavy_member(connection: psycopg.Connection, transfers: int, members: int) -> int:
    """Add a member with 50,000 transfers and 5,000 open lots; returns the member's id."""
    blocks = transfers // BLOCK
    connection.execute("SET session_replication_role = replica")
    _add_blocks(
        connection,
        blocks,
        blocks + HEAVY_BLOCKS,
        first=members + 1,
        members=1,
        # In three blocks of five nothing remains.
        last_spent="(CASE WHEN b % 5 < 3 THEN 10 ELSE 5 END)",
        due=0,
    )
    connection.execute("SET session_replication_role = origin")
    _settle(connection)
    return members + 1


def _add_blocks(
    connection: psycopg.Connection,
    start: int,
    until: int,
    *,
    first: int,
    members: int,
    last_spent: str,
    due: int,
) -> None:
    values = {
        "from": start,
        "until": until,
        "first": first,
        "last": first + members - 1,
        "members": members,
    }
    for statement in (MEMBERS, ACCOUNTS, TRANSFERS, LOTS, DRAWS, BALANCES):
        # Numbers of our own, written into the text; "%%" is SQL's remainder.
        sql = statement.replace("{last_spent}", last_spent.replace("%", "%%"))
        sql = sql.replace("{due}", str(due)) % {k: str(v) for k, v in values.items()}
        connection.execute(sql.encode())


def _drop_indexes(connection: psycopg.Connection) -> list[bytes]:
    """Drop the indexes that hold no rule, and return what makes them again."""
    rows = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) "
        "FROM pg_index i WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisunique",
        (list(TABLES),),
    ).fetchall()
    for name, _definition in rows:
        connection.execute(f"DROP INDEX {name}".encode())
    return [definition.encode() for _name, definition in rows]


def _settle(connection: psycopg.Connection) -> None:
    for table in ("members_member", *TABLES):
        connection.execute(SEQUENCES.format(table=table).encode())
    connection.execute("VACUUM ANALYZE")
