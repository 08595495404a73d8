"""Migrations: from nothing, again, at once by several, all or nothing, and equal to the models."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db import migrations
from csms_db.engine import Database
from csms_db.errors import NotMigratedError
from csms_testing.databases import DIALECTS, TestDatabases

Models = SimpleNamespace

BROKEN = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table("more", sa.Column("id", sa.Integer))
    op.execute("SELECT nonsense")
"""
ADDS_A_COLUMN = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("things") as batch:
        batch.add_column(sa.Column("colour", sa.String(20), nullable=False, server_default="red"))
        batch.alter_column("name", existing_type=sa.String(50), type_=sa.String(80))
"""
INDEX = """
from csms_db import indexes

revision = "0002"
down_revision = "0001"
concurrently = True


def upgrade():
    indexes.create("ix_things_at", "things", ["at", "id"])
    indexes.create("ix_parts_thing_id", "parts", ["thing_id"])
"""
AFTER_IT = ADDS_A_COLUMN.replace("0002", "0003").replace("0001", "0002")


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, test_databases: TestDatabases, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database."""
    sqlite = request.param == "sqlite"
    made = f"sqlite:///{tmp_path / 'new.db'}" if sqlite else test_databases.empty_postgresql()
    yield made
    test_databases.discard(made)


@pytest.fixture
def scripts(models: Models, tmp_path: Path) -> Path:
    """A copy of the migrations, to add to."""
    versions = tmp_path / "scripts" / "versions"
    versions.mkdir(parents=True)
    for path in (models.scripts / "versions").glob("*.py"):
        (versions / path.name).write_text(path.read_text())
    return versions.parent


async def test_models_are_what_the_migrations_build(url: str, models: Models) -> None:
    await migrations.check(url, "things", models.scripts, models.metadata)


async def test_check_finds_a_difference(url: str, models: Models) -> None:
    other = sa.MetaData()
    sa.Table("unknown", other, sa.Column("id", sa.Integer))
    with pytest.raises(AssertionError, match="unknown"):
        await migrations.check(url, "things", models.scripts, other)


async def test_again_changes_nothing(url: str, models: Models) -> None:
    assert await migrations.current(url, "things") is None
    for _ in range(2):
        await migrations.upgrade(url, "things", models.scripts)
        assert await migrations.current(url, "things") == "0001"


async def test_several_processes_at_once(url: str, models: Models) -> None:
    program = "import asyncio, pathlib, sys; from csms_db import migrations; "
    program += "asyncio.run(migrations.upgrade(sys.argv[1], 'things', pathlib.Path(sys.argv[2])))"
    command = [sys.executable, "-c", program, url, str(models.scripts)]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0, 0]
    assert await migrations.current(url, "things") == "0001"


async def test_several_tasks_at_once(url: str, models: Models) -> None:
    await asyncio.gather(*(migrations.upgrade(url, "things", models.scripts) for _ in range(3)))
    assert await migrations.current(url, "things") == "0001"


async def test_verify(url: str, models: Models) -> None:
    with pytest.raises(NotMigratedError, match="at migration None, the code needs 0001"):
        await migrations.verify(url, "things", models.scripts)
    await migrations.upgrade(url, "things", models.scripts)
    await migrations.verify(url, "things", models.scripts)


async def test_older_code_starts_on_a_newer_schema_and_leaves_it_alone(url: str, scripts: Path, models: Models) -> None:
    """A pod of the version before may restart while services are upgraded; `helm rollback` runs its migrations."""
    (scripts / "versions" / "0002_colour.py").write_text(ADDS_A_COLUMN)
    await migrations.upgrade(url, "things", scripts)
    await migrations.verify(url, "things", models.scripts)
    await migrations.upgrade(url, "things", models.scripts)
    assert await migrations.current(url, "things") == "0002"
    (scripts / "versions" / "0003_colour.py").write_text(AFTER_IT)
    with pytest.raises(NotMigratedError, match="at migration 0002, the code needs 0003"):
        await migrations.verify(url, "things", scripts)


async def test_a_failure_undoes_everything(url: str, scripts: Path) -> None:
    (scripts / "versions" / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(sa.exc.DBAPIError, match="nonsense"):
        await migrations.upgrade(url, "things", scripts)
    assert await migrations.current(url, "things") is None


async def test_changing_a_table_keeps_its_rows_and_those_that_refer_to_it(
    url: str, scripts: Path, models: Models
) -> None:
    await migrations.upgrade(url, "things", scripts)
    database = Database(url, "things")
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"id": 1, "name": "a"})
        await session.execute(models.parts.insert(), {"thing_id": 1})
    (scripts / "versions" / "0002_colour.py").write_text(ADDS_A_COLUMN)
    await migrations.upgrade(url, "things", scripts)
    async with database.reading() as session:
        assert (await session.scalars(sa.text("SELECT colour FROM things"))).all() == ["red"]
        assert await session.scalar(sa.select(sa.func.count()).select_from(models.parts)) == 1
    await database.close()


async def test_indexes_of_large_tables_come_between_other_changes(url: str, scripts: Path) -> None:
    (scripts / "versions" / "0002_index.py").write_text(INDEX)
    (scripts / "versions" / "0003_colour.py").write_text(AFTER_IT)
    await migrations.upgrade(url, "things", scripts)
    assert await migrations.current(url, "things") == "0003"
    assert await _indexes(url) >= {"ix_things_at", "ix_parts_thing_id"}


async def test_what_comes_after_an_index_fails_without_it(url: str, scripts: Path) -> None:
    """On PostgreSQL what came before is kept; SQLite undoes everything."""
    (scripts / "versions" / "0002_index.py").write_text(INDEX)
    (scripts / "versions" / "0003_broken.py").write_text(BROKEN.replace("0002", "0003").replace("0001", "0002"))
    with pytest.raises(sa.exc.DBAPIError, match="nonsense"):
        await migrations.upgrade(url, "things", scripts)
    assert await migrations.current(url, "things") == ("0002" if url.startswith("postgresql") else None)


@pytest.mark.postgres
async def test_an_index_is_made_while_the_table_is_written(scripts: Path, postgres_url: str) -> None:
    """Who has written and not committed holds the index up; others write meanwhile, and nothing is undone."""
    await migrations.upgrade(postgres_url, "things", scripts)
    (scripts / "versions" / "0002_index.py").write_text(INDEX)
    one, other = Database(postgres_url, "things"), Database(postgres_url, "things")
    async with one.transaction() as session:
        await session.execute(sa.text("INSERT INTO things (name) VALUES ('a')"))
        upgrade = asyncio.create_task(migrations.upgrade(postgres_url, "things", scripts))
        while "ix_things_at" not in await _indexes(postgres_url):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the server tells nobody that it waits
        async with asyncio.timeout(5), other.transaction() as meanwhile:
            await meanwhile.execute(sa.text("INSERT INTO things (name) VALUES ('b')"))
        assert not upgrade.done()
    await upgrade
    await one.close()
    await other.close()


@pytest.mark.postgres
async def test_an_index_that_was_cut_off_is_made_anew(scripts: Path, postgres_url: str) -> None:
    await migrations.upgrade(postgres_url, "things", scripts)
    database = Database(postgres_url, "things")
    async with database.transaction() as session:
        await session.execute(sa.text("CREATE INDEX ix_things_at ON things (at)"))
        # As CREATE INDEX CONCURRENTLY leaves one that it could not finish.
        await session.execute(
            sa.text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_things_at'::regclass")
        )
    (scripts / "versions" / "0002_index.py").write_text(INDEX)
    await migrations.upgrade(postgres_url, "things", scripts)
    async with database.reading() as session:
        valid = "SELECT indisvalid, indnatts FROM pg_index WHERE indexrelid = 'ix_things_at'::regclass"
        assert (await session.execute(sa.text(valid))).one() == (True, 2)
    await database.close()


@pytest.mark.postgres
async def test_several_processes_make_one_index(scripts: Path, postgres_url: str) -> None:
    await migrations.upgrade(postgres_url, "things", scripts)
    (scripts / "versions" / "0002_index.py").write_text(INDEX)
    program = "import asyncio, pathlib, sys; from csms_db import migrations; "
    program += "asyncio.run(migrations.upgrade(sys.argv[1], 'things', pathlib.Path(sys.argv[2])))"
    command = [sys.executable, "-c", program, postgres_url, str(scripts)]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0, 0]
    assert await migrations.current(postgres_url, "things") == "0002"


async def _indexes(url: str) -> set[str]:
    postgres = url.startswith("postgresql")
    query = "SELECT indexname FROM pg_indexes" if postgres else "SELECT name FROM sqlite_master WHERE type = 'index'"
    database = Database(url, "things")
    async with database.reading() as session:
        found = set((await session.scalars(sa.text(query))).all())
    await database.close()
    return found


@pytest.mark.postgres
async def test_schemas_are_apart(models: Models, postgres_url: str) -> None:
    for schema in ("one", "two"):
        await migrations.upgrade(postgres_url, schema, models.scripts)
    one, two = Database(postgres_url, "one"), Database(postgres_url, "two")
    async with one.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
    async with two.reading() as session:
        assert (await session.execute(sa.select(models.things))).all() == []
    await one.close()
    await two.close()


async def test_unknown_package() -> None:
    with pytest.raises(ModuleNotFoundError):
        await migrations.upgrade("sqlite:////nowhere/x.db", None, "csms_nothing")
