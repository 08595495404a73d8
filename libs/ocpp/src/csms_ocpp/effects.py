"""What the session tells its driver to do, and the words for it."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from csms_ocpp.errors import ErrorCode


class Outcome(StrEnum):
    """How a command ended."""

    RESULT = "result"
    """The station's CALLRESULT, valid by its schema."""
    ERROR = "error"
    """The station's CALLERROR, a CALLRESULT that breaks its schema, or a command that could not be sent as it was."""
    TIMEOUT = "timeout"
    """No answer in time, or (`sent_at` None) not sent before its deadline."""
    NOT_CONNECTED = "not_connected"
    """The connection ended before the command was sent."""
    UNKNOWN = "unknown"
    """The connection ended between the command and its answer: the station may have carried it out."""


class NoticeKind(StrEnum):
    """Things worth counting that need no action."""

    INVALID_FRAME = "invalid_frame"
    BINARY_FRAME = "binary_frame"
    CALL_REFUSED = "call_refused"
    """A CALL answered with a CALLERROR by the session: unknown action, schema, registration."""
    SEND_REFUSED = "send_refused"
    """As CALL_REFUSED, for a SEND: dropped without an answer."""
    DUPLICATE_CALL = "duplicate_call"
    """A CALL with the id of one still in work."""
    REPEATED_CALL = "repeated_call"
    """A CALL that was answered already; it got the same answer again."""
    TOLERATED = "tolerated"
    """A message that was taken although its schema refuses it, as the lenient mode does."""
    OVERLOADED = "overloaded"
    """A CALL beyond the queue's limit, received although `can_receive` was False."""
    INVALID_REPLY = "invalid_reply"
    """A service's reply that its schema refuses; the station got InternalError."""
    NO_REPLY = "no_reply"
    """A service did not reply in time (`Session.replied_late`)."""
    LATE_REPLY = "late_reply"
    """A reply to a CALL that is not in work (any more)."""
    INVALID_ANSWER = "invalid_answer"
    """A station's CALLRESULT that its schema refuses."""
    LATE_ANSWER = "late_answer"
    """An answer to a command that had timed out."""
    UNKNOWN_ANSWER = "unknown_answer"
    """An answer to nothing that was sent."""
    RESULT_REFUSED = "result_refused"
    """A CALLRESULTERROR (OCPP 2.1): the station did not accept our answer."""
    TOO_LARGE = "too_large"
    """A message larger than what is carried; noticed by the driver."""
    RATE_LIMITED = "rate_limited"
    """The station sent more than it may, and is not listened to for a while; noticed by the driver."""
    DUPLICATE_COMMAND = "duplicate_command"
    """A command whose id is already open or queued; ignored."""


class CloseCode(int, Enum):
    """WebSocket close codes the session asks for (RFC 6455, 7.4.1)."""

    UNSUPPORTED_DATA = 1003


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why a command failed."""

    code: str
    """In 2.x spelling, or as the station wrote it when no version knows it."""
    description: str
    details: bytes = b"{}"
    """A JSON object."""
    by_station: bool = False
    """Whether it is the station's CALLERROR; else its answer was refused, or the command was not sent."""


@dataclass(slots=True)  # not frozen: as csms_ocpp.frames.Call
class SendText:
    """Write this text frame, in the order of the effects."""

    text: str = field(repr=False)


@dataclass(slots=True)  # not frozen: as csms_ocpp.frames.Call
class Dispatch:
    """Publish a valid CALL (or SEND, `no_reply`) of the station; then `Session.reply` with the correlation."""

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
    """A command ended; comes exactly once for each."""

    id: str
    outcome: Outcome
    payload: bytes | None = field(default=None, repr=False)
    """The response payload when the outcome is RESULT."""
    error: ErrorInfo | None = None
    """Set when the outcome is ERROR."""
    sent_at: float | None = None
    """Monotonic seconds; None: it was never sent."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket, then call `Session.close`."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to count and log. Holds nothing of a payload."""

    kind: NoticeKind
    detail: str = ""
    action: str = ""
    """A known action's name, else ""; safe as a metric's label."""
    code: ErrorCode | None = None


Effect = SendText | Dispatch | HeartbeatReceived | CommandDone | Close | Notice
