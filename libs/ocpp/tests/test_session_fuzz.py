"""No input makes the session raise, and no input makes it say what it must not."""

import orjson
from csms_ocpp.actions import ACTIONS
from csms_ocpp.session import Command, Effect, Registration, SendText, Session, State
from csms_ocpp.versions import VERSIONS, Protocol
from hypothesis import example, given, settings
from hypothesis import strategies as st

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    SCALARS | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
ACTION = st.sampled_from(sorted({name for table in ACTIONS.values() for name in table})) | st.text(max_size=10)
ID = st.sampled_from(["open", "a", "-1", "x" * 37]) | JSON
FRAMES = (
    st.tuples(st.just(2) | st.just(6), ID, ACTION, JSON)
    | st.tuples(st.just(3), ID, JSON)
    | st.tuples(st.just(4) | st.just(5), ID, JSON, JSON, JSON)
    | st.lists(JSON, max_size=6)
)
PROTOCOLS = st.sampled_from(Protocol)


def session_with_open_command(protocol: Protocol) -> Session:
    session = Session(protocol, registration=Registration.ACCEPTED)
    session.command(Command("open", "ClearCache", b"{}", 30.0, 100.0), 0.0)
    return session


def check(protocol: Protocol, effects: list[Effect]) -> None:
    codes = set(VERSIONS[protocol].spelling.values())
    for effect in effects:
        if isinstance(effect, SendText):
            kind, message_id, code, description, details = orjson.loads(effect.text)
            assert kind == 4 or (kind == 5 and protocol is Protocol.OCPP21)
            assert 0 < len(message_id) <= 36
            assert code in codes
            assert len(description) <= 255
            assert details == {}


@given(PROTOCOLS, st.binary(max_size=200) | st.text(max_size=200))
@example(Protocol.OCPP201, "[" * 5000)
@example(Protocol.OCPP201, '[2,"a","DataTransfer",' + '{"customData":' * 1000 + "1" + "}" * 1000 + "]")
@example(Protocol.OCPP201, '[2,"a","DataTransfer",{"vendorId":"v","data":' + "[" * 600 + "]" * 600 + "}]")
@example(Protocol.OCPP16, '[2,"a","MeterValues",{"connectorId":1e308}]')
@example(Protocol.OCPP21, '[2,"\\ud83d\\ude00","Heartbeat",{"a":123456789012345678901234567890}]')
def test_any_text(protocol: Protocol, data: str | bytes) -> None:
    session = session_with_open_command(protocol)
    check(protocol, session.receive_text(data, 1.0))
    assert session.state is State.OPEN


@settings(max_examples=400)
@given(PROTOCOLS, st.lists(FRAMES, max_size=5))
def test_any_json(protocol: Protocol, frames: list[object]) -> None:
    session = session_with_open_command(protocol)
    for frame in frames:
        check(protocol, session.receive_text(orjson.dumps(frame), 1.0))
    session.close(2.0)


@given(PROTOCOLS, st.data())
def test_any_cut_or_changed_frame(protocol: Protocol, data: st.DataObject) -> None:
    whole = bytearray(b'[2,"a","DataTransfer",{"vendorId":"v","data":"\\u00e4"}]')
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(whole)))
    check(protocol, session_with_open_command(protocol).receive_text(bytes(whole[:length]), 1.0))
