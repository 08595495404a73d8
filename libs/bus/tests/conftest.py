"""Both buses behind one fixture, so that one suite holds for both."""

import uuid
from collections.abc import AsyncIterator

import pytest
import structlog
from csms_bus.admin import create_topics
from csms_bus.kafka import KafkaBus
from csms_bus.memory import MemoryBus
from csms_bus.ports import Bus
from csms_bus.topic_plan import Plan
from csms_bus.topics import CATALOGUE
from csms_testing.buses import World, own_topics, world_of
from csms_testing.kafka import ONE_BROKER


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Tracebacks as services log them; structlog's default with all local variables takes seconds."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each bus in turn."""
    name = f"t{uuid.uuid4().hex[:12]}"
    topics = [*own_topics(name), *CATALOGUE]
    if request.param == "memory":
        bus: Bus = MemoryBus(topics=topics)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        await create_topics(bootstrap, ONE_BROKER)
        await create_topics(bootstrap, Plan(replication_factor=1), topics=own_topics(name))
        bus = KafkaBus(bootstrap, client_id=name, heartbeat_s=0.3)
    async with world_of(bus, name) as world:
        yield world


@pytest.fixture
async def memory() -> AsyncIterator[World]:
    """The in-process bus, for what does not depend on the bus."""
    async with world_of(MemoryBus(topics=[*own_topics("t"), *CATALOGUE]), "t") as world:
        yield world
