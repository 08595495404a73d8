"""The whole API."""

from pathlib import Path
from typing import Any

import pytest
from csms_bus.memory import MemoryBus
from csms_db.engine import Database
from csms_runtime.health import Health
from csms_standalone import app
from csms_standalone.settings import StandaloneSettings
from pydantic import SecretStr


@pytest.fixture
async def document(tmp_path: Path) -> dict[str, Any]:
    settings = StandaloneSettings(data_dir=tmp_path, secret_key=SecretStr("a-secret-of-the-tests"))
    modules = (app.auth, app.transactions, app.device_mgmt, app.history)
    databases = [Database(settings.database(module.SCHEMA), module.SCHEMA, pool_size=3) for module in modules]
    try:
        bus = MemoryBus(max_message_bytes=settings.max_message_bytes)
        return app.System(settings, bus, databases, Health()).api().openapi()
    finally:
        for database in databases:
            await database.close()
