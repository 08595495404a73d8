"""Stations that talk to a scripted CSMS."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from csms_testing.simulator import Clock, Station, StationConfig
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.scripted_csms import DEADLINE_S, MakeStation, ScriptedCsms, scripted_csms


@pytest.fixture
async def csms() -> AsyncIterator[ScriptedCsms]:
    async with scripted_csms() as found:
        yield found


@pytest.fixture
def make_station(csms: ScriptedCsms) -> MakeStation:
    """Stations in a hurry: protocol waits a thousand times shorter, physical ones none."""

    def make(station_id: str = "CS1", *, speed: float = float("inf"), **options: Any) -> Station:
        password = options.pop("password", None)
        config = StationConfig(**{"time_scale": 0.001, **options})
        return Station(csms.url, station_id, password=password, config=config, clock=Clock(speed))

    return make


@pytest.fixture
async def station(make_station: MakeStation) -> AsyncIterator[Station]:
    """An accepted station."""
    async with make_station() as found:
        await found.wait_accepted(DEADLINE_S)
        yield found


@pytest.fixture
async def station16(make_station: MakeStation) -> AsyncIterator[Station]:
    """An accepted station that speaks OCPP 1.6."""
    async with make_station(protocol=Protocol.OCPP16) as found:
        await found.wait_accepted(DEADLINE_S)
        yield found
