"""What stands against using a database at the start is told in one line."""

from pathlib import Path

import pytest
from csms_db.opening import migrated, opened
from csms_runtime.settings import DatabaseAccess
from csms_runtime.starting import CannotStart
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
async def test_a_schema_of_another_version(postgres_url: str) -> None:
    settings = DatabaseAccess(database_url=SecretStr(postgres_url))
    with pytest.raises(CannotStart, match="migrate"):
        async with opened(settings, "never_migrated", SCRIPTS):
            pass
