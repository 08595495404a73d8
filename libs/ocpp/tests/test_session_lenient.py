"""What the lenient mode takes."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from typing import Any

import orjson
import pytest
from csms_ocpp.errors import ErrorCode
from csms_ocpp.session import NoticeKind, Outcome
from csms_ocpp.versions import Protocol

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@pytest.mark.parametrize(
    ("action", "payload", "carried", "told"),
    [
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "S" * 26}},
            None,
            "/chargingStation/serialNumber: may have at most 25 characters",
        ),
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "modem": None}},
            BOOT,
            "/chargingStation/modem: must be of type object",
        ),
        (
            "StatusNotification",
            STATUS | {"connectorStatus": "Charging", "customData": {"vendorId": "v", "kept": None}},
            None,
            "/connectorStatus: must be one of Available, Occupied, Reserved, Unavailable, Faulted",
        ),
    ],
)
def test_lenient_takes_what_can_be_read_and_notes_what_was_wrong(
    action: str, payload: Any, carried: Any, told: str, connect: Any, dispatched: Any, noticed: Any
) -> None:
    effects = connect(lenient=True).call("a", action, payload)
    assert orjson.loads(dispatched(effects).payload) == (payload if carried is None else carried)
    assert (noticed(effects).kind, noticed(effects).action, noticed(effects).detail) == (
        NoticeKind.TOLERATED,
        action,
        told,
    )
    assert noticed(connect().call("a", action, payload)).kind is NoticeKind.CALL_REFUSED


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": None, "vendorName": "V"}}),
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": ["M"], "vendorName": "V"}}),
        ("StatusNotification", STATUS | {"connectorStatus": "x" * 17}),
        ("StatusNotification", STATUS | {"connectorStatus": ""}),
        (
            "TransactionEvent",
            {
                "eventType": "Paused",
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "t"},
            },
        ),
        (
            "TransactionEvent",
            {
                "eventType": "Started",
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "t" * 37},
            },
        ),
    ],
)
def test_lenient_refuses_what_nobody_could_read(action: str, payload: Any, connect: Any, noticed: Any) -> None:
    assert noticed(connect(lenient=True).call("a", action, payload)).kind is NoticeKind.CALL_REFUSED


def test_what_is_tolerated_in_a_queued_call_is_noted_once(connect: Any, noticed: Any) -> None:
    line = connect(lenient=True)
    line.call("a", "StatusNotification", STATUS)
    assert noticed(line.call("b", "StatusNotification", STATUS | {"connectorStatus": "Charging"})).kind is (
        NoticeKind.TOLERATED
    )
    (effect,) = line.call("c", "StatusNotification", STATUS) or [None]
    assert effect is None


def test_lenient_takes_a_long_list_with_unknown_values_but_not_with_null(
    connect: Any, dispatched: Any, noticed: Any
) -> None:
    def values(**more: Any) -> dict[str, Any]:
        sampled = [{"value": 1, "measurand": "Temperature", **more}]
        return {"evseId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": sampled}] * 5000}

    effects = connect(lenient=True).call("a", "MeterValues", values())
    assert orjson.loads(dispatched(effects).payload) == values()
    assert (noticed(effects).kind, noticed(effects).code) == (
        NoticeKind.TOLERATED,
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    )
    assert noticed(connect(lenient=True).call("a", "MeterValues", values(phase=None))).kind is NoticeKind.CALL_REFUSED


STATUS_16 = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
SAMPLE_16 = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "12.5", "unit": "kWh"}]}


@pytest.mark.parametrize(
    ("action", "payload", "carried"),
    [
        ("StatusNotification", STATUS_16 | {"connectorId": "1"}, STATUS_16),
        ("StatusNotification", STATUS_16 | {"connectorId": " 1 ", "info": None}, STATUS_16),
        ("Authorize", {"idTag": 12345}, {"idTag": "12345"}),
        ("Authorize", {"idTag": 5, "vendors": [[[1]]]}, {"idTag": "5", "vendors": [[[1]]]}),
        (
            "MeterValues",
            {"connectorId": "2", "meterValue": [SAMPLE_16 | {"sampledValue": [{"value": 12.5, "unit": "kWh"}]}]},
            {"connectorId": 2, "meterValue": [SAMPLE_16]},
        ),
    ],
)
def test_lenient_reads_numbers_that_were_written_as_texts_and_the_other_way_round(
    action: str, payload: Any, carried: Any, connect: Any, dispatched: Any, noticed: Any
) -> None:
    effects = connect(Protocol.OCPP16, lenient=True).call("a", action, payload)
    assert orjson.loads(dispatched(effects).payload) == carried
    assert noticed(effects).kind is NoticeKind.TOLERATED


@pytest.mark.parametrize("wrong", ["one", "1.5", "", "9" * 30, True, {}, [1]])
def test_lenient_refuses_what_is_no_number(wrong: Any, connect: Any, noticed: Any) -> None:
    effects = connect(Protocol.OCPP16, lenient=True).call("a", "StatusNotification", STATUS_16 | {"connectorId": wrong})
    assert noticed(effects).kind is NoticeKind.CALL_REFUSED


CAME = "2026-01-02T00:00:00.000Z"
VALUES_16 = {"sampledValue": [{"value": "5"}]}
START_16 = {"connectorId": 1, "idTag": "T", "meterStart": 100}
STOP_16 = {"transactionId": 1, "meterStop": 100, "transactionData": [SAMPLE_16]}


@pytest.mark.parametrize(
    ("action", "payload", "carried"),
    [
        ("StartTransaction", START_16, START_16 | {"timestamp": CAME}),
        ("StartTransaction", START_16 | {"connectorId": "1", "timestamp": None}, START_16 | {"timestamp": CAME}),
        ("StartTransaction", START_16 | {"timestamp": "27/11/2026"}, START_16 | {"timestamp": CAME}),
        ("StopTransaction", STOP_16 | {"meterStop": 100.0}, STOP_16 | {"timestamp": CAME}),
        (
            "StopTransaction",
            STOP_16 | {"meterStop": "100.0", "timestamp": "2026-01-01T00:00:00Z", "transactionData": [VALUES_16]},
            STOP_16 | {"timestamp": "2026-01-01T00:00:00Z", "transactionData": [VALUES_16 | {"timestamp": CAME}]},
        ),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": [VALUES_16, SAMPLE_16]},
            {"connectorId": 1, "meterValue": [VALUES_16 | {"timestamp": CAME}, SAMPLE_16]},
        ),
        ("StatusNotification", STATUS_16 | {"timestamp": ""}, STATUS_16 | {"timestamp": CAME}),
        ("StatusNotification", STATUS_16 | {"connectorId": 1.0}, STATUS_16),
    ],
)
def test_lenient_takes_the_time_of_receipt_and_integers_with_decimals(
    action: str, payload: Any, carried: Any, connect: Any, dispatched: Any, noticed: Any
) -> None:
    effects = connect(Protocol.OCPP16, lenient=True).call("a", action, payload)
    taken = orjson.loads(dispatched(effects).payload)
    assert (taken, repr(taken.get("meterStop"))) == (carried, repr(carried.get("meterStop")))
    assert noticed(effects).kind is NoticeKind.TOLERATED
    assert noticed(connect(Protocol.OCPP16).call("a", action, payload)).kind is NoticeKind.CALL_REFUSED


def test_no_other_version_takes_the_time_of_receipt(connect: Any, noticed: Any) -> None:
    effects = connect(lenient=True).call("a", "StatusNotification", STATUS | {"timestamp": "today"})
    assert noticed(effects).kind is NoticeKind.CALL_REFUSED


def test_strictly_a_number_is_a_number(connect: Any, noticed: Any) -> None:
    effects = connect(Protocol.OCPP16).call("a", "StatusNotification", STATUS_16 | {"connectorId": "1"})
    assert (noticed(effects).kind, noticed(effects).code) == (
        NoticeKind.CALL_REFUSED,
        ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    )


OURS = "019f2a5c-0000-7000-8000-0123456789ab"


@pytest.mark.parametrize("message_id", ["1", "-1", "answer-17", OURS.upper(), OURS.replace("-", ""), OURS[:32]])
def test_an_answer_under_another_id_is_taken_where_one_call_is_open(message_id: str, connect: Any, sent: Any) -> None:
    line = connect(Protocol.OCPP16, lenient=True)
    line.command(id=OURS)
    line.command(id="c2")
    notice, done, following = line.text(3, message_id, {"status": "Accepted"})
    assert (notice.kind, notice.action) == (NoticeKind.TOLERATED, "ClearCache")
    assert notice.detail == f"the answer came under another message id: {message_id}"
    assert (done.id, done.payload) == (OURS, b'{"status":"Accepted"}')
    assert sent([following])[1] == "c2"


def test_an_answer_under_another_id_is_not_taken_where_it_may_be_another_ones(connect: Any, noticed: Any) -> None:
    def is_stray(line: Any, *frame: object) -> bool:
        return noticed(line.text(*frame)).kind is NoticeKind.UNKNOWN_ANSWER

    line, answer = connect(Protocol.OCPP16, lenient=True), {"status": "Accepted"}
    assert is_stray(line, 3, "1", answer)  # nobody asked
    line.command(id=OURS)
    assert is_stray(line, 3, OURS.replace("9", "8"), answer)  # one of ours, from an earlier connection
    assert is_stray(line, 3, "1", {"status": 7})  # no answer to this
    assert is_stray(line, 4, "1", "GenericError", "", {})  # about what, it does not say
    assert line.text(3, OURS, answer)[0].outcome is Outcome.RESULT
    line.command(id="c2", timeout_s=1.0)
    line.session.tick(1.0)
    line.command(id="c3", now=1.0)
    assert is_stray(line, 3, "1", answer)  # may be the answer to the one that was too slow
    strict = connect(Protocol.OCPP16)
    strict.command(id=OURS)
    assert is_stray(strict, 3, "1", answer)


def test_a_long_answer_under_another_id_is_checked_in_steps(connect: Any) -> None:
    line = connect(Protocol.OCPP16, lenient=True)
    line.command("GetConfiguration", id=OURS)
    key = {"key": "K", "readonly": False, "value": "v" * 90}
    reading = line.session.reading(orjson.dumps([3, "1", {"configurationKey": [key] * 10_000}]), 1.0)
    steps = sum(1 for _ in reading)
    assert steps > 20
