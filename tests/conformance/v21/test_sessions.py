"""OCPP 2.1, transactions: limits, costs, resumption, and what comes before the boot."""

from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import authorize, boot, booted
from csms_testing.conformance.station import now

TARIFF = {"tariffId": "t-1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.4}]}}
COST = {
    "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 10.0, "inclTax": 12.1}},
    "totalUsage": {"energy": 25.5, "chargingTime": 3600, "idleTime": 60},
    "chargingPeriods": [{"startPeriod": "2026-01-01T00:00:00Z", "tariffId": "t-1"}],
}


async def _reset(operator, connect, tokens, *, with_profile=False):
    """A reset in a transaction, which goes on after it; return the transaction."""
    async with connect() as station:
        await booted(station)
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
        if with_profile:
            await _with_a_profile(operator, station, transaction)
        request = {"type": "ImmediateAndResume"}
        async with operator.calling(station.station_id, "Reset", request) as pending:
            assert await station.reply("Reset", {"status": "Accepted"}) == request
        assert pending.response == {"status": "Accepted"}
    return transaction


async def _resumed(operator, connect, transaction, reason):
    async with connect(quiet=False) as station:  # it may be asked whether the transaction goes on (E14)
        transaction.station = station
        await booted(station, reason)
        assert await transaction.event("Updated", "TxResumed") == {}
        await transaction.ev_connected_post_session()
        await transaction.ev_disconnected()
    seen = await shown.transaction(operator, transaction)
    assert (seen["state"], seen["closed_at"]) == ("Ended", None)
    return seen


async def test_tc_b_103_csms(operator, connect, tokens):
    transaction = await _reset(operator, connect, tokens)
    seen = await _resumed(operator, connect, transaction, "RemoteReset")
    assert "TxResumed" in [event["trigger_reason"] for event in await shown.events(operator, seen)]


async def test_tc_b_104_csms(operator, connect, station_id):
    async with connect() as station:
        await booted(station)
        async with operator.calling(station_id, "Reset", {"type": "ImmediateAndResume"}) as pending:
            assert await station.reply("Reset", {"status": "Accepted"}) == {"type": "ImmediateAndResume"}
        assert pending.response == {"status": "Accepted"}
        assert (await operator.station(station_id))["pending_reset"]["type"] == "ImmediateAndResume"
    async with connect() as station:
        assert (await boot(station, "RemoteReset"))["status"] == "Accepted"
    assert (await operator.station(station_id))["pending_reset"] is None


async def test_tc_e_113_csms(operator, connect, tokens):
    async with connect() as station:
        await booted(station)
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
    await _resumed(operator, connect, transaction, "PowerUp")


async def _with_a_profile(operator, station, transaction):
    period = {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -3000}
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    profile = {
        "id": 100,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "transactionId": transaction.transaction_id,
        "chargingSchedule": [schedule],
    }
    request = {"evseId": 1, "chargingProfile": profile}
    async with operator.calling(station.station_id, "SetChargingProfile", request) as pending:
        assert await station.reply("SetChargingProfile", {"status": "Accepted"}) == request
    assert pending.response == {"status": "Accepted"}


async def test_tc_e_117_csms(operator, connect, tokens):
    async with connect() as station:
        await booted(station)
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
        await _with_a_profile(operator, station, transaction)
    await _resumed(operator, connect, transaction, "PowerUp")


async def test_tc_b_116_csms(operator, connect, tokens):
    transaction = await _reset(operator, connect, tokens, with_profile=True)
    await _resumed(operator, connect, transaction, "RemoteReset")


async def _limited(operator, station, tokens, limit, reached):
    """A station with a limit of its own: it says so, and that it is reached."""
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    assert await transaction.event("Updated", "LimitSet", info={"transactionLimit": limit}) == {}
    transaction.charging_state = "SuspendedEVSE"
    assert await transaction.event("Updated", reached) == {}
    events = await shown.events(operator, await shown.transaction(operator, transaction))
    found = {event["trigger_reason"]: event["payload"]["transactionInfo"] for event in events}
    assert found["LimitSet"]["transactionLimit"] == limit
    assert reached in found


async def test_tc_e_106_csms(operator, station, tokens):
    await _limited(operator, station, tokens, {"maxEnergy": 5000}, "EnergyLimitReached")


async def test_tc_e_107_csms(operator, station, tokens):
    await _limited(operator, station, tokens, {"maxTime": 3600}, "TimeLimitReached")


async def test_tc_e_108_csms(operator, station, tokens):
    await _limited(operator, station, tokens, {"maxCost": 20.5}, "CostLimitReached")


async def _limited_by_us(operator, station, token, limit, *, kind="ISO14443", own=None, told=None):
    """The operator starts a transaction with a limit: the station is told, and says that it is set (E16.FR.02, .03)."""
    body = {"id_token": {"idToken": token, "type": kind}, "evse_id": 1, "transaction_limit": limit}
    async with operator.posting(f"/stations/{station.station_id}/remote-start", body) as pending:
        request = await station.reply("RequestStartTransaction", {"status": "Accepted"})
    assert pending.response == {"status": "Accepted"}
    transaction = Transaction(station, token, kind=kind)
    info = {"remoteStartId": request["remoteStartId"], **({"transactionLimit": own} if own else {})}
    answer = await transaction.event("Started", "RemoteStart", token=token, info=info)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert answer["transactionLimit"] == (told or limit)
    holds = {**(own or {}), **answer["transactionLimit"]}
    assert await transaction.event("Updated", "LimitSet", info={"transactionLimit": holds}) == {}
    assert (await shown.transaction(operator, transaction))["details"]["transactionLimit"] == holds
    return transaction


async def test_tc_c_126_csms(operator, station, tokens, sends):
    """A payment kiosk has the transaction started; the station has the tariff and computes what it costs."""
    await sends("SetDefaultTariff", {"evseId": 1, "tariff": TARIFF})
    await operator.put_token(tokens.unknown, "DirectPayment", status="Accepted")
    ours = {"maxCost": 50}
    transaction = await _limited_by_us(operator, station, tokens.unknown, ours, kind="DirectPayment")
    info = {"stoppedReason": "EVDisconnected", "tariffId": "t-1"}
    await transaction.event("Ended", "EVCommunicationLost", costDetails=COST, info=info)
    seen = await shown.transaction(operator, transaction)
    assert (seen["cost"], seen["currency"]) == (12.1, "EUR")
    details = seen["details"]
    assert details["tariffId"] == TARIFF["tariffId"]
    assert details["costDetails"] == {name: COST[name] for name in ("totalCost", "totalUsage")}


async def test_tc_e_102_csms(operator, station, tokens):
    limit, own = {"maxEnergy": 5000, "maxTime": 3600}, {"maxEnergy": 4000, "maxTime": 7200}
    await _limited_by_us(operator, station, tokens.valid, limit, own=own, told={"maxTime": 3600})


async def test_tc_e_109_csms(operator, station, tokens):
    transaction = await _limited_by_us(operator, station, tokens.valid, {"maxCost": 20.5})
    assert await transaction.event("Updated", "CostLimitReached") == {}


async def test_tc_e_110_csms(operator, station, tokens):
    transaction = await _limited_by_us(operator, station, tokens.valid, {"maxEnergy": 5000})
    assert await transaction.event("Updated", "EnergyLimitReached") == {}


async def test_tc_e_111_csms(operator, station, tokens):
    transaction = await _limited_by_us(operator, station, tokens.valid, {"maxTime": 3600})
    assert await transaction.event("Updated", "TimeLimitReached") == {}


async def test_a_limit_of_a_running_transaction_goes_with_the_answer_to_its_next_event(operator, station, tokens):
    """E16.FR.02, beside the cases."""
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    ours = {"maxEnergy": 5000, "maxCost": 20.5}
    key = (await shown.transaction(operator, transaction))["id"]
    assert (await operator.put(f"/transactions/{key}/limit", ours))["transaction_limit"] == ours
    assert await transaction.event("Updated", "MeterValuePeriodic") == {"transactionLimit": ours}
    assert await transaction.event("Updated", "LimitSet", info={"transactionLimit": ours}) == {}
    found = await operator.get(f"/transactions/{key}")
    assert (found["transaction_limit"], found["details"]["transactionLimit"]) == (ours, ours)


async def test_tc_i_122_csms(operator, station, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    assert await transaction.event("Updated", "RunningCost", costDetails=COST, info={"tariffId": "t-1"}) == {}
    await transaction.ev_connected_post_session()
    transaction.charging_state = "Idle"
    await transaction.event("Ended", "EVCommunicationLost", costDetails=COST, info={"stoppedReason": "EVDisconnected"})
    events = await shown.events(operator, await shown.transaction(operator, transaction))
    assert events[-1]["payload"]["costDetails"] == COST


async def test_tc_b_100_csms(operator, connect, station, station_id):
    new_password = "a-password-of-the-network-profile"
    data = {
        "messageTimeout": 30,
        "ocppCsmsUrl": connect.urls[0],
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "securityProfile": 1,
        "identity": station_id,
        "basicAuthPassword": new_password,
    }
    payload = {"configurationSlot": 1, "connectionData": data}
    async with operator.calling(station_id, "SetNetworkProfile", payload) as pending:
        assert await station.reply("SetNetworkProfile", {"status": "Accepted"}) == payload
    assert pending.response == {"status": "Accepted"}
    assert new_password not in str(await operator.items(f"/stations/{station_id}/calls"))
    await station.socket.close()
    async with connect(password=new_password) as again:
        await booted(again)
    assert await connect.refused() == 401


async def test_tc_b_105_csms(operator, station, station_id):
    named = {"component": {"name": "NetworkConfiguration", "instance": "1"}, "variable": {"name": "OcppCsmsUrl"}}
    payload = {"setVariableData": [{**named, "attributeValue": "wss://csms.example.org/ocpp"}]}
    async with operator.calling(station_id, "SetVariables", payload) as pending:
        answer = {"setVariableResult": [{**named, "attributeStatus": "Accepted"}]}
        assert await station.reply("SetVariables", answer) == payload
    assert pending.outcome == "result"


async def test_tc_n_105_csms(sends, operator, station, station_id):
    named = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    monitor = {"type": "Periodic", "severity": 8, "value": 1, "periodicEventStream": {"interval": 5}, **named}
    result = {"id": 12, "status": "Accepted", "type": "Periodic", "severity": 8, **named}
    await sends("SetVariableMonitoring", {"setMonitoringData": [monitor]}, answer={"setMonitoringResult": [result]})
    stream = {"id": 3, "variableMonitoringId": 12, "params": {"interval": 5}}
    assert await station.call("OpenPeriodicEventStream", {"constantStreamData": stream}) == {"status": "Accepted"}
    values = {"id": 3, "pending": 0, "basetime": now(), "data": [{"t": 0, "v": "7000"}, {"t": 1, "v": "7100"}]}
    await station.send("NotifyPeriodicEventStream", values)

    async def told():
        return await operator.items(f"/stations/{station_id}/event-streams/3/values")

    (message,) = await operator.eventually(told)
    assert {"component": message["component"], "variable": message["variable"]} == named
    assert [value["value"] for value in message["values"]] == ["7000", "7100"]
    await sends("AdjustPeriodicEventStream", {"id": 3, "params": {"interval": 10}})
    assert await station.call("ClosePeriodicEventStream", {"id": 3}) == {}
    (shown,) = await operator.items(f"/stations/{station_id}/event-streams")
    assert (shown["params"], shown["closed_at"] is not None) == ({"interval": 10}, True)


async def test_tc_i_109_csms(operator, station, tokens):
    await operator.put_token(tokens.valid, status="Accepted", tariff=TARIFF)
    shown_token = {"idToken": {"idToken": tokens.valid, "type": "ISO14443"}}
    answer = await station.call("Authorize", shown_token)
    assert (answer["idTokenInfo"]["status"], answer["tariff"]) == ("Accepted", TARIFF)
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    assert await transaction.event("Updated", "TariffChanged", info={"tariffId": "t-1"}) == {}
    assert (await shown.transaction(operator, transaction))["details"]["tariffId"] == "t-1"
    await operator.put_token(tokens.valid, status="Blocked")
    assert "tariff" not in await station.call("Authorize", shown_token)


async def test_tc_c_104_csms(operator, station, tokens):
    await operator.put_token(tokens.unknown, "DirectPayment", status="NoCredit")
    assert (await authorize(station, tokens.unknown, "DirectPayment"))["status"] == "NoCredit"


# ---- Which version is spoken, beside the cases -----------------------------------------------------------------------
async def test_a_station_falls_back_where_it_may_not_speak_2_1_and_keeps_its_history(
    operator, connect, station_id, tokens
):
    connect.protocols = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
    for protocols, spoken in ((["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"), (None, "ocpp2.1")):
        await operator.put_station(station_id, ocpp_protocols=protocols)
        async with connect(quiet=False) as station:  # after its boot it is asked whether the other goes on (E14)
            assert station.protocol == spoken
            await booted(station)
            transaction = Transaction(station, tokens.valid)
            await transaction.energy_transfer_started()
    items = await operator.items("/transactions", station_id=station_id)
    assert len(items) == 2, "those of both versions"
    await operator.put_station(station_id, ocpp_protocols=["ocpp2.0.1"])
    assert await connect.refused(protocols=("ocpp2.1",)) == 400
