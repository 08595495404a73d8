"""Separates a client's HTTP request from the bytes that come after it."""

_END = b"\r\n\r\n"
MOST_BYTES = 64 * 1024
"""Bytes that a client may send before it is answered, with its request."""


class RequestReader:
    """Gives websockets the request alone: it would read what follows as frames before the answer says how."""

    __slots__ = ("_count", "_tail", "rest")

    def __init__(self) -> None:
        self._count = 0
        self._tail = b""
        self.rest: bytes | None = None
        """Bytes that came after the request. None: the request is not complete."""

    def take(self, data: bytes) -> bytes:
        """Return the part of `data` that belongs to the request. Raises ValueError after more than `MOST_BYTES`."""
        self._count += len(data)
        if self._count > MOST_BYTES:
            raise ValueError("the request is too long")
        if self.rest is not None:
            self.rest += data
            return b""
        known = self._tail + data
        end = known.find(_END)
        if end < 0:
            self._tail = known[1 - len(_END) :]
            return data
        taken = end + len(_END) - len(self._tail)
        self.rest = data[taken:]
        return data[:taken]
