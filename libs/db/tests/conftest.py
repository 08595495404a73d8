"""A database of things, as a service's migrations would build it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db.base import BigId, Json, UtcDateTime, new_metadata
from csms_db.outbox import outbox_table
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

database = database_fixture(SCRIPTS, schema="things")


@pytest.fixture
def models() -> SimpleNamespace:
    """The tables and where their migrations are."""
    return SimpleNamespace(metadata=metadata, things=things, parts=parts, outbox=outbox, scripts=SCRIPTS)


@pytest.fixture
def server() -> Iterator[LocalPostgres]:
    """A PostgreSQL server of the test's own, to be killed and frozen."""
    require(postgres_requirement())
    running = LocalPostgres(durable=False)
    running.start()
    yield running
    running.thaw()
    running.close()
