from pathlib import Path

import pytest
from csms_auth.app import MIGRATIONS, SCHEMA
from csms_auth.store.tables import metadata
from csms_db import migrations


async def test_migrations_make_what_the_code_expects_on_sqlite(tmp_path: Path) -> None:
    await migrations.check(f"sqlite:///{tmp_path}/auth.db", SCHEMA, MIGRATIONS, metadata)


@pytest.mark.postgres
async def test_migrations_make_what_the_code_expects_on_postgresql(postgres_url: str) -> None:
    await migrations.check(postgres_url, SCHEMA, MIGRATIONS, metadata)
