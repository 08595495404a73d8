"""Which transactions run, as the gateway tells from payloads."""

import orjson
import pytest
from csms_gateway.running import MOST, NONE, after_event, after_start, after_stop
from csms_gateway.versions import GATEWAY_VERSIONS
from csms_ocpp.versions import VERSIONS, Protocol


def event(kind: str, transaction_id: str = "tx-1", *, spaces: bool = False) -> bytes:
    payload = {"eventType": kind, "seqNo": 0, "transactionInfo": {"transactionId": transaction_id}}
    return orjson.dumps(payload, option=orjson.OPT_INDENT_2 if spaces else None)


@pytest.mark.parametrize("spaces", [False, True])
def test_a_transaction_runs_until_it_ends(spaces: bool) -> None:  # noqa: FBT001 a case
    running = after_event(NONE, event("Started", spaces=spaces))
    assert running == {b"tx-1"}
    assert after_event(running, event("Updated", spaces=spaces)) is running
    assert after_event(running, event("Ended", spaces=spaces)) == NONE


def test_one_that_was_begun_before_the_connection_is_known_by_its_next_event() -> None:
    assert after_event(NONE, event("Updated")) == {b"tx-1"}
    assert after_event(NONE, event("Ended")) is NONE


def test_another_evse_goes_on() -> None:
    running = after_event(after_event(NONE, event("Started")), event("Started", "tx-2"))
    assert after_event(running, event("Ended")) == {b"tx-2"}


def test_no_station_is_remembered_without_limit() -> None:
    running = NONE
    for number in range(2 * MOST):
        running = after_event(running, event("Started", f"tx-{number}"))
    assert len(running) == MOST


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b'{"eventType": 1, "transactionInfo": {"transactionId": null}}',
        b'{"eventType":"Ended"',
        b'{"eventType":"Updated","transactionInfo":{"transactionId":"a\\"b"}}',
        b'"eventType""transactionId"',
    ],
)
def test_what_is_not_understood_never_fails(payload: bytes) -> None:
    after_event(NONE, payload)
    after_event(frozenset({b"tx-1"}), payload)


def test_ocpp_16_counts_starts_and_stops() -> None:
    assert after_stop(after_start(NONE, b"{}"), b"{}") is NONE
    assert after_start(NONE, b"{}") != NONE


@pytest.mark.parametrize("protocol", Protocol)
def test_each_version_names_messages_that_it_has(protocol: Protocol) -> None:
    named = GATEWAY_VERSIONS[protocol].running
    assert named
    assert all(VERSIONS[protocol].actions[action].from_station for action in named)
