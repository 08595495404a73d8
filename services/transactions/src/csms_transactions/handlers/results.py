"""Takes results of CALLs: of our remote starts and stops, and of questions whether transactions are ongoing."""

import orjson
from csms.v1.station_pb2 import CommandResult
from csms_runtime.clock import from_ms

from csms_transactions import versions
from csms_transactions.batch import Batch, BatchResult, StatusAnswer
from csms_transactions.domain.closing import StationSays
from csms_transactions.orders import ORIGIN
from csms_transactions.remote.outcomes import outcome_name
from csms_transactions.versions.version import StatusQuestion


def read(batch: Batch, station_id: str, result: CommandResult) -> None:
    """Add the result to the batch when the command was ours, or when anybody starts or asks about a transaction."""
    version = versions.of(result.command.protocol)
    question = None if version is None else version.status
    if question is not None and result.command.action == question.action:
        _read_status(batch, station_id, result, question)
    elif result.command.origin == ORIGIN or (version is not None and result.command.action == version.start_action):
        batch.results.append(BatchResult(station_id, result))


def _read_status(batch: Batch, station_id: str, result: CommandResult, question: StatusQuestion) -> None:
    transaction_id = question.asked(orjson.loads(result.command.payload))
    if transaction_id is None:
        return
    name, at = outcome_name(result), from_ms(result.completed_at_ms)
    if name == "result":
        says = StationSays(at, *question.told(orjson.loads(result.payload)))
    else:
        says = StationSays(at, answered=name == "error" and bool(result.sent_at_ms))
    batch.statuses.append(StatusAnswer(station_id, transaction_id, says))
