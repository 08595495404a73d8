"""Indexes of tables that may be large, for migration scripts with `concurrently = True` (csms_db.migrations).

On PostgreSQL the table can be read and written meanwhile; SQLite's is locked, as by every statement that writes.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

_INVALID = sa.text(
    "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid"
    " WHERE pg_class.relname = :name AND pg_class.relnamespace = current_schema()::regnamespace"
    " AND NOT pg_index.indisvalid"
)


def create(name: str, table: str, columns: Sequence[str | sa.ColumnElement[Any]], **options: Any) -> None:  # noqa: ANN401 Alembic's
    """Make an index, unless it is there: a script that was cut off runs again. `options` are Alembic's."""
    if not _is_postgresql():
        op.create_index(name, table, columns, if_not_exists=True, **options)
        return
    if op.get_bind().scalar(_INVALID, {"name": name}):
        drop(name, table)  # left behind by one that was cut off
    op.create_index(name, table, columns, if_not_exists=True, postgresql_concurrently=True, **options)


def drop(name: str, table: str) -> None:
    """Drop an index, if it is there."""
    options: dict[str, Any] = {"postgresql_concurrently": True} if _is_postgresql() else {}
    op.drop_index(name, table, if_exists=True, **options)


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"
