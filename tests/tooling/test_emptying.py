"""After a test that committed nothing is left, and the ledger is guarded again."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from members.models import Member
from points.models import Transfer
from tests import factories
from tests.points.helpers import give

pytestmark = pytest.mark.django_db(transaction=True)


def filled_tables() -> set[str]:
    names = connection.introspection.django_table_names(only_existing=True)
    with connection.cursor() as cursor:
        return {name for name in names if _has_rows(cursor, name)}


def _has_rows(cursor, name: str) -> bool:
    cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")')
    return bool(cursor.fetchone()[0])


def earn(member: Member, at: datetime) -> None:
    factories.make_wallet()
    give(member, 100, "opening", at)


def test_every_table_is_emptied(mai: Member, now: datetime) -> None:
    earn(mai, now)
    assert {"points_transfer", "points_lot", "members_member"} <= filled_tables()

    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)

    assert filled_tables() == set()


@pytest.mark.parametrize("table", ["points_transfer", "points_lot"])
def test_the_ledger_is_guarded_again(mai: Member, now: datetime, table: str) -> None:
    earn(mai, now)
    call_command("flush", verbosity=0, interactive=False)
    earn(factories.make_member(), now)

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")

    assert Transfer.objects.count() == 1
