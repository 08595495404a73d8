"""A collector of OpenTelemetry traces: takes OTLP over HTTP, and keeps the spans. Or one that never answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Thread

from csms_runtime import tracing
from csms_runtime.tracing.traces import Traces
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler


@dataclass(frozen=True)
class Seen:
    """A span as the collector got it."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        """Its name."""
        return self.span.name

    @property
    def trace_id(self) -> str:
        """Its trace, in hexadecimal."""
        return self.span.trace_id.hex()

    @property
    def attributes(self) -> dict[str, str | int]:
        """Its attributes."""
        return {each.key: each.value.string_value or each.value.int_value for each in self.span.attributes}


@dataclass
class Collector:
    """What was sent so far."""

    port: int = 0
    spans: list[Seen] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """Every request as JSON: all that could be seen."""

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that have all traces sent here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_TRACES_SAMPLER_ARG": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(MessageToJson(request))
        for resource in request.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [Seen(names["service.name"], span) for span in scope.spans]

    def trace(self, trace_id: str) -> list[Seen]:
        """Return the spans of a trace, in the order of their beginnings."""
        return sorted(
            (one for one in self.spans if one.trace_id == trace_id), key=lambda one: one.span.start_time_unix_nano
        )

    async def find(self, wanted: Callable[[Seen], bool], deadline_s: float = 60) -> Seen:
        """Return the first span that is wanted, waiting for it. Raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while True:
                for one in list(self.spans):
                    if wanted(one):
                        return one
                await asyncio.sleep(0.05)  # another thread puts it there


@contextmanager
def collecting(collector: Collector | None = None) -> Iterator[Collector]:
    """Run a collector, a new one unless it is given, on a free port of loopback."""
    found = Collector() if collector is None else collector

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def recording(sampler: Sampler | None = None) -> Iterator[InMemorySpanExporter]:
    """Have traces on in this process, all of them recorded unless the sampler says otherwise, and keep the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler or ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.active = Traces(provider.get_tracer("csms"))
    try:
        yield exporter
    finally:
        tracing.active = None
        provider.shutdown()


@asynccontextmanager
async def silent() -> AsyncIterator[Collector]:
    """Listen as a collector would, take connections, and never answer."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield Collector(port=listener.getsockname()[1])
