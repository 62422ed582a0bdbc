"""Let a member's history be read by index from both ends, also in a very large ledger.

Each index begins with the account, so those that Django made for the foreign keys go. The
columns stay as they are: on SQLite a change would make the table, and its guards, anew.
"""

import django.db.models.deletion
from django.db import migrations, models

from core.migration_sql import AddIndexWhileWriting, run_sql_files


def account(related_name: str, label: str) -> models.ForeignKey:
    return models.ForeignKey(
        "points.account",
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        verbose_name=label,
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("points", "0011_day_totals")]

    operations = [
        AddIndexWhileWriting(
            "transfer",
            models.Index(fields=["from_account", "id"], name="points_transfer_history_out"),
        ),
        AddIndexWhileWriting(
            "transfer",
            models.Index(fields=["to_account", "id"], name="points_transfer_history_in"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[run_sql_files(__file__, "account_indexes")],
            state_operations=[
                migrations.AlterField(
                    "transfer", "from_account", account("transfers_out", "from")
                ),
                migrations.AlterField(
                    "transfer", "to_account", account("transfers_in", "to")
                ),
            ],
        ),
    ]
