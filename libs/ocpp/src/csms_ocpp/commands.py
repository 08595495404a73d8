"""The half of a session that the CSMS begins: commands, one open CALL at a time."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import orjson

from csms_ocpp.effects import CommandDone, Effect, ErrorInfo, Notice, NoticeKind, Outcome, SendText
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.fitness import unfit
from csms_ocpp.frames import (
    UNREADABLE_ID,
    CallError,
    CallResult,
    canonical_code,
    encode_call,
    encode_error,
    is_message_id,
)
from csms_ocpp.limits import SessionLimits
from csms_ocpp.long_list import LongList
from csms_ocpp.parsing import FrameError
from csms_ocpp.redaction import mask, mask_free_texts, redact, secrets_in
from csms_ocpp.registration import Standing, asked_for, triggers_boot
from csms_ocpp.validation import (
    Violation,
    permits_empty_response,
    tolerated,
    validate_request,
    validate_response,
)
from csms_ocpp.versions import Version

_LIKE_OURS = 16
"""An id with so many characters may be one of ours, which are UUIDs: shorter ones are a station's own."""
_MAX_SHOWN_BYTES = 16_384
"""An invalid answer of this size or less is shown in its error."""


@dataclass(frozen=True, slots=True)
class Command:
    """A CALL that is to be sent to the station."""

    id: str
    """Unique. It is also the message id, if it can be one (1-36 printable characters)."""
    action: str
    payload: bytes = field(repr=False)
    """The request payload as JSON."""
    timeout_s: float
    """Seconds, > 0, that the station may take to answer, from the moment of sending."""
    deadline: float
    """The command is not sent at this moment or later. Seconds of the driver's clock."""


class _Queued(NamedTuple):
    command: Command
    asked: tuple[str, ...]
    boot_trigger: bool
    secrets: tuple[str, ...]


class _Open(NamedTuple):
    command_id: str
    action: str
    message_id: str
    sent_at: float
    expires_at: float
    secrets: tuple[str, ...]


class Commands:
    """State machine of the CSMS's requests. Every method returns what the driver must do, in order."""

    __slots__ = ("_lenient", "_limits", "_open", "_queue", "_standing", "_timed_out", "_version")

    def __init__(self, version: Version, standing: Standing, limits: SessionLimits, *, lenient: bool) -> None:
        self._version = version
        self._standing = standing
        self._limits = limits
        self._lenient = lenient
        self._open: _Open | None = None
        self._queue: deque[_Queued] | None = None
        self._timed_out: deque[str] | None = None

    def add(self, command: Command, now: float) -> list[Effect]:
        """Queue a command and send it if none is open."""
        if command.id in self._ids():
            return [Notice(NoticeKind.DUPLICATE_COMMAND, action=command.action)]
        try:
            queued = self._prepared(command)
        except OcppError as error:
            return [_failed(command.id, error)]
        if self._queue is None:
            self._queue = deque()
        self._queue.append(queued)
        return self._send_next(now)

    def _ids(self) -> Iterator[str]:
        if self._open is not None:
            yield self._open.command_id
        for queued in self._queue or ():
            yield queued.command.id

    def _prepared(self, command: Command) -> _Queued:
        """Check a command. Raises OcppError when it must not be sent."""
        if self._queue is not None and len(self._queue) >= self._limits.max_queued_commands:
            raise OcppError(ErrorCode.GENERIC_ERROR, "too many commands wait for this station; not sent")
        waiting = sum(len(queued.command.payload) for queued in self._queue or ())
        if waiting and waiting + len(command.payload) > self._limits.max_queued_command_bytes:
            raise OcppError(ErrorCode.GENERIC_ERROR, "too many bytes of commands wait for this station; not sent")
        known = self._version.actions.get(command.action)
        if known is None:
            raise OcppError(ErrorCode.NOT_IMPLEMENTED, "this OCPP version has no such action; not sent")
        if not known.from_csms:
            raise OcppError(ErrorCode.NOT_SUPPORTED, "only a station sends this action; not sent")
        payload = self._valid_payload(command)
        asked = asked_for(self._version, command.action, payload)
        secrets = secrets_in(self._version.protocol, command.action, payload)
        return _Queued(command, asked, triggers_boot(self._version, command.action, payload), secrets)

    def _valid_payload(self, command: Command) -> object:
        try:
            payload = orjson.loads(command.payload)
        except ValueError:
            raise OcppError(ErrorCode.FORMAT_VIOLATION, "the payload is not valid JSON; not sent") from None
        unusable = unfit(payload, command.payload)
        if unusable is not None:
            raise OcppError(ErrorCode.FORMAT_VIOLATION, f"{unusable}; not sent")
        violation = validate_request(self._version.protocol, command.action, payload, outbound=True)
        if violation is not None:
            raise OcppError(violation.code, f"{violation.description}; not sent")
        return payload

    def _send_next(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while self._queue and self._open is None:
            effects.append(self._send(self._queue.popleft(), now))
        return effects

    def _send(self, queued: _Queued, now: float) -> Effect:
        command = queued.command
        if now >= command.deadline:
            return CommandDone(command.id, Outcome.TIMEOUT)
        if not self._standing.may_command(boot_trigger=queued.boot_trigger):
            error = OcppError(ErrorCode.SECURITY_ERROR, "the station's registration is rejected; not sent")
            return _failed(command.id, error)
        self._standing.asked(queued.asked)
        message_id = command.id if is_message_id(command.id) else _short(command.id)
        self._open = _Open(command.id, command.action, message_id, now, now + command.timeout_s, queued.secrets)
        return SendText(encode_call(message_id, command.action, command.payload))

    def result(self, frame: CallResult, now: float) -> list[Effect]:
        """Take a CALLRESULT."""
        command = self._take(frame.message_id)
        if command is None:
            return self._under_other_id(frame, now)
        return self._result(command, frame) + self._send_next(now)

    def _under_other_id(self, frame: CallResult, now: float) -> list[Effect]:
        """Take a CALLRESULT under an id that is not the open command's: its answer all the same, or nobody's."""
        command = self._meant(frame.message_id)
        effects = [] if command is None else self._result(command, frame)
        if command is None or not any(_is_result(effect) for effect in effects):
            return [self._stray(frame.message_id)]
        self._open = None
        text = f"the answer came under another message id: {frame.message_id}"
        return [Notice(NoticeKind.TOLERATED, text, command.action), *effects, *self._send_next(now)]

    def _meant(self, message_id: str) -> _Open | None:
        """Return the open command if a CALLRESULT with this id can answer no other one.

        Some stations answer under numbers of their own, or cut our ids or write them in capitals. Where a command has
        timed out on this connection, it may be that one's answer; an id like ours may be from an earlier connection.
        """
        command = self._open
        if command is None or not self._lenient or self._timed_out:
            return None
        given, ours = _squeezed(message_id), _squeezed(command.message_id)
        is_cut = len(given) >= _LIKE_OURS and ours.startswith(given)
        return command if is_cut or len(given) < _LIKE_OURS else None

    def _result(self, command: _Open, frame: CallResult) -> list[Effect]:
        error = self._fault(command, frame)
        noted: list[Effect] = []
        if error is not None and self._lenient:
            error, noted = self._tolerated(command, frame, error)
        if error is None:
            answer = _without_secrets(frame, command.secrets)
            return [*noted, CommandDone(command.command_id, Outcome.RESULT, answer, sent_at=command.sent_at)]
        effects: list[Effect] = [
            Notice(NoticeKind.INVALID_ANSWER, error.description, command.action, error.code),
            _failed(command.command_id, error, command.sent_at, details=self._shown(command, frame)),
        ]
        if self._version.refuses_results:
            effects.append(SendText(encode_error(frame.message_id, error, self._version.spelling, of_result=True)))
        return effects

    def _shown(self, command: _Open, frame: CallResult) -> bytes:
        """Return the details of an error: what the station answered, without secrets."""
        if len(frame.raw) > _MAX_SHOWN_BYTES or unfit(frame.payload, frame.raw) is not None:
            return b"{}"
        answer = orjson.dumps({"answer": redact(self._version.protocol, command.action, frame.payload)})
        return _masked_json(answer, command.secrets)

    def _fault(self, command: _Open, frame: CallResult) -> OcppError | None:
        if frame.payload is None and permits_empty_response(self._version.protocol, command.action, outbound=False):
            frame.payload, frame.raw = {}, b"{}"  # as in a station's CALL
        if isinstance(frame.payload, LongList):
            return frame.payload.check(partial(self._violation, command.action))
        unusable = unfit(frame.payload, frame.raw)
        if unusable is not None:
            return OcppError(ErrorCode.FORMAT_VIOLATION, unusable)
        violation = self._violation(command.action, frame.payload)
        return None if violation is None else OcppError(violation.code, violation.description)

    def _violation(self, action: str, payload: object) -> Violation | None:
        return validate_response(self._version.protocol, action, payload, outbound=False, lenient=self._lenient)

    def _tolerated(self, command: _Open, frame: CallResult, error: OcppError) -> tuple[OcppError | None, list[Effect]]:
        """Return what is still wrong with an answer, and notices about it. Changes an answer that is tolerated."""
        if isinstance(frame.payload, LongList) or unfit(frame.payload, frame.raw) is not None:
            return error, []
        found = tolerated(self._version.protocol, command.action, frame.payload, response=True)
        if found is None:
            return error, []
        if found.payload is not frame.payload:
            frame.payload, frame.raw = found.payload, orjson.dumps(found.payload)
        return None, [Notice(NoticeKind.TOLERATED, found.description, command.action, found.faults[0].code)]

    def checking(self, frame: CallResult) -> Iterator[None]:
        """Check a long answer in steps of a millisecond, if it answers the open command."""
        command = self._open
        if command is None or not isinstance(frame.payload, LongList):
            return
        if command.message_id == frame.message_id or self._meant(frame.message_id) is not None:
            yield from frame.payload.checking(partial(self._violation, command.action))

    def error(self, frame: CallError, now: float) -> list[Effect]:
        """Take a CALLERROR. One with the id "-1" is about the open command: the station could not read its id."""
        about = self._open.message_id if self._open and frame.message_id == UNREADABLE_ID else frame.message_id
        command = self._take(about)
        if command is None:
            return [self._stray(frame.message_id)]
        info = self._told(frame, command)
        done = CommandDone(command.command_id, Outcome.ERROR, error=info, sent_at=command.sent_at)
        return [done, *self._send_next(now)]

    def _told(self, error: CallError, command: _Open) -> ErrorInfo:
        """Return what the station says about a failure, without the secrets of the request that it may repeat."""
        details = orjson.dumps(redact(self._version.protocol, command.action, orjson.loads(error.details)))
        description = mask(error.description, command.secrets)
        code = mask(canonical_code(error), command.secrets)
        return ErrorInfo(code, description, _masked_json(details, command.secrets), by_station=True)

    def unreadable(self, error: FrameError, now: float) -> list[Effect]:
        """Take an answer that could not be read. Its command fails at once, not only after its timeout."""
        command = self._take(error.message_id)
        if command is None:
            return []
        effects: list[Effect] = [_failed(command.command_id, error, command.sent_at)]
        if self._version.refuses_results and error.meant is CallResult:
            effects.append(SendText(encode_error(error.message_id, error, self._version.spelling, of_result=True)))
        return effects + self._send_next(now)

    def _take(self, message_id: str) -> _Open | None:
        command = self._open
        if command is None or command.message_id != message_id:
            return None
        self._open = None
        return command

    def _stray(self, message_id: str) -> Notice:
        late = self._timed_out is not None and message_id in self._timed_out
        return Notice(NoticeKind.LATE_ANSWER if late else NoticeKind.UNKNOWN_ANSWER)

    def tick(self, now: float) -> list[Effect]:
        """End the commands that have waited too long, and send the next one."""
        effects: list[Effect] = []
        if self._open is not None and now >= self._open.expires_at:
            effects.append(CommandDone(self._open.command_id, Outcome.TIMEOUT, sent_at=self._open.sent_at))
            self._remember(self._open.message_id)
            self._open = None
        return effects + self._drop_expired(now) + self._send_next(now)

    def _remember(self, message_id: str) -> None:
        if self._timed_out is None:
            self._timed_out = deque(maxlen=self._limits.timed_out_kept)
        self._timed_out.append(message_id)

    def _drop_expired(self, now: float) -> list[Effect]:
        if not self._queue:
            return []
        expired = [queued.command.id for queued in self._queue if now >= queued.command.deadline]
        if expired:
            self._queue = deque(queued for queued in self._queue if now < queued.command.deadline)
        return [CommandDone(command_id, Outcome.TIMEOUT) for command_id in expired]

    def next_deadline(self) -> float | None:
        """Return when `tick` has something to do, in seconds of the driver's clock. None: not as things are now."""
        if self._open is None and not self._queue:
            return None
        moments = [queued.command.deadline for queued in self._queue or ()]
        if self._open is not None:
            moments.append(self._open.expires_at)
        return min(moments, default=None)

    def close(self) -> list[Effect]:
        """End all commands: first the open one, which the station may have got, then those that were never sent."""
        effects: list[Effect] = []
        if self._open is not None:
            command = self._open
            effects.append(CommandDone(command.command_id, Outcome.UNKNOWN, sent_at=command.sent_at))
        effects += [CommandDone(queued.command.id, Outcome.NOT_CONNECTED) for queued in self._queue or ()]
        self._open = self._queue = None
        return effects


def _is_result(effect: Effect) -> bool:
    return isinstance(effect, CommandDone) and effect.outcome is Outcome.RESULT


def _squeezed(message_id: str) -> str:
    return message_id.replace("-", "").strip("{} ").casefold()


def _failed(command_id: str, error: OcppError, sent_at: float | None = None, *, details: bytes = b"{}") -> CommandDone:
    info = ErrorInfo(error.code.value, error.description, details)
    return CommandDone(command_id, Outcome.ERROR, error=info, sent_at=sent_at)


def _without_secrets(frame: CallResult, secrets: Sequence[str]) -> bytes:
    """Return a valid answer. The secrets of the request, which the station may repeat, are masked."""
    if not secrets:
        return frame.raw
    if isinstance(frame.payload, LongList):
        return _masked_json(frame.raw, secrets)
    masked = mask_free_texts(frame.payload, secrets)
    return frame.raw if masked == frame.payload else orjson.dumps(masked)


def _masked_json(data: bytes, secrets: Sequence[str]) -> bytes:
    if not secrets:
        return data
    written = [orjson.dumps(secret)[1:-1].decode() for secret in secrets]
    masked = mask(data.decode(), written).encode()
    try:
        orjson.loads(masked)
    except ValueError:  # a secret like 1234 was found outside of texts: in a number, or in an escape
        return b"{}"
    return masked


def _short(command_id: str) -> str:
    """Make a message id of a command id that is too long. It is as unique, and always the same."""
    return hashlib.sha256(command_id.encode(errors="replace")).hexdigest()[:36]
