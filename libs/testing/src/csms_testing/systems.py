"""A running CSMS as its users meet it: processes started by commands, addresses to connect to, no shared memory."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from csms_ocpp.versions import BUILT

from csms_testing.cluster.layout import free_port
from csms_testing.cluster.processes import NotReadyError, ServiceProcess
from csms_testing.pki import Pki
from csms_testing.secured import Secured

API_KEY = "end-to-end-admin-key"
RECEIPT_URL = "https://receipts.example.org/{psp_ref}"
CONTRACT_POOL_PORT = free_port()
"""Where a test may have a pool of contract certificates listen: systems ask there."""
_SETTINGS = {
    "CSMS_CONTRACT_POOL_URL": f"http://127.0.0.1:{CONTRACT_POOL_PORT}/contracts",
    "CSMS_COUNT_INTERVAL_S": "2",
    "CSMS_OCPP_PROTOCOLS": json.dumps(BUILT),
    "CSMS_RECEIPT_URL": RECEIPT_URL,
    "CSMS_WEBHOOK_HTTP_ALLOWED": "true",
    "CSMS_WEBHOOK_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
}
"""Counts come soon, stations may speak all that is built, drivers get receipts, vehicles contracts, apps webhooks."""


@dataclass(slots=True)
class System:
    """Where a running CSMS is."""

    mode: str
    """"standalone" or "distributed"."""
    ocpp_urls: list[str]
    """One per gateway, without the station's identity."""
    http_url: str
    api_key: str
    pids: dict[str, int] = field(default_factory=dict)
    """Process ids by service process ("gateway-0"); "standalone" in standalone mode."""
    ocpp_tls_urls: list[str] = field(default_factory=list)
    """As `ocpp_urls`, with TLS; empty: it has none."""
    secured: Secured | None = None
    """The certificates behind `ocpp_tls_urls`."""
    management_urls: dict[str, str] = field(default_factory=dict)
    """Where each process has /healthz, /readyz and /metrics, by name."""

    @property
    def pki(self) -> Pki:
        """What makes certificates of stations that the system trusts. Raises RuntimeError when it has no TLS."""
        if self.secured is None:
            raise RuntimeError("this system has no TLS")
        return self.secured.pki

    def client(self) -> httpx2.AsyncClient:
        """An HTTP client with the admin key; paths are relative to /api/v1."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx2.AsyncClient(base_url=f"{self.http_url}/api/v1", headers=headers, timeout=60)


def standalone_process(directory: Path, ocpp_port: int, http_port: int, **settings: str) -> ServiceProcess:
    """The `csms serve` process that keeps its files in `directory`; not started."""
    environment = {
        "CSMS_DATA_DIR": str(directory / "data"),
        "CSMS_OCPP_PORT": str(ocpp_port),
        "CSMS_HTTP_PORT": str(http_port),
        "CSMS_ADMIN_API_KEY": API_KEY,
        "CSMS_UNKNOWN_STATIONS": "accept",
        **_SETTINGS,
        **settings,
    }
    return ServiceProcess("standalone", "csms_standalone", environment, http_port, directory / "standalone.log")


@asynccontextmanager
async def standalone(directory: Path, security: Secured | None = None, /, **settings: str) -> AsyncIterator[System]:
    """Run `csms serve` while the context is open, with TLS beside the plain endpoint if there are certificates for it.

    Raises NotReadyError.
    """
    ocpp_port, http_port, tls_port = free_port(), free_port(), free_port()
    if security is not None:
        settings = {**security.settings, "CSMS_OCPP_TLS_PORT": str(tls_port), **settings}
    process = standalone_process(directory, ocpp_port, http_port, **settings)
    await process.start()
    try:
        await process.ready()
        pids = {"standalone": process.pid or 0}
        urls = [f"ws://127.0.0.1:{ocpp_port}/ocpp"]
        tls_urls = [f"wss://127.0.0.1:{tls_port}/ocpp"] if security is not None else []
        url = f"http://127.0.0.1:{http_port}"
        yield System("standalone", urls, url, API_KEY, pids, tls_urls, security, {"standalone": url})
    finally:
        await process.stop()


@asynccontextmanager
async def distributed(
    directory: Path,
    *,
    kafka: str,
    database_url: str,
    gateways: int = 2,
    security: Secured | None = None,
    options: Sequence[str] = (),
) -> AsyncIterator[System]:
    """Run `python -m csms_testing.cluster` on this broker and database while the context is open. See `standalone`.

    `options` are more of its command line.
    """
    state_file, log_file = directory / "state.json", directory / "cluster.log"
    arguments = ["--ocpp-port", "0", "--http-port", "0", "--gateways", str(gateways)]
    arguments += ["--directory", str(directory), "--state-file", str(state_file), "--api-key", API_KEY]
    arguments += options
    environment = {**os.environ, **_SETTINGS, "CSMS_TEST_KAFKA": kafka, "CSMS_TEST_DATABASE_URL": database_url}
    if security is not None:
        environment |= security.settings
        arguments += ["--ocpp-tls-port", "0"]
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "csms_testing.cluster", *arguments, env=environment, stdout=log, stderr=log
        )
    try:
        await _state_written(process, state_file, log_file)
        state = json.loads(state_file.read_text())
        yield System(
            "distributed",
            state["ocpp_urls"],
            state["http_url"],
            state["api_key"],
            state["pids"],
            state["ocpp_tls_urls"],
            security,
            state["management_urls"],
        )
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


async def _state_written(process: Process, state_file: Path, log_file: Path) -> None:
    def written() -> bool:
        return state_file.exists()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(300):
            while process.returncode is None and not written():  # noqa: ASYNC110  # another process writes it
                await asyncio.sleep(0.1)
    if not written():
        log = await asyncio.to_thread(log_file.read_text)
        raise NotReadyError(f"the cluster did not become ready:\n{log[-4000:]}")
