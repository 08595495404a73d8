"""Charging sessions as the CSMS sees them."""

import asyncio

import pytest
from csms_testing.simulator import EvseUnavailable, Plan, Station
from csms_testing.simulator.scripted_csms import MakeStation, ScriptedCsms
from csms_testing.simulator.transaction import FAULT, STOPPED_BY_EV


async def test_token_first(csms: ScriptedCsms, station: Station) -> None:
    result = await station.charge(1, "TAG1", duration_s=180, meter_interval_s=0)

    assert csms.events() == [
        ("Started", "CablePluggedIn", 0),
        ("Updated", "ChargingStateChanged", 1),
        ("Updated", "MeterValuePeriodic", 2),
        ("Updated", "MeterValuePeriodic", 3),
        ("Ended", "StopAuthorized", 4),
    ]
    assert result.stopped_reason == "Local"
    assert result.energy_wh == pytest.approx(11_000 * 180 / 3600)
    assert [status["connectorStatus"] for status in csms.of("StatusNotification") if status["evseId"] == 1] == [
        "Available",
        "Occupied",
        "Available",
    ]


async def test_fields_that_occur_once(csms: ScriptedCsms, station: Station) -> None:
    await station.charge(1, "TAG1", duration_s=120, meter_interval_s=0)

    events = csms.of("TransactionEvent")
    assert [("evse" in event, "idToken" in event) for event in events] == [
        (True, True),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert {event["transactionInfo"]["transactionId"] for event in events} == {
        station.ledger.entries()[0].transaction_id
    }
    assert events[0]["meterValue"][0]["sampledValue"][0]["context"] == "Transaction.Begin"
    assert {value["measurand"] for value in events[2]["meterValue"][0]["sampledValue"]} == {
        "Energy.Active.Import.Register",
        "Power.Active.Import",
        "SoC",
    }
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"


async def test_energy_target_ends_the_session(csms: ScriptedCsms, station: Station) -> None:
    result = await station.charge(1, "TAG1", energy_wh=1000, meter_interval_s=0)

    assert result.energy_wh == pytest.approx(1000)
    assert csms.events()[-1][0] == "Ended"


async def test_cable_first_with_start_at_connection(csms: ScriptedCsms, station: Station) -> None:
    station.model.write("TxCtrlr", "TxStartPoint", "EVConnected")

    await station.charge(1, "TAG1", plan=Plan(cable_first=True, duration_s=60, meter_interval_s=0))

    assert csms.events()[:3] == [
        ("Started", "CablePluggedIn", 0),
        ("Updated", "Authorized", 1),
        ("Updated", "ChargingStateChanged", 2),
    ]
    assert "idToken" not in csms.of("TransactionEvent")[0]
    assert csms.of("TransactionEvent")[1]["idToken"]["idToken"] == "TAG1"


async def test_start_at_authorization_names_the_evse_once_plugged_in(csms: ScriptedCsms, station: Station) -> None:
    station.model.write("TxCtrlr", "TxStartPoint", "Authorized")

    await station.charge(1, "TAG1", duration_s=60, meter_interval_s=0)

    assert csms.events()[:2] == [("Started", "Authorized", 0), ("Updated", "CablePluggedIn", 1)]
    assert ["evse" in event for event in csms.of("TransactionEvent")[:2]] == [False, True]


async def test_a_refused_token_starts_nothing(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["Authorize"] = lambda _: {"idTokenInfo": {"status": "Blocked"}}

    result = await station.charge(1, "TAG1")

    assert (result.authorization, result.transaction_id) == ("Blocked", None)
    assert csms.of("TransactionEvent") == []


async def test_a_token_refused_in_the_transaction_ends_it(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["TransactionEvent"] = lambda event: (
        {"idTokenInfo": {"status": "Invalid"}} if event["eventType"] == "Started" else {}
    )

    result = await station.charge(1, "TAG1", meter_interval_s=0)

    assert result.stopped_reason == "DeAuthorized"
    assert csms.events() == [("Started", "CablePluggedIn", 0), ("Ended", "Deauthorized", 1)]


async def test_pulling_the_cable_ends_the_session(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            await station.unplug(1)

    assert session.result().stopped_reason == "EVDisconnected"
    assert csms.events()[-1] == ("Ended", "EVCommunicationLost", 2)


async def test_a_fault_ends_the_session(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            await station.fault(1)
        await station.clear_fault(1)

    assert session.result().stopped_reason == FAULT.reason
    states = [status["connectorStatus"] for status in csms.of("StatusNotification") if status["evseId"] == 1]
    assert states == ["Available", "Occupied", "Faulted", "Available"]


async def test_stopping_from_outside(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            station.stop_transaction(1, STOPPED_BY_EV)

    assert session.result().stopped_reason == "StoppedByEV"


async def test_paced_sessions_keep_the_simulated_time(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1200) as station:
        await station.wait_accepted()
        result = await station.charge(1, "TAG1", duration_s=120, meter_interval_s=60)

    assert result.energy_wh == pytest.approx(11_000 * 120 / 3600)
    assert [event[0] for event in csms.events()] == ["Started", "Updated", "Updated", "Ended"]


@pytest.mark.parametrize(("evse", "connector"), [(9, 1), (1, 9)])
async def test_no_session_where_there_is_nothing(station: Station, evse: int, connector: int) -> None:
    with pytest.raises(EvseUnavailable):
        await station.charge(evse, "TAG1", plan=Plan(connector_id=connector))


async def test_one_session_per_evse(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            with pytest.raises(EvseUnavailable):
                await station.charge(1, "TAG2")
            await station.unplug(1)


async def test_transactions_have_their_own_sequence_and_the_meter_goes_on(csms: ScriptedCsms, station: Station) -> None:
    await station.charge(1, "TAG1", duration_s=60, meter_interval_s=0)
    await station.charge(1, "TAG1", duration_s=60, meter_interval_s=0)

    started = [event for event in csms.of("TransactionEvent") if event["eventType"] == "Started"]
    assert [event["seqNo"] for event in started] == [0, 0]
    first, second = (event["meterValue"][0]["sampledValue"][0]["value"] for event in started)
    assert second == pytest.approx(first + 11_000 / 60, abs=0.1)
