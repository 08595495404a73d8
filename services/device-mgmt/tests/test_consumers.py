import asyncio

import orjson
import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import GatewayStatus
from csms_bus.flow import Never
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_db.outbox import OutboxRelay
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.consumers import DeviceRecords
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import OUTBOX
from csms_device_mgmt.unit import Units
from csms_runtime.secret_keys import SecretKeys


@pytest.fixture
def woken():
    return []


@pytest.fixture
def handler(database, settings, secret_key, gateways, woken):
    return DeviceRecords(Units(database, settings, SecretKeys(secret_key), gateways, lambda: woken.append(True)))


async def test_a_batch_of_everything_is_one_transaction(handler, records, incoming, woken):
    batch = [
        incoming(records.connection("a"), topic="station.connections"),
        incoming(records.boot()),
        Incoming("station.connections", 0, 7, "CS9", None),
        incoming(records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"}), topic="ocpp.results"),
        incoming(records.boot(station_id="CS2")),
    ]
    published = await handler(batch)
    assert [item.topic for item in published] == ["gateway.inbox", "devices.inbox", "gateway.inbox"]
    assert woken == [True]
    replies = [item.record.reply for item in published if item.record.HasField("reply")]
    assert [orjson.loads(reply.payload)["status"] for reply in replies] == ["Accepted", "Accepted"]
    assert published[0].partition == 3


async def test_auth_hears_of_a_new_registration_before_the_station_does(
    handler, records, incoming, with_station, units
):
    await with_station(Registration.PENDING)
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).registration = "Accepted"
    await handler([incoming(records.boot())])
    async with units.open() as unit:
        station = await station_rows.find(unit.session, "CS1")
        station.registration = "Rejected"
    published = await handler([incoming(records.boot())])
    # A station that reconnects at once, and does not boot again, is already known as what it was told.
    assert [item.record.WhichOneof("body") for item in published] == ["station_admission", "reply"]
    assert published[0].topic == "auth.admissions"


async def test_a_failing_record_undoes_the_whole_batch(handler, records, incoming, station_row, woken):
    broken = records.call("BootNotification", {})
    with pytest.raises(KeyError):
        await handler([incoming(records.boot()), incoming(broken)])
    assert await station_row() is None
    assert woken == []


async def test_an_action_without_handler_is_not_implemented(handler, records, incoming):
    for record in (records.call("Authorize", {}), records.call("BootNotification", {}, protocol="ocpp0.9")):
        (answer,) = await handler([incoming(record)])
        assert answer.record.reply.error.code == "NotImplemented"
        assert answer.record.reply.correlation_id == record.station_call.correlation_id


async def test_a_send_that_nobody_handles_is_recorded_and_not_answered(handler, records, incoming, units):
    send = records.call("NotifySomethingNew", {"id": 1}, protocol="ocpp2.1")
    send.station_call.no_reply = True
    assert await handler([incoming(send)]) == []
    assert await handler([incoming(send)]) == []
    async with units.reading() as session:
        rows = (await notification_rows.page(session, "CS1", limit=10, before=None))[0]
    assert [row.action for row in rows] == ["NotifySomethingNew"]


async def test_records_that_do_not_belong_here_are_never_handled(handler, incoming):
    for record in (new_record("CS1", gateway_status=GatewayStatus()), Record(station_id="CS1")):
        with pytest.raises(Never):
            await handler([incoming(record)])


async def test_what_is_told_is_published_by_the_relay(handler, records, incoming, database):
    published, complete = [], asyncio.Event()

    async def publish(items):
        published.extend(Record.FromString(item.value) for item in items)
        if len(published) == 2:
            complete.set()
        return {}

    await handler([incoming(records.boot())])
    relay = OutboxRelay(database, OUTBOX, publish)
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    async with asyncio.timeout(10):
        await complete.wait()
    stop.set()
    await running
    assert [record.WhichOneof("body") for record in published] == ["station_admission", "event"]
