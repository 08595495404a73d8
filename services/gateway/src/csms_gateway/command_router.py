"""CALLs for stations: from the inbox to the session, and exactly one result for each on `ocpp.results`."""

import asyncio

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import (
    OUTCOME_ERROR,
    OUTCOME_NOT_CONNECTED,
    OUTCOME_RESULT,
    OUTCOME_TIMEOUT,
    OUTCOME_UNKNOWN,
    CallError,
    CommandResult,
    StationCommand,
)
from csms_bus import topics
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_ocpp.actions import lookup
from csms_ocpp.session import Command, CommandDone, ErrorInfo, Outcome
from csms_ocpp.versions import Protocol
from csms_runtime import metrics, tracing
from csms_runtime.clock import now_ms
from websockets.frames import CloseCode

from csms_gateway.connection import StationConnection
from csms_gateway.connections import REPLACED, Connections
from csms_gateway.identity import GatewayId
from csms_gateway.retrying import RetryingPublisher
from csms_gateway.taken_commands import TakenCommands, Taking
from csms_gateway.traced import CommandSpans

_log = structlog.get_logger(__name__)

_OUTCOMES = {
    Outcome.RESULT: OUTCOME_RESULT,
    Outcome.ERROR: OUTCOME_ERROR,
    Outcome.TIMEOUT: OUTCOME_TIMEOUT,
    Outcome.NOT_CONNECTED: OUTCOME_NOT_CONNECTED,
    Outcome.UNKNOWN: OUTCOME_UNKNOWN,
}

_ENVELOPE_BYTES = 1024

MOST_BYTES = 64 * 1024 * 1024
"""Limit of the payloads of all commands that wait or are open. A single command may be larger."""
_TOO_MANY = ErrorInfo("GenericError", "too many bytes of commands wait in this gateway; not sent")


class CommandRouter:
    """Gives each command to the connection that it is for, and publishes what became of it."""

    def __init__(
        self, gateway: GatewayId, connections: Connections, results: RetryingPublisher, *, max_message_bytes: int
    ) -> None:
        self._max_result_bytes = topics.RESULTS.max_record_bytes(max_message_bytes) - _ENVELOPE_BYTES
        self._gateway = gateway
        self._connections = connections
        self._results = results
        self._taken = TakenCommands()
        self._spans = CommandSpans()
        self._bytes = 0
        """Bytes of the payloads of all commands that wait or are open."""

    def on_command(self, record: Record) -> bool:
        """Take a StationCommand from the inbox. Returns False when it is a repeat, or its connection is not here."""
        command = record.station_command
        if command.gateway_epoch > self._gateway.epoch:
            return False  # a newer process has our slot: it answers
        if command.gateway_epoch < self._gateway.epoch:
            # Our predecessor may have sent it, if the record is a repeat.
            self._publish(record, CommandDone(command.correlation_id, Outcome.UNKNOWN))
            return False
        match self._taken.take(command, now_ms()):
            case Taking.NEW:
                if tracing.active is not None:
                    self._spans.begin(tracing.active, record)
                return self._begin(record, command)
            case Taking.REPEAT:
                return False  # the first one's result stands for both
            case Taking.FULL:
                # Not "not sent": the same record may come again when there is room.
                self._publish(record, CommandDone(command.correlation_id, Outcome.UNKNOWN))
                return False

    def _begin(self, record: Record, command: StationCommand) -> bool:
        connection = self._connections.find(record.station_id, command.gateway_epoch, command.connection_id)
        if connection is None or connection.draining or not connection.is_open:
            self._publish(record, CommandDone(command.correlation_id, Outcome.NOT_CONNECTED))
            return False
        size = len(command.payload)
        if self._bytes and self._bytes + size > MOST_BYTES:
            self._publish(record, CommandDone(command.correlation_id, Outcome.ERROR, error=_TOO_MANY))
            return False
        self._bytes += size
        connection.commands[command.correlation_id] = record
        metrics.GATEWAY_COMMANDS_OPEN.inc()
        connection.command(_session_command(command, connection))
        return True

    def on_close(self, record: Record) -> bool:
        """Take a CloseConnection from the inbox. Returns False when its connection is not open here."""
        request = record.close_connection
        connection = self._connections.find(record.station_id, request.gateway_epoch, request.connection_id)
        if connection is None:
            return False
        connection.close(CloseCode.NORMAL_CLOSURE, request.reason or REPLACED)
        return True

    def done(self, connection: StationConnection, done: CommandDone) -> None:
        """Take a command's outcome from its session."""
        record = connection.commands.pop(done.id)
        self._bytes -= len(record.station_command.payload)
        metrics.GATEWAY_COMMANDS_OPEN.dec()
        if done.sent_at is not None:
            metrics.GATEWAY_COMMAND_SECONDS.observe(_now() - done.sent_at)
        self._publish(record, done)

    def _publish(self, record: Record, done: CommandDone) -> None:
        command = record.station_command
        sent_s_ago = None if done.sent_at is None else _now() - done.sent_at
        traceparent = self._spans.end(record, done, sent_s_ago)
        result = CommandResult(
            command=command,
            outcome=_OUTCOMES[done.outcome],
            payload=done.payload or b"",
            sent_at_ms=0 if sent_s_ago is None else now_ms() - int(sent_s_ago * 1000),
            completed_at_ms=now_ms(),
        )
        if done.error is not None:
            result.error.CopyFrom(_call_error(done.error))
        metrics.GATEWAY_COMMANDS.labels(_label(command), done.outcome.value).inc()
        result = fitted(result, self._max_result_bytes)
        outgoing = new_record(record.station_id, traceparent=traceparent, command_result=result)
        self._results.put(Outgoing(topics.RESULTS.name, outgoing))


def _call_error(error: ErrorInfo) -> CallError:
    source = CallError.SOURCE_STATION if error.by_station else CallError.SOURCE_CSMS
    return CallError(code=error.code, description=error.description, details=error.details, source=source)


def fitted(result: CommandResult, limit: int) -> CommandResult:
    """Return the result with at most `limit` bytes. If need be the answer is left out, and then the request too."""
    if result.ByteSize() <= limit:
        return result
    result.payload = b""
    result.outcome = OUTCOME_ERROR
    error = CallError(
        code="GenericError",
        description="the station's answer is larger than this system carries",
        source=CallError.SOURCE_CSMS,
    )
    result.error.CopyFrom(error)
    if result.ByteSize() > limit:
        result.command.payload = b"{}"
    return result


def _session_command(command: StationCommand, connection: StationConnection) -> Command:
    timeout_s = command.timeout_ms / 1000 or connection.message_timeout_s
    wait_s = (command.deadline_ms - now_ms()) / 1000 if command.deadline_ms else timeout_s
    return Command(command.correlation_id, command.action, command.payload, timeout_s, _now() + wait_s)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _label(command: StationCommand) -> str:
    try:
        known = lookup(Protocol(command.protocol), command.action)
    except ValueError:
        known = None
    return "unknown" if known is None else known.name
