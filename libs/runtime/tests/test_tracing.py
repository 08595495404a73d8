import io
import json
import logging
import subprocess
import sys
import time

import pytest
import structlog
from csms_runtime import tracing
from csms_runtime.logging import configure
from csms_runtime.starting import CannotStart
from csms_runtime.tracing import export
from csms_runtime.tracing.traces import Traces
from csms_testing.otlp import collecting, recording, silent
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
REMOTE = f"00-{7:032x}-{8:016x}-01"


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "csms", "OTEL_TRACES_SAMPLER_ARG": "1"}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1/traces"}, True),
        ({ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_an_exporter_switches_traces_on(environment, on):
    assert export.is_on(environment) is on


@pytest.mark.parametrize(
    "wrong",
    [
        {ENDPOINT: "collector:4318"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "jaeger"},
        {"OTEL_TRACES_SAMPLER": "sometimes"},
        {"OTEL_TRACES_SAMPLER_ARG": "half"},
        {"OTEL_TRACES_SAMPLER_ARG": "2"},
    ],
    ids=str,
)
def test_what_is_wrong_is_named(wrong):
    with pytest.raises(CannotStart, match=next(iter(wrong))):
        export.is_on({ENDPOINT: "http://collector:4318", **wrong})


def test_the_sampler_is_the_one_that_is_named():
    named = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    assert export._sampler(named).get_description() == "TraceIdRatioBased{0.5}"


def test_the_sdk_is_not_imported_while_traces_are_off():
    program = "import csms_standalone.app, sys; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 ours
    assert found.stdout.strip() == "[]"


async def test_spans_reach_the_collector_when_the_process_ends(monkeypatch):
    with collecting() as collector:
        for name, value in collector.settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        async with export.traces("csms-gateway"):
            assert tracing.active is not None
            span = tracing.active.root("BootNotification", {"csms.station_id": "S" * 1000})
            assert span is not None
            span.end()
        assert tracing.active is None
    (seen,) = collector.spans
    assert (seen.service, seen.name) == ("csms-gateway", "BootNotification")
    assert seen.attributes["csms.station_id"] == "S" * 256
    assert "deployment.environment" in collector.bodies[0]


async def test_a_collector_that_never_answers_does_not_keep_the_process(monkeypatch):
    monkeypatch.setattr(export, "_CLOSE_S", 0.2)
    async with silent() as collector:
        for name, value in collector.settings.items():
            monkeypatch.setenv(name, value)
        async with export.traces("csms-gateway"):
            assert tracing.active is not None
            for _ in range(5000):
                span = tracing.active.root("BootNotification", {})
                assert span is not None
                span.end()
            started = time.monotonic()
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(("told", "share"), [({}, 0.01), ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, 0.5)], ids=str)
async def test_a_hundredth_is_recorded_unless_said_otherwise(monkeypatch, told, share):
    monkeypatch.setattr("csms_runtime.tracing.traces.random", iter([share, share - 0.001]).__next__)
    async with silent() as collector:
        monkeypatch.setenv(ENDPOINT, collector.endpoint)
        monkeypatch.setattr(export, "_CLOSE_S", 0.1)
        async with export.traces("csms-gateway", {ENDPOINT: collector.endpoint, **told}):
            assert tracing.active is not None
            assert tracing.active.root("BootNotification", {}) is None
            assert tracing.active.root("BootNotification", {}) is not None


async def test_a_caller_that_records_is_followed_whatever_the_share():
    with recording():
        assert tracing.active is not None
        few = Traces(tracing.active._tracer, share=0.0)
        assert few.root("GET", {}) is None
        assert few.root("GET", {}, parent=REMOTE) is not None
        assert few.root("GET", {}, parent=REMOTE.replace("-01", "-00")) is None


def test_a_request_is_followed_if_its_caller_records_it():
    with recording(ParentBased(ALWAYS_OFF)):
        assert tracing.active is not None
        assert tracing.active.root("GET", {}) is None
        assert tracing.active.root("GET", {}, parent=REMOTE.replace("-01", "-00")) is None
        assert tracing.active.root("GET", {}, parent="nonsense") is None
        span = tracing.active.root("GET", {}, parent=REMOTE)
        assert span is not None
        assert tracing.traceparent(span)[:36] == REMOTE[:36]


def test_log_lines_have_the_trace_of_their_station():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    out = io.StringIO()
    configure("info", "json", out)
    log = structlog.get_logger("test")
    try:
        with recording():
            traces = tracing.active
            assert traces is not None
            span = traces.root("BootNotification", {})
            assert span is not None
            scope = traces.scope([span], shared=False)
            scope.add("record", "CS1", span)
            log.info("before")
            with traces.within(scope):
                log.info("of it", station_id="CS1")
                log.info("of another", station_id="CS2")
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    found = {line["event"]: line.get("trace_id") for line in map(json.loads, out.getvalue().splitlines())}
    assert found == {"before": None, "of it": tracing.traceparent(span)[3:35], "of another": None}
