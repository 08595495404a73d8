"""Which commands this gateway has taken, so that one whose record comes twice is sent once."""

from heapq import heappop, heappush

from csms.v1.station_pb2 import StationCommand

_MAX = 500_000
_DEFAULT_MS = 600_000
"""How long a command without a deadline is remembered."""


class TakenCommands:
    """Remembers each command for as long as it might be sent: until its deadline.

    Also beyond the end of its connection: a repeat that came then must not be called "not connected", for that says
    that it was never sent. The same call may be taken again for another connection, which its sender orders only
    when it knows that the first one never was sent. An entry is some 200 bytes.
    """

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()
        self._by_deadline: list[tuple[int, tuple[str, str]]] = []

    @property
    def is_full(self) -> bool:
        """Whether no more can be remembered; then none may be sent."""
        return len(self._taken) >= _MAX

    def add(self, command: StationCommand, now_ms: int) -> bool:
        """Take a command, at this Unix time in milliseconds; False: it was taken before."""
        self._forget(now_ms)
        key = (command.correlation_id, command.connection_id)
        if key in self._taken:
            return False
        self._taken.add(key)
        heappush(self._by_deadline, (command.deadline_ms or now_ms + _DEFAULT_MS, key))
        return True

    def _forget(self, now_ms: int) -> None:
        while self._by_deadline and self._by_deadline[0][0] < now_ms:
            self._taken.discard(heappop(self._by_deadline)[1])
