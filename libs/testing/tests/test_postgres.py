"""A PostgreSQL server of the machine's own."""

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from csms_testing import postgres
from csms_testing.postgres import LocalPostgres, PostgresError, postgres_requirement
from csms_testing.requirements import require

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory that PostgreSQL's own user may enter; pytest's are closed to others."""
    with tempfile.TemporaryDirectory(prefix="csms-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made) / "server"


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[LocalPostgres]:
    require(postgres_requirement())
    made = LocalPostgres(directory, durable=False)
    yield made
    made.close()


async def execute(server: LocalPostgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_keeps_its_data(server: LocalPostgres) -> None:
    server.start()
    server.start()  # runs already
    await execute(server, "CREATE TABLE kept AS SELECT 1 AS one")
    server.stop()
    assert server.pid is None
    server.start()
    assert await execute(server, "SELECT one FROM kept") == 1


async def test_comes_back_after_a_crash(server: LocalPostgres) -> None:
    server.start()
    await execute(server, "CREATE TABLE crashed AS SELECT 2 AS two")
    server.kill()
    with pytest.raises(OSError, match="onnect"):
        await execute(server, "SELECT 1")
    server.start()
    assert await execute(server, "SELECT two FROM crashed") == 2


async def test_frozen_server_answers_when_thawed(server: LocalPostgres) -> None:
    server.start()
    server.freeze()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(execute(server, "SELECT 1"), 0.3)
    server.thaw()
    assert await execute(server, "SELECT 1") == 1


def test_stopping_what_does_not_run(server: LocalPostgres) -> None:
    server.stop()
    server.stop()
    server.kill()


def test_port_taken_tells_the_log(server: LocalPostgres, directory: Path) -> None:
    server.start()
    with pytest.raises(PostgresError, match=r"(?i)address already in use|lock file"):
        LocalPostgres(directory, port=server.port).start()


def test_missing_server_is_said(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setattr(postgres, "_bindir", lambda: None)
    assert "no PostgreSQL server found" in str(postgres_requirement())
    with pytest.raises(PostgresError, match="no PostgreSQL server found"):
        LocalPostgres(directory).start()


def test_does_not_outlive_who_started_it() -> None:
    require(postgres_requirement())
    program = "from csms_testing.postgres import LocalPostgres as P; import os; s = P(durable=False); s.start(); "
    program += "print(s.pid, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)  # noqa: S603
    deadline = time.monotonic() + 30
    while Path(f"/proc/{int(done.stdout)}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_in_the_foreground(number: signal.Signals) -> None:
    require(postgres_requirement())
    command = [sys.executable, "-m", "csms_testing.postgres", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "postgresql://csms@127.0.0.1:" in line
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == 0
