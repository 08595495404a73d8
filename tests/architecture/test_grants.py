"""Each service reads and writes rows of its own schema in PostgreSQL, and may do nothing else there."""

from collections.abc import Iterator
from types import ModuleType

import asyncpg
import pytest
import typer
from csms_auth import app as auth
from csms_db import migrations
from csms_db.grants import MIGRATOR, SCHEMAS, main, users_of
from csms_db.opening import opened
from csms_device_mgmt import app as device_mgmt
from csms_history import app as history
from csms_runtime.health import Health
from csms_runtime.settings import DatabaseAccess
from csms_testing.database_users import as_user, database_users, run_sql
from csms_testing.databases import TestDatabases, in_thread
from csms_transactions import app as transactions
from pydantic import SecretStr
from typer.testing import CliRunner

SERVICES = {"auth": auth, "transactions": transactions, "device-mgmt": device_mgmt, "history": history}
FORBIDDEN = (
    "CREATE TABLE {schema}.mine (a int)",
    "ALTER TABLE {schema}.alembic_version ADD COLUMN mine int",
    "DROP TABLE {schema}.kept_answers",
    "TRUNCATE {schema}.kept_answers",
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine (a int)",
    "CREATE ROLE mine",
    "SELECT * FROM {other}.kept_answers",
    "INSERT INTO {other}.alembic_version VALUES ('1')",
)


def test_the_schemas_are_the_services() -> None:
    assert {name: module.SCHEMA for name, module in SERVICES.items()} == SCHEMAS


class Users:
    """A database with the services' users and, migrated by who owns them, their schemas."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url, self.names = url, users_of(prefix)

    def of(self, who: str) -> str:
        return as_user(self.url, self.names[who])

    def migrate(self) -> None:
        for module in SERVICES.values():
            in_thread(lambda module=module: migrations.upgrade(self.of(MIGRATOR), module.SCHEMA, module.MIGRATIONS))


@pytest.fixture(scope="module")
def users(test_databases: TestDatabases) -> Iterator[Users]:
    url = test_databases.empty_postgresql()
    with database_users(test_databases, url) as prefix:
        made = Users(url, prefix)
        made.migrate()
        yield made


def other_than(service: str) -> str:
    return next(schema for name, schema in SCHEMAS.items() if name != service)


@pytest.mark.postgres
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_works_with_rows(users: Users, service: str) -> None:
    module: ModuleType = SERVICES[service]
    settings = DatabaseAccess(database_url=SecretStr(users.of(service)))
    async with opened(settings, module.SCHEMA, module.MIGRATIONS, Health()) as database:
        await database.ping()
    connection = await asyncpg.connect(users.of(service))
    try:
        tables = await connection.fetch(
            "SELECT oid, relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = $1::text::regnamespace",
            module.SCHEMA,
        )
        assert len(tables) > 3
        for table in tables:
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                assert await connection.fetchval("SELECT has_table_privilege($1::oid, $2)", table["oid"], right), table
        sequences = await connection.fetch(
            "SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = $1::text::regnamespace", module.SCHEMA
        )
        for sequence in sequences:
            assert await connection.fetchval("SELECT has_sequence_privilege($1::oid, 'USAGE')", sequence["oid"])
    finally:
        await connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("statement", FORBIDDEN)
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_nothing_else(users: Users, service: str, statement: str) -> None:
    connection = await asyncpg.connect(users.of(service))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(schema=SCHEMAS[service], other=other_than(service)))
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_what_one_user_owned_goes_to_the_migrator(test_databases: TestDatabases) -> None:
    """As after an upgrade of a system whose services were one user; the rights may be made again and again."""
    url, old = test_databases.empty_postgresql(), "u_before_grants"
    run_sql(
        url,
        [
            f"DROP ROLE IF EXISTS {old}",
            f"CREATE ROLE {old} LOGIN",
            f"GRANT CREATE ON DATABASE {database_of(url)} TO {old}",
        ],
    )
    module = transactions
    await migrations.upgrade(as_user(url, old), module.SCHEMA, module.MIGRATIONS)
    with database_users(test_databases, url, owner=old) as prefix:
        users = Users(url, prefix)
        users.migrate()
        settings = DatabaseAccess(database_url=SecretStr(users.of("transactions")))
        async with opened(settings, module.SCHEMA, module.MIGRATIONS, Health()) as database:
            await database.ping()
        connection = await asyncpg.connect(users.of("transactions"))
        assert await connection.fetchval("SELECT count(*) FROM transactions.outbox") == 0
        await connection.close()
    run_sql(test_databases.server_url(), [f"DROP ROLE {old}"])


def database_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_the_command_prints_it() -> None:
    app = typer.Typer()
    app.command()(main)
    told = CliRunner().invoke(app, ["--database", "csms-prod", "--user", "auth=Auth's", "--owner", "csms"])
    assert told.exit_code == 0, told.output
    assert 'GRANT CONNECT ON DATABASE "csms-prod" TO csms_transactions;' in told.output
    assert """rolname = 'Auth''s') THEN CREATE ROLE "Auth's" LOGIN;""" in told.output
    assert "REASSIGN OWNED BY csms TO csms_migrator;" in told.output
    refused = CliRunner().invoke(app, ["--user", "gateway=x"])
    assert refused.exit_code == 2
