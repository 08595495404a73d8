"""What stands against starting is told in one line, and nothing is broken by trying."""

import asyncio
import os
import socket
import stat
import sys
from contextlib import closing

import pytest
from csms_testing.cluster.layout import free_port
from csms_testing.systems import API_KEY, standalone, standalone_process

ENVIRONMENT = {
    "CSMS_ADMIN_API_KEY": API_KEY,
    "CSMS_SECRET_KEY": "a-secret-of-the-tests",
    "CSMS_MANAGEMENT_PORT": "0",
}
AWAY = "127.0.0.1:1"


async def output_of(*arguments: str, **settings: str) -> tuple[int | None, str]:
    """Status and output of a program that is expected to end by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        env={**os.environ, **ENVIRONMENT, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


def told(output: str, *words: str) -> bool:
    """Whether the last line says it, and none is of a traceback."""
    return "Traceback" not in output and all(word in output.splitlines()[-1] for word in words)


@pytest.mark.parametrize("taken", ["CSMS_HTTP_PORT", "CSMS_OCPP_PORT"])
async def test_a_port_that_is_taken(tmp_path, taken):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        ports = {"CSMS_HTTP_PORT": str(free_port()), "CSMS_OCPP_PORT": str(free_port())}
        ports[taken] = str(listener.getsockname()[1])
        status, output = await output_of("csms_standalone", "serve", CSMS_DATA_DIR=str(tmp_path), **ports)
    assert status == 1
    assert told(output, f"cannot listen on 127.0.0.1:{ports[taken]}", "Address already in use", taken), output


async def test_a_second_one_on_the_same_data(tmp_path):
    process = standalone_process(tmp_path, free_port(), free_port())
    await process.start()
    try:
        await process.ready()
        ports = {"CSMS_HTTP_PORT": str(free_port()), "CSMS_OCPP_PORT": str(free_port())}
        status, output = await output_of("csms_standalone", "serve", CSMS_DATA_DIR=str(tmp_path / "data"), **ports)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    finally:
        await process.stop()
    assert (status, told(output, "CSMS_DATA_DIR", str(tmp_path / "data"))) == (1, True), output
    assert len(output.splitlines()) == 1
    assert {"auth.db", "devices.db", "history.db", "transactions.db", "secret-key"} <= modes.keys()
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


@pytest.mark.parametrize(
    ("program", "settings", "words"),
    [
        ("csms_standalone", {"CSMS_DATABASE_URL": f"postgresql://u:s3cret@{AWAY}/d"}, ["database", AWAY]),
        ("csms_transactions", {"CSMS_DATABASE_URL": f"postgresql://u:s3cret@{AWAY}/d"}, ["database", AWAY]),
        ("csms_gateway", {"CSMS_KAFKA_BOOTSTRAP_SERVERS": AWAY}, ["Kafka", AWAY]),
        ("csms_auth", {}, ["CSMS_DATABASE_URL is not set"]),
        ("csms_auth", {"CSMS_HTTP_PORT": "x", "CSMS_SLOT": "y"}, ["CSMS_HTTP_PORT", "CSMS_SLOT"]),
    ],
)
async def test_what_it_needs_is_away(tmp_path, program, settings, words):
    status, output = await output_of(program, "serve", CSMS_DATA_DIR=str(tmp_path), **settings)
    assert (status, told(output, *words)) == (1, True), output
    assert "s3cret" not in output


async def test_the_demonstration_beside_a_csms_says_which_key_it_wants(tmp_path):
    async with standalone(tmp_path) as system:
        for key in ("", "another-key-than-its-own"):
            arguments = ["csms_testing.demo", "--http-url", system.http_url]
            status, output = await output_of(*arguments, CSMS_ADMIN_API_KEY=key)
            assert (status, len(output.splitlines())) == (1, 1), output
            assert told(output, "CSMS_ADMIN_API_KEY", "make demo"), output
