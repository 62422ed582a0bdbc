"""What migrations do differently on each database: files of SQL, indexes of big tables."""

from pathlib import Path
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
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


class AddIndexWhileWriting(AddIndexConcurrently):
    """Add an index to a big table: on PostgreSQL others go on writing meanwhile.

    For a migration of its own with ``atomic = False``. SQLite has one writer anyway.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        kind = self._kind(schema_editor)
        kind.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        kind = self._kind(schema_editor)
        kind.database_backwards(self, app_label, schema_editor, from_state, to_state)

    def _kind(self, schema_editor: Any) -> type[migrations.AddIndex]:
        """Say whose way to add the index is right for this database."""
        if schema_editor.connection.vendor == "postgresql":
            return AddIndexConcurrently
        return migrations.AddIndex
