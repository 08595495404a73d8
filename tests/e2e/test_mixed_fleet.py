"""Stations of all versions of OCPP charge while the CSMS is killed; what they know to have told is what is stored."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from csms_testing.cluster.layout import free_port
from csms_testing.drills.api import Api
from csms_testing.drills.comparing import Acknowledged
from csms_testing.drills.drivers import Drivers, register
from csms_testing.drills.ledger import WatchedLedger
from csms_testing.drills.load import CONFIG
from csms_testing.drills.stored import SqliteStore
from csms_testing.drills.verify import verify
from csms_testing.simulator import Clock, Plan, State, Station
from csms_testing.simulator.protocol import Protocol
from csms_testing.systems import API_KEY, standalone_process

STATIONS = 40
PLAN = Plan(duration_s=600, meter_interval_s=60, plug_delay_s=1)
"""One second of real time, a message every tenth."""
SESSIONS = 3


async def _drive(station: Station, number: int, drivers: Drivers) -> None:
    """Charge a few times; the second session is stopped by somebody else, and the station is offline in the third."""
    await station.charge(1, drivers.of(number), plan=PLAN)
    await station.charge(2, drivers.of(number), plan=replace(PLAN, stop_token=drivers.keeper))
    await station.go_offline()
    await station.charge(1, drivers.of(number), plan=PLAN)
    station.go_online()


async def _told(ledger: WatchedLedger, count: int) -> None:
    """Wait until so many messages are acknowledged."""
    async with asyncio.timeout(60):
        while len(ledger.in_state(State.ACKNOWLEDGED)) < count:  # noqa: ASYNC110  # the ledger has no event for it
            await asyncio.sleep(0.05)


@pytest.mark.timeout(180)
async def test_the_books_of_a_fleet_of_all_versions_agree(tmp_path):
    ocpp_port, http_port, run = free_port(), free_port(), uuid.uuid4().hex[:6]
    process = standalone_process(tmp_path, ocpp_port, http_port)
    api = Api(lambda _: f"http://127.0.0.1:{http_port}", API_KEY)
    ledger, clock = WatchedLedger(), Clock(600)
    configs = [replace(CONFIG, protocol=protocol, time_scale=0.1) for protocol in Protocol]
    url, prefix = f"ws://127.0.0.1:{ocpp_port}/ocpp", f"MIXED-{run}-"
    fleet = [
        Station(url, f"{prefix}{number:03}", ledger=ledger, clock=clock, config=configs[number % len(configs)])
        for number in range(STATIONS)
    ]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(api.close)
        await process.start()
        stack.push_async_callback(process.stop)
        await process.ready()
        drivers = await register(api, run)
        for station in fleet:
            await stack.enter_async_context(station)
        for station in fleet:
            await station.wait_accepted(60)
        async with asyncio.TaskGroup() as group:
            for number, station in enumerate(fleet):
                group.create_task(_drive(station, number, drivers))
            await _told(ledger, STATIONS * 5)
            await process.kill()
            await process.start()
        await process.ready()
        async with asyncio.timeout(60):
            for station in fleet:
                await station.delivery.flushed()
        await verify(Acknowledged(ledger, drivers.groups), SqliteStore(tmp_path / "data"), api, prefix)

    assert ledger.summary()["transactions"] == STATIONS * SESSIONS
    assert len(ledger.acknowledged_meter_values()) > STATIONS
