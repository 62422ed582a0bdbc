"""Make both databases refuse to change what happened and what was published."""

from django.db import migrations

from core.migration_sql import run_sql_files


class Migration(migrations.Migration):
    dependencies = [("tiers", "0001_initial")]

    operations = [run_sql_files(__file__, "append_only")]
