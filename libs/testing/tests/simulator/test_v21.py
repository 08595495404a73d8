"""Stations that speak OCPP 2.1: as those of 2.0.1, in its forms."""

from collections.abc import AsyncIterator

import pytest
from csms_testing.simulator import Station
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.scripted_csms import DEADLINE_S, MakeStation, ScriptedCsms

POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}


@pytest.fixture(autouse=True)
async def station21(make_station: MakeStation) -> AsyncIterator[Station]:
    async with make_station(protocol=Protocol.OCPP21) as found:
        await found.wait_accepted(DEADLINE_S)
        yield found


async def test_a_session(csms: ScriptedCsms, station21: Station) -> None:
    result = await station21.charge(1, "TAG1", duration_s=180, meter_interval_s=0)
    assert result.stopped_reason == "Local"
    assert [event["seqNo"] for event in csms.of("TransactionEvent")] == [0, 1, 2, 3, 4]
    assert station21.ledger.violations == []


async def test_a_report_of_monitors(csms: ScriptedCsms) -> None:
    wanted = {"value": 10.0, "type": "UpperThreshold", "severity": 5, **POWER}
    await csms.call("SetVariableMonitoring", {"setMonitoringData": [wanted]})
    await csms.call("GetMonitoringReport", {"requestId": 6})
    (report,) = await csms.wait("NotifyMonitoringReport")
    assert report["monitor"][0]["variableMonitoring"][0]["eventNotificationType"] == "CustomMonitor"


async def test_a_report_of_everything(csms: ScriptedCsms) -> None:
    await csms.call("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    assert (await csms.wait("NotifyReport"))[0]["requestId"] == 7
