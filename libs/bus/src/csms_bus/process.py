"""The parts that every service has as a process of its own. They are contexts: enter them in order."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version

from csms_runtime.dependencies import watched
from csms_runtime.exposition import tell_build
from csms_runtime.health import Health
from csms_runtime.http import create_app, create_management_app, listening
from csms_runtime.sealing import Sealer
from csms_runtime.settings import RuntimeSettings
from csms_runtime.starting import CannotStart
from fastapi import APIRouter
from starlette.types import ASGIApp

from csms_bus.api_security import ApiSecurity
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Bus, BusUnavailable, RecordTooLarge
from csms_bus.sealed import SealedBus

_TOPICS = "kafka-topics"
"""The component of `/readyz` that says which topics are not there yet."""


@asynccontextmanager
async def kafka_bus(
    settings: RuntimeSettings, service: str, health: Health, stop: asyncio.Event, **limits: float
) -> AsyncIterator[Bus]:
    """Connect to Kafka, once the topics are there; secrets are sealed. Enter `management_port` before.

    Raises CannotStart when Kafka is away, there is no secret key, or `stop` is set before it began.
    """
    kafka = KafkaBus.configured(settings, service, health, **limits)
    bus = SealedBus(kafka, Sealer(settings.secret_keys()))
    try:
        with _kafka_usable(settings):
            await kafka.wait(service, settings.slot, partial(health.set, _TOPICS, False), stop)  # noqa: FBT003 its order
            await bus.start()
        health.forget(_TOPICS)
        async with watched("kafka", kafka.ping, health):
            yield bus
    finally:
        await bus.stop()


@contextmanager
def _kafka_usable(settings: RuntimeSettings) -> Iterator[None]:
    try:
        yield
    except BusUnavailable as error:
        raise CannotStart(f"Kafka at {settings.kafka_bootstrap_servers} cannot be used: {error}") from error


def management_port(settings: RuntimeSettings, service: str, health: Health) -> AbstractAsyncContextManager[int]:
    """Listen on the management port: /healthz, /readyz, and /metrics of the service."""
    tell_build(service)
    return listening(
        create_management_app(health, service),
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
    beside: Mapping[str, ASGIApp] | None = None,
) -> AbstractAsyncContextManager[int]:
    """Listen on the port of the HTTP API. `unavailable`: errors of handlers that mean 503, as BusUnavailable does.

    `beside`: as `create_app` has it.
    """
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
        beside=beside,
    )
    return listening(api, settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
