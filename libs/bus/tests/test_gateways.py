"""Which gateways live: later processes of a slot, silence, clocks that are off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from csms.v1.station_pb2 import (
    GATEWAY_STATE_ALIVE,
    GATEWAY_STATE_DRAINING,
    GATEWAY_STATE_STOPPED,
    GatewayState,
    GatewayStatus,
)
from csms_bus.gateways import Gateways
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import GATEWAY_STATUS
from csms_runtime.clock import now_ms
from csms_testing.buses import DEADLINE_S, World, running

EPOCH = now_ms()
MARK = 31
"""A slot whose status tells a test that what came before was read: the topic has one partition."""


def status(
    slot: int,
    epoch: int = EPOCH,
    state: GatewayState.ValueType = GATEWAY_STATE_ALIVE,
    *,
    produced_at_ms: int | None = None,
) -> Outgoing:
    record = new_record("", gateway_status=GatewayStatus(gateway_slot=slot, gateway_epoch=epoch, state=state))
    if produced_at_ms is not None:
        record.produced_at_ms = produced_at_ms
    return Outgoing(GATEWAY_STATUS.name, record, key=str(slot))


class Clock:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.now_ms = now_ms()

    def __call__(self) -> int:
        return self.now_ms


class Following:
    """A running table and its levers."""

    def __init__(self, world: World) -> None:
        self.clock = Clock()
        self.told: asyncio.Queue[GatewayStatus] = asyncio.Queue()
        self.table = Gateways(world.bus, clock_ms=self.clock, on_status=self.told.put_nowait)
        self._world = world
        self._marks = 0

    async def after(self, *records: Outgoing) -> None:
        """Publish, and wait until the table has read it all."""
        self._marks += 1
        await self._world.bus.publish([*records, status(MARK, EPOCH + self._marks)])
        async with asyncio.timeout(DEADLINE_S):
            while (await self.told.get()).gateway_epoch != EPOCH + self._marks:
                pass


@asynccontextmanager
async def following(world: World, *before: Outgoing) -> AsyncIterator[Following]:
    if before:
        await world.bus.publish(before)
    made = Following(world)
    async with running(made.table.run):
        async with asyncio.timeout(DEADLINE_S):
            await made.table.ready()
        yield made


async def test_what_was_said_before_and_what_is_said_now(world: World) -> None:
    async with following(world, status(3)) as found:
        assert found.table.lives(3, EPOCH)
        await found.after(status(4))
        assert {(3, EPOCH), (4, EPOCH)} <= found.table.living()
        assert not found.table.lives(5, EPOCH)


async def test_a_later_process_of_a_slot_ends_the_earlier_one(memory: World) -> None:
    async with following(memory, status(0)) as found:
        await found.after(status(0, EPOCH + 1))
        assert (found.table.lives(0, EPOCH), found.table.lives(0, EPOCH + 1)) == (False, True)
        await found.after(status(0, EPOCH))  # a late heartbeat
        assert (found.table.lives(0, EPOCH), found.table.lives(0, EPOCH + 1)) == (False, True)


@pytest.mark.parametrize("why", ["silent", "stopped"])
async def test_an_earlier_epoch_counts_when_the_later_one_is_gone(memory: World, why: str) -> None:
    async with following(memory, status(0, EPOCH + 1)) as found:
        if why == "stopped":
            await found.after(status(0, EPOCH + 1, GATEWAY_STATE_STOPPED))
        else:
            await found.after(status(0, EPOCH + 1))
            found.clock.now_ms += 10_001
        await found.after(status(0))
        assert found.table.lives(0, EPOCH)


@pytest.mark.parametrize(
    ("state", "lives"), [(GATEWAY_STATE_ALIVE, True), (GATEWAY_STATE_DRAINING, True), (GATEWAY_STATE_STOPPED, False)]
)
async def test_one_that_drains_lives(memory: World, state: GatewayState.ValueType, lives: bool) -> None:  # noqa: FBT001 a case
    async with following(memory, status(0)) as found:
        await found.after(status(0, state=state))
        assert found.table.lives(0, EPOCH) is lives


async def test_what_those_that_live_last_said(memory: World) -> None:
    async with following(memory, status(0), status(1), status(2)) as found:
        await found.after(status(0, state=GATEWAY_STATE_DRAINING), status(1, state=GATEWAY_STATE_STOPPED))
        said = {status.gateway_slot: status.state for status in found.table.statuses()}
        assert said == {0: GATEWAY_STATE_DRAINING, 2: GATEWAY_STATE_ALIVE, MARK: GATEWAY_STATE_ALIVE}


async def test_a_silent_one_is_gone_until_it_is_heard_again(memory: World) -> None:
    async with following(memory) as found:
        await found.after(status(0))
        found.clock.now_ms += 10_000
        assert found.table.lives(0, EPOCH)
        found.clock.now_ms += 1
        assert not found.table.lives(0, EPOCH)
        await found.after(status(0))
        assert found.table.lives(0, EPOCH)


async def test_silence_counts_from_when_our_clock_was_put_back(memory: World) -> None:
    async with following(memory) as found:
        found.clock.now_ms += 86_400_000
        await found.after(status(0))
        found.clock.now_ms -= 86_400_000
        assert found.table.lives(0, EPOCH)
        found.clock.now_ms += 10_001
        assert not found.table.lives(0, EPOCH)


async def test_one_from_before_the_start_counts_from_when_it_was_produced(memory: World) -> None:
    async with following(memory, status(0, produced_at_ms=now_ms() - 60_000)) as found:
        assert not found.table.lives(0, EPOCH)


async def test_one_with_a_slow_clock_counts_from_when_it_came(memory: World) -> None:
    async with following(memory) as found:
        found.clock.now_ms += 60_000
        await found.after(status(0, produced_at_ms=1))
        assert found.table.lives(0, EPOCH)


async def test_the_highest_epoch_of_a_slot_is_remembered(memory: World) -> None:
    async with following(memory, status(0, EPOCH + 5, GATEWAY_STATE_STOPPED)) as found:
        await found.after(status(0, EPOCH))
        assert (found.table.highest_epoch(0), found.table.highest_epoch(1)) == (EPOCH + 5, 0)
