import asyncio
from pathlib import Path

import pytest
from csms_auth.__main__ import cli
from csms_auth.app import MIGRATIONS
from csms_db import migrations
from csms_runtime import logging
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
