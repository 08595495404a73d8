"""Clients that others' tools make of the API's document, used against a running CSMS."""

import asyncio
import importlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from csms_testing.requirements import require
from csms_testing.systems import System, standalone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
TYPESCRIPT = Path(__file__).parent / "typescript"
DEADLINE_S = 100
CONFIGURATION = """
post_hooks: []
content_type_overrides:
  application/x-pem-file: text/plain
  text/csv: application/octet-stream
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with standalone(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{system.http_url}/openapi.json")
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_bytes(answer.content)
    return file


async def run(directory: Path, *command: str | Path, **environment: str) -> str:
    """Run a program; returns what it wrote. Fails with that when its status is not 0."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()[-5000:]
    return output.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(document: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The name of the package that openapi-python-client makes; it is made without a warning."""
    directory = tmp_path_factory.mktemp("python")
    (directory / "config.yaml").write_text(CONFIGURATION)
    arguments = ["--path", document, "--config", "config.yaml", "--meta", "none", "--fail-on-warning"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *arguments]
    await run(directory, *command, "--output-path", directory / "generated_csms_client")
    sys.path.insert(0, str(directory))
    yield "generated_csms_client"
    sys.path.remove(str(directory))


async def test_python(system: System, made: str) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{made}.{name}")

    models = part("models")
    async with part("client").AuthenticatedClient(base_url=system.http_url, token=system.api_key) as client:
        body = models.StationBody(registration=models.Registration.PENDING)
        put = await part("api.stations.put_station").asyncio("CS-PY", client=client, body=body)
        assert (put.id, put.registration) == ("CS-PY", models.Registration.PENDING)
        listed = await part("api.stations.list_stations").asyncio(
            client=client, connected=False, limit=10, sort=models.StationSort.LAST_SEEN
        )
        assert "CS-PY" in [item.id for item in listed.items]
        order = models.TransactionSort.ENDED_AT_DESC
        transactions = await part("api.transactions.list_transactions").asyncio(client=client, sort=order)
        assert (transactions.items, transactions.next_cursor) == ([], None)
        send = part("api.calls.send_call")
        sent = await send.asyncio_detailed("CS-PY", "ClearCache", client=client, body={}, idempotency_key="once")
        assert (sent.status_code, sent.parsed.outcome) == (409, "not_connected")
        unknown = await part("api.stations.get_station").asyncio_detailed("CS-NOBODY", client=client)
        assert (unknown.status_code, unknown.parsed.title) == (404, "Unknown station")


async def test_typescript(system: System, document: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (TYPESCRIPT / "node_modules").is_dir():
        require("the TypeScript client needs node and npm, then `make setup`")
    shutil.copytree(TYPESCRIPT, tmp_path, symlinks=True, dirs_exist_ok=True)
    tools = tmp_path / "node_modules" / ".bin"
    await run(tmp_path, tools / "openapi-typescript", document, "--output", "csms.d.ts")
    await run(tmp_path, tools / "tsc", "--project", ".")
    await run(tmp_path, node or "node", "use.js", CSMS_URL=system.http_url, CSMS_ADMIN_API_KEY=system.api_key)
