"""What became of our remote starts and stops. device-mgmt, which keeps the history of calls, tells who waits."""

import orjson
from csms.v1.station_pb2 import CommandResult, Outcome
from csms_runtime.clock import from_ms

from csms_transactions import versions
from csms_transactions.batch import BatchResult
from csms_transactions.store.remote_requests import ANSWERED, RemoteOutcome
from csms_transactions.versions.version import RemoteAnswer

OUTCOMES = {
    Outcome.OUTCOME_RESULT: "result",
    Outcome.OUTCOME_ERROR: "error",
    Outcome.OUTCOME_TIMEOUT: "timeout",
    Outcome.OUTCOME_NOT_CONNECTED: "not_connected",
    Outcome.OUTCOME_UNKNOWN: "unknown",
}


def outcome_name(result: CommandResult) -> str:
    """Return what the API calls the outcome."""
    if result.outcome == Outcome.OUTCOME_NOT_CONNECTED and result.sent_at_ms:
        return "unknown"  # as gateways said it before there was a word for it
    return OUTCOMES.get(result.outcome, "unknown")


def outcome(item: BatchResult) -> RemoteOutcome:
    """What to note of a result."""
    result = item.result
    name = outcome_name(result)
    version = versions.of(result.command.protocol)
    answer = RemoteAnswer()
    if version is not None and result.outcome == Outcome.OUTCOME_RESULT:
        answer = version.remote_answer(orjson.loads(result.payload))
    return RemoteOutcome(
        result.command.correlation_id,
        name,
        answer.status,
        answer.transaction_id,
        from_ms(result.completed_at_ms),
        certainty(result),
        item.station_id,
    )


def certainty(result: CommandResult) -> int:
    """Return how much a result says: of several, in whatever order they come, the one that says most is kept.

    An answer of the station says most. Else the newest connection counts that the command was for; of that one, what a
    gateway tells says more than "unknown" that was only assumed, which is why it names no time of sending.
    """
    name = outcome_name(result)
    if name in {"result", "error"}:
        return ANSWERED
    is_assumed = name == "unknown" and not result.sent_at_ms
    return 2 * result.command.connection_number + (0 if is_assumed else 1)
