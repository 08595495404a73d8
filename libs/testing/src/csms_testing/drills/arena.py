"""The system under test: stores and services as processes of their own, each of which a drill may break."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from csms_bus.admin import create_topics

from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.processes import NotReadyError, ServiceProcess
from csms_testing.drills.api import Api, living
from csms_testing.drills.stored import PostgresStore, SqliteStore, Store
from csms_testing.kafka import ONE_BROKER, LocalKafka
from csms_testing.postgres import LocalPostgres
from csms_testing.systems import API_KEY, standalone_process

GATEWAYS = 2
TRANSACTIONS = 3
"""Processes of the transactions service that may be started; the first one always runs."""
_ALWAYS = ("auth-0", "transactions-0", "device-mgmt-0", "history-0", "gateway-0", "gateway-1")


@dataclass(slots=True)
class Arena:
    """A running system. Blocking calls of the stores belong into `asyncio.to_thread`."""

    directory: Path
    ocpp_urls: list[str]
    processes: dict[str, ServiceProcess]
    """By name: "gateway-0", ...; "standalone" alone in standalone mode."""
    api: Api
    store: Store
    kafka: LocalKafka | None = None
    postgres: LocalPostgres | None = None

    @property
    def broker(self) -> LocalKafka:
        """Kafka. Raises RuntimeError in standalone mode."""
        if self.kafka is None:
            raise RuntimeError("there is no Kafka in standalone mode")
        return self.kafka

    @property
    def database(self) -> LocalPostgres:
        """PostgreSQL. Raises RuntimeError in standalone mode."""
        if self.postgres is None:
            raise RuntimeError("there is no PostgreSQL in standalone mode")
        return self.postgres

    async def ready(self, names: Sequence[str] | None = None, deadline_s: float = 400) -> None:
        """Wait until those processes (default: all that run) are ready. Raises NotReadyError."""
        chosen = names if names is not None else [name for name, process in self.processes.items() if process.pid]
        await asyncio.gather(*(self.processes[name].ready(deadline_s) for name in chosen))

    async def start_services(self, names: Sequence[str] = _ALWAYS) -> None:
        """Start processes at the same time and wait until they are ready. Raises NotReadyError."""
        for name in names:
            await self.processes[name].start()
        await self.ready(names)

    async def stop_services(self) -> None:
        """Stop all processes as Kubernetes would: gateways beside the others, SIGTERM."""
        await asyncio.gather(*(process.stop() for process in self.processes.values()))


@asynccontextmanager
async def cluster(
    *, brokers: int = 1, settings: Mapping[str, str] | None = None, tls: bool = False
) -> AsyncIterator[Arena]:
    """Run the distributed system: Kafka of one or three brokers, PostgreSQL, two gateways, one each of the others.

    `settings`: more of them, for all processes. `tls`: gateways have a port with TLS, too.
    Raises KafkaError, PostgresError, BusUnavailable, NotReadyError.
    """
    async with AsyncExitStack() as stack:
        directory = _directory(stack)
        kafka = LocalKafka(directory / "kafka", brokers=brokers, fast_start=False)
        stack.push_async_callback(asyncio.to_thread, kafka.kill)
        postgres = LocalPostgres(directory / "postgres")
        stack.push_async_callback(asyncio.to_thread, postgres.close)
        await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(postgres.start))
        await create_topics(kafka.bootstrap, replace(ONE_BROKER, replication_factor=min(3, brokers)))
        layout = Layout(
            kafka=kafka.bootstrap,
            database_url=postgres.url,
            directory=directory,
            ocpp_ports=[free_port() for _ in range(GATEWAYS)],
            ocpp_tls_ports=[free_port() for _ in range(GATEWAYS if tls else 0)],
            transactions=TRANSACTIONS,
            # Else the drills wait for it.
            settings={"CSMS_KAFKA_METADATA_MAX_AGE_S": "5", **(settings or {})},
        )
        await _migrate(layout)
        made = layout.processes()
        api = Api(living(made), layout.api_key)
        stack.push_async_callback(api.close)
        processes = {process.name: process for process in made}
        arena = Arena(
            directory, layout.ocpp_urls, processes, api, PostgresStore(postgres.url), kafka=kafka, postgres=postgres
        )
        stack.push_async_callback(arena.stop_services)
        await arena.start_services()
        yield arena


def _directory(stack: AsyncExitStack) -> Path:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="csms-drill-")))
    directory.chmod(0o711)  # PostgreSQL runs as another user when we are root
    return directory


async def _migrate(layout: Layout) -> None:
    for step in layout.migrations():
        await step.start()
        if await step.ended() != 0:
            log = await asyncio.to_thread(step.log_file.read_text)
            raise NotReadyError(f"{step.name}: the migration failed: {log[-1000:]}")


@asynccontextmanager
async def standalone(data: Path | None = None) -> AsyncIterator[Arena]:
    """Run `csms serve`, with its data in a temporary directory or in `data`. Raises NotReadyError."""
    async with AsyncExitStack() as stack:
        directory = _directory(stack)
        data = data or directory / "data"
        ocpp_port, http_port = free_port(), free_port()
        process = standalone_process(directory, ocpp_port, http_port, CSMS_DATA_DIR=str(data))
        api = Api(living([process]), API_KEY)
        stack.push_async_callback(api.close)
        urls = [f"ws://127.0.0.1:{ocpp_port}/ocpp"]
        arena = Arena(directory, urls, {"standalone": process}, api, SqliteStore(data))
        stack.push_async_callback(arena.stop_services)
        await arena.start_services(["standalone"])
        yield arena
