"""What all sockets of a gateway have in common, and what they need of the parts around them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from websockets.http11 import Request

from csms_gateway.budget import Budget
from csms_gateway.rate import Buckets
from csms_gateway.turns import Turns

if TYPE_CHECKING:
    from csms_gateway.socket import StationSocket

_READ_BYTES = 16 * 1024
"""Bytes that one read takes at most. Hardly more waits of a station that is not read."""


class Receiver(Protocol):
    """Takes a station's messages."""

    @property
    def ready(self) -> bool:
        """Whether the next message may be handed over. When that changes, call `Intake.go_on`."""

    @property
    def settled(self) -> bool:
        """Whether all messages are done, so that their bytes need not be counted any more."""

    def receive_text(self, data: bytes) -> None:
        """Take a text message, valid UTF-8."""

    def receive_binary(self) -> None:
        """Learn of a binary message."""

    def paused(self) -> None:
        """Learn that the station sent more than it may, and is not read for a while."""


class Owner(Protocol):
    """Learns what becomes of the sockets."""

    def made(self, socket: "StationSocket") -> None:
        """Learn that the TCP connection, or the TLS connection on it, is made."""

    def requested(self, socket: "StationSocket", request: Request) -> None:
        """Learn that the HTTP request is complete. Must call `StationSocket.respond`, now or later."""

    def malformed(self, socket: "StationSocket") -> None:
        """Learn that no HTTP request came, or one that is too long. The connection is about to end."""

    def lost(self, socket: "StationSocket") -> None:
        """Learn that the TCP connection is gone."""


@dataclass(frozen=True, slots=True)
class SocketContext:
    """One object for all sockets of a gateway, in one event loop."""

    owner: Owner
    budget: Budget
    turns: Turns
    buckets: Buckets
    max_message_bytes: int
    request_timeout_s: float
    """Seconds that the HTTP request may take."""
    transfer_timeout_s: float
    """Seconds that a large message may take to arrive."""
    buffer: bytearray = field(default_factory=lambda: bytearray(_READ_BYTES))
    """All sockets read into this buffer. What was read is copied at once."""
    view: memoryview = field(init=False)
    """The buffer, to be copied from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", memoryview(self.buffer))
