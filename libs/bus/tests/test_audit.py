"""Entries of the audit log on their way to the bus."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from csms.v1.auth_pb2 import AuditEntry
from csms_bus.audit import AuditLog
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, Outgoing, RecordTooLarge
from csms_bus.topics import AUDIT
from csms_runtime import metrics
from csms_runtime.http import AuditedRequest
from csms_testing.buses import DEADLINE_S, World


def request(number: int = 0, principal: str = "support") -> AuditedRequest:
    return AuditedRequest(
        occurred_at_ms=1_767_225_600_000 + number,
        principal=principal,
        authentication="api-key" if principal else "",
        remote_address="192.0.2.9",
        method="POST",
        path="/api/v1/stations/CS1/calls/Reset",
        route="/api/v1/stations/{station_id}/calls/{action}",
        status=200,
        request_id=f"request-{number}",
        body=b'{"type":"OnIdle"}',
    )


def lost() -> float:
    return sum(
        sample.value for metric in metrics.AUDIT_LOST.collect() for sample in metric.samples if "total" in sample.name
    )


async def test_an_entry_is_published_as_it_was_told(world: World) -> None:
    log = AuditLog(world.bus, "device-mgmt")
    task = asyncio.create_task(log.run())
    try:
        async with world.reading(AUDIT.name) as readings:
            log.note(request())
            entry = (await readings.next()).audit_entry
    finally:
        task.cancel()
    assert entry == AuditEntry(
        occurred_at_ms=1_767_225_600_000,
        service="device-mgmt",
        principal="support",
        authentication="api-key",
        remote_address="192.0.2.9",
        method="POST",
        path="/api/v1/stations/CS1/calls/Reset",
        route="/api/v1/stations/{station_id}/calls/{action}",
        status=200,
        request_id="request-0",
        request=b'{"type":"OnIdle"}',
    )


class FlakyBus(MemoryBus):
    """Away as long as there are errors left."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.published: list[Outgoing] = []

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.published += records


async def drained(log: AuditLog) -> None:
    task = asyncio.create_task(log.run())
    await asyncio.wait_for(log.drain(), DEADLINE_S)
    task.cancel()


async def test_nothing_is_lost_while_the_bus_is_away() -> None:
    bus, before = FlakyBus(BusUnavailable("away"), BusUnavailable("away")), lost()
    log = AuditLog(bus, "auth")
    for number in range(250):
        log.note(request(number))
    await drained(log)
    assert [outgoing.record.audit_entry.request_id for outgoing in bus.published] == [
        f"request-{number}" for number in range(250)
    ]
    assert len({outgoing.record.record_id for outgoing in bus.published}) == 250
    assert lost() == before


async def test_a_full_queue_loses_the_newest_says_so_and_strangers_first(capfd: pytest.CaptureFixture[str]) -> None:
    bus, before = FlakyBus(), lost()
    log = AuditLog(bus, "auth", capacity=10)
    for number in range(20):
        log.note(request(number, principal=""))
    for number in range(20, 40):
        log.note(request(number))
    assert lost() - before == 15 + 15
    assert capfd.readouterr().out.count("the audit log is full") == 1
    await drained(log)
    assert [outgoing.record.audit_entry.principal for outgoing in bus.published] == [""] * 5 + ["support"] * 5
    log.note(request())
    await drained(log)
    assert len(bus.published) == 11


async def test_large_entries_fill_the_room_by_their_bytes() -> None:
    bus, before = FlakyBus(), lost()
    log = AuditLog(bus, "auth", max_bytes=100_000)
    for number in range(20):
        log.note(replace(request(number), body=b'"' + b"x" * 30_000 + b'"'))
    assert lost() - before == 17
    await drained(log)
    log.note(replace(request(20), body=b'"' + b"x" * 200_000 + b'"'))  # alone it fits
    log.note(request(21))
    assert lost() - before == 18
    await drained(log)
    log.note(request(22))
    await drained(log)
    found = [outgoing.record.audit_entry.request_id for outgoing in bus.published]
    assert found == ["request-0", "request-1", "request-2", "request-20", "request-22"]


async def test_a_flood_of_strangers_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    bus, now = FlakyBus(), 120.0
    log = AuditLog(bus, "auth", strangers=3, clock=lambda: now)
    for _ in range(10):
        log.note(request(principal=""))
    log.note(request())
    now = 180.0
    log.note(request(principal=""))
    await drained(log)
    assert [outgoing.record.audit_entry.principal for outgoing in bus.published] == ["", "", "", "support", ""]
    assert capfd.readouterr().out.count("left out of the audit log") == 1


async def test_what_the_bus_never_takes_does_not_stop_the_rest() -> None:
    bus, before = FlakyBus(RecordTooLarge("too large")), lost()
    log = AuditLog(bus, "auth")
    log.note(request())
    await drained(log)
    log.note(request(1))
    await drained(log)
    assert [outgoing.record.audit_entry.request_id for outgoing in bus.published] == ["request-1"]
    assert lost() == before + 1


async def test_draining_ends_although_the_bus_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_bus.audit._DRAIN_S", 0.01)
    before = lost()
    log = AuditLog(FlakyBus(), "auth")
    log.note(request())
    await asyncio.wait_for(log.drain(), DEADLINE_S)  # nobody publishes
    assert lost() == before + 1
