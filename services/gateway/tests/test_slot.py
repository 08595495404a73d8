"""Two gateways on one slot notice each other: the older one ends."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    GATEWAY_STATE_ALIVE,
    GATEWAY_STATE_DRAINING,
    GATEWAY_STATE_STOPPED,
    GatewayState,
    GatewayStatus,
)
from csms_bus.memory import MemoryBus
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import GATEWAY_STATUS
from csms_gateway.app import Gateway
from csms_gateway.settings import GatewaySettings
from csms_gateway.slot import SlotTaken
from csms_runtime import metrics
from csms_runtime.clock import now_ms
from csms_runtime.health import Health

if TYPE_CHECKING:
    from conftest import System

DAY_MS = 86_400_000


def status(epoch: int, *, slot: int = 0, instance: str = "another", state: GatewayState.ValueType) -> Outgoing:
    body = GatewayStatus(gateway_slot=slot, gateway_epoch=epoch, state=state, instance=instance)
    return Outgoing(GATEWAY_STATUS.name, new_record("", gateway_status=body), key=str(slot))


async def ended(system: "System") -> BaseException:
    assert system.task is not None
    async with asyncio.timeout(10):
        await asyncio.wait({system.task})
    error = system.task.exception()
    assert error is not None
    return error


async def test_the_older_one_closes_its_connections_and_ends(system: "System") -> None:
    station = await system.connect()
    await system.services.connection("CS1")
    await system.bus.publish([status(system.gateway.id.epoch + 1, state=GATEWAY_STATE_ALIVE)])
    error = await ended(system)
    assert isinstance(error, ExceptionGroup)
    assert error.subgroup(SlotTaken) is not None
    assert not system.health.ready
    assert await station.closed() == (1012, "another gateway has this slot")
    closed = await system.services.connection("CS1", 2)
    assert (closed.state, closed.close_reason) == (CONNECTION_STATE_CLOSED, "another gateway has this slot")
    system.task = None


async def test_of_two_that_started_at_the_same_moment_one_ends(system: "System") -> None:
    mine = system.gateway.id
    await system.bus.publish([status(mine.epoch, instance="", state=GATEWAY_STATE_ALIVE)])  # lower
    await system.bus.publish([status(mine.epoch, instance="~", state=GATEWAY_STATE_ALIVE)])  # higher
    assert isinstance(await ended(system), ExceptionGroup)
    system.task = None


@pytest.mark.parametrize(
    ("later", "slot", "state"),
    [
        (-1, 0, GATEWAY_STATE_ALIVE),
        (-1, 0, GATEWAY_STATE_DRAINING),
        (+1, 0, GATEWAY_STATE_STOPPED),
        (+1, 1, GATEWAY_STATE_ALIVE),
    ],
)
async def test_others_disturb_nobody(system: "System", later: int, slot: int, state: GatewayState.ValueType) -> None:
    station = await system.connect()
    await system.bus.publish([status(system.gateway.id.epoch + later, slot=slot, state=state)])
    assert (await station.call("Heartbeat", {}))[0] == 3
    assert system.health.ready


async def test_an_epoch_is_above_those_of_a_clock_that_was_ahead() -> None:
    bus = MemoryBus()
    before = now_ms() + DAY_MS
    await bus.publish([status(before, state=GATEWAY_STATE_STOPPED)])
    gateway = Gateway(
        GatewaySettings.model_validate({"secret_key": "a secret of tests", "ocpp_port": 0}), bus, Health()
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(gateway.run(stop, ready=ready.set))
    async with asyncio.timeout(10):
        await ready.wait()
        assert gateway.id.epoch == before + 1
        stop.set()
        await running


async def test_the_newer_process_stays_and_the_older_one_ends() -> None:
    bus = MemoryBus()
    settings = GatewaySettings.model_validate({"secret_key": "a secret of tests", "ocpp_port": 0})
    older, newer = Gateway(settings, bus, Health()), Gateway(settings, bus, Health())
    stop, before = asyncio.Event(), metrics.GATEWAY_SLOT_CONFLICTS._value.get()
    running = []
    for gateway in (older, newer):
        ready = asyncio.Event()
        running.append(asyncio.create_task(gateway.run(stop, ready=ready.set)))
        async with asyncio.timeout(10):
            await ready.wait()
    async with asyncio.timeout(10):
        await asyncio.wait({running[0]})
    assert isinstance(running[0].exception(), ExceptionGroup)
    assert not running[1].done()
    # The one that stays knows it, too: nobody may have read the metrics of the one that ended.
    async with asyncio.timeout(10):
        while metrics.GATEWAY_SLOT_CONFLICTS._value.get() < before + 2:  # noqa: ASYNC110 a metric tells nobody
            await asyncio.sleep(0.01)
    stop.set()
    async with asyncio.timeout(10):
        await running[1]
