"""Fresh databases for tests."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_db.outbox import outbox_table
from csms_testing import requirements
from csms_testing.databases import DIALECTS, TEST_URL, Dialect, TestDatabases, in_thread
from csms_testing.requirements import require

SCRIPT = """
from alembic import op
from csms_db.outbox import outbox_columns

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("outbox", *outbox_columns())
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_outbox.py").write_text(SCRIPT)
    return versions.parent


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_is_empty(test_databases: TestDatabases, scripts: Path, tmp_path: Path, dialect: Dialect) -> None:
    table = outbox_table(sa.MetaData())
    for _ in range(3):
        url = test_databases.fresh(dialect, scripts, "fresh", tmp_path)
        database = Database(url, "fresh")
        async with database.transaction() as session:
            await outbox.add(session, table, [Outgoing("t", Record())])
        async with database.reading() as session:
            assert (await session.scalars(sa.select(table.c.id))).all() == [1]
        await database.close()
        test_databases.discard(url)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_two_at_once_are_apart(
    test_databases: TestDatabases, scripts: Path, tmp_path: Path, dialect: Dialect
) -> None:
    urls = [test_databases.fresh(dialect, scripts, "fresh", tmp_path) for _ in range(2)]
    assert urls[0] != urls[1]
    for url in urls:
        test_databases.discard(url)


def test_missing_means_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    require(None)
    with pytest.raises(pytest.skip.Exception, match="no server"):
        require("no server")


def test_missing_in_ci_means_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert requirements.in_ci()
    with pytest.raises(pytest.fail.Exception, match="no server"):
        require("no server")


def test_named_server_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(TEST_URL, "postgresql://somewhere/else")
    assert TestDatabases(tmp_path).server_url() == "postgresql://somewhere/else"


async def test_errors_come_out_of_the_thread() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        in_thread(fail)
