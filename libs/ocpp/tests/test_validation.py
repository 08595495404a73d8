from typing import Any

import orjson
import pytest
from csms_ocpp.actions import ACTIONS
from csms_ocpp.errors import ErrorCode
from csms_ocpp.schemas import load
from csms_ocpp.validation import (
    Violation,
    all_violations_request,
    permits_empty_response,
    validate_request,
    validate_response,
)
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
VARIABLE = {"component": {"name": "C"}, "variable": {"name": "V"}}


def status(**changes: object) -> dict[str, Any]:
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    } | changes


def violation(found: Violation | None) -> tuple[ErrorCode, str]:
    assert found is not None
    return found.code, found.pointer


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("lenient", [False, True])
def test_every_schema_compiles_and_refuses_what_is_no_object(protocol: Protocol, lenient: bool) -> None:  # noqa: FBT001
    for name, action in ACTIONS[protocol].items():
        assert violation(validate_request(protocol, name, [], lenient=lenient)) == (
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "",
        )
        if not action.send_only:
            found = validate_response(protocol, name, None, lenient=lenient)
            assert violation(found) == (ErrorCode.TYPE_CONSTRAINT_VIOLATION, "")


@pytest.mark.parametrize(
    ("action", "payload", "code", "pointer"),
    [
        ("BootNotification", {"reason": "PowerUp"}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, ""),
        ("NotifyEvent", {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": []},
         ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "/eventData"),
        ("BootNotification", BOOT | {"reason": 5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/reason"),
        ("BootNotification", BOOT | {"reason": "Boredom"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/reason"),
        ("BootNotification", BOOT | {"chargingStation": {"model": "M" * 21, "vendorName": "V"}},
         ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/chargingStation/model"),
        ("BootNotification", BOOT | {"colour": "red"}, ErrorCode.FORMAT_VIOLATION, ""),
        ("StatusNotification", status(timestamp="yesterday"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/timestamp"),
    ],
)  # fmt: skip
def test_requests_of_stations(action: str, payload: object, code: ErrorCode, pointer: str) -> None:
    assert violation(validate_request(P201, action, payload)) == (code, pointer)


@pytest.mark.parametrize(
    ("action", "payload", "code", "pointer"),
    [
        ("SetVariables", {"setVariableData": []}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "/setVariableData"),
        ("GetInstalledCertificateIds", {"certificateType": ["V2GRootCertificate"] * 7}, None, ""),
        ("CertificateSigned", {"certificateChain": 1}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/certificateChain"),
        ("SetMonitoringLevel", {"severity": 1.5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/severity"),
    ],
)
def test_requests_of_the_csms(action: str, payload: object, code: ErrorCode | None, pointer: str) -> None:
    found = validate_request(P201, action, payload)
    assert (found and found.code, found.pointer if found else "") == (code, pointer)


def test_bounds_of_numbers_and_of_lists_in_21() -> None:
    event = {"eventType": "Started", "timestamp": "2026-01-01T00:00:00Z", "triggerReason": "Authorized", "seqNo": -1,
             "transactionInfo": {"transactionId": "T"}}  # fmt: skip
    assert violation(validate_request(P21, "TransactionEvent", event)) == (
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        "/seqNo",
    )
    report = {"requestId": 1, "chargingLimitSource": "CSO", "evseId": 0, "chargingProfile": [{}] * 5}
    found = validate_request(P201, "ReportChargingProfiles", report)
    assert violation(found)[0] is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION


def test_a_missing_field_says_more_than_the_unknown_one_sent_for_it() -> None:
    wrong = {"reason": "PowerUp", "ChargingStation": {}}
    assert violation(validate_request(P201, "BootNotification", wrong))[0] is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION


def test_all_violations_most_telling_first() -> None:
    payload = {"setVariableData": [VARIABLE | {"attributeValue": 1}, {"attributeValue": "1"}], "more": 1}
    codes = [found.code for found in all_violations_request(P201, "SetVariables", payload)]
    assert codes == [
        ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        ErrorCode.FORMAT_VIOLATION,
    ]
    assert all_violations_request(P201, "ClearCache", {}) == []


@pytest.mark.parametrize("data", ["\x00", "\ud800", 2**70])
def test_what_nobody_can_send_or_store(data: object) -> None:
    (found,) = all_violations_request(P201, "DataTransfer", {"vendorId": "v", "data": data})
    assert violation(found) == (ErrorCode.FORMAT_VIOLATION, "")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "field type is required"),
        ({"type": "Now"}, "must be one of Immediate, OnIdle"),
        ({"type": "OnIdle", "evseId": "x"}, "must be of type integer"),
        ({"type": "OnIdle", "secret": "x"}, "unknown field secret"),
    ],
)
def test_messages_say_what_is_wanted(payload: object, message: str) -> None:
    found = validate_request(P201, "Reset", payload)
    assert found is not None
    assert found.message == message


def test_no_value_is_repeated() -> None:
    payload = {
        "setVariableData": [VARIABLE | {"attributeValue": "hunter2" * 200}, VARIABLE | {"attributeType": "hunter2"}]
    }
    assert "hunter2" not in repr(all_violations_request(P201, "SetVariables", payload))


def test_the_description_starts_with_the_place() -> None:
    assert Violation(ErrorCode.GENERIC_ERROR, "/a/0", "no").description == "/a/0: no"
    assert Violation(ErrorCode.GENERIC_ERROR, "", "no").description == "/: no"


def test_pointers_are_escaped_and_bounded() -> None:
    found = validate_request(P16, "BootNotification", {"chargePointModel": "M", "chargePointVendor": "V", "x" * 999: 1})
    assert found is not None
    assert len(found.description) < 255


@pytest.mark.parametrize(
    "timestamp", ["2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.1234567+01:00"]
)
def test_times_of_stations_are_read_leniently(timestamp: str) -> None:
    assert validate_request(P201, "StatusNotification", status(timestamp=timestamp)) is None


@pytest.mark.parametrize(("time", "valid"), [("2026-01-01T00:00:00.000Z", True), ("2026-01-01T00:00:00+01:00", True),
                                             ("2026-01-01T00:00:00", False), ("soon", False)])  # fmt: skip
def test_times_to_stations_are_strict(time: str, valid: bool) -> None:  # noqa: FBT001
    assert (validate_response(P201, "Heartbeat", {"currentTime": time}) is None) is valid
    firmware = {"requestId": 1, "firmware": {"location": "https://f", "retrieveDateTime": time}}
    assert (validate_request(P201, "UpdateFirmware", firmware) is None) is valid


def test_the_direction_can_be_given() -> None:
    naive = status(timestamp="2026-01-01T00:00:00")
    assert validate_request(P201, "StatusNotification", naive, outbound=True) is not None


def limited(limit: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
               "chargingProfileKind": "Relative", "chargingSchedule": schedule}  # fmt: skip
    return {"connectorId": 1, "csChargingProfiles": profile}


def test_one_decimal_is_a_multiple_of_a_tenth() -> None:
    limits = [orjson.loads(f"{tenths // 10}.{tenths % 10}") for tenths in range(10_000)]
    assert 8.1 in limits
    assert [limit for limit in limits if validate_request(P16, "SetChargingProfile", limited(limit))] == []


@pytest.mark.parametrize("limit", [8.15, 0.05, 0.31])
def test_two_decimals_are_not(limit: float) -> None:
    found = validate_request(P16, "SetChargingProfile", limited(limit))
    assert violation(found)[0] is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_lenient_takes_what_stations_send() -> None:
    signed = {"signedMeterData": "x" * 9000, "signingMethod": "", "encodingMethod": "", "publicKey": ""}
    values = {"evseId": 1, "vendorField": 1, "meterValue": [
        {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1, "signedMeterValue": signed}]}]}  # fmt: skip
    assert violation(validate_request(P201, "MeterValues", values))[0] is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert validate_request(P201, "MeterValues", values, lenient=True) is None
    assert validate_request(P201, "MeterValues", values | {"evseId": "1"}, lenient=True) is not None


def test_lenient_does_not_touch_what_is_sent() -> None:
    assert validate_request(P201, "ClearCache", {"x": 1}, lenient=True) is not None
    assert (
        validate_response(P201, "Heartbeat", {"currentTime": "2026-01-01T00:00:00Z", "x": 1}, lenient=True) is not None
    )
    assert validate_response(P201, "ClearCache", {"status": "Accepted", "x": 1}, lenient=True) is None


def test_schemas_are_corrected_in_memory_only() -> None:
    load(P201, "MeterValues", response=False, lenient=True)
    assert load(P201, "MeterValues", response=False)["additionalProperties"] is False


@pytest.mark.parametrize("unit", ["Celsius", "Celcius", "Hertz", "Wh"])
def test_units_in_both_messages_of_16(unit: str) -> None:
    meter = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1", "unit": unit}]}]
    assert validate_request(P16, "MeterValues", {"connectorId": 1, "meterValue": meter}) is None
    stop = {"transactionId": 1, "timestamp": "2026-01-01T00:00:00Z", "meterStop": 1, "transactionData": meter}
    assert validate_request(P16, "StopTransaction", stop) is None


@pytest.mark.parametrize(
    ("protocol", "action", "permits"),
    [
        (P201, "TransactionEvent", True),
        (P201, "StatusNotification", True),
        (P201, "BootNotification", False),
        (P201, "Authorize", False),
        (P16, "MeterValues", True),
        (P16, "StartTransaction", False),
        (P16, "StopTransaction", True),
        (P21, "NotifySettlement", True),
    ],
)
def test_empty_responses(protocol: Protocol, action: str, permits: bool) -> None:  # noqa: FBT001
    assert permits_empty_response(protocol, action) is permits


def test_unknown_actions_are_a_programming_error() -> None:
    with pytest.raises(KeyError):
        validate_request(P16, "TransactionEvent", {})
    with pytest.raises(KeyError):
        validate_response(P21, "NotifyPeriodicEventStream", {})


def test_custom_data_may_hold_anything() -> None:
    custom = {"customData": {"vendorId": "x", "anything": [1, {"a": None}]}}
    assert validate_request(P201, "Heartbeat", custom) is None
    assert violation(validate_request(P201, "Heartbeat", {"customData": {}})) == (
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "/customData",
    )


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 1e20, 2**64])
def test_integers_have_32_bits(number: float) -> None:
    status = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": number, "connectorId": 1}
    assert violation(validate_request(P201, "StatusNotification", status)) == (
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        "/evseId",
    )


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31), 1.0, 1e3])
def test_any_integer_of_32_bits_will_do(number: float) -> None:
    status = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": number, "connectorId": 1}
    assert validate_request(P201, "StatusNotification", status) is None


EVENT = {
    "eventType": "Updated",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "a"},
}


@pytest.mark.parametrize("end", ["X", "Y" + "0" * 100 + "Z", "+1:00", "Z "])
@pytest.mark.parametrize("custom", [{}, {"customData": {"vendorId": "v", "list": []}}])
def test_a_date_time_may_be_wrong_behind_any_number_of_decimals(end: str, custom: dict[str, Any]) -> None:
    right, wrong = (f"2026-01-01T00:00:00.{'0' * 40_000}{text}" for text in ("Z", end))
    event = EVENT | custom | {"meterValue": [{"timestamp": right, "sampledValue": [{"value": 1}]}] * 20}
    assert validate_request(P201, "TransactionEvent", event) is None
    found = violation(validate_request(P201, "TransactionEvent", event | {"timestamp": wrong}))
    assert found == (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/timestamp")


def test_what_is_wrong_at_the_end_of_a_long_url_is_found() -> None:
    asked = {"location": f"ftp://example.org/{'a' * 5_000} <", "retrieveDate": "2026-01-01T00:00:00Z"}
    assert violation(validate_request(P16, "UpdateFirmware", asked))[0] is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert len(all_violations_request(P16, "UpdateFirmware", asked)) == 1


def test_missing_and_unknown_fields_are_named_each() -> None:
    payload = {"evse": {}, "type": "OnIdle", "a/b": 1, "other": 2}
    found = all_violations_request(Protocol.OCPP201, "Reset", payload)
    assert {pointer for violation in found for pointer, _ in violation.by_field()} == {"/a~1b", "/other", "/evse"}
    (missing,) = all_violations_request(Protocol.OCPP201, "ChangeAvailability", {})
    assert (missing.pointer, list(missing.by_field())) == (
        "",
        [("/operationalStatus", "field operationalStatus is required")],
    )
