"""Finds dead peers: pings stations that are silent, and gives up those that stay silent."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms_gateway.watch import Watch

if TYPE_CHECKING:
    from csms_gateway.socket import StationSocket

_EARLIEST_PING = 0.8
"""Part of the ping interval after which a ping may come. So stations that came together are not pinged together."""


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """After which times, in seconds, a peer counts as dead or stuck."""

    ping_interval_s: float
    """A ping is sent when nothing was heard for this time, or up to a fifth less."""
    ping_timeout_s: float
    """The peer is dead when it was silent for this time after a ping."""
    send_timeout_s: float
    """The peer is stuck when it took nothing of what we send for this time."""
    close_timeout_s: float
    """The TCP connection is aborted this time after the closing handshake began."""


UNTIL_STARTED = WatchTimes(ping_interval_s=60, ping_timeout_s=60, send_timeout_s=5, close_timeout_s=5)
"""For a connection that is not open yet: nobody is pinged, but refusals are sent too."""


class Keepalive:
    """Watches one open connection, until `end`."""

    __slots__ = ("_alive_at", "_ping_after_s", "_pinged_at", "_socket", "_tick", "_watch", "times")

    def __init__(self, socket: "StationSocket", times: WatchTimes, watch: Watch) -> None:
        self.times = times
        self._socket = socket
        self._watch: Watch | None = watch
        self._alive_at = socket.heard_at
        self._pinged_at = 0.0
        self._ping_after_s = times.ping_interval_s * random.uniform(_EARLIEST_PING, 1.0)  # noqa: S311 needs no secrecy
        self._tick = watch.after(self._ping_after_s, self)

    def look(self) -> None:
        """Ping a silent peer, give up a dead one. Called by Watch."""
        if self._watch is None:  # the connection was lost at the same moment
            return
        now = self._socket.loop.time()
        if not self._socket.intake.reading:  # we do not read, so we cannot hear
            self._alive_at = now
        alive_at = max(self._alive_at, self._socket.heard_at)
        if self._pinged_at > alive_at:
            self._socket.give_up("keepalive ping timeout")
            return
        silent_s = now - alive_at
        if silent_s >= self._ping_after_s:
            if self._socket.ping():
                self._pinged_at = now
            delay_s = self.times.ping_timeout_s
        else:
            delay_s = self._ping_after_s - silent_s
        self._tick = self._watch.after(delay_s, self)

    def end(self) -> None:
        """Watch no more. May be called again."""
        if self._watch is not None:
            self._watch.forget(self._tick, self)
            self._watch = None
