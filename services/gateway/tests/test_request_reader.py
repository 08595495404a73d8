"""What belongs to the HTTP request, however it is cut."""

import pytest
from csms_gateway.request_reader import MOST_BYTES, RequestReader

REQUEST, BEHIND = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x81\x80\0\0\0\0"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_the_request_is_cut_from_what_comes_behind(size: int) -> None:
    reader, stream, taken = RequestReader(), REQUEST + BEHIND, b""
    for at in range(0, len(stream), size):
        taken += reader.take(stream[at : at + size])
    assert (taken, reader.rest) == (REQUEST, BEHIND)


def test_what_never_ends_is_refused() -> None:
    reader = RequestReader()
    reader.take(bytes(MOST_BYTES))
    with pytest.raises(ValueError, match="too long"):
        reader.take(b"x")
