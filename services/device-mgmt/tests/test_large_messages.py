"""One station's largest messages: few statements, others before them, and no more kept than a station may have."""

import time
from contextlib import contextmanager

import orjson
import pytest
import sqlalchemy as sa
from csms_bus.light_first import HEAVY_BYTES, LightFirst
from csms_device_mgmt.consumers import DeviceRecords
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.refused_messages import refused_message_rows
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.status import connector_rows
from csms_device_mgmt.tables import ReportPart

T = "2026-01-01T00:00:00Z"
MANY = 4000


@pytest.fixture
def settings():
    return DeviceSettings(unknown_stations="accept", station_connectors=300, station_variables=1000)


@pytest.fixture
def statements(database):
    """Counts statements; a driver is called once for each that is executed for many rows."""

    @contextmanager
    def counting():
        found = []

        def on_execute(_connection, _cursor, statement, *_more):
            found.append(statement)

        engine = database._writer.sync_engine
        sa.event.listen(engine, "before_cursor_execute", on_execute)
        try:
            yield found
        finally:
            sa.event.remove(engine, "before_cursor_execute", on_execute)

    return counting


def event(number, name, variable="v", value="1", **evse):
    component = {"name": name, "evse": evse} if evse else {"name": name}
    return {
        "eventId": number,
        "timestamp": T,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "CustomMonitor",
        "component": component,
        "variable": {"name": variable},
    }


def events():
    return {"generatedAt": T, "seqNo": 0, "eventData": [event(n, f"c{n}") for n in range(MANY)]}


def states(value="Available"):
    data = [
        event(n, "Connector", "AvailabilityState", value, id=n % 1000 + 1, connectorId=n // 1000 + 1)
        for n in range(MANY)
    ]
    return {"generatedAt": T, "seqNo": 0, "eventData": data}


def report():
    data = [
        {"component": {"name": f"c{n}"}, "variable": {"name": "v"}, "variableAttribute": [{"value": "1"}]}
        for n in range(MANY)
    ]
    return {"requestId": 1, "generatedAt": T, "seqNo": 0, "reportData": data}


def monitors():
    monitoring = {"id": 1, "transaction": False, "value": 1, "type": "Delta", "severity": 1}
    data = [
        {"component": {"name": f"c{n}"}, "variable": {"name": "v"}, "variableMonitoring": [monitoring]}
        for n in range(MANY)
    ]
    return {"requestId": 2, "generatedAt": T, "seqNo": 0, "monitor": data}


def profiles():
    profile = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingSchedule": []}
    return {"requestId": 3, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": [profile] * MANY}


def displays():
    shown = {"priority": "NormalCycle", "message": {"format": "UTF8", "content": "x"}}
    return {"requestId": 4, "messageInfo": [{"id": n, **shown} for n in range(MANY)]}


def limits():
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}] * MANY}
    return {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}


MESSAGES = {
    "NotifyEvent": events,
    "NotifyEvent of connectors": states,
    "NotifyReport": report,
    "NotifyMonitoringReport": monitors,
    "ReportChargingProfiles": profiles,
    "NotifyDisplayMessages": displays,
    "NotifyChargingLimit": limits,
    "DataTransfer": lambda: {"vendorId": "v", "data": [{"n": n} for n in range(MANY)]},
    "SecurityEventNotification": lambda: {
        "type": "SettingSystemTime",
        "timestamp": T,
        "customData": {"vendorId": "v", "list": list(range(MANY))},
    },
    "FirmwareStatusNotification": lambda: {
        "status": "Downloading",
        "requestId": 1,
        "customData": {"vendorId": "v", "list": list(range(MANY))},
    },
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_thousands_of_entries_take_few_statements(apply, records, statements, name):
    record = records.call(name.split()[0], MESSAGES[name]())
    started = time.process_time()
    with statements() as found:
        await apply(record)
        await apply(record)
    assert len(found) < 100
    assert time.process_time() - started < 5  # it took 3 s and more when each entry was a statement


VALUES = {
    "getVariableResult": [
        {
            "attributeStatus": "Accepted",
            "attributeValue": "1",
            "component": {"name": f"c{n}"},
            "variable": {"name": "v"},
        }
        for n in range(MANY)
    ]
}
CERTIFICATES = {
    "status": "Accepted",
    "certificateHashDataChain": [
        {"certificateType": "CSMSRootCertificate", "certificateHashData": {"serialNumber": str(n)}} for n in range(MANY)
    ],
}


@pytest.mark.parametrize(
    ("action", "response"), [("GetVariables", VALUES), ("GetInstalledCertificateIds", CERTIFICATES)]
)
async def test_so_do_answers(apply, records, statements, action, response):
    with statements() as found:
        await apply(records.result(action, {}, response))
    assert len(found) < 100


async def test_a_station_has_so_many_connectors_and_what_is_left_out_is_shown(apply, records, units, station_id):
    applied = await apply(records.call("NotifyEvent", states()))
    assert applied.event_kinds.count("connector_status_changed") == 300
    applied = await apply(records.call("NotifyEvent", states("Occupied")))
    assert applied.event_kinds.count("connector_status_changed") == 300
    async with units.reading() as session:
        rows = (await connector_rows.of_stations(session, [station_id]))[station_id]
        first, _ = await refused_message_rows.page(session, station_id, limit=10, before=None)
    assert {row.status for row in rows} == {"Occupied"}
    assert len(rows) == 300
    assert (first.kind, first.detail) == (
        "not_kept",
        "3700 connectors were not kept: the station has as many as CSMS_STATION_CONNECTORS allows",
    )


async def test_a_station_has_so_many_variables(apply, records, units, station_id):
    for _ in range(2):
        await apply(records.call("NotifyReport", report()))
    async with units.reading() as session:
        rows = await variable_rows.page(session, station_id, limit=5000, after=None)
        kept = await session.scalar(sa.select(ReportPart.entry_count))
    assert len(rows) == 1000
    assert kept == MANY


async def test_what_the_wire_carried_packed_is_stored_packed(apply, records, units, station_id):
    custom = {"vendorId": "v", "x": "a" * 1_000_000}
    await apply(records.call("SecurityEventNotification", {"type": "x", "timestamp": T, "customData": custom}))
    async with units.reading() as session:
        (row,), _ = await notification_rows.page(session, station_id, limit=10, before=None)
        stored = await session.scalar(sa.text("SELECT length(payload) FROM notifications"))
    assert row.payload["customData"] == custom
    assert stored < 20_000
    assert row.size > 1_000_000


async def test_others_are_answered_before_a_large_message(units, records, incoming):
    published = []

    async def publish(items):
        published.extend(items)

    handler = LightFirst(DeviceRecords(units), publish)
    large = records.call("NotifyEvent", events(), station_id="HEAVY")
    assert len(orjson.dumps(events())) > HEAVY_BYTES
    other = records.call("Heartbeat", {}, station_id="CS2")
    after = records.call("Heartbeat", {}, station_id="HEAVY")
    rest = await handler([incoming(large), incoming(after), incoming(other)])
    assert [item.record.station_id for item in published] == ["CS2"]
    assert [item.record.reply.correlation_id for item in rest] == [
        large.station_call.correlation_id,
        after.station_call.correlation_id,
    ]
