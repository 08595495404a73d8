import asyncio
from pathlib import Path

import pytest
from csms_auth.__main__ import cli
from csms_auth.app import MIGRATIONS, SCHEMA
from csms_auth.domain.stations import Station
from csms_auth.store import stations
from csms_db import migrations
from csms_db.engine import Database
from csms_runtime import logging
from csms_runtime.clock import utcnow
from csms_runtime.secret_keys import key_id
from typer.testing import CliRunner


def test_help_names_the_commands() -> None:
    told = CliRunner().invoke(cli, ["--help"])
    assert told.exit_code == 0
    assert "serve" in told.output
    assert "migrate" in told.output


def test_migrate_brings_the_database_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "configure", lambda *_: None)  # the process's logging is not this test's to change
    url = f"sqlite:///{tmp_path}/auth.db"
    monkeypatch.setenv("CSMS_DATABASE_URL", url)
    done = CliRunner().invoke(cli, ["migrate"])
    assert done.exit_code == 0, done.output
    found = asyncio.run(migrations.current(url, None))
    assert found == migrations.newest(MIGRATIONS)


async def _store(url: str, *known: Station) -> None:
    await migrations.upgrade(url, SCHEMA, MIGRATIONS)
    database = Database(url, SCHEMA)
    async with database.transaction() as session:
        await stations.save(session, known, utcnow())
    await database.close()


def test_it_tells_what_hangs_on_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "configure", lambda *_: None)  # the process's logging is not this test's to change
    monkeypatch.setenv("CSMS_DATABASE_URL", f"sqlite:///{tmp_path}/auth.db")
    monkeypatch.setenv("CSMS_SECRET_KEY", "the key that is next")
    monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", "the key of before")
    new, old = key_id(b"the key that is next"), key_id(b"the key of before")
    known = (
        Station("NEW", password_digest=b"d" * 32, secret_key_id=new),
        Station("OLD", password_digest=b"d" * 32, secret_key_id=old),
        Station("NONE"),
        Station("GONE", password_digest=b"d" * 32, secret_key_id=old, deleted=True),
    )
    asyncio.run(_store(f"sqlite:///{tmp_path}/auth.db", *known))
    told = CliRunner().invoke(cli, ["secret-key"])
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        f"CSMS_SECRET_KEY  {new}",
        f"others           {old}",
        "on another key   1 passwords, 0 key codes",
        "  OLD",
    ]
    monkeypatch.setenv("CSMS_SECRET_KEY", "the key of before")
    monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", "")
    told = CliRunner().invoke(cli, ["secret-key"])
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (1, "  NEW")
