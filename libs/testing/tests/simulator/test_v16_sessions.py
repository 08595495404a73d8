"""OCPP 1.6: charging sessions as the CSMS sees them, delivered now or later."""

import asyncio

import pytest
from csms_testing.simulator import Plan, State, Station, StationConfig
from csms_testing.simulator.ledger import payload_hash
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.scripted_csms import SILENCE, MakeStation, Refusal, ScriptedCsms

QUICK = Plan(duration_s=180, meter_interval_s=0)
SESSION = ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]


def told(csms: ScriptedCsms) -> list[str]:
    """The messages about transactions, in order."""
    return [entry.action for entry in csms.received if entry.action in SESSION]


def statuses(csms: ScriptedCsms, connector_id: int) -> list[str]:
    return [told["status"] for told in csms.of("StatusNotification") if told["connectorId"] == connector_id]


@pytest.mark.usefixtures("station16")
async def test_handshake_and_boot(csms: ScriptedCsms) -> None:
    await csms.wait("StatusNotification", 3)

    assert csms.requests[0].headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert csms.received[0].action == "BootNotification"
    assert csms.of("BootNotification") == [
        {
            "chargePointModel": "Simulated station",
            "chargePointVendor": "Open CSMS",
            "chargePointSerialNumber": "CS1",
            "firmwareVersion": "1.0.0",
        }
    ]
    assert [told["connectorId"] for told in csms.of("StatusNotification")] == [0, 1, 2]


async def test_a_session(csms: ScriptedCsms, station16: Station) -> None:
    result = await station16.charge(1, "TAG1", plan=QUICK)

    assert told(csms) == SESSION
    (start,), (stop,) = csms.of("StartTransaction"), csms.of("StopTransaction")
    assert (start["connectorId"], start["idTag"], start["meterStart"]) == (1, "TAG1", 0)
    assert (stop["transactionId"], stop["meterStop"], stop["reason"], stop["idTag"]) == (1, 550, "Local", "TAG1")
    assert stop["transactionData"][0]["sampledValue"] == [
        {
            "value": "550",
            "unit": "Wh",
            "context": "Transaction.End",
            "measurand": "Energy.Active.Import.Register",
        }
    ]
    assert [values["transactionId"] for values in csms.of("MeterValues")] == [1, 1]
    sampled = csms.of("MeterValues")[0]["meterValue"][0]["sampledValue"]
    readings = [(value["value"], value["unit"]) for value in sampled]
    assert readings == [("183", "Wh"), ("11000", "W"), ("30.3", "Percent")]
    assert result.transaction_id == "1"
    assert result.energy_wh == pytest.approx(550)
    assert statuses(csms, 1) == ["Available", "Preparing", "Charging", "Finishing", "Available"]


async def test_the_ledger_has_the_id_of_the_csms_and_counts_two_events(csms: ScriptedCsms, station16: Station) -> None:
    await station16.charge(1, "TAG1", plan=QUICK)
    ledger = station16.ledger

    assert ledger.transactions() == {("CS1", "1"): [0, 1]}
    assert ledger.acknowledged_keys() == ledger.sent_keys() == {("CS1", "1", 0), ("CS1", "1", 1)}
    sent = [entry.payload for entry in csms.received if entry.action in SESSION]
    assert [entry.payload_hash for entry in ledger] == [payload_hash(payload) for payload in sent]
    assert ledger.acknowledged_meter_values() == {("CS1", payload_hash(payload)) for payload in sent[1:3]}
    assert ledger.violations == []


async def test_sessions_while_offline_are_delivered_later_with_their_ids(
    csms: ScriptedCsms, station16: Station
) -> None:
    await station16.go_offline()
    await station16.wait_for(lambda: not station16.connected)
    await station16.charge(1, "TAG1", plan=QUICK)
    await station16.charge(2, "TAG2", plan=QUICK)
    assert told(csms) == []
    assert len(station16.delivery) == 8

    station16.go_online()
    await station16.delivery.flushed()

    assert told(csms) == SESSION * 2
    assert [stop["transactionId"] for stop in csms.of("StopTransaction")] == [1, 2]
    assert [values["transactionId"] for values in csms.of("MeterValues")] == [1, 1, 2, 2]
    assert station16.ledger.transactions() == {("CS1", "1"): [0, 1], ("CS1", "2"): [0, 1]}


async def test_a_start_without_an_answer_is_repeated_as_it_was(csms: ScriptedCsms, make_station: MakeStation) -> None:
    answers = [SILENCE]
    answer = csms.answers["StartTransaction"]
    csms.answers["StartTransaction"] = lambda payload: answers.pop() if answers else answer(payload)

    async with make_station(protocol=Protocol.OCPP16, call_timeout_s=0.5) as station:
        await station.wait_accepted()
        await station.charge(1, "TAG1", plan=QUICK)

    first, second = csms.of("StartTransaction")
    assert first == second
    assert csms.of("StopTransaction")[0]["transactionId"] == 1
    (resent,) = station.ledger.resent()
    assert len(set(resent.message_ids)) == 2


async def test_a_start_in_flight_at_a_connection_loss_is_sent_again(csms: ScriptedCsms, station16: Station) -> None:
    answers = [SILENCE]
    answer = csms.answers["StartTransaction"]
    csms.answers["StartTransaction"] = lambda payload: answers.pop() if answers else answer(payload)

    async with asyncio.TaskGroup() as group:
        group.create_task(station16.charge(1, "TAG1", plan=QUICK))
        await csms.wait("StartTransaction")
        csms.drop()
    await station16.delivery.flushed()

    first, second = csms.of("StartTransaction")
    assert first == second
    assert station16.ledger.summary()["pending"] == 0


async def test_what_follows_a_start_that_was_given_up_has_no_id(csms: ScriptedCsms, station16: Station) -> None:
    await csms.call("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "2"})
    csms.answers["StartTransaction"] = lambda _: Refusal("InternalError")

    result = await station16.charge(1, "TAG1", plan=QUICK)

    assert told(csms) == ["StartTransaction", *SESSION]
    assert "transactionId" not in csms.of("MeterValues")[0]
    assert csms.of("StopTransaction")[0]["transactionId"] == -1
    assert [entry.event_type for entry in station16.ledger.in_state(State.DROPPED)] == ["Started"]
    assert result.transaction_id not in (None, "-1")


async def test_an_id_tag_refused_by_the_start_ends_the_transaction(csms: ScriptedCsms, station16: Station) -> None:
    refused = {"transactionId": 7, "idTagInfo": {"status": "ConcurrentTx"}}
    csms.answers["StartTransaction"] = lambda _: refused

    result = await station16.charge(1, "TAG1", plan=QUICK)

    assert result.stopped_reason == "DeAuthorized"
    (stop,) = csms.of("StopTransaction")
    assert (stop["transactionId"], stop["reason"]) == (7, "DeAuthorized")
    assert "idTag" not in stop


async def test_a_refused_id_tag_starts_nothing(csms: ScriptedCsms, station16: Station) -> None:
    csms.answers["Authorize"] = lambda _: {"idTagInfo": {"status": "Blocked", "parentIdTag": "GROUP"}}

    result = await station16.charge(1, "TAG1")

    assert (result.authorization, result.transaction_id) == ("Blocked", None)
    assert csms.of("Authorize") == [{"idTag": "TAG1"}]
    assert told(csms) == []


async def test_power_loss(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(protocol=Protocol.OCPP16, speed=100) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("StartTransaction")
            await station.power_loss()
        await station.delivery.flushed()

    assert session.result().stopped_reason == "PowerLoss"
    assert csms.of("StopTransaction")[0]["reason"] == "PowerLoss"
    assert len(csms.of("BootNotification")) == 2


async def test_an_id_given_twice_is_a_breach_of_the_protocol(csms: ScriptedCsms, station16: Station) -> None:
    csms.answers["StartTransaction"] = lambda _: {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}

    await station16.charge(1, "TAG1", plan=QUICK)
    await station16.charge(1, "TAG1", plan=QUICK)

    assert station16.ledger.violations == ["CS1: the CSMS gave two transactions the id 7"]


def test_an_evse_has_one_connector() -> None:
    with pytest.raises(ValueError, match="at most 1 connectors"):
        Station("ws://127.0.0.1:1/ocpp", "CS1", config=StationConfig(protocol=Protocol.OCPP16, connectors=2))
