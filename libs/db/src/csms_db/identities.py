"""For migrations: identities that are compared without case get a column to compare by."""

import sqlalchemy as sa

from csms_db.errors import CannotMigrateError

_MOST_NAMED = 20


def lower(column: str, dialect: str) -> str:
    """Return SQL for a text with the letters A to Z as a to z and all others as they are, whatever the collation."""
    return f'lower({column} COLLATE "C")' if dialect == "postgresql" else f"lower({column})"


def refuse_twins(connection: sa.Connection, table: str, column: str, *, where: str = "1 = 1", remedy: str) -> None:
    """Raise CannotMigrateError that names the values of a column which differ in case only, if there are any.

    `remedy` says what to do about them.
    """
    key = lower(column, connection.dialect.name)
    twins = f"SELECT {key} FROM {table} WHERE {where} GROUP BY {key} HAVING count(*) > 1"  # noqa: S608 names of migrations
    found = connection.execute(
        sa.text(f"SELECT {column} FROM {table} WHERE {where} AND {key} IN ({twins}) ORDER BY {key}, {column}")  # noqa: S608 as above
    )
    names = list(found.scalars())
    if names:
        shown = ", ".join(names[:_MOST_NAMED]) + (
            f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        )
        raise CannotMigrateError(
            f"these {table} differ in case only, and are one from this version on: {shown}. {remedy}"
        )
