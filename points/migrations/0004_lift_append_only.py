"""Take the guards off while tables change: SQLite rebuilds a table and forgets its triggers."""

from django.db import migrations

from core.migration_sql import run_sql_files


class Migration(migrations.Migration):
    dependencies = [("points", "0003_adjust_permission")]

    operations = [run_sql_files(__file__, "append_only", backwards=True)]
