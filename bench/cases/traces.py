"""What traces cost: a TransactionEvent without them, and with all recorded.

One process has the stations and the whole CSMS, and traces are switched between short rounds: whatever disturbs the
machine disturbs all alike. The least disturbed round counts. What the stations cost is in all figures, so the
differences are what is measured.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from csms_runtime import tracing
from csms_runtime.settings import UnknownStations
from csms_runtime.tracing.traces import Traces
from csms_standalone.app import Ports, serve
from csms_standalone.settings import StandaloneSettings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import SecretStr

from bench.fleet import Station, fleet
from bench.load import closed_loop, transaction_events
from bench.settings import Settings

_SHARES = {"off": None, "off, again": None, "100 %": 1.0}
"""Twice without traces: the difference between those two is the noise of all of this."""
_ACTIVE = 16
_ROUND_S = 0.5
_ROUNDS_FOR_ONE = 12
"""Rounds of each share, for each of the other measurements' rounds."""


async def measure(settings: Settings) -> dict[str, Any]:
    """Standalone, on SQLite: there all of a trace's spans are of one process."""
    found: dict[str, list[float]] = {name: [] for name in _SHARES}
    with collector() as endpoint, traced_to(endpoint) as provider:
        async with served() as url, fleet([url], _ACTIVE) as stations:
            await closed_loop(stations, transaction_events, 3 * _ROUND_S)
            for number in range(settings.rounds * _ROUNDS_FOR_ONE):
                settings.say(f"round {number + 1}")
                for name, share in _SHARES.items():
                    found[name].append(await cpu_us(stations, provider, share))
    bare = min(found["off"])
    return {
        name: {"cpu_us": round(min(all_of), 1), "more_us": round(min(all_of) - bare, 1), "median_us": median(all_of)}
        for name, all_of in found.items()
    }


def median(figures: Sequence[float]) -> float:
    """Round it."""
    return round(statistics.median(figures), 1)


async def cpu_us(stations: list[Station], provider: TracerProvider, share: float | None) -> float:
    """CPU microseconds of this process for each message, the sending of its spans included."""
    tracing.active = None if share is None else Traces(provider.get_tracer("csms"), share)
    began = time.process_time()
    figures = await closed_loop(stations, transaction_events, _ROUND_S)
    await asyncio.to_thread(provider.force_flush)
    used = time.process_time() - began
    tracing.active = None
    return used / max(1, figures.round_trips) * 1e6


@contextmanager
def traced_to(endpoint: str) -> Iterator[TracerProvider]:
    """Export to a collector as a service does."""
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=100_000))
    try:
        yield provider
    finally:
        provider.shutdown()


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Run a standalone CSMS in this event loop; gives where stations connect."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    def on_ready(ports: Ports) -> None:
        ready.set_result(ports.ocpp)

    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        settings = StandaloneSettings(
            data_dir=Path(temporary),
            ocpp_port=0,
            http_port=0,
            secret_key=SecretStr("a secret of the benchmark"),
            unknown_stations=UnknownStations.ACCEPT,
            message_rate=100_000,
            message_burst=100_000,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(settings, stop, on_ready))
            try:
                yield f"ws://127.0.0.1:{await ready}/ocpp"
            finally:
                stop.set()


@contextmanager
def collector() -> Iterator[str]:
    """Run a collector that throws away what it gets, in a process of its own; gives its address."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_collect, args=(its,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _collect(pipe: Connection) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()
