"""The proof of the ledger: everything is added up again and every difference is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.batch import fetch_all
from core.snapshots import one_snapshot
from points.models import Account
from points.seal_check import check_seals

# Enough to see a pattern; a broken ledger would fill the screen.
MOST_DIFFERENCES = 100


@dataclass(slots=True)
class Audit:
    """The outcome of a proof; ``totals`` are in points.

    ``sealed`` is how many transfers the seals cover, ``head`` the newest seal's digest.
    """

    totals: dict[str, int] = field(default_factory=dict)
    sealed: int = 0
    head: str = ""
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Proof:
    """One statement that finds rows which must not exist."""

    rule: str
    columns: Sequence[str]
    sql: str


MOVED = """
    SELECT account_id, SUM(amount) AS moved, COUNT(*) AS moves FROM (
        SELECT to_account_id AS account_id, amount FROM points_transfer
        UNION ALL
        SELECT from_account_id, -amount FROM points_transfer
    ) AS sides GROUP BY account_id
"""

PROOFS = (
    Proof(
        "the balance of a member's account is the sum of its transfers",
        ("account", "balance", "sum_of_transfers"),
        f"""
        SELECT a.id, a.balance, COALESCE(m.moved, 0)
        FROM points_account a LEFT JOIN ({MOVED}) m ON m.account_id = a.id
        WHERE a.kind = 'member' AND a.balance <> COALESCE(m.moved, 0)
        ORDER BY a.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "the version of a member's account counts its transfers",
        ("account", "version", "transfers"),
        f"""
        SELECT a.id, a.version, COALESCE(m.moves, 0)
        FROM points_account a LEFT JOIN ({MOVED}) m ON m.account_id = a.id
        WHERE a.kind = 'member' AND a.version <> COALESCE(m.moves, 0)
        ORDER BY a.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "no account is below zero without leave",
        ("account", "balance"),
        f"""
        SELECT id, balance FROM points_account
        WHERE balance < 0 AND NOT may_go_negative
        ORDER BY id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "what remains in a member's lots is the balance (or nothing, when in debt)",
        ("account", "balance", "in_lots"),
        f"""
        SELECT a.id, a.balance, COALESCE(l.remaining, 0)
        FROM points_account a LEFT JOIN (
            SELECT account_id, SUM(remaining) AS remaining
            FROM points_lot GROUP BY account_id
        ) l ON l.account_id = a.id
        WHERE a.kind = 'member' AND COALESCE(l.remaining, 0) <>
            CASE WHEN a.balance > 0 THEN a.balance ELSE 0 END
        ORDER BY a.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "what remains in a lot is its amount less the draws on it",
        ("lot", "remaining", "amount", "drawn"),
        f"""
        SELECT l.id, l.remaining, l.amount, COALESCE(d.drawn, 0)
        FROM points_lot l LEFT JOIN (
            SELECT lot_id, SUM(amount) AS drawn FROM points_lotdraw GROUP BY lot_id
        ) d ON d.lot_id = l.id
        WHERE l.remaining <> l.amount - COALESCE(d.drawn, 0)
        ORDER BY l.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "what was spent, expired or deducted was drawn from lots",
        ("transfer", "amount", "drawn"),
        f"""
        SELECT t.id, t.amount, COALESCE(d.drawn, 0) FROM points_transfer t
        JOIN points_account f ON f.id = t.from_account_id AND f.kind = 'member'
        LEFT JOIN (
            -- A draw on the lot that the transfer itself formed repays its owner's debt.
            SELECT d.transfer_id, SUM(d.amount) AS drawn
            FROM points_lotdraw d JOIN points_lot l ON l.id = d.lot_id
            WHERE l.transfer_id <> d.transfer_id GROUP BY d.transfer_id
        ) d ON d.transfer_id = t.id
        WHERE t.kind NOT IN ('reverse', 'merge') AND t.amount <> COALESCE(d.drawn, 0)
            -- With a merged member comes their debt, and a debt stands in no lot.
            OR t.kind = 'merge' AND t.amount <> COALESCE(d.drawn, 0)
            AND (t.amount < COALESCE(d.drawn, 0) OR NOT f.may_go_negative)
        ORDER BY t.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "a merged member's account is empty: everything stands with who was kept",
        ("account", "balance"),
        f"""
        SELECT a.id, a.balance FROM points_account a
        JOIN members_member m ON m.id = a.member_id
        WHERE m.merged_into_id IS NOT NULL AND a.balance <> 0
        ORDER BY a.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "a transfer moves points within one wallet",
        ("transfer", "from_wallet", "to_wallet"),
        f"""
        SELECT t.id, f.wallet_id, g.wallet_id FROM points_transfer t
        JOIN points_account f ON f.id = t.from_account_id
        JOIN points_account g ON g.id = t.to_account_id
        WHERE f.wallet_id <> g.wallet_id
        ORDER BY t.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "what was taken back of a transfer is what its reversals moved, and never more",
        ("transfer", "moved", "counted", "taken_back"),
        f"""
        SELECT o.id, o.amount, COALESCE(b.amount, 0), COALESCE(r.moved, 0)
        FROM points_transfer o
        LEFT JOIN points_takenback b ON b.transfer_id = o.id
        LEFT JOIN (
            SELECT reverses_id, SUM(amount) AS moved FROM points_transfer
            WHERE reverses_id IS NOT NULL GROUP BY reverses_id
        ) r ON r.reverses_id = o.id
        WHERE (b.transfer_id IS NOT NULL OR r.reverses_id IS NOT NULL) AND (
            COALESCE(b.amount, 0) <> COALESCE(r.moved, 0)
            OR COALESCE(r.moved, 0) > o.amount OR b.moved <> o.amount
        )
        ORDER BY o.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "what the programme holds is held for members or reserved by tills",
        ("account", "holds", "for_members", "reserved"),
        f"""
        SELECT a.id, COALESCE(m.moved, 0), COALESCE(h.held, 0), COALESCE(r.reserved, 0)
        FROM points_account a LEFT JOIN ({MOVED}) m ON m.account_id = a.id
        LEFT JOIN (
            SELECT t.to_account_id, SUM(h.remaining) AS held FROM points_hold h
            JOIN points_transfer t ON t.id = h.transfer_id GROUP BY t.to_account_id
        ) h ON h.to_account_id = a.id
        LEFT JOIN (
            SELECT t.to_account_id, SUM(v.amount) AS reserved FROM points_reservation v
            JOIN points_transfer t ON t.id = v.transfer_id
            WHERE v.state = 'open' GROUP BY t.to_account_id
        ) r ON r.to_account_id = a.id
        WHERE a.kind = 'held' AND COALESCE(m.moved, 0)
            <> COALESCE(h.held, 0) + COALESCE(r.reserved, 0)
        ORDER BY a.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
    Proof(
        "a reversal is the mirror of what it takes back",
        ("transfer", "reverses"),
        f"""
        SELECT t.id, o.id FROM points_transfer t
        JOIN points_transfer o ON o.id = t.reverses_id
        WHERE t.amount > o.amount OR t.from_account_id <> o.to_account_id
            OR t.to_account_id <> o.from_account_id
        ORDER BY t.id LIMIT {MOST_DIFFERENCES}
        """,
    ),
)


def verify_ledger(*, known_head: str = "") -> Audit:
    """Add up the whole ledger in one snapshot, and compare it with its seals.

    ``known_head`` is the head of a seal that was kept outside. Every difference is named.
    """
    audit = prove_ledger()
    check = check_seals(known_head=known_head, most=MOST_DIFFERENCES)
    audit.sealed, audit.head = check.sealed, check.head
    audit.differences.extend(check.differences)
    return audit


def prove_ledger() -> Audit:
    """Add up the whole ledger in one snapshot and name what does not add up."""
    audit = Audit()
    with one_snapshot():
        audit.totals = _totals()
        for proof in PROOFS:
            audit.differences.extend(
                # PostgreSQL sums whole numbers into decimals, which are no JSON.
                {"rule": proof.rule, **dict(zip(proof.columns, map(int, row), strict=True))}
                for row in fetch_all(proof.sql)
            )
        _prove_zero(audit)
    return audit


def _totals() -> dict[str, int]:
    """Sum every kind of account; what the programme gave less what it took is held."""
    sums = dict(
        fetch_all(
            f"SELECT a.kind, SUM(m.moved) FROM points_account a JOIN ({MOVED}) m "
            "ON m.account_id = a.id GROUP BY a.kind"
        )
    )
    totals = {kind: int(sums.get(kind, 0)) for kind in Account.Kind.values}
    counted = fetch_all("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM points_transfer")
    stored = fetch_all(
        "SELECT COALESCE(SUM(balance), 0) FROM points_account WHERE kind = 'member'"
    )
    return {
        "transfers": int(counted[0][0]),
        "points_moved": int(counted[0][1]),
        "member_balances": int(stored[0][0]),
        **{f"account_{kind}": total for kind, total in totals.items()},
    }


def _prove_zero(audit: Audit) -> None:
    """Members and programme together hold nothing: every point came from somewhere."""
    programme = sum(
        total
        for name, total in audit.totals.items()
        if name.startswith("account_") and name != f"account_{Account.Kind.MEMBER}"
    )
    if audit.totals["member_balances"] + programme:
        audit.differences.append(
            {
                "rule": "members' balances and the programme's accounts sum to zero",
                "member_balances": audit.totals["member_balances"],
                "programme": programme,
            }
        )
