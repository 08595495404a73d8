"""The parts that every service has as a process of its own. They are contexts: enter them in order."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from csms_runtime.health import Health
from csms_runtime.http import create_app, create_management_app, listening
from csms_runtime.sealing import Sealer
from csms_runtime.settings import RuntimeSettings
from csms_runtime.starting import CannotStart
from fastapi import APIRouter

from csms_bus.api_security import ApiSecurity
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Bus, BusUnavailable, RecordTooLarge
from csms_bus.sealed import SealedBus


@asynccontextmanager
async def kafka_bus(settings: RuntimeSettings, service: str, health: Health, **limits: float) -> AsyncIterator[Bus]:
    """Connect to Kafka; secrets are sealed. Raises CannotStart when Kafka is away, or there is no secret key."""
    bus = SealedBus(KafkaBus.configured(settings, service, health, **limits), Sealer(settings.secret_keys()))
    try:
        await _started(bus, settings)
        yield bus
    finally:
        await bus.stop()


async def _started(bus: Bus, settings: RuntimeSettings) -> None:
    try:
        await bus.start()
    except BusUnavailable as error:
        raise CannotStart(f"Kafka at {settings.kafka_bootstrap_servers} cannot be used: {error}") from error


def management_port(settings: RuntimeSettings, health: Health) -> AbstractAsyncContextManager[int]:
    """Listen on the management port: /healthz, /readyz, /metrics."""
    return listening(
        create_management_app(health),
        settings.management_host,
        settings.management_port,
        settings="CSMS_MANAGEMENT_HOST, CSMS_MANAGEMENT_PORT",
    )


def api_port(
    settings: RuntimeSettings,
    title: str,
    routers: Sequence[APIRouter],
    security: ApiSecurity,
    health: Health,
    *,
    unavailable: Sequence[type[Exception]] = (),
) -> AbstractAsyncContextManager[int]:
    """Listen on the port of the HTTP API. `unavailable`: errors of handlers that mean 503, as BusUnavailable does."""
    api = create_app(
        title,
        routers=routers,
        keys=security.keys,
        tokens=security.tokens,
        audit=security.audit.for_app,
        health=health,
        version=version("csms"),
        unavailable=[*unavailable, BusUnavailable],
        too_large=[RecordTooLarge],
    )
    return listening(api, settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
