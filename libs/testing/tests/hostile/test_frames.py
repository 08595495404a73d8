"""What the attacker writes is what a decent implementation of WebSocket reads."""

import json

import pytest
from csms_testing.hostile import kinds
from csms_testing.hostile.bombs import BOMBS, too_large
from csms_testing.hostile.frames import Opcode, compressed, deflated_frame, frame
from csms_testing.hostile.heavy import HEAVY
from csms_testing.hostile.message import LARGEST, Message
from csms_testing.hostile.odd import grown, odd_calls, odd_errors, odd_results
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import SERVER, State
from websockets.server import ServerProtocol


def read(data: bytes, *, limit: int = LARGEST) -> list[Frame]:
    """The frames as a server with permessage-deflate reads them."""
    protocol = ServerProtocol(state=State.OPEN, max_size=limit)
    assert protocol.side is SERVER
    protocol.extensions = [
        PerMessageDeflate(
            remote_no_context_takeover=True,
            local_no_context_takeover=True,
            remote_max_window_bits=15,
            local_max_window_bits=15,
        )
    ]
    protocol.receive_data(data)
    if protocol.parser_exc is not None:
        raise protocol.parser_exc
    return [event for event in protocol.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_of_any_length(size):
    (found,) = read(frame(b"x" * size, Opcode.BINARY))
    assert found.data == b"x" * size
    assert found.opcode == Opcode.BINARY
    assert found.fin


def test_a_frame_without_its_mask_breaks_the_protocol():
    with pytest.raises(ProtocolError):
        read(frame(b"x", masked=False))


def test_pieces_are_one_compressed_message():
    (found,) = read(deflated_frame(compressed(b"abc" * 1000), compressed(b"def" * 1000)))
    assert found.data == b"abc" * 1000 + b"def" * 1000


def test_a_message_is_the_same_plain_and_compressed_with_each_id():
    message = Message.call("Heartbeat", {})
    for message_id in ("a", "b" * 36):
        assert json.loads(read(message.plain(message_id))[0].data) == [2, message_id, "Heartbeat", {}]
        assert read(message.deflated(message_id))[0].data == read(message.plain(message_id))[0].data


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_small_on_the_wire_and_as_large_as_allowed(name):
    sent = BOMBS[name][1]().deflated("bomb")
    (found,) = read(sent)
    assert len(found.data) > 5 * len(sent) or "keys" in name
    assert len(found.data) <= LARGEST
    assert len(found.data) > LARGEST * 0.9 or "nest" in name or name.endswith(("within", "small"))


def test_what_unpacks_to_too_much_is_refused():
    with pytest.raises(PayloadTooBig):
        read(too_large())


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_messages_are_calls(name):
    for message in HEAVY[name][1]()[:3]:
        kind, message_id, _, payload = json.loads(read(message.deflated("m"))[0].data)
        assert (kind, message_id, type(payload)) == (2, "m", dict)


@pytest.mark.parametrize("message", [*odd_calls(), *grown(), *odd_results()[:2], *odd_errors()[:5]])
def test_odd_messages_are_json(message):
    sent = read(message.deflated("m"))[0].data
    assert sent[:2] in {b"[2", b"[3", b"[4"}
    assert sent.endswith(b"]")
    assert b"\0" not in sent


def test_each_kind_has_a_name_of_its_own():
    made = kinds.kinds(connections=10)
    assert len({kind.name for kind in made}) == len(made)
    assert kinds.chosen("pongs").group == kinds.FRAMES
