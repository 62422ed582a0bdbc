"""Keep seals of the ledger, as append-only as the ledger itself."""

from django.db import migrations, models

from core.migration_sql import run_sql_files


class Migration(migrations.Migration):
    dependencies = [("points", "0008_reservation_capture")]

    operations = [
        migrations.CreateModel(
            name="LedgerSeal",
            fields=[
                (
                    "number",
                    models.PositiveIntegerField(
                        primary_key=True, serialize=False, verbose_name="number"
                    ),
                ),
                ("first_id", models.BigIntegerField(verbose_name="first transfer")),
                ("last_id", models.BigIntegerField(verbose_name="last transfer")),
                ("num_transfers", models.PositiveIntegerField(verbose_name="transfers")),
                ("points_moved", models.BigIntegerField(verbose_name="points moved")),
                (
                    "transfer_ids",
                    models.BinaryField(verbose_name="numbers of the transfers"),
                ),
                ("marks", models.BinaryField(verbose_name="marks of the transfers")),
                (
                    "content",
                    models.CharField(max_length=64, verbose_name="digest of the transfers"),
                ),
                (
                    "previous",
                    models.CharField(max_length=64, unique=True, verbose_name="head before"),
                ),
                (
                    "head",
                    models.CharField(max_length=64, unique=True, verbose_name="head"),
                ),
                ("sealed_at", models.DateTimeField(verbose_name="sealed at")),
            ],
            options={
                "verbose_name": "ledger seal",
                "verbose_name_plural": "ledger seals",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("num_transfers__gte", 1), ("number__gte", 1)),
                        name="points_ledgerseal_covers_something",
                    )
                ],
            },
        ),
        run_sql_files(__file__, "append_only_seals"),
    ]
