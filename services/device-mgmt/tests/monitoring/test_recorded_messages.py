import orjson
import pytest
from csms_device_mgmt.consumers import HANDLERS
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.versions.v201.messages import RECORDED
from csms_ocpp.actions import ACTIONS
from csms_ocpp.validation import validate_response
from csms_ocpp.versions import Protocol

ELSEWHERE = {
    "Authorize",
    "SignCertificate",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "TransactionEvent",
    "MeterValues",
}
"""Actions that other services answer."""


def test_every_message_of_a_2_0_1_station_has_a_handler():
    actions = {name for name, action in ACTIONS[Protocol.OCPP201].items() if action.from_station}
    assert actions - ELSEWHERE == {action for protocol, action in HANDLERS if protocol == "ocpp2.0.1"}


@pytest.mark.parametrize("protocol", [Protocol.OCPP201, Protocol.OCPP21])
@pytest.mark.parametrize("action", sorted(RECORDED))
def test_answers_are_valid(protocol, action):
    assert validate_response(protocol, action, RECORDED[action]) is None


@pytest.mark.parametrize("action", sorted(RECORDED))
async def test_message_is_recorded_once_and_answered_each_time(apply, records, units, station_id, action):
    record = records.call(action, {"any": "thing"})
    first, second = await apply(record), await apply(record)
    assert first.answer == second.answer == RECORDED[action]
    assert (first.event_kinds, second.event_kinds) == (["station_notified"], [])
    assert orjson.loads(first.events[0].station_notified.payload) == {"any": "thing"}
    async with units.reading() as session:
        ((row,), _) = await notification_rows.page(session, station_id, limit=10, before=None)
    assert (row.action, row.payload) == (action, {"any": "thing"})


async def test_event_holds_the_payload_as_the_station_sent_it(apply, records):
    record = records.call("ReservationStatusUpdate", {})
    record.station_call.payload = b'{"customData":{"vendorId":"x","a":[9e15, 1.0,1e3]}}'
    applied = await apply(record)
    assert applied.events[0].station_notified.payload == record.station_call.payload


async def test_masked_payload_that_would_be_too_large_is_left_out_of_the_event(apply, records):
    numbers = b",".join([b"9e15"] * 300_000)
    record = records.call("ReservationStatusUpdate", {})
    record.station_call.payload = b'{"customData":{"vendorId":"x","password":"secret","a":[' + numbers + b"]}}"
    told = (await apply(record)).events[0].station_notified
    assert told.payload_omitted
    assert not told.payload


async def test_secrets_are_neither_kept_nor_told(apply, records, units, station_id):
    token = {"idToken": {"idToken": "1234", "type": "KeyCode"}}
    applied = await apply(records.call("ReservationStatusUpdate", token))
    async with units.reading() as session:
        ((row,), _) = await notification_rows.page(session, station_id, limit=10, before=None)
    assert "1234" not in str(row.payload)
    assert b"1234" not in applied.events[0].station_notified.payload
