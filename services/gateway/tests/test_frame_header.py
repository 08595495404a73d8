"""Where a frame ends, as its header says, compared with what websockets writes."""

import pytest
from csms_gateway.frame_header import read_header
from websockets.frames import Frame, Opcode


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
@pytest.mark.parametrize("mask", [True, False])
def test_the_end_of_a_frame_is_found_as_soon_as_its_header_is_there(length: int, *, mask: bool) -> None:
    data = Frame(Opcode.TEXT, bytes(length)).serialize(mask=mask)
    stream = b"before" + data + b"behind"
    header = read_header(stream, len(b"before"))
    assert header is not None
    assert (header.length, header.payload) == (len(data), length)
    assert header.is_whole
    size = len(data) - length - (4 if mask else 0)
    assert read_header(data[: size - 1], 0) is None
    assert read_header(data[:size], 0) == header


@pytest.mark.parametrize(
    ("frame", "whole", "compressed"),
    [
        (Frame(Opcode.TEXT, b"x", fin=False), False, False),
        (Frame(Opcode.TEXT, b"x", rsv1=True), False, True),
        (Frame(Opcode.CONT, b"x"), False, True),
        (Frame(Opcode.PING, b"x"), True, False),
    ],
)
def test_what_may_become_of_it(frame: Frame, *, whole: bool, compressed: bool) -> None:
    data = bytearray(frame.serialize(mask=True)) if not frame.rsv1 else bytearray(b"\xc1\x81\0\0\0\0x")
    header = read_header(bytes(data), 0)
    assert header is not None
    assert (header.is_whole, header.may_be_compressed) == (whole, compressed)
