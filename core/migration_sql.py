"""Run the .sql file of this database vendor in a migration."""

from pathlib import Path
from typing import Any

from django.db import migrations


def run_sql_files(
    migration_file: str, name: str, *, backwards: bool = False
) -> migrations.RunPython:
    """Return an operation that runs ``sql/<name>.<vendor>.sql`` beside the migration.

    The reverse is ``sql/<name>.<vendor>.reverse.sql``. Statements are separated by a line
    that holds only ``--;``, because trigger bodies contain semicolons. ``backwards`` runs
    the reverse first, for a migration that lifts what an earlier one set.
    """
    folder = Path(migration_file).parent / "sql"

    def run(suffix: str) -> Any:
        def operation(apps: Any, schema_editor: Any) -> None:
            vendor = schema_editor.connection.vendor
            text = (folder / f"{name}.{vendor}{suffix}.sql").read_text()
            with schema_editor.connection.cursor() as cursor:
                for statement in text.split("--;\n"):
                    if statement.strip():
                        cursor.execute(statement)

        return operation

    if backwards:
        return migrations.RunPython(run(".reverse"), run(""))
    return migrations.RunPython(run(""), run(".reverse"))
