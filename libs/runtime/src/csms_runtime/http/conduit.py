"""What stands between a TCP connection and uvicorn: reads in steps, and an end that lets the last answer arrive.

A read of 256 KiB may hold ten thousands of chunks of a body: uvicorn would hold up all others until it has seen them.
And when a socket is closed while the client still sends, the system resets the connection, and the client loses the
answer that says why (RFC 9112, 9.6): what still comes is read and dropped for a while.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

_STEP_BYTES = 2048
_TURN_S = 0.002


class Conduit(asyncio.Transport):
    """The transport as uvicorn sees it.

    `deliver` takes what came, in steps. `is_cut_short` says, when uvicorn closes, whether the client may still send;
    then at most `most_dropped` bytes are dropped, and `abort` must follow in time.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        deliver: Callable[[bytes], None],
        is_cut_short: Callable[[], bool],
        most_dropped: int,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._deliver = deliver
        self._is_cut_short = is_cut_short
        self._waiting = memoryview(b"")
        self._next: asyncio.Handle | None = None
        self._wanted = True
        """Whether uvicorn reads."""
        self._may_drop = most_dropped
        self.lingering = False
        """Whether all was answered, and what comes is dropped."""

    def received(self, data: bytes) -> None:
        """Take what came."""
        if self.lingering:
            self._drop(len(data))
            return
        self._waiting = memoryview(bytes(self._waiting) + data if self._waiting else data)
        if self._next is None:
            self._deliver_some()

    def _deliver_some(self) -> None:
        self._next = None
        until = time.perf_counter() + _TURN_S
        while self._waiting and self._wanted and not self._transport.is_closing() and not self.lingering:
            step, self._waiting = self._waiting[:_STEP_BYTES], self._waiting[_STEP_BYTES:]
            self._deliver(bytes(step))
            if time.perf_counter() >= until:
                break
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self._transport.is_closing() or self.lingering:
            return
        if not self._waiting and self._wanted:
            self._transport.resume_reading()
            return
        self._transport.pause_reading()
        if self._wanted and self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._deliver_some)

    def _drop(self, size: int) -> None:
        self._may_drop -= size
        if self._may_drop < 0:
            self.abort()

    # What uvicorn calls

    def close(self) -> None:
        """Close once everything is written; if the client still sends, when it ends or is aborted."""
        if self.lingering or self._transport.is_closing() or not self._is_cut_short():
            self._transport.close()
            return
        self.lingering = True
        self._drop(len(self._waiting))
        self._waiting = memoryview(b"")
        self._transport.write_eof()
        self._transport.resume_reading()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether nothing more can be answered."""
        return self.lingering or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Deliver no more."""
        self._wanted = False
        self._read_or_not()

    def resume_reading(self) -> None:
        """Deliver again."""
        self._wanted = True
        self._read_or_not()

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """See asyncio.Transport."""
        self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 as the standard library has it
        """See asyncio.Transport."""
        return self._transport.get_extra_info(name, default)
