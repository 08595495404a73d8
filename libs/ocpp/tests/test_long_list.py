"""A payload that is read in pieces gets the verdict that it would get as a whole."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from csms_ocpp import long_list
from csms_ocpp.long_list import LongList
from csms_ocpp.validation import validate_request
from csms_ocpp.versions import Protocol
from hypothesis import given, settings
from hypothesis import strategies as st

AT = "2026-01-01T00:00:00Z"
EVENT = {
    "eventId": 1,
    "timestamp": AT,
    "trigger": "Delta",
    "actualValue": '},{"eventId":1',
    "eventNotificationType": "CustomMonitor",
    "component": {"name": "c"},
    "variable": {"name": "v"},
}
SAMPLE = {"value": 230.1, "context": "Sample.Periodic", "measurand": "Voltage", "unitOfMeasure": {"unit": "V"}}
METER = {"timestamp": AT, "sampledValue": [SAMPLE] * 8}
TRANSACTION = {
    "eventType": "Ended",
    "timestamp": AT,
    "seqNo": 1,
    "triggerReason": "EVDeparted",
    "transactionInfo": {"transactionId": "t"},
}


def whole(found: LongList) -> Any:
    """The payload, put together from its pieces."""
    items: list[Any] = []
    payload: Any = None
    for first, payload in found.payloads():
        assert first == len(items)
        items += at(payload, found.path)
    *steps, last = found.path
    at(payload, tuple(steps))[last] = items
    return payload


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def events(items: list[Any]) -> dict[str, Any]:
    return {"generatedAt": AT, "seqNo": 0, "eventData": items}


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        (("eventData",), events([EVENT] * 3000)),
        (("eventData",), {"eventData": [EVENT] * 3000, "generatedAt": AT, "seqNo": 0}),
        (("eventData",), {"customData": {"vendorId": "v", "a": [1, 2, {"b": []}]}, **events([EVENT] * 3000)}),
        (("eventData",), events([EVENT] * 3000) | {"customData": {"vendorId": "v", "a": [[{"b": 1}], 2]}}),
        (("meterValue",), TRANSACTION | {"meterValue": [METER] * 500}),
        (
            ("meterValue", 0, "sampledValue"),
            TRANSACTION | {"meterValue": [{"timestamp": AT, "sampledValue": [SAMPLE] * 5000}]},
        ),
        (("data", "x", "y"), {"vendorId": "v", "data": {"x": {"y": [{"k": "é" * 20}] * 9000}}}),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_the_pieces_are_the_whole(path: tuple[Any, ...], payload: Any, indent: int | None) -> None:
    raw = json.dumps(payload, indent=indent, ensure_ascii=False).encode()
    found = LongList.find(raw)
    assert found is not None
    assert found.path == path
    assert whole(found) == payload


@pytest.mark.parametrize(
    "raw",
    [
        orjson.dumps(events([EVENT] * 100)),
        orjson.dumps([EVENT] * 3000),
        orjson.dumps({"customData": {f"k{number}": {"a": 1} for number in range(30_000)}}),
        orjson.dumps({"a": "[" + orjson.dumps([EVENT] * 3000).decode() + "]"}),
        orjson.dumps({"a": [EVENT] * 3000, "b": [1] * 9000}),
        orjson.dumps(events([1] * 200_000)),
        orjson.dumps(events([EVENT] * 3000))[:-1] + b',"eventData":[]}',
        orjson.dumps(events([EVENT] * 3000)) + b",{}",
        b"[" * 300_000,
    ],
    ids=["short", "list", "keys", "text", "two", "numbers", "twice", "five", "brackets"],
)
def test_what_is_no_single_list_of_like_entries_is_left_whole(raw: bytes) -> None:
    assert LongList.find(raw) is None


def checked(raw: bytes, action: str = "NotifyEvent") -> str | None:
    """What a payload's check says; both as a whole and in pieces."""

    def violation_of(payload: object) -> Any:
        return validate_request(Protocol.OCPP201, action, payload, outbound=False)

    found = LongList.find(raw)
    assert found is not None
    problem = found.check(violation_of)
    violation = violation_of(orjson.loads(raw))
    assert (problem is None) is (violation is None)
    if problem is None:
        return None
    assert (problem.code, problem.description) == (violation.code, violation.description)
    return problem.description


@pytest.mark.parametrize("number", [0, 1, 1499, 2998, 2999])
def test_one_wrong_entry_is_named(number: int) -> None:
    items = [EVENT] * 3000
    items[number] = EVENT | {"trigger": "Other"}
    said = checked(orjson.dumps(events(items)))
    assert said is not None
    assert said.startswith(f"/eventData/{number}/trigger: must be one of ")


MISSING = "/: field generatedAt is required"


def test_what_is_wrong_beside_the_list_is_named() -> None:
    assert checked(orjson.dumps(events([EVENT] * 3000) | {"seqNo": "1"})) == "/seqNo: must be of type integer"
    assert checked(
        orjson.dumps({"eventData": [EVENT] * 3000, "seqNo": 0})
    ) == ": field generatedAt is required".replace(":", "/:", 1)
    assert checked(orjson.dumps(events([EVENT] * 3000))) is None


def test_too_many_entries_are_counted() -> None:
    period = {"startPeriod": 0, "limit": 1.5, "customData": {"vendorId": "v" * 200}}
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period] * 1100}
    raw = orjson.dumps({"timeBase": AT, "evseId": 1, "chargingSchedule": schedule})
    text = "/chargingSchedule/chargingSchedulePeriod: may have at most 1024 items"
    assert checked(raw, "NotifyEVChargingSchedule") == text


def test_what_cannot_be_read_in_pieces_after_all_is_read_as_a_whole() -> None:
    assert checked(orjson.dumps(events([EVENT] * 3000) | {"more": [EVENT] * 3000})) == "/: unknown field more"


def test_what_turns_out_to_be_no_json_is_refused() -> None:
    raw = orjson.dumps(events([EVENT] * 3000))
    for middle in (b'"x"', b"\xff", b'"\\ud800"'):
        found = LongList.find(raw[:300_000] + middle + raw[300_000:])
        assert found is not None
        problem = found.check(lambda _payload: None)
        assert problem is not None
        assert problem.code == "FormatViolation"
        assert problem.description.startswith("not valid JSON: ")


@pytest.mark.parametrize(
    ("custom", "text"),
    [(b"[" * 300 + b"]" * 300, "nested too deeply"), (b'"\\u0000"', "a string holds the character NUL")],
)
def test_what_nobody_can_store_is_refused(custom: bytes, text: str) -> None:
    items = [EVENT] * 3000
    items[1000] = EVENT | {"customData": {"vendorId": "v", "x": "@"}}
    found = LongList.find(orjson.dumps(events(items)).replace(b'"@"', custom))
    assert found is not None
    problem = found.check(lambda _payload: None)
    assert problem is not None
    assert problem.description == text


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('[]{},:"\\ ab', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["eventId", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(
    entries=st.lists(ODD | st.fixed_dictionaries({"eventId": ODD}, optional={"x": ODD}), max_size=40),
    before=ODD,
    behind=ODD,
    more=ODD,
)
def test_whatever_is_found_is_the_whole(entries: list[Any], before: Any, behind: Any, more: Any) -> None:
    """With pieces of some bytes, so that a few entries make a long list."""
    payload = {"a": before, "list": [{"eventId": 0}, *entries], "b": behind, **({"c": more} if more else {})}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_list, "LONG_BYTES", 20)
        patch.setattr(long_list, "_PIECE_BYTES", 8)
        patch.setattr(long_list, "_LONGEST_PIECE", 120)
        found = LongList.find(orjson.dumps(payload))
        if found is None:
            return
        with contextlib.suppress(long_list.NotInPiecesError):
            assert whole(found) == payload
