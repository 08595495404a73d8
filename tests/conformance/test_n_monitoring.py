"""Block N, cases about monitoring that Part 6 has beyond the profiles."""

from csms_testing.conformance.station import now


def monitor(component, **changes):
    variable = {"component": component, "variable": {"name": "AvailabilityState"}}
    return {**variable, "value": 1, "type": "Delta", "severity": 8, **changes}


EVSE, STATION = {"name": "EVSE", "evse": {"id": 1}}, {"name": "ChargingStation"}


async def test_tc_n_09_csms(operator, station, station_id):
    request = {"setMonitoringData": [monitor(EVSE), monitor(STATION)]}
    results = [
        {"status": "Accepted", "id": number, **{k: v for k, v in asked.items() if k != "value"}}
        for number, asked in reversed(list(enumerate(request["setMonitoringData"], start=1)))
    ]
    async with operator.calling(station_id, "SetVariableMonitoring", request) as pending:
        assert await station.reply("SetVariableMonitoring", {"setMonitoringResult": results}) == request
    assert pending.response == {"setMonitoringResult": results}
    await station.expect_nothing()


async def test_tc_n_09_csms_same_monitor_twice_is_not_sent(operator, station, station_id):
    request = {"setMonitoringData": [monitor(EVSE), monitor(EVSE)]}
    async with operator.calling(station_id, "SetVariableMonitoring", request) as pending:
        pass
    assert (pending.http_status, pending.body["errors"][0]["pointer"]) == (422, "/setMonitoringData/1")
    await station.expect_nothing()


async def test_tc_n_09_csms_monitors_are_reported(operator, station, station_id):
    request = {"requestId": 4, "componentVariable": [{"component": EVSE}]}
    async with operator.calling(station_id, "GetMonitoringReport", request) as pending:
        assert await station.reply("GetMonitoringReport", {"status": "Accepted"}) == request
    assert pending.response == {"status": "Accepted"}
    monitor = {"id": 1, "transaction": False, "value": 1, "type": "Delta", "severity": 8}
    if station.protocol == "ocpp2.1":
        monitor["eventNotificationType"] = "CustomMonitor"
    entries = [
        {
            "component": component,
            "variable": {"name": "AvailabilityState"},
            "variableMonitoring": [monitor],
        }
        for component in (EVSE, STATION)
    ]
    path = f"/stations/{station_id}/monitoring-reports/4"
    for seq_no in (1, 0, 0):  # in any order, and one of them again
        part = {"requestId": 4, "seqNo": seq_no, "tbc": seq_no == 0, "generatedAt": now(), "monitor": [entries[seq_no]]}
        assert await station.call("NotifyMonitoringReport", part) == {}
    shown = await operator.get(path)
    assert (shown["status"], shown["entries"]) == ("complete", entries)


async def test_tc_n_48_csms(operator, station, station_id):
    event = {
        "eventId": 9,
        "timestamp": now(),
        "trigger": "Alerting",
        "actualValue": "",
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": 3,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }
    request = {"generatedAt": now(), "seqNo": 0, "eventData": [event]}
    assert await station.call("NotifyEvent", request) == {}
    items = await operator.items(f"/stations/{station_id}/notifications", action="NotifyEvent")
    assert items[0]["payload"]["eventData"][0]["eventId"] == 9
