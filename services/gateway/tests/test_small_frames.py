"""Small text frames are read and written as websockets does it."""

import random
import struct

import pytest
from csms_gateway.small_frames import begin_of_small_text, small_text_frame, unmasked
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri


def masked(payload: bytes, first: int = 0x81, key: bytes = b"\x01\x80\xfe\x00") -> bytes:
    size = len(payload)
    head = struct.pack(">BB", first, 0x80 | size) if size < 126 else struct.pack(">BBH", first, 0xFE, size)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 125, 126, 127, 300, 4095, 4096])
def test_a_small_text_is_what_websockets_reads(size: int) -> None:
    rng = random.Random(size)  # noqa: S311 no secret
    data = masked(rng.randbytes(size), key=rng.randbytes(4))
    protocol = ServerProtocol(state=State.OPEN)
    protocol.receive_data(data)
    (frame,) = protocol.events_received()
    assert isinstance(frame, Frame)
    assert frame.opcode is Opcode.TEXT
    start = begin_of_small_text(data)
    assert start is not None
    assert unmasked(data, start) == frame.data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        *(masked(b"abc")[:size] for size in range(9)),
        *(masked(b"a" * 200)[:size] for size in range(208)),
        masked(b"a") * 2,
        masked(b"a") + b"\x81",
        masked(b"a" * 4097),
        masked(b"a" * 200).replace(b"\xfe\x00\xc8", b"\xff" + struct.pack(">Q", 200)),
        b"\x81\x01a",
        b"\x81\x7e\x00\x02ab",
        b"\x81\x7f" + struct.pack(">Q", 2) + b"ab",
        *(masked(b"abc", first=first) for first in range(256) if first != 0x81),
    ],
)
def test_all_else_is_left_to_websockets(data: bytes) -> None:
    assert begin_of_small_text(data) is None


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_small_text_is_sent_as_websockets_sends_it(size: int) -> None:
    payload = bytes(range(size))
    protocol = ServerProtocol(state=State.OPEN)
    protocol.send_text(payload)
    assert small_text_frame(payload) == b"".join(protocol.data_to_send())


def test_a_longer_text_is_left_to_websockets() -> None:
    assert small_text_frame(bytes(126)) is None


def test_a_client_that_compresses_takes_a_frame_that_is_not() -> None:
    client = ClientProtocol(parse_uri("ws://x"), state=State.OPEN)
    deflate = PerMessageDeflate(
        remote_no_context_takeover=False,
        local_no_context_takeover=False,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    client.extensions = [deflate]
    client.receive_data(small_text_frame(b'[3,"1",{}]') or b"")
    assert [frame.data for frame in client.events_received() if isinstance(frame, Frame)] == [b'[3,"1",{}]']
