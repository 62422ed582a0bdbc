"""T10, append-only: both databases refuse to change or delete what the ledger has written.

Every way that Django and SQL offer is tried on every table of the ledger; a refusal also
proves that no row is different. With the triggers dropped the same attempts go through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import Error, IntegrityError, connection, models, transaction
from django.db.models import F, ProtectedError
from django.test import Client
from django.urls import reverse

from members.models import Member
from points.audit import verify_ledger
from points.models import Account, Lot, LotDraw, Transfer
from points.services import Grant, grant_points, reverse_transfer, spend_points
from tests.battery.figures import report
from tests.factories import make_wallet

pytestmark = [pytest.mark.battery, pytest.mark.django_db]

Attempt = Callable[[], Any]
TABLES: tuple[type[models.Model], ...] = (Transfer, Lot, LotDraw)


@pytest.fixture(autouse=True)
def books(mai: Member, binh: Member, now: datetime) -> None:
    """A ledger with every kind of row: lots, draws, a reversal, a movement without lots."""
    make_wallet()
    grants = [Grant(mai.pk, 50, "a"), Grant(binh.pk, 30, "b"), Grant(mai.pk, 20, "c")]
    grant_points(grants=grants, at=now)
    spent = spend_points(member=mai, amount=60, key="gift", at=now)
    reverse_transfer(transfer=spent, key="gift-back", at=now)
    spend_points(member=mai, amount=5, key="gift-2", at=now)
    connection.check_constraints()


def rows() -> list[tuple[Any, ...]]:
    """Return the whole ledger."""
    tables = (*TABLES, Account, Member)
    return [
        (model.__name__, *row)
        for model in tables
        for row in model._default_manager.order_by("pk").values_list()
    ]


# --- The attempts -----------------------------------------------------------------------


def save_all(model: type[models.Model]) -> None:
    row = newest(model)
    row.amount += 1
    row.save()


def save_one_field(model: type[models.Model]) -> None:
    row = newest(model)
    row.amount += 1
    row.save(update_fields=["amount"])


def update(model: type[models.Model]) -> None:
    model._default_manager.update(amount=F("amount") + 1)


def bulk_update(model: type[models.Model]) -> None:
    row = newest(model)
    row.amount += 1
    model._default_manager.bulk_update([row], ["amount"])


def upsert(model: type[models.Model]) -> None:
    row = newest(model)
    row.amount += 1
    model._default_manager.bulk_create(
        [row], update_conflicts=True, unique_fields=["id"], update_fields=["amount"]
    )


def delete(model: type[models.Model]) -> None:
    # Past the look for protected relations, straight to the statement.
    rows = model._default_manager.filter(pk=newest(model).pk)
    rows._raw_delete(rows.db)


def update_in_sql(model: type[models.Model]) -> None:
    execute(f"UPDATE {model._meta.db_table} SET amount = amount + 1")


def move_id(model: type[models.Model]) -> None:
    execute(f"UPDATE {model._meta.db_table} SET id = id + 1000")


def delete_in_sql(model: type[models.Model]) -> None:
    execute(f"DELETE FROM {model._meta.db_table}")


def replace(model: type[models.Model]) -> None:
    """SQLite's REPLACE deletes without asking delete triggers, unless told to."""
    columns = [field.column for field in model._meta.concrete_fields]
    values = [f"{name} + 1" if name == "amount" else name for name in columns]
    execute(
        f"INSERT OR REPLACE INTO {model._meta.db_table} ({', '.join(columns)}) "
        f"SELECT {', '.join(values)} FROM {model._meta.db_table}"
    )


def truncate(model: type[models.Model]) -> None:
    execute(f"TRUNCATE {model._meta.db_table} CASCADE")


def merge(model: type[models.Model]) -> None:
    table = model._meta.db_table
    execute(
        f"MERGE INTO {table} AS t USING {table} AS s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET amount = s.amount + 1"
    )


EVERYWHERE = (
    save_all,
    save_one_field,
    update,
    bulk_update,
    upsert,
    delete,
    update_in_sql,
    move_id,
    delete_in_sql,
)
ONLY = {"postgresql": (truncate, merge), "sqlite": (replace,)}
LOT_FIELDS = ("account_id", "transfer_id", "expires_on")
MEMBERS = "members_member"


def attempts() -> dict[str, Attempt]:
    """Return every way to change the ledger by what it is called."""
    ways: dict[str, Attempt] = {}
    for model in TABLES:
        for way in (*EVERYWHERE, *ONLY[connection.vendor]):
            ways[f"{way.__name__} {model.__name__}"] = lambda m=model, w=way: w(m)
    for name in LOT_FIELDS:
        ways[f"change {name} of Lot"] = lambda n=name: change_lot(n)
    ways["delete a LotDraw"] = lambda: newest(LotDraw).delete()
    if connection.vendor == "postgresql":
        ways["truncate what it hangs on"] = lambda: execute(f"TRUNCATE {MEMBERS} CASCADE")
    return ways


def change_lot(name: str) -> None:
    lots = Lot.objects.order_by("pk")
    other = {"expires_on": "2030-01-01"}.get(name) or getattr(lots[1], name)
    Lot.objects.filter(pk=lots[0].pk).update(**{name: other})


def newest(model: type[models.Model]) -> Any:
    return model._default_manager.order_by("-pk")[0]


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


# --- Changes are refused ----------------------------------------------------------------


def test_every_change_is_refused() -> None:
    before = rows()
    let_through = []

    for name, attempt in attempts().items():
        if not is_refused(attempt):
            let_through.append(name)
        assert rows() == before, name

    assert let_through == []
    report("T10 append-only", attempts=len(attempts()), violations=len(let_through))


def is_refused(attempt: Attempt) -> bool:
    """Try, and tell whether it was the ledger's own triggers that said no."""
    try:
        with transaction.atomic():
            attempt()
    except IntegrityError as refusal:
        return re.search("append-only|only what remains", str(refusal)) is not None
    return False


def test_control_without_triggers_every_change_goes_through() -> None:
    drop_triggers()
    before = rows()
    changed = []

    for name, attempt in attempts().items():
        with transaction.atomic():
            attempt()
            if rows() != before:
                changed.append(name)
            transaction.set_rollback(True)

    assert changed == list(attempts())
    report("T10 control: triggers off", attempts=len(attempts()), changed=len(changed))


def drop_triggers() -> None:
    source = {
        "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger "
        "WHERE NOT tgisinternal AND tgrelid::regclass::text ~ '^(points|tiers)_'",
        "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' "
        "AND (tbl_name LIKE 'points_%' OR tbl_name LIKE 'tiers_%')",
    }
    with connection.cursor() as cursor:
        cursor.execute(source[connection.vendor])
        for name, table in cursor.fetchall():
            place = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{place}")


@pytest.mark.parametrize("model", [Member, Account])
def test_deleting_an_owner_does_not_take_the_ledger_along(
    model: type[models.Model], mai: Member
) -> None:
    before = rows()

    with pytest.raises(ProtectedError):
        mai.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        delete_at_once(model)

    assert rows() == before


def delete_at_once(model: type[models.Model]) -> None:
    execute(f"DELETE FROM {model._meta.db_table}")
    # Foreign keys are looked at when a transaction ends.
    connection.check_constraints()


def test_the_console_changes_nothing(staff: User) -> None:
    """Even who may do everything finds no door: not by an action, not by a form."""
    before = rows()
    client = Client()
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    refused = set()

    for model in (Transfer, Lot):
        name, pk = f"admin:points_{model._meta.model_name}", newest(model).pk
        action = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        # The list knows no such action and is shown again.
        client.post(reverse(f"{name}_changelist"), action)
        for page, data in (
            ("change", {"amount": 9_999, "remaining": 1}),
            ("delete", {"post": "yes"}),
        ):
            url = reverse(f"{name}_{page}", args=[pk])
            refused.add(client.post(url, data).status_code)

    assert refused == {403}
    assert rows() == before


# --- Nonsense is refused ----------------------------------------------------------------


def insert(model: type[models.Model], **changes: Any) -> None:
    """Write a copy of the newest row with these changes, past every verb."""
    row = newest(model)
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    model._default_manager.bulk_create([row])


def change_account(**changes: Any) -> None:
    Account.objects.filter(pk=Account.objects.get(member__code="MAI").pk).update(**changes)


def change_open_lot(**changes: Any) -> None:
    Lot.objects.filter(pk=newest(Lot).pk).update(**changes)


NONSENSE: dict[str, tuple[str, Attempt]] = {
    "a balance below zero": (
        "points_account_balance_not_negative",
        lambda: change_account(balance=-1),
    ),
    "a balance beyond all bounds": (
        "points_account_balance_in_bounds",
        lambda: change_account(balance=10**15 + 1),
    ),
    "a debt beyond all bounds": (
        "points_account_balance_in_bounds",
        lambda: change_account(balance=-(10**15) - 1, may_go_negative=True),
    ),
    "a programme account with a balance": (
        "points_account_programme_keeps_no_balance",
        lambda: Account.objects.filter(kind="opening").update(balance=5),
    ),
    "a member's account without a member": (
        "points_account_kind_fits_owner",
        lambda: change_account(member=None),
    ),
    "a second account of a member": (
        "points_account_once_per_member|wallet_id, points_account.member_id",
        lambda: insert(Account, kind="member", member=Member.objects.get(code="MAI")),
    ),
    "a second programme account": (
        "points_account_once_per_programme_kind|wallet_id, points_account.kind",
        lambda: insert(Account, kind="opening", member=None),
    ),
    "no amount": (
        "points_transfer_amount_in_bounds",
        lambda: insert(Transfer, key="x", amount=0),
    ),
    "a negative amount": (
        "points_transfer_amount_in_bounds",
        lambda: insert(Transfer, key="x", amount=-5),
    ),
    "an amount beyond all bounds": (
        "points_transfer_amount_in_bounds",
        lambda: insert(Transfer, key="x", amount=10**12 + 1),
    ),
    "a transfer to oneself": (
        "points_transfer_between_two_accounts",
        lambda: insert(Transfer, key="x", to_account=newest(Transfer).from_account),
    ),
    "no key": ("points_transfer_has_key", lambda: insert(Transfer, key="")),
    "a key twice": ("points_transfer_key|transfer.key", lambda: insert(Transfer, key="a")),
    "a reversal of nothing": (
        "points_transfer_reverse_names_its_original",
        lambda: insert(Transfer, key="x", kind="reverse"),
    ),
    "a spending that reverses": (
        "points_transfer_reverse_names_its_original",
        lambda: insert(Transfer, key="x", reverses=Transfer.objects.get(key="a")),
    ),
    "a second reversal": (
        "points_takenback_never_more_than_moved",
        lambda: insert(
            Transfer, key="x", kind="reverse", reverses=Transfer.objects.get(key="gift")
        ),
    ),
    "an empty lot": ("points_lot_amount_in_bounds", lambda: insert(Lot, amount=0)),
    "less than nothing left": (
        "points_lot_remaining_in_bounds",
        lambda: change_open_lot(remaining=-1),
    ),
    "more left than there was": (
        "points_lot_remaining_in_bounds",
        lambda: change_open_lot(remaining=F("amount") + 1),
    ),
    "an empty draw": (
        "points_lotdraw_amount_not_zero",
        lambda: insert(LotDraw, transfer=Transfer.objects.get(key="a"), amount=0),
    ),
    "a second draw on a lot": (
        "points_lotdraw_once_per_lot|lotdraw.lot_id",
        lambda: insert(LotDraw, amount=1),
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_past_every_verb(name: str) -> None:
    constraint, attempt = NONSENSE[name]
    before = rows()

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        attempt()

    assert re.search(constraint, str(refusal.value))
    assert rows() == before


@pytest.mark.parametrize(
    ("table", "column", "rule"),
    [
        ("points_account", "balance", "sum of its transfers"),
        ("points_account", "version", "counts its transfers"),
        ("points_lot", "remaining", "less the draws"),
    ],
)
def test_what_the_database_lets_through_the_proof_finds(
    table: str, column: str, rule: str
) -> None:
    """Balances and what remains have to change; a change past the verbs is named."""
    assert verify_ledger().ok

    execute(f"UPDATE {table} SET {column} = {column} - 1 WHERE {column} > 1")

    audit = verify_ledger()
    assert not audit.ok
    assert any(rule in difference["rule"] for difference in audit.differences)


def test_a_broken_statement_is_no_refusal() -> None:
    """The attempts above are refused for what they do, not for how they are written."""
    with pytest.raises(Error) as mistake, transaction.atomic():
        execute("UPDATE points_transfer SET amounts = 1")

    assert not isinstance(mistake.value, IntegrityError)
