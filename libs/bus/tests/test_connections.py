"""The table of connections: newest wins, late ends change nothing, dead gateways hold nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    GATEWAY_STATE_DRAINING,
    GATEWAY_STATE_STOPPED,
    ConnectionRecord,
    GatewayState,
    GatewayStatus,
)
from csms_bus.connections import Connection, ConnectionTable
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import CONNECTIONS, GATEWAY_STATUS
from csms_runtime.clock import now_ms
from csms_testing.buses import DEADLINE_S, World, running

EPOCH = now_ms()


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


def connection(
    station_id: str, connection_id: str, *, slot: int, epoch: int = EPOCH, is_open: bool = True, refresh: bool = False
) -> Outgoing:
    record = ConnectionRecord(
        state=CONNECTION_STATE_OPEN if is_open else CONNECTION_STATE_CLOSED,
        gateway_slot=slot,
        gateway_epoch=epoch,
        connection_id=connection_id,
        protocol="ocpp2.0.1",
        security_profile=2,
        connected_at_ms=1234,
        remote_address="192.0.2.1",
        refresh=refresh,
    )
    return Outgoing(CONNECTIONS.name, new_record(station_id, connection=record))


class Changes:
    """What on_change was told; also how tests know that a record was read."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

    def __call__(self, station_id: str, changed: Connection | None) -> None:
        self.queue.put_nowait((station_id, changed.connection_id if changed else None))

    async def until(self, station_id: str, connection_id: str | None) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while await self.queue.get() != (station_id, connection_id):
                pass


class Clock:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.now_ms = now_ms()

    def __call__(self) -> int:
        return self.now_ms


class Table:
    """A running table and its levers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self.changes = Changes()
        self.table = ConnectionTable(world.bus, clock_ms=self.clock, on_change=self.changes)

    async def after(self, *records: Outgoing) -> None:
        """Publish, and wait until the table has read it all."""
        await self.world.bus.publish(records)
        for number in range(CONNECTIONS.partitions * 4):
            mark = f"mark-{number}"
            await self.world.bus.publish([connection(mark, "x", slot=0)])
            await self.changes.until(mark, "x")


@asynccontextmanager
async def table_of(world: World, *before: Outgoing) -> AsyncIterator[Table]:
    await world.bus.publish(before)
    table = Table(world)
    async with running(table.table.run):
        async with asyncio.timeout(DEADLINE_S):
            await table.table.ready()
        yield table


def connected(table: Table, station_id: str) -> str | None:
    found = table.table.lookup(station_id)
    return found.connection_id if found else None


async def test_connection_is_found_with_all_that_is_needed_to_reach_it(world: World) -> None:
    station_id = f"CS-{world.group}"
    async with table_of(world, status(3), connection(station_id, "a", slot=3)) as table:
        assert table.table.is_ready
        assert table.table.lookup(station_id) == Connection(
            station_id=station_id,
            slot=3,
            epoch=EPOCH,
            connection_id="a",
            protocol="ocpp2.0.1",
            security_profile=2,
            connected_at_ms=1234,
            remote_address="192.0.2.1",
        )
        assert station_id in {found.station_id for found in table.table.all_connected()}
        assert table.table.lookup("never seen") is None


async def test_table_follows_what_happens(world: World) -> None:
    station_id = f"CS-{world.group}"
    async with table_of(world, status(3)) as table:
        await world.bus.publish([connection(station_id, "a", slot=3)])
        await table.changes.until(station_id, "a")
        assert connected(table, station_id) == "a"
        await world.bus.publish([connection(station_id, "a", slot=3, is_open=False)])
        await table.changes.until(station_id, None)
        assert connected(table, station_id) is None


async def test_refresh_fills_a_gap_and_replaces_nothing(memory: World) -> None:
    async with table_of(memory, status(0), status(1)) as table:
        await table.after(connection("CS1", "a", slot=0, refresh=True), connection("CS1", "b", slot=1, refresh=True))
        assert connected(table, "CS1") == "a"
        await table.after(connection("CS1", "b", slot=1))
        assert connected(table, "CS1") == "b"


async def test_late_end_of_an_older_connection_changes_nothing(memory: World) -> None:
    async with table_of(memory, status(0), status(1)) as table:
        await table.after(
            connection("CS1", "a", slot=0),
            connection("CS1", "b", slot=1),
            connection("CS1", "a", slot=0, is_open=False),
        )
        assert connected(table, "CS1") == "b"


@pytest.mark.parametrize("other", [{"slot": 1}, {"slot": 0, "epoch": EPOCH - 1}])
async def test_end_counts_only_with_the_whole_token(memory: World, other: dict[str, int]) -> None:
    async with table_of(memory, status(0), status(1)) as table:
        await table.after(connection("CS1", "a", slot=0), connection("CS1", "a", is_open=False, **other))
        assert connected(table, "CS1") == "a"


async def test_restarted_gateway_holds_none_of_its_earlier_connections(memory: World) -> None:
    async with table_of(memory, status(0), connection("CS1", "a", slot=0)) as table:
        assert connected(table, "CS1") == "a"
        await table.after(status(0, EPOCH + 1))
        assert connected(table, "CS1") is None
        await table.after(connection("CS1", "b", slot=0, epoch=EPOCH + 1))
        assert connected(table, "CS1") == "b"


async def test_late_heartbeat_of_an_earlier_epoch_changes_nothing(memory: World) -> None:
    records = (status(0, EPOCH + 1), connection("CS1", "a", slot=0, epoch=EPOCH + 1))
    async with table_of(memory, *records) as table:
        await table.after(status(0, EPOCH))
        assert connected(table, "CS1") == "a"


async def test_earlier_epoch_takes_over_when_the_later_one_is_silent(memory: World) -> None:
    """A gateway that began while its clock was ahead, and began again when it was put right."""
    async with table_of(memory, status(0, EPOCH + 1)) as table:
        await table.after(status(0, EPOCH + 1))  # heard just now
        await table.after(connection("CS1", "a", slot=0, epoch=EPOCH), status(0, EPOCH))
        assert connected(table, "CS1") is None
        table.clock.now_ms += 10_001
        await table.after(status(0, EPOCH))
        assert connected(table, "CS1") == "a"


async def test_earlier_epoch_takes_over_when_the_later_one_stopped(memory: World) -> None:
    async with table_of(memory, status(0, EPOCH + 1)) as table:
        await table.after(
            status(0, EPOCH + 1, GATEWAY_STATE_STOPPED),
            status(0, EPOCH),
            connection("CS1", "a", slot=0, epoch=EPOCH),
        )
        assert connected(table, "CS1") == "a"


async def test_silence_counts_from_when_our_clock_was_put_back(memory: World) -> None:
    async with table_of(memory, connection("CS1", "a", slot=0)) as table:
        table.clock.now_ms += 86_400_000
        await table.after(status(0))
        table.clock.now_ms -= 86_400_000
        assert connected(table, "CS1") == "a"
        table.clock.now_ms += 10_001
        assert connected(table, "CS1") is None


async def test_unknown_gateway_holds_nobody(memory: World) -> None:
    async with table_of(memory, connection("CS1", "a", slot=5)) as table:
        assert connected(table, "CS1") is None
        assert list(table.table.all_connected()) == []


@pytest.mark.parametrize(
    ("state", "expected"), [(GATEWAY_STATE_ALIVE, "a"), (GATEWAY_STATE_DRAINING, "a"), (GATEWAY_STATE_STOPPED, None)]
)
async def test_only_a_stopped_gateway_holds_nobody(
    memory: World, state: GatewayState.ValueType, expected: str | None
) -> None:
    async with table_of(memory, status(0), connection("CS1", "a", slot=0)) as table:
        await table.after(status(0, state=state))
        assert connected(table, "CS1") == expected


async def test_silent_gateway_holds_nobody_until_it_is_heard_again(memory: World) -> None:
    async with table_of(memory, status(0), connection("CS1", "a", slot=0)) as table:
        await table.after(status(0))  # heard just now
        table.clock.now_ms += 10_000
        assert connected(table, "CS1") == "a"
        table.clock.now_ms += 1
        assert connected(table, "CS1") is None
        await table.after(status(0))
        assert connected(table, "CS1") == "a"


async def test_heartbeat_from_before_the_start_counts_from_when_it_was_produced(memory: World) -> None:
    old = status(0, produced_at_ms=now_ms() - 60_000)
    async with table_of(memory, old, connection("CS1", "a", slot=0)) as table:
        assert connected(table, "CS1") is None


async def test_heartbeat_of_a_gateway_with_a_slow_clock_counts_from_when_it_came(memory: World) -> None:
    async with table_of(memory, status(0), connection("CS1", "a", slot=0)) as table:
        table.clock.now_ms += 60_000
        await table.after(status(0, produced_at_ms=1))
        assert connected(table, "CS1") == "a"


async def test_tombstone_ends_any_connection(memory: World) -> None:
    async with table_of(memory, status(0), connection("CS1", "a", slot=0)) as table:
        await table.after(Outgoing(CONNECTIONS.name, connection("CS1", "a", slot=0).record, tombstone=True))
        assert connected(table, "CS1") is None
