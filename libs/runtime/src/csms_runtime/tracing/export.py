"""Switches traces on, and sends the spans to a collector by OTLP over HTTP.

OpenTelemetry's own variables decide (`VARIABLES`). Its SDK is imported only when an exporter is set.
"""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from csms_runtime import tracing
from csms_runtime.starting import CannotStart

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

_log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_RATIO = 0.01
_BY_SHARE = "parentbased_traceidratio"
_SAMPLERS = frozenset(
    f"{based}{name}" for based in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
)
_CLOSE_S = 3.0
"""How long the last spans may take to be sent when a process ends, in seconds."""
_MOST_CHARACTERS = 256
"""Of an attribute's value, unless OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT says otherwise."""

VARIABLES: Mapping[str, tuple[str, str]] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "",
        "Collector that takes OTLP over HTTP, as `http://collector:4318`; absent, and the next one too: traces are off",
    ),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ("", "The same for traces alone, with its path; wins"),
    "OTEL_EXPORTER_OTLP_HEADERS": ("", "Headers for the collector, `name=value,name=value`: may hold its password"),
    "OTEL_EXPORTER_OTLP_CERTIFICATE": ("", "PEM file of the CAs of the collector's certificate; absent: certifi's"),
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": ("", "PEM file of a client certificate that the collector asks for"),
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": ("", "PEM file of its key"),
    "OTEL_EXPORTER_OTLP_COMPRESSION": ("`none`", "`none`, `gzip` or `deflate`"),
    "OTEL_EXPORTER_OTLP_TIMEOUT": ("`10`", "How long the collector may take to answer, in seconds"),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("`http/protobuf`", "No other one is spoken"),
    "OTEL_TRACES_SAMPLER": (
        "`parentbased_traceidratio`",
        "Which traces are recorded: what an HTTP request's `traceparent` says, and of the others a share",
    ),
    "OTEL_TRACES_SAMPLER_ARG": ("`0.01`", "That share, from 0 to 1"),
    "OTEL_SERVICE_NAME": ("`csms-SERVICE`", "Name of the process in traces; standalone: `csms`"),
    "OTEL_RESOURCE_ATTRIBUTES": ("", "More about the process, `name=value,name=value`"),
    "OTEL_BSP_MAX_QUEUE_SIZE": ("`2048`", "Spans that wait to be sent; more are dropped"),
    "OTEL_BSP_SCHEDULE_DELAY": ("`5000`", "How often they are sent, in milliseconds"),
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ("`256`", "Longest value of an attribute, in characters"),
    "OTEL_TRACES_EXPORTER": ("`otlp`", "`none`: traces are off"),
    "OTEL_SDK_DISABLED": ("`false`", "`true`: traces are off"),
}
"""OpenTelemetry's variables that matter here: default and meaning. Its SDK knows more."""


@asynccontextmanager
async def traces(service: str, environment: Mapping[str, str] = os.environ) -> AsyncIterator[None]:
    """Have traces on inside, if the environment says so. `service` is the process's name in them.

    Leaving it sends the spans that are left, for three seconds at most, whatever the collector does.
    Raises CannotStart for variables that are wrong.
    """
    if not is_on(environment):
        yield
        return
    provider = _provider(service, environment)
    sampler = _sampler_name(environment)
    _activate(provider, _ratio(environment) if sampler == _BY_SHARE else 1.0)
    share = {"share": _ratio(environment)} if sampler.endswith("ratio") else {}
    _log.info("traces are on", sampler=sampler, **share)
    try:
        yield
    finally:
        tracing.active = None
        await _shut_down(provider)


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether an exporter is set. Raises CannotStart for one that there is not."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or exporter == "none" or not any(environment.get(name) for name in _ENDPOINTS):
        return False
    if exporter != "otlp":
        raise CannotStart(f"OTEL_TRACES_EXPORTER: {exporter} is not supported, only otlp and none")
    _check(environment)
    return True


def _check(environment: Mapping[str, str]) -> None:
    for name in _ENDPOINTS:
        if environment.get(name) and not _is_address(environment[name]):
            raise CannotStart(f"{name}: an http:// or https:// address is needed")
    for name in _PROTOCOLS:
        if environment.get(name, "") not in {"", _PROTOCOL}:
            raise CannotStart(f"{name}: only {_PROTOCOL} is spoken")
    if environment.get("OTEL_TRACES_SAMPLER", "") not in {"", *_SAMPLERS}:
        raise CannotStart(f"OTEL_TRACES_SAMPLER: one of {', '.join(sorted(_SAMPLERS))} is needed")
    _ratio(environment)


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:  # an IPv6 address without its end
        return False
    return url.scheme in {"http", "https"} and bool(url.hostname)


def _ratio(environment: Mapping[str, str]) -> float:
    text = environment.get("OTEL_TRACES_SAMPLER_ARG") or str(_RATIO)
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise CannotStart("OTEL_TRACES_SAMPLER_ARG: a number from 0 to 1 is needed")
    return ratio


def _provider(service: str, environment: Mapping[str, str]) -> "TracerProvider":
    # The SDK takes 15 MB: it is imported here, so that only those have it who use it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    about = Resource(
        {
            "service.name": service,
            "service.version": version("csms"),
            "service.instance.id": socket.gethostname(),
        }
    )
    limit = None if environment.get("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT") else _MOST_CHARACTERS
    provider = TracerProvider(
        sampler=_sampler(environment),
        resource=about.merge(OTELResourceDetector().detect()),
        span_limits=SpanLimits(max_attribute_length=limit),
        shutdown_on_exit=False,  # it would wait for the collector
    )
    try:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except (ValueError, OSError) as error:
        raise CannotStart(f"traces cannot be exported as OTEL_* variables say: {error}") from error
    return provider


def _sampler(environment: Mapping[str, str]) -> "Sampler":
    from opentelemetry.sdk.trace import sampling  # noqa: PLC0415 as above

    named: Mapping[str, Sampler] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(_ratio(environment)),
    }
    name = _sampler_name(environment)
    if name == _BY_SHARE:  # `Traces` draws: for the SDK what is not recorded costs 5 microseconds
        return sampling.ParentBased(sampling.ALWAYS_ON)
    root = named[name.removeprefix("parentbased_")]
    return sampling.ParentBased(root) if name.startswith("parentbased_") else root


def _sampler_name(environment: Mapping[str, str]) -> str:
    return environment.get("OTEL_TRACES_SAMPLER") or _BY_SHARE


def _activate(provider: "TracerProvider", share: float) -> None:
    from csms_runtime.tracing.traces import Traces  # noqa: PLC0415 it imports OpenTelemetry's API

    tracing.active = Traces(provider.get_tracer("csms", version("csms")), share)


async def _shut_down(provider: "TracerProvider") -> None:
    """Send what is left. A collector that does not answer is left alone: the thread ends with the process."""
    ending = threading.Thread(target=provider.shutdown, name="traces-shutdown", daemon=True)
    ending.start()
    await asyncio.to_thread(ending.join, _CLOSE_S)
    if ending.is_alive():
        _log.warning("the last spans were not sent", waited_s=_CLOSE_S)
