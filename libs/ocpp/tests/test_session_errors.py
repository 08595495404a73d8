"""What a station says of a failure: kept, bounded, fit for a database, and without the secrets that it was sent."""

from typing import Any

import orjson
import pytest
from csms_ocpp.session import CommandDone, Outcome
from csms_ocpp.versions import Protocol

SECRET = 'hunter2-"hunter2"'
SETTING = {
    "setVariableData": [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword "},
            "attributeValue": SECRET,
        }
    ]
}


def failed(connect: Any, *error: object, action: str = "SetVariables", payload: object = SETTING) -> Any:
    line = connect()
    line.command(action, payload)
    (done,) = line.text(*error)
    assert isinstance(done, CommandDone)
    assert done.outcome is Outcome.ERROR
    return done.error


@pytest.mark.parametrize(
    ("description", "details"),
    [
        (f"no such value: {SECRET}", {}),
        ("", {"value": SECRET}),
        ("", {"request": SETTING}),
        ("", {"text": f"<{SECRET}>"}),
        ("", {f"field {SECRET}": 1}),
        ("", {"password ": "another secret", "seen": [{"key": "AuthorizationKey", "value": SECRET}]}),
    ],
)
def test_secrets_are_masked(description: str, details: object, connect: Any) -> None:
    error = failed(connect, 4, "c1", "InternalError", description, details)
    told = repr(error)
    assert "hunter2" not in told
    assert "another" not in told
    assert orjson.loads(error.details) is not None


def test_an_invalid_answer_is_shown_without_secrets(connect: Any) -> None:
    line = connect()
    line.command("SetVariables", SETTING)
    (done,) = [each for each in line.text(3, "c1", {"echo": SECRET}) if isinstance(each, CommandDone)]
    assert orjson.loads(done.error.details) == {"answer": {"echo": "***"}}  # type: ignore[union-attr]


def test_all_else_is_kept(connect: Any) -> None:
    error = failed(connect, 4, "c1", "InternalError", "why", {"a": [1, 2.5, None, "x"]})
    assert (error.code, error.description, orjson.loads(error.details)) == (
        "InternalError",
        "why",
        {"a": [1, 2.5, None, "x"]},
    )


def test_nul_is_replaced_and_nothing_lost(connect: Any) -> None:
    error = failed(connect, 4, "c1", "Odd\0", "no\0pe", {"a\0": ["b\0", "back\\u0000slash"], "c": {"\\\0": 1}})
    assert (error.code, error.description) == ("Odd\ufffd", "no\ufffdpe")
    assert orjson.loads(error.details) == {
        "a\ufffd": ["b\ufffd", "back\\u0000slash"],
        "c": {"\\\ufffd": 1},
    }


@pytest.mark.parametrize("details", [{"a": "x" * 100_000}, {"a": [{}] * 60_000}])
def test_long_details_are_left_out(details: object, connect: Any) -> None:
    error = failed(connect, 4, "c1", "InternalError", "why", details)
    assert orjson.loads(error.details)["omitted_bytes"] > 100_000
    assert error.description == "why"


def test_deep_details_are_cut(connect: Any) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert len(failed(connect, 4, "c1", "InternalError", "", {"a": deep}).details) < 200


@pytest.mark.parametrize("payload", [{"status": "\0"}, {"status": "Accepted", "customData": {"vendorId": "\0"}}])
@pytest.mark.parametrize("protocol", [Protocol.OCPP201, Protocol.OCPP21])
def test_nul_in_a_result_is_an_error(payload: object, protocol: Protocol, connect: Any) -> None:
    line = connect(protocol)
    line.command()
    (done,) = [each for each in line.text(3, "c1", payload) if isinstance(each, CommandDone)]
    assert done.outcome is Outcome.ERROR
    assert done.error is not None
    assert done.error.code == "FormatViolation"
    assert b"u0000" not in done.error.details


@pytest.mark.parametrize(("code", "details"), [("1234", {"n": 1234}), ("u000", {"n": "\1"}), ("true", {"n": True})])
def test_details_stay_json_whatever_the_secret_is(code: str, details: object, connect: Any) -> None:
    request = {"remoteStartId": 1, "idToken": {"idToken": code, "type": "KeyCode"}}
    answer = (4, "c1", "GenericError", "", details)
    told = failed(connect, *answer, action="RequestStartTransaction", payload=request).details
    assert code.encode() not in told
    assert isinstance(orjson.loads(told), dict)


def answered(connect: Any, payload: object, *answer: object, action: str) -> Any:
    line = connect()
    line.command(action, payload)
    (done,) = line.text(3, "c1", *answer)
    assert done.outcome is Outcome.RESULT
    return orjson.loads(done.payload)


def test_what_a_station_says_of_a_secret_in_a_valid_answer_is_masked(connect: Any) -> None:
    answer = {
        "setVariableResult": [
            {
                "attributeStatus": "Rejected",
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeStatusInfo": {"reasonCode": "BadValue", "additionalInfo": f"not good: {SECRET}!"},
            }
        ]
    }
    shown = answered(connect, SETTING, answer, action="SetVariables")
    assert shown["setVariableResult"][0].pop("attributeStatusInfo") == {
        "reasonCode": "BadValue",
        "additionalInfo": "not good: ***!",
    }
    del answer["setVariableResult"][0]["attributeStatusInfo"]
    assert shown == answer


def test_what_only_looks_like_a_short_secret_stays(connect: Any) -> None:
    request = {"remoteStartId": 1, "idToken": {"idToken": "1234", "type": "KeyCode"}}
    answer = {"status": "Accepted", "transactionId": "tx-1234"}
    assert answered(connect, request, answer, action="RequestStartTransaction") == answer
