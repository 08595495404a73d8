"""Cuts a client's HTTP request from what comes behind it."""

_END = b"\r\n\r\n"
MOST_BYTES = 64 * 1024
"""Of a request, and of what a client may send before it is answered."""


class RequestReader:
    """websockets would take what follows the request for frames at once, before it is known how they are to be read."""

    __slots__ = ("_count", "_tail", "rest")

    def __init__(self) -> None:
        self._count = 0
        self._tail = b""
        self.rest: bytes | None = None
        """What came behind the request; None: the request is not complete."""

    def take(self, data: bytes) -> bytes:
        """Return what of `data` belongs to the request. Raises ValueError when there is more than `MOST_BYTES`."""
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
