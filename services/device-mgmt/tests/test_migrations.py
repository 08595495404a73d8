import pytest
from csms_db.migrations import check
from csms_device_mgmt.app import MIGRATIONS, SCHEMA
from csms_device_mgmt.tables import Base


async def test_models_and_migrations_agree(tmp_path):
    await check(f"sqlite:///{tmp_path}/devices.db", SCHEMA, MIGRATIONS, Base.metadata)


@pytest.mark.postgres
async def test_models_and_migrations_agree_on_postgresql(postgres_url):
    await check(postgres_url, SCHEMA, MIGRATIONS, Base.metadata)
