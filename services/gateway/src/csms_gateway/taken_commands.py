"""Remembers which commands this gateway has taken: one whose record comes twice is sent once."""

from enum import Enum
from hashlib import blake2b
from heapq import heappop, heappush

from csms.v1.station_pb2 import StationCommand

MOST = 200_000
_DEFAULT_MS = 600_000
"""How long a command without a deadline is remembered, in milliseconds."""


class Taking(Enum):
    """What is to be done with a command."""

    NEW = "new"
    """It is new: send it."""
    REPEAT = "repeat"
    """It was taken before."""
    FULL = "full"
    """It can't be remembered, so it must not be sent: nobody would notice if it came again."""


class TakenCommands:
    """Remembers each command for as long as it might be sent: until its deadline.

    The end of its connection does not end that: the answer "not connected" to a repeat would say that the command was
    never sent. The same call may be taken again for another connection: its sender asks for that only when it knows
    that the first one was never sent. An entry has about 300 bytes, however long its ids are. With `most` entries
    nothing more is taken until the time of one is over.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._taken: set[bytes] = set()
        self._by_deadline: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, command: StationCommand, now_ms: int) -> Taking:
        """Take a command, at this Unix time in milliseconds."""
        self._forget(now_ms)
        key = _key(command)
        if key in self._taken:
            return Taking.REPEAT
        if len(self._taken) >= self._most:
            return Taking.FULL
        self._taken.add(key)
        heappush(self._by_deadline, (command.deadline_ms or now_ms + _DEFAULT_MS, key))
        return Taking.NEW

    def _forget(self, now_ms: int) -> None:
        while self._by_deadline and self._by_deadline[0][0] < now_ms:
            self._taken.discard(heappop(self._by_deadline)[1])


def _key(command: StationCommand) -> bytes:
    named = f"{command.correlation_id}\0{command.connection_id}".encode(errors="surrogatepass")
    return blake2b(named, digest_size=16).digest()
