"""Effects: what a session tells its driver to do."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from csms_ocpp.errors import ErrorCode


class Outcome(StrEnum):
    """How a command ended."""

    RESULT = "result"
    """The station sent a CALLRESULT that is valid by its schema."""
    ERROR = "error"
    """The station sent a CALLERROR or a CALLRESULT that breaks its schema, or the command could not be sent."""
    TIMEOUT = "timeout"
    """No answer came in time, or (`sent_at` is None) the command was not sent before its deadline."""
    NOT_CONNECTED = "not_connected"
    """The connection ended before the command was sent."""
    UNKNOWN = "unknown"
    """The connection ended between the command and its answer: the station may have carried it out."""


class NoticeKind(StrEnum):
    """Kinds of events that are counted and need no action."""

    INVALID_FRAME = "invalid_frame"
    BINARY_FRAME = "binary_frame"
    CALL_REFUSED = "call_refused"
    """A CALL that the session answered with a CALLERROR: unknown action, broken schema, station not accepted."""
    SEND_REFUSED = "send_refused"
    """As CALL_REFUSED, for a SEND: it was dropped without an answer."""
    DUPLICATE_CALL = "duplicate_call"
    """A CALL with the id of one still in work."""
    REPEATED_CALL = "repeated_call"
    """A CALL that was answered before. It got the same answer again."""
    TOLERATED = "tolerated"
    """A message that breaks its schema, and that the lenient mode took all the same."""
    OVERLOADED = "overloaded"
    """A CALL that came although `can_receive` was False: the queue is full."""
    INVALID_REPLY = "invalid_reply"
    """A service's reply that breaks its schema. The station got InternalError."""
    NO_REPLY = "no_reply"
    """A service did not reply in time (`Session.replied_late`)."""
    LATE_REPLY = "late_reply"
    """A reply to a CALL that is not in work, or not any more."""
    INVALID_ANSWER = "invalid_answer"
    """A station's CALLRESULT that breaks its schema."""
    LATE_ANSWER = "late_answer"
    """An answer to a command that had timed out."""
    UNKNOWN_ANSWER = "unknown_answer"
    """An answer to nothing that was sent."""
    RESULT_REFUSED = "result_refused"
    """A CALLRESULTERROR (OCPP 2.1): the station did not accept our answer."""
    TOO_LARGE = "too_large"
    """A message that is larger than the system carries. The driver makes this notice."""
    RATE_LIMITED = "rate_limited"
    """The station sent more than it may, and is not read for a while. The driver makes this notice."""
    DUPLICATE_COMMAND = "duplicate_command"
    """A command whose id is already open or queued. It was ignored."""


class CloseCode(int, Enum):
    """WebSocket close codes that the session asks for (RFC 6455, 7.4.1)."""

    UNSUPPORTED_DATA = 1003


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why a command failed."""

    code: str
    """The code in the spelling of OCPP 2.x. One that no version knows is as the station wrote it."""
    description: str
    details: bytes = b"{}"
    """A JSON object."""
    by_station: bool = False
    """True: the station sent a CALLERROR. False: its answer was refused, or the command was not sent."""


@dataclass(slots=True)  # not frozen: as csms_ocpp.frames.Call
class SendText:
    """Write this text frame, in the order of the effects."""

    text: str = field(repr=False)


@dataclass(slots=True)  # not frozen: as csms_ocpp.frames.Call
class Dispatch:
    """Publish a valid CALL of the station, then call `Session.reply` with the correlation. A SEND has `no_reply`."""

    correlation: int
    """Unique on this connection."""
    action: str
    message_id: str
    payload: bytes = field(repr=False)
    """The JSON bytes as the station sent them."""
    no_reply: bool = False


@dataclass(frozen=True, slots=True)
class HeartbeatReceived:
    """Call `Session.answer_heartbeat` with the current time, at once."""

    correlation: int
    message_id: str


@dataclass(frozen=True, slots=True)
class CommandDone:
    """Report that a command has ended. Comes exactly once for each command."""

    id: str
    outcome: Outcome
    payload: bytes | None = field(default=None, repr=False)
    """The response payload when the outcome is RESULT."""
    error: ErrorInfo | None = None
    """Set when the outcome is ERROR."""
    sent_at: float | None = None
    """When it was sent, in seconds of the driver's clock. None: it was never sent."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket, then call `Session.close`."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Count and log this event. It holds nothing of a payload."""

    kind: NoticeKind
    detail: str = ""
    action: str = ""
    """The name of a known action, else "". It can be the label of a metric."""
    code: ErrorCode | None = None


Effect = SendText | Dispatch | HeartbeatReceived | CommandDone | Close | Notice
