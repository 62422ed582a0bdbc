"""Put the guards back, and guard what is new: versions, and what is taken back."""

from django.db import migrations

from core.migration_sql import run_sql_files


class Migration(migrations.Migration):
    dependencies = [("points", "0006_fill_from_what_stands")]

    operations = [
        run_sql_files(__file__, "append_only"),
        run_sql_files(__file__, "append_only_versions"),
        run_sql_files(__file__, "count_reversals"),
    ]
