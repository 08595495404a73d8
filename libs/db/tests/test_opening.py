"""What stands against using a database at the start is told in one line."""

import asyncio
from pathlib import Path

import pytest
from csms_db import opening
from csms_db.opening import migrated, opened
from csms_runtime.health import Health
from csms_runtime.settings import DatabaseAccess
from csms_runtime.starting import CannotStart, StoppedEarly
from pydantic import SecretStr

SCRIPTS = Path(__file__).parent / "migrations"


async def refusal(url: str) -> str:
    with pytest.raises(CannotStart) as caught:
        await migrated(url, "things", SCRIPTS)
    return str(caught.value)


async def test_a_server_that_is_away_is_named_without_the_password() -> None:
    said = await refusal("postgresql://me:s3cret@127.0.0.1:1/csms?sslmode=disable")
    assert said.startswith("the database postgresql://me:***@127.0.0.1:1/csms cannot be used: ")
    assert "\n" not in said


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "things.db").write_bytes(b"something else" * 100)
    assert "not a database" in await refusal(f"sqlite:///{tmp_path / 'things.db'}")


async def test_a_file_in_no_directory(tmp_path: Path) -> None:
    assert "unable to open database file" in await refusal(f"sqlite:///{tmp_path / 'nowhere' / 'things.db'}")


@pytest.mark.postgres
async def test_what_postgresql_refuses(postgres_url: str) -> None:
    assert "does not exist" in await refusal(f"{postgres_url.rpartition('/')[0]}/no_such_database")


@pytest.mark.postgres
async def test_a_service_waits_for_its_migrations(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LOOK_S", 0.05)
    settings, health, stop = DatabaseAccess(database_url=SecretStr(postgres_url)), Health(), asyncio.Event()

    async def open_it() -> None:
        async with opened(settings, "things", SCRIPTS, health, stop):
            assert "database-schema" not in health.components()

    async def told() -> str:
        async with asyncio.timeout(10):
            while not health.components():  # noqa: ASYNC110 the database is asked now and then
                await asyncio.sleep(0.02)
        return health.components()["database-schema"].detail

    opening_it = asyncio.create_task(open_it())
    assert (
        await told() == "schema things is at migration None, the code needs 0001: run the service's `migrate` command"
    )
    assert not health.ready
    await migrated(postgres_url, "things", SCRIPTS)
    async with asyncio.timeout(10):
        await opening_it


@pytest.mark.postgres
async def test_a_command_does_not_wait_for_migrations(postgres_url: str) -> None:
    settings = DatabaseAccess(database_url=SecretStr(postgres_url))
    with pytest.raises(CannotStart, match="migrate"):
        async with opened(settings, "never_migrated", SCRIPTS, Health()):
            pass


@pytest.mark.postgres
async def test_who_waits_for_migrations_ends_when_it_is_told(postgres_url: str) -> None:
    settings, stop = DatabaseAccess(database_url=SecretStr(postgres_url)), asyncio.Event()
    stop.set()
    with pytest.raises(StoppedEarly, match="migrate"):
        async with opened(settings, "never_migrated", SCRIPTS, Health(), stop):
            pass
