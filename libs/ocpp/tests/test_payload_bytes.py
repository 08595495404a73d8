"""A payload goes through the session byte for byte, in each of the four directions, however oddly it is written."""

from typing import Any

import pytest
from csms_ocpp.session import Command, Outcome

VALUES = {
    "spacing": b'{ "x" :\t[ 1 ,\n2 ] }',
    "a key twice": b'{"x":1,"x":2}',
    "escapes": rb'"\u0041\u00e9\/\ud83d\ude00\\"',
    "exponents": b"[1.0e2,1E+2,-0.0,0.10]",
    "many digits": b"[123456789012345678901234567890,0.123456789012345678901234567890]",
    "text beyond ASCII": '"\u00e9\U0001f600\u2028"'.encode(),
}


@pytest.fixture(params=VALUES)
def value(request: pytest.FixtureRequest) -> bytes:
    return VALUES[request.param]


@pytest.fixture
def carrying(value: bytes) -> Any:
    """A payload of a DataTransfer of 2.0.1, where `data` may be anything."""
    return lambda members: b'{ "data" : ' + value + b" ,\n" + members + b"}"


def test_of_a_call_of_the_station(connect: Any, dispatched: Any, carrying: Any) -> None:
    payload = carrying(b'"vendorId":"v"')
    dispatch = dispatched(connect().session.receive_text(b'[2, "a" ,"DataTransfer",' + payload + b" ]", 0.0))
    assert bytes(dispatch.payload) == payload


def test_of_an_answer_to_the_station(connect: Any, dispatched: Any, carrying: Any) -> None:
    line = connect()
    dispatch = dispatched(line.call("a", "DataTransfer", {"vendorId": "v"}))
    payload = carrying(b'"status":"Accepted"')
    [sent] = line.session.reply(dispatch.correlation, payload)
    assert sent.text == '[3,"a",' + payload.decode() + "]"


def test_of_a_call_of_the_csms(connect: Any, carrying: Any) -> None:
    payload = carrying(b'"vendorId":"v"')
    [sent] = connect().session.command(Command("c1", "DataTransfer", payload, 30.0, 100.0), 0.0)
    assert sent.text == '[2,"c1","DataTransfer",' + payload.decode() + "]"


def test_of_a_stations_answer(connect: Any, done: Any, carrying: Any) -> None:
    line = connect()
    line.command("DataTransfer", {"vendorId": "v"})
    payload = carrying(b'"status":"Accepted"')
    finished = done(line.session.receive_text(b'[3, "c1",' + payload + b"\n]", 1.0))
    assert (finished.outcome, bytes(finished.payload)) == (Outcome.RESULT, payload)
