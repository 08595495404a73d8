"""OCPP 1.6: how messages are read, answers and commands written. Pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdToken, IdTokenInfo
from csms_ocpp.errors import OcppError
from csms_ocpp.validation import all_violations_request
from csms_transactions.domain.events import EventType, TransactionEvent
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.open_starts import OPEN_FOR, OpenStart, matched
from csms_transactions.domain.remote import StartRequest
from csms_transactions.domain.transaction import derive
from csms_transactions.versions import VERSIONS, together
from csms_transactions.versions.v16 import V16, answers, messages
from csms_transactions.versions.v201 import V201
from csms_transactions.versions.version import StoredTransaction

T = "2026-01-01T00:00:00Z"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def start(**fields: Any) -> bytes:
    return orjson.dumps({"connectorId": 2, "idTag": "TAG", "meterStart": 1000, "timestamp": T} | fields)


def stop(**fields: Any) -> bytes:
    return orjson.dumps({"transactionId": 7, "meterStop": 1600, "timestamp": "2026-01-01T01:00:00Z"} | fields)


def sampled(*values: dict[str, Any], at: str = T) -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": list(values)}


def wh(reading: Any) -> list[float]:
    return [value.wh for value in reading.values]


def test_a_start_is_the_first_event():
    message = messages.start_message(start(reservationId=5))
    event = message.event
    assert (event.seq_no, event.type, event.at) == (0, EventType.STARTED, AT)
    assert (event.evse_id, event.connector_id, event.reservation_id) == (2, 1, 5)
    assert event.id_token == ("TAG", "")
    (reading,) = event.readings
    assert (reading.context, wh(reading)) == ("Transaction.Begin", [1000.0])
    assert (message.transaction_id, message.needs_stored) == ("", True)


@pytest.mark.parametrize("tag", ["tag", "TAG  ", " Tag"])
def test_a_repeat_has_the_same_beginning_however_the_tag_is_written(tag):
    assert messages.start_message(start(idTag=tag)).beginning == messages.start_message(start()).beginning


@pytest.mark.parametrize(
    "fields", [{"connectorId": 1}, {"idTag": "OTHER"}, {"meterStart": 1001}, {"timestamp": "2026-01-01T00:00:01Z"}]
)
def test_another_beginning_is_another_transaction(fields):
    assert messages.start_message(start(**fields)).beginning != messages.start_message(start()).beginning


def test_a_reservation_does_not_make_it_another():
    assert messages.start_message(start(reservationId=9)).beginning == messages.start_message(start()).beginning


def test_connector_0_is_no_place():
    event = messages.start_message(start(connectorId=0)).event
    assert (event.evse_id, event.connector_id) == (None, None)


@pytest.mark.parametrize("fields", [{"timestamp": "soon"}, {"connectorId": 2**40}])
def test_what_can_not_be_read_is_refused(fields):
    with pytest.raises(OcppError):
        messages.start_message(start(**fields))


def test_a_stop_is_the_last_event():
    message = messages.stop_message(stop(idTag=" TAG ", reason="EVDisconnected"))
    event = message.event
    assert (message.transaction_id, event.seq_no, event.type) == ("7", 1, EventType.ENDED)
    assert (event.id_token, event.stopped_reason) == (("TAG", ""), "EVDisconnected")
    assert event.stops


def test_a_stop_without_a_reason_is_local():
    events = [messages.start_message(start()).event, messages.stop_message(stop()).event]
    transaction = derive(events)
    assert transaction.stopped_reason == "Local"
    assert transaction.energy.wh == 600
    assert transaction.energy.quality == "measured"
    assert transaction.gaps == ()


@pytest.mark.parametrize("tag", ["", "   "])
def test_a_blank_tag_is_none(tag):
    assert messages.stop_message(stop(idTag=tag)).event.id_token is None


@pytest.mark.parametrize("number", [-1, 0, 5000, 2**62])
def test_an_id_that_we_never_gave_has_the_time_of_the_end(number):
    message = messages.stop_message(stop(transactionId=number))
    assert message.transaction_id == str(number)
    assert message.else_id.startswith(f"{number}@2026-01-01T")
    assert len(message.else_id) <= 36


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (start(), messages.start_message),
        (stop(idTag="A"), messages.stop_message),
        (start(idTag="meterStop"), messages.start_message),
        (start(meterStop=5), messages.start_message),
        (stop().replace(b"meterStop", b"meterSt\\u006fp"), messages.stop_message),
    ],
    ids=["start", "stop", "tag", "vendor's field", "escaped"],
)
def test_what_is_stored_is_read_again(raw, read):
    event = read(raw).event
    assert messages.stored_event(raw, event.seq_no) == event


def test_transaction_data_counts_with_the_registers():
    data = [
        sampled({"value": "1000", "context": "Transaction.Begin"}),
        sampled({"value": "1.3", "unit": "kWh"}, at="2026-01-01T00:30:00Z"),
        sampled({"value": "1600", "context": "Transaction.End"}, at="2026-01-01T01:00:00Z"),
    ]
    event = messages.stop_message(stop(transactionData=data)).event
    assert [wh(reading) for reading in event.readings] == [[1000.0], [1300.0], [1600.0]]
    transaction = derive([messages.start_message(start()).event, event])
    assert (transaction.energy.wh, transaction.energy.quality) == (600, "measured")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"value": "1000"}, 1000.0),
        ({"value": " 1000.5 "}, 1000.5),
        ({"value": "1e3"}, 1000.0),
        ({"value": "1.5", "unit": "kWh"}, 1500.0),
        ({"value": "1.5", "unit": "KWH "}, 1500.0),
        ({"value": "1.5", "unit": "kwh"}, 1500.0),
        ({"value": "1000", "phase": "L1-N"}, 1000.0),
        ({"value": 1000}, 1000.0),
        ({"value": "1,5", "unit": "kWh"}, None),
        ({"value": "1_000"}, None),
        ({"value": "nan"}, None),
        ({"value": "-"}, None),
        ({"value": ""}, None),
        ({"value": "-5"}, None),
        ({"value": "9" * 400}, None),
        ({"value": "1000", "unit": "W"}, None),
        ({"value": "230", "measurand": "Voltage"}, None),
        ({"value": "21", "measurand": "Temperature", "unit": "Celcius"}, None),
        ({"value": "50.01", "measurand": "Frequency", "unit": "Hertz"}, None),
        ({"value": "OCMF|{}|{}", "format": "SignedData"}, None),
        ({"value": "1000", "location": "EV"}, None),
    ],
)
def test_values_as_stations_write_them(value, found):
    raw = orjson.dumps({"connectorId": 1, "meterValue": [sampled(value)]})
    message = messages.meter_values(raw)
    assert [wh(reading) for reading in message.readings] == ([] if found is None else [[found]])


@pytest.mark.parametrize(("fields", "named"), [({"transactionId": 7}, "7"), ({}, ""), ({"transactionId": 0}, "")])
def test_meter_values_name_their_transaction(fields, named):
    raw = orjson.dumps({"connectorId": 1, "meterValue": [sampled({"value": "1"})]} | fields)
    message = messages.meter_values(raw)
    assert (message.evse_id, message.at, message.transaction_id) == (1, AT, named)


def test_minus_one_names_no_transaction():
    raw = orjson.dumps({"connectorId": 1, "transactionId": -1, "meterValue": [sampled({"value": "1"})]})
    assert messages.meter_values(raw).transaction_id == ""


def test_a_time_that_can_not_be_read_is_that_of_the_message():
    raw = orjson.dumps({"connectorId": 1, "meterValue": [sampled({"value": "1"}), sampled({"value": "2"}, at="now")]})
    assert {reading.at for reading in messages.meter_values(raw).readings} == {AT}


def test_registers_are_shown_among_the_meter_values():
    (begin,) = messages.meter_values_in(orjson.loads(start()))
    assert (begin["timestamp"], begin["sampledValue"][0]["value"]) == (T, "1000")
    data = [sampled({"value": "5"})]
    shown = messages.meter_values_in(orjson.loads(stop(transactionData=data)))
    assert shown[0] == data[0]
    assert shown[1]["sampledValue"][0]["context"] == "Transaction.End"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("Accepted", "Accepted"),
        ("Blocked", "Blocked"),
        ("Expired", "Expired"),
        ("Invalid", "Invalid"),
        ("ConcurrentTx", "ConcurrentTx"),
        ("Unknown", "Invalid"),
        ("NoCredit", "Blocked"),
        ("NotAllowedTypeEVSE", "Blocked"),
        ("NotAtThisLocation", "Blocked"),
        ("NotAtThisTime", "Blocked"),
    ],
)
def test_a_start_is_answered_with_an_id_whatever_the_status(status, told):
    stored = StoredTransaction(Identity("key", "CS1", "7"), derive([messages.start_message(start()).event]))
    assert answers.started(IdTokenInfo(status=status), stored) == {"transactionId": 7, "idTagInfo": {"status": told}}


def test_a_start_is_not_answered_without_a_decision():
    with pytest.raises(ValueError, match="decision"):
        answers.started(None, None)


def test_an_id_tag_info_tells_the_group_and_the_earlier_end():
    info = IdTokenInfo(status="Accepted", group_id_token=IdToken(id_token="G"), cache_expiry_ms=2000, expires_ms=1000)
    told = answers.stopped(info, None)
    assert told == {"idTagInfo": {"status": "Accepted", "parentIdTag": "G", "expiryDate": "1970-01-01T00:00:01.000Z"}}
    info.group_id_token.id_token = "G" * 21
    assert "parentIdTag" not in answers.told_of(info)


def test_a_stop_without_a_tag_is_told_nothing():
    assert answers.stopped(None, None) == {}


def request(**fields: Any) -> StartRequest:
    return StartRequest(**{"station_id": "CS1", "id_token": {"idToken": "TAG", "type": "ISO14443"}} | fields)


PERIOD = {"startPeriod": 0, "limit": 8.1}
PROFILE = {
    "id": 3,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD]}],
}


def test_a_remote_start():
    command = V16.start(request(evse_id=2, charging_profile=PROFILE), 99)
    assert command.action == "RemoteStartTransaction"
    assert command.payload == {
        "idTag": "TAG",
        "connectorId": 2,
        "chargingProfile": {
            "chargingProfileId": 3,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD]},
        },
    }
    assert all_violations_request(V16.protocol, *command) == []
    assert V16.start_violations(request(evse_id=2, charging_profile=PROFILE)) == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"id_token": {"idToken": "T" * 21, "type": "ISO14443"}}, "/id_token/idToken"),
        ({"id_token": {"idToken": "", "type": "NoAuthorization"}}, "/id_token/idToken"),
        ({"group_id_token": {"idToken": "G", "type": "Central"}}, "/group_id_token"),
        ({"charging_profile": PROFILE | {"chargingSchedule": []}}, "/charging_profile/chargingSchedule"),
        ({"charging_profile": PROFILE | {"transactionId": 5}}, "/chargingProfile/transactionId"),
        (
            {"charging_profile": PROFILE | {"chargingProfilePurpose": "TxDefaultProfile"}},
            "/chargingProfile/chargingProfilePurpose",
        ),
    ],
)
def test_what_a_remote_start_can_not_say(fields, pointer):
    assert [violation.pointer for violation in V16.start_violations(request(**fields))] == [pointer]


@pytest.mark.parametrize("schedule", [5, "text", None, ["text"], [None], {}, [[]]])
def test_a_profile_that_is_none_is_refused_by_its_schema(schedule):
    profile = PROFILE | {"chargingSchedule": schedule}
    violations = V16.start_violations(request(charging_profile=profile))
    assert violations
    assert all(violation.pointer.startswith("/chargingProfile/chargingSchedule") for violation in violations)


def test_a_remote_stop_names_an_integer():
    assert V16.stop("7") == ("RemoteStopTransaction", {"transactionId": 7})
    assert [V16.stop(text) for text in ("tx-1", "", "seven", "-1@2026-01-01T00:00:00.000Z")] == [None] * 4


def test_each_form_is_for_the_versions_that_write_it_so():
    forms = together(lambda version: version.start(request(), 1))
    assert [form.protocols for form in forms] == [("ocpp2.0.1", "ocpp2.1"), ("ocpp1.6",)]
    assert [form.command.action for form in forms] == ["RequestStartTransaction", "RemoteStartTransaction"]
    assert [form.protocols for form in together(lambda version: version.stop("tx-1"))] == [("ocpp2.0.1", "ocpp2.1")]
    assert next(iter(VERSIONS.values())) is V201


def open_start(**fields: Any) -> OpenStart:
    return OpenStart(
        **{"station_id": "CS1", "remote_start_id": 1, "requested_at": AT, "evse_id": 2, "id_token": "tag"} | fields
    )


EVENT: TransactionEvent = messages.start_message(start()).event


@pytest.mark.parametrize(
    ("starts", "found"),
    [
        ([{}], 1),
        ([{"evse_id": None}], 1),
        ([{"evse_id": 1}], None),
        ([{"station_id": "CS2"}], None),
        ([{"id_token": "other"}], None),
        ([{"requested_at": AT - OPEN_FOR}], 1),
        ([{"requested_at": AT - OPEN_FOR - timedelta(seconds=1)}], None),
        ([{"requested_at": AT + timedelta(seconds=1)}], None),
        ([{"evse_id": None, "remote_start_id": 5}, {"requested_at": AT - timedelta(minutes=5)}], 1),
        ([{"requested_at": AT - timedelta(minutes=5)}, {"remote_start_id": 5}], 5),
        ([], None),
    ],
)
def test_which_request_a_transaction_comes_of(starts, found):
    start = matched("CS1", EVENT, AT, [open_start(**fields) for fields in starts])
    assert (start.remote_start_id if start else None) == found


def test_a_profile_of_a_remote_start_follows_the_rules_of_all_profiles():
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 5, "limit": 8.1}]}
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    profile |= {"chargingProfileKind": "Recurring", "chargingSchedule": schedule}
    found = {violation.pointer for violation in V16.start_rules({"idTag": "TAG", "chargingProfile": profile})}
    assert found == {
        "/chargingProfile/chargingProfilePurpose",
        "/chargingProfile/recurrencyKind",
        "/chargingProfile/chargingSchedule/startSchedule",
        "/chargingProfile/chargingSchedule/chargingSchedulePeriod/0/startPeriod",
    }
    assert V16.start_rules({"idTag": "TAG"}) == []
