"""What stations of OCPP 1.6 tell: boots, statuses, jobs, and what is only recorded."""
# ruff: noqa: PLR0917 - fixtures are the harness

from datetime import timedelta

import orjson
import pytest
from csms.v1.station_pb2 import OUTCOME_ERROR
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.beginnings import begin
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.commands.new_call import new_call
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.monitoring import notification_rows, notification_views
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.status import connector_rows, evse_views
from csms_device_mgmt.tables import Variable
from sqlalchemy import func, select

HANGS = {"errorCode": "OtherError", "info": "it hangs", "vendorErrorCode": "E-7", "vendorId": "org.example"}


@pytest.fixture
def connectors(units, station_id):
    async def read():
        async with units.reading() as session:
            return (await connector_rows.of_stations(session, [station_id])).get(station_id, [])

    return read


async def test_a_boot_fills_the_same_data_as_one_of_2_x(apply, records16, station_row):
    more = {"firmwareVersion": "1.2", "iccid": "1", "imsi": "2", "meterType": "M", "meterSerialNumber": "MS"}
    applied = await apply(records16.boot(**more))
    assert (applied.answer["status"], applied.answer["interval"] > 0) == ("Accepted", True)
    row = await station_row()
    assert (row.vendor_name, row.model, row.boot_serial_number, row.firmware_version) == (
        "Vendor",
        "Model 1",
        "SN-1",
        "1.2",
    )
    assert (row.iccid, row.imsi, row.meter_type, row.meter_serial_number) == ("1", "2", "M", "MS")
    assert (row.boot_reason, row.booted_at is not None) == (None, True)
    assert applied.event_kinds[-1] == "station_booted"


async def test_the_older_name_of_the_serial_number(apply, records16, station_row):
    record = records16.call(
        "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", "chargeBoxSerialNumber": "BOX"}
    )
    await apply(record)
    assert (await station_row()).boot_serial_number == "BOX"


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
async def test_a_boot_is_answered_as_the_operator_says(apply, records16, with_station, station_row, registration):
    await with_station(registration)
    answer = (await apply(records16.boot())).answer
    assert (answer["status"], answer["interval"] > 0) == (registration.value, True)
    booted_at = (await station_row()).booted_at
    await apply(records16.boot())  # again, on the same connection
    assert (await station_row()).booted_at == booted_at


async def test_each_connection_begins_with_a_boot_also_in_a_loop(apply, records16, station_row):
    moments = []
    for connection_id in "abc":
        await apply(records16.connection(connection_id))
        await apply(records16.boot(connection_id))
        moments.append((await station_row()).booted_at)
    assert sorted(set(moments)) == moments


async def test_a_boot_that_was_asked_for_is_none(apply, records16, station_row, units, station_id):
    await apply(records16.connection("a"))
    await apply(records16.boot("a"))
    booted_at = (await station_row()).booted_at
    await apply(records16.connection("b"))
    await apply(records16.result("TriggerMessage", {"requestedMessage": "BootNotification"}, {"status": "Accepted"}))
    async with units.open() as unit:
        (await station_rows.find(unit.session, station_id)).connected_at -= timedelta(minutes=1)
    await apply(records16.boot("b"))
    assert (await station_row()).booted_at == booted_at


async def test_after_a_reset_a_boot_on_the_same_connection_counts(apply, records16, station_row):
    await apply(records16.connection("a"))
    await apply(records16.boot("a"))
    await apply(records16.result("Reset", {"type": "Soft"}, {"status": "Accepted"}))
    assert (await station_row()).pending_reset["type"] == "Soft"
    await apply(records16.boot("a"))
    assert (await station_row()).pending_reset is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Available", "Available"),
        ("Preparing", "Occupied"),
        ("Charging", "Occupied"),
        ("SuspendedEV", "Occupied"),
        ("SuspendedEVSE", "Occupied"),
        ("Finishing", "Occupied"),
        ("Reserved", "Reserved"),
        ("Unavailable", "Unavailable"),
        ("Faulted", "Faulted"),
        ("SomethingOfItsOwn", "Unavailable"),
    ],
)
async def test_a_status_is_kept_as_said_and_as_meant(apply, records16, connectors, said, meant):
    applied = await apply(records16.status(said, 2))
    assert applied.answer == {}
    (row,) = await connectors()
    assert (row.evse_id, row.connector_id, row.status) == (2, 1, meant)
    assert row.reported == {"status": said, "errorCode": "NoError"}
    event = applied.events[0].connector_status_changed
    assert (event.status, event.reported_status, event.error_code) == (meant, said, "NoError")


async def test_what_is_wrong_is_kept_and_shown_and_any_change_of_it_is_told(apply, records16, connectors):
    assert (await apply(records16.status("Faulted", **HANGS))).event_kinds == ["connector_status_changed"]
    assert (await apply(records16.status("Faulted", **HANGS))).event_kinds == []
    assert (await apply(records16.status("Faulted", **{**HANGS, "info": "still"}))).event_kinds != []
    (evse,) = evse_views.evses(await connectors())
    shown = evse.connectors[0].reported.model_dump()
    assert shown == {
        "status": "Faulted",
        "error_code": "OtherError",
        "info": "still",
        "vendor_error_code": "E-7",
        "vendor_id": "org.example",
    }


async def test_connector_0_is_the_station(apply, records16, connectors):
    await apply(records16.status("Unavailable", 0, errorCode="HighTemperature"))
    rows = await connectors()
    assert evse_views.evses(rows) == []
    assert evse_views.status_of_station(rows) == "Unavailable"
    assert evse_views.reported_of_station(rows).error_code == "HighTemperature"


async def test_there_is_no_connector_below_0(apply, records16):
    replies = (await apply(records16.status("Available", -1))).replies
    assert replies[0].record.reply.error.code == "PropertyConstraintViolation"


@pytest.mark.parametrize(
    "times", [({}, {}), ({"timestamp": "1970-01-01T00:00:00Z"}, {}), ({}, {"timestamp": "2099-01-01T00:00:00Z"})]
)
async def test_without_a_time_or_with_a_wrong_one_the_later_message_counts(apply, records16, connectors, times):
    await apply(records16.status("Preparing", **times[0]))
    await apply(records16.status("Available", **times[1]))
    assert [row.status for row in await connectors()] == ["Available"]


async def test_a_status_needs_no_boot(apply, records16, connectors, station_row):
    await apply(records16.status("Available"))
    assert await station_row() is None
    assert len(await connectors()) == 1


async def test_a_heartbeat_is_answered_with_the_time(apply, records16):
    assert list((await apply(records16.call("Heartbeat", {}))).answer) == ["currentTime"]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"vendorId": "org.example"}, "UnknownVendorId"),
        ({"vendorId": "org.example", "messageId": "m", "data": "text"}, "UnknownVendorId"),
        ({"vendorId": "org.openchargealliance.iso15118pnc", "messageId": "Get15118EVCertificate"}, "Rejected"),
        ({"vendorId": "org.openchargealliance.iso15118pnc", "messageId": "Else"}, "UnknownMessageId"),
        ({"vendorId": "org.openchargealliance.costmsg"}, "Rejected"),
    ],
)
async def test_data_of_vendors_is_recorded(apply, records16, with_station, units, station_id, payload, answer):
    await with_station()
    assert (await apply(records16.call("DataTransfer", payload))).answer == {"status": answer}
    async with units.reading() as session:
        (row,) = (await notification_rows.page(session, station_id, limit=10, before=None))[0]
    assert (row.protocol, row.payload) == ("ocpp1.6", payload)
    assert (notification_views.notification(row).meaning is not None) is (payload["vendorId"] != "org.example")


async def test_a_security_event_is_recorded(apply, records16, units, station_id):
    event = {"type": "InvalidChargePointCertificate", "timestamp": "2026-01-01T00:00:00Z"}
    assert (await apply(records16.call("SecurityEventNotification", event))).answer == {}
    async with units.reading() as session:
        (row,) = (await notification_rows.page(session, station_id, limit=10, before=None))[0]
    assert row.payload == event


@pytest.mark.parametrize(
    ("command", "request_", "message", "kind", "ends"),
    [
        (
            "UpdateFirmware",
            {"location": "https://example.com/f", "retrieveDate": "2026-01-01T00:00:00Z"},
            "FirmwareStatusNotification",
            JobKind.FIRMWARE_UPDATE,
            {"Installed": "completed", "InstallationFailed": "failed"},
        ),
        (
            "GetDiagnostics",
            {"location": "https://example.com/d"},
            "DiagnosticsStatusNotification",
            JobKind.LOG,
            {"Uploaded": "completed", "UploadFailed": "failed"},
        ),
    ],
)
async def test_jobs_without_a_request_id_are_numbered_and_the_newest_is_meant(
    apply, records16, with_station, units, station_id, command, request_, message, kind, ends
):
    await with_station()
    for number, (status, state) in enumerate(ends.items(), start=1):
        await _begin(units, command, request_, f"call-{number}")
        await apply(records16.result(command, request_, {}, call_id=f"call-{number}"), recorded=False)
        async with units.reading() as session:
            job = await job_rows.find(session, station_id, kind, number)
            assert job.state == "ongoing"
        assert (await apply(records16.call(message, {"status": "Idle"}))).answer == {}
        assert (await apply(records16.call(message, {"status": status}))).answer == {}
        async with units.reading() as session:
            job = await job_rows.find(session, station_id, kind, number)
            steps = await job_rows.steps_of(session, [job], most=10, most_bytes=10_000)
        assert (job.state, job.status, [step.status for step in steps[number]]) == (state, status, [status])


async def test_a_configuration_of_ten_thousand_keys_is_kept(apply, records16, with_station, units, station_id):
    """The station's answer is its whole model: keys that it does not name any more are gone."""
    await with_station()
    keys = [{"key": f"Key{number:05}", "readonly": False, "value": "v" * 200} for number in range(10_000)]
    for call_id, told in (("call-1", keys), ("call-2", keys[1:])):
        await _begin(units, "GetConfiguration", {}, call_id)
        result = records16.result("GetConfiguration", {}, {"configurationKey": told}, call_id=call_id)
        await apply(result, recorded=False)
    async with units.reading() as session:
        first = await variable_rows.page(session, station_id, limit=1, after=None)
        count = await session.scalar(select(func.count()).select_from(Variable))
    assert ([row.variable_name for row in first], count) == (["Key00001"], 9_999)


@pytest.mark.parametrize("late", ["Installed", "Downloading"])
async def test_a_late_status_does_not_move_an_older_job(apply, records16, with_station, units, station_id, late):
    """The older one was given up by the station, which never says so, when the newer one came."""
    await with_station()
    request = {"location": "https://example.com/f", "retrieveDate": "2026-01-01T00:00:00Z"}
    for number in (1, 2):
        await _begin(units, "UpdateFirmware", request, f"call-{number}")
        await apply(records16.result("UpdateFirmware", request, {}, call_id=f"call-{number}"), recorded=False)
    for status in ("Downloading", "Installed", late):
        await apply(records16.call("FirmwareStatusNotification", {"status": status}))
    async with units.reading() as session:
        older, newer = [await job_rows.find(session, station_id, JobKind.FIRMWARE_UPDATE, number) for number in (1, 2)]
    assert (older.state, older.status) == ("ongoing", None)
    assert (newer.state, newer.status) == ("completed", "Installed")


async def _begin(units, action, request, call_id):
    command = Command(call_id, "CS1", "ocpp1.6", action, request, 5.0)
    async with units.open() as unit:
        await station_rows.lock(unit.session, ["CS1"])
        await call_rows.add(unit.session, await new_call(unit, command, None, requested_by="test"))
        await begin(unit, command)


@pytest.mark.parametrize("answers_inventory", [True, False])
async def test_a_station_is_onboarded_by_its_configuration(
    apply, records16, with_station, station_row, units, station_id, answers_inventory
):
    """GetConfiguration, ChangeConfiguration for each variable, TriggerMessage: then it is accepted."""
    wanted = {"component": {"name": "Configuration"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "60"}
    of_evse = wanted | {
        "component": {"name": "Configuration", "evse": {"id": 1}},
        "variable": {"name": "OfAnEvse"},
    }
    await with_station(
        onboarding="inventory", onboarding_variables=[of_evse, wanted, wanted | {"attributeType": "MaxSet"}]
    )
    await apply(records16.connection("a"))
    answer, *sent = (await apply(records16.boot("a"))).replies
    assert orjson.loads(answer.record.reply.payload)["status"] == "Pending"

    async def answered(command, response):
        payload = orjson.loads(command.payload)
        outcome = {} if response is not None else {"outcome": OUTCOME_ERROR}
        record = records16.result(
            command.action, payload, response, call_id=command.correlation_id, reply_topic="", **outcome
        )
        return [item.record.station_command for item in (await apply(record, recorded=False)).replies]

    (inventory,) = [item.record.station_command for item in sent]
    assert (inventory.action, orjson.loads(inventory.payload)) == ("GetConfiguration", {})
    told = {"configurationKey": [{"key": "NumberOfConnectors", "value": "2", "readonly": True}]}
    (change,) = await answered(inventory, told if answers_inventory else None)
    assert orjson.loads(change.payload) == {"key": "HeartbeatInterval", "value": "60"}
    (trigger,) = await answered(change, {"status": "Accepted"})
    assert trigger.action == "TriggerMessage"
    assert await answered(trigger, {"status": "NotImplemented"}) == []
    assert (await apply(records16.boot("a"))).answer["status"] == "Accepted"
    async with units.reading() as session:
        stored = await variable_rows.page(session, station_id, limit=10, after=None)
    names = {"HeartbeatInterval", "NumberOfConnectors"} if answers_inventory else {"HeartbeatInterval"}
    assert {row.variable_name for row in stored} == names
    notes = (await station_row()).onboarding_progress["notes"]
    unable = [f"Configuration.{name}: not in this version" for name in ("OfAnEvse", "HeartbeatInterval")]
    assert [note for note in notes if "not in this version" in note] == unable
    assert (len(notes) > len(unable)) is not answers_inventory
