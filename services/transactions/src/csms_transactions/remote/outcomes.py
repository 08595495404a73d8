"""Reads what became of our remote starts and stops. device-mgmt tells those who wait: it keeps the history of calls."""

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
        return "unknown"  # gateways said it so before there was OUTCOME_UNKNOWN
    return OUTCOMES.get(result.outcome, "unknown")


def outcome(item: BatchResult) -> RemoteOutcome:
    """Return what is noted of a result."""
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
    """Return how certain a result is: of several, in whatever order they come, the most certain one is kept.

    The station's answer is the most certain. Without one, the result for the newest connection wins. Of two results for
    one connection, what a gateway tells wins over an "unknown" that was only assumed (it has no time of sending).
    """
    name = outcome_name(result)
    if name in {"result", "error"}:
        return ANSWERED
    is_assumed = name == "unknown" and not result.sent_at_ms
    return 2 * result.command.connection_number + (0 if is_assumed else 1)
