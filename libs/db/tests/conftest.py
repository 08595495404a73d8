"""A database of things, as a service's migrations would build it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db import migrations
from csms_db.answers import answers_table
from csms_db.base import BigId, Json, UtcDateTime, new_metadata
from csms_db.counting import counts_table
from csms_db.engine import Database
from csms_db.outbox import outbox_table
from csms_runtime.ids import new_id
from csms_testing.databases import database_fixture
from csms_testing.postgres import LocalPostgres, postgres_requirement
from csms_testing.requirements import require

SCRIPTS = Path(__file__).parent / "migrations"

metadata = new_metadata()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, unique=True),
    sa.Column("at", UtcDateTime),
    sa.Column("value", Json),
)
parts = sa.Table(
    "parts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("thing_id", sa.BigInteger, sa.ForeignKey("things.id", ondelete="CASCADE"), nullable=False),
)
outbox = outbox_table(metadata)
kept_answers = answers_table(metadata)
counts = counts_table(metadata)

database = database_fixture(SCRIPTS, schema="things")


@pytest.fixture
def models() -> SimpleNamespace:
    """The tables and where their migrations are."""
    tables = {"things": things, "parts": parts, "outbox": outbox, "kept_answers": kept_answers, "counts": counts}
    return SimpleNamespace(metadata=metadata, scripts=SCRIPTS, **tables)


@pytest.fixture(scope="session")
def _server() -> Iterator[LocalPostgres]:
    require(postgres_requirement())
    running = LocalPostgres(durable=False)
    yield running
    running.close()


@pytest.fixture
def server(_server: LocalPostgres) -> Iterator[LocalPostgres]:
    """A PostgreSQL server that may be killed and frozen."""
    _server.start()
    yield _server
    _server.thaw()


@pytest.fixture
async def on_server(server: LocalPostgres) -> AsyncIterator[Database]:
    """A migrated database on `server`, in a schema of its own."""
    schema = f"things_{new_id()}"
    await migrations.upgrade(server.url, schema, SCRIPTS)
    opened = Database(server.url, schema)
    yield opened
    await opened.close()
