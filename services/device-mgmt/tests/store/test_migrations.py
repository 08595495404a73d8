from csms_db.migrations import check
from csms_device_mgmt.app import MIGRATIONS, SCHEMA
from csms_device_mgmt.store.tables import Base


async def test_models_and_migrations_agree(tmp_path):
    await check(f"sqlite:///{tmp_path}/devices.db", SCHEMA, MIGRATIONS, Base.metadata)
