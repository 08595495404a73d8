"""What is measured, as processes: the baselines, the standalone CSMS, the distributed one."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from csms_testing import systems
from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.stores import kafka_and_postgres

STANDALONE = "standalone, SQLite"
DISTRIBUTED = "distributed, Kafka and PostgreSQL"
_SETTINGS = {
    "CSMS_LOG_LEVEL": "warning",
    "CSMS_MESSAGE_RATE": "100000",
    "CSMS_MESSAGE_BURST": "100000",
    "CSMS_COUNT_INTERVAL_S": "60",
}
"""A station in a closed loop sends more than it may by default, and the limit would be what is measured. What is
counted now and then is counted as often as by default: the tests' systems do so every two seconds."""
BASELINES = {"E": "E: bare websockets", "M": "M: package ocpp"}


@dataclass(frozen=True, slots=True)
class Target:
    """A running system."""

    name: str
    urls: Sequence[str]
    """Where stations connect, one for each gateway."""
    pids: dict[str, int]
    """Its own processes by name."""
    stores: dict[str, int] = field(default_factory=dict)
    """Broker and database server; of PostgreSQL the first process."""
    http_url: str = ""
    api_key: str = ""
    auth_url: str = ""
    """Of the HTTP API of auth, where that is another; empty: it is not."""

    @property
    def main_pid(self) -> int:
        """The process that holds the sockets."""
        return next(
            (pid for name, pid in self.pids.items() if name.startswith("gateway")), next(iter(self.pids.values()))
        )

    def client(self, url: str = "") -> httpx2.AsyncClient:
        """An HTTP client of its API (of device-mgmt, unless another URL is named), with the admin key."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        base_url = f"{url or self.http_url}/api/v1"
        return httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=120, limits=limits)

    async def accept(self, id_token: str) -> None:
        """Have an idToken of type ISO14443 accepted, as a member of a group. Raises httpx2.HTTPError."""
        body = {"status": "Accepted", "group_id": "BENCH"}
        async with self.client(self.auth_url) as client:
            (await client.put(f"/id-tokens/ISO14443/{id_token}", json=body)).raise_for_status()


@asynccontextmanager
async def baseline(kind: str) -> AsyncIterator[Target]:
    """Run baseline "E" or "M" in a process of its own."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.baselines", kind, str(port))
    try:
        await _listening(port)
        yield Target(BASELINES[kind], [f"ws://127.0.0.1:{port}/ocpp"], {kind: process.pid})
    finally:
        process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)  # another process starts: nothing here can tell when


@asynccontextmanager
async def standalone(directory: Path | None = None, **settings: str) -> AsyncIterator[Target]:
    """Run the CSMS in one process with SQLite, its data in `directory` or a temporary one."""
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        options = {**_SETTINGS, **settings}
        async with systems.standalone(directory or Path(temporary), **options) as system:
            yield Target(STANDALONE, system.ocpp_urls, system.pids, {}, system.http_url, system.api_key)


@dataclass(frozen=True, slots=True)
class Stores:
    """A broker and a database server that serve several runs."""

    kafka: str
    database_url: str
    directory: Path


@asynccontextmanager
async def stores() -> AsyncIterator[Stores]:
    """Apache Kafka and PostgreSQL; running ones when the environment names them. Raises StoreMissingError."""
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        Path(temporary).chmod(0o711)  # noqa: ASYNC240 # PostgreSQL runs as another user when we are root
        async with AsyncExitStack() as stack:
            kafka, database_url = await kafka_and_postgres(stack, Path(temporary))
            yield Stores(kafka, database_url, Path(temporary))


@asynccontextmanager
async def distributed(
    found: Stores, *, gateways: int = 1, transactions: int = 1, **settings: str
) -> AsyncIterator[Target]:
    """Run the services as processes of their own."""
    layout = Layout(
        kafka=found.kafka,
        database_url=found.database_url,
        directory=found.directory,
        ocpp_ports=[free_port() for _ in range(gateways)],
        transactions=transactions,
        settings={**_SETTINGS, **settings},
    )
    for step in layout.migrations():
        await step.start()
        await step.ended()
    processes = layout.processes()
    async with AsyncExitStack() as stack:
        for process in processes:
            await process.start()
            stack.push_async_callback(process.stop)
        for process in processes:
            await process.ready()
        ports = {process.name: process.environment["CSMS_HTTP_PORT"] for process in processes}
        yield Target(
            DISTRIBUTED,
            layout.ocpp_urls,
            {process.name: process.pid or 0 for process in processes},
            _store_pids(str(found.directory)),
            f"http://127.0.0.1:{ports['device-mgmt-0']}",
            layout.api_key,
            f"http://127.0.0.1:{ports['auth-0']}",
        )


def _store_pids(directory: str) -> dict[str, int]:
    """Broker and database server, by what their command lines say of the directory they work in."""
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
            if not any(directory.encode() in word for word in words):
                continue
            for name in ("java", "postgres"):
                if words[0].endswith(name.encode()):
                    found.setdefault(name, int(entry.name))
    return found
