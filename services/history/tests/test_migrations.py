import pytest
from csms_db.migrations import check
from csms_history.app import MIGRATIONS, SCHEMA
from csms_history.tables import metadata


async def test_the_migrations_make_the_tables_the_code_uses_in_sqlite(tmp_path):
    await check(f"sqlite:///{tmp_path / 'history.db'}", SCHEMA, MIGRATIONS, metadata)


@pytest.mark.postgres
async def test_the_migrations_make_the_tables_the_code_uses_in_postgresql(postgres_url):
    await check(postgres_url, SCHEMA, MIGRATIONS, metadata)
