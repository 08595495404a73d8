"""Users in a PostgreSQL of tests, with the rights of `csms_db.grants` and no others."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import asyncpg
from csms_db.grants import Names, statements, users_of
from csms_runtime.ids import new_id
from sqlalchemy.engine import make_url

from csms_testing.databases import TestDatabases, in_thread


@contextmanager
def database_users(databases: TestDatabases, url: str, owner: str | None = None) -> Iterator[str]:
    """Make users for a database of tests; yields the prefix of their names. They go, and the database with them.

    They have the password of `url`, if it has one. `owner`: see `csms_db.grants.Names`.
    """
    prefix, parsed = f"u{new_id().replace('-', '')[-12:]}_", make_url(url)
    users = users_of(prefix)
    try:
        run_sql(url, statements(Names(parsed.database or "", users, owner)))
        if parsed.password:
            run_sql(url, (f"ALTER ROLE {user} PASSWORD '{parsed.password}'" for user in users.values()))
        yield prefix
    finally:
        databases.discard(url)
        run_sql(databases.server_url(), (f"DROP ROLE IF EXISTS {user}" for user in users.values()))


def run_sql(url: str, lines: Iterable[str]) -> None:
    """Run statements, each in a transaction of its own. Blocks. Raises asyncpg's errors."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for line in lines:
                await connection.execute(line)
        finally:
            await connection.close()

    in_thread(run)


def as_user(url: str, user: str) -> str:
    """Return the URL for another user with the same password."""
    return make_url(url).set(username=user).render_as_string(hide_password=False)
