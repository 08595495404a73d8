import orjson
import pytest
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.status import connector_rows

CONNECTOR = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}


@pytest.fixture
def notify(records):
    def make(*events):
        payload = {
            "generatedAt": "2026-01-01T00:00:00Z",
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": number,
                    "timestamp": "2026-01-01T00:00:00Z",
                    "trigger": "Delta",
                    "actualValue": value,
                    "component": component,
                    "variable": {"name": variable},
                    "eventNotificationType": "HardWiredNotification",
                }
                for number, (component, variable, value) in enumerate(events)
            ],
        }
        return records.call("NotifyEvent", payload)

    return make


async def test_availability_state_is_a_status(apply, notify, units, station_id):
    applied = await apply(notify((CONNECTOR, "AvailabilityState", "Occupied")))
    assert applied.answer == {}
    assert applied.event_kinds == ["station_notified", "connector_status_changed"]
    async with units.reading() as session:
        (row,) = (await connector_rows.of_stations(session, [station_id]))[station_id]
    assert (row.evse_id, row.connector_id, row.status) == (1, 1, "Occupied")


async def test_the_last_of_several_events_counts(apply, notify, units, station_id):
    await apply(notify((CONNECTOR, "AvailabilityState", "Occupied"), (CONNECTOR, "AvailabilityState", "Faulted")))
    async with units.reading() as session:
        (row,) = (await connector_rows.of_stations(session, [station_id]))[station_id]
    assert row.status == "Faulted"


async def test_of_several_events_the_latest_counts(apply, notify, units, station_id):
    record = notify((CONNECTOR, "AvailabilityState", "Occupied"), (CONNECTOR, "AvailabilityState", "Faulted"))
    payload = orjson.loads(record.station_call.payload)
    payload["eventData"][0]["timestamp"] = "2026-01-01T00:00:01Z"
    record.station_call.payload = orjson.dumps(payload)
    await apply(record)
    async with units.reading() as session:
        (row,) = (await connector_rows.of_stations(session, [station_id]))[station_id]
    assert row.status == "Occupied"


async def test_status_notification_and_event_for_one_change_tell_it_once(apply, notify, records):
    first = await apply(records.status("Occupied"))
    second = await apply(notify((CONNECTOR, "AvailabilityState", "Occupied")))
    assert first.event_kinds == ["connector_status_changed"]
    assert second.event_kinds == ["station_notified"]


async def test_known_variables_take_the_value(apply, notify, units, station_id):
    known = VariableKey("ConnectorPlugRetentionLock", "Problem", evse_id=1, connector_id=1)
    async with units.open() as unit:
        await variable_rows.store_values(unit.session, station_id, {known: "false"}, unit.now, 100)
    await apply(
        notify(
            ({"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}}, "Problem", "true"),
            ({"name": "Controller"}, "Temperature", "42"),
        )
    )
    async with units.reading() as session:
        stored = await variable_rows.values(session, station_id, [known, VariableKey("Controller", "Temperature")])
    assert stored == {known.path: "true"}


async def test_everything_is_recorded_once(apply, notify, units, station_id):
    record = notify(({"name": "Controller"}, "Problem", ""))
    await apply(record)
    assert (await apply(record)).events == []
    async with units.reading() as session:
        ((row,), _) = await notification_rows.page(session, station_id, limit=10, before=None)
    assert (row.action, row.record_id) == ("NotifyEvent", record.record_id)
    assert row.payload["eventData"][0]["actualValue"] == ""


@pytest.mark.parametrize(
    ("component", "variable"),
    [("SecurityCtrlr", "BasicAuthPassword"), ("NetworkConfiguration", "ApnSimPin"), ("TokenReader", "Token")],
)
async def test_a_secret_is_kept_nowhere(apply, notify, units, station_id, component, variable):  # noqa: PLR0917 fixtures
    """Not in the device model, the history, or an event."""
    key = VariableKey(component, variable)
    async with units.open() as unit:
        await variable_rows.store_values(unit.session, station_id, {key: None}, unit.now, 100)
    applied = await apply(notify(({"name": component}, variable, "do-not-keep-this")))
    async with units.reading() as session:
        stored = await variable_rows.values(session, station_id, [key])
        ((row,), _) = await notification_rows.page(session, station_id, limit=10, before=None)
    assert stored == {key.path: None}
    assert row.payload["eventData"][0]["actualValue"] == "***"
    assert b"do-not-keep-this" not in b"".join(item.record.SerializeToString() for item in applied.told)
