"""What a process knows of running transactions is what was committed, also when a write failed."""

from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import StationCall
from csms_transactions.batch import Batch
from csms_transactions.domain.identity import transaction_key
from csms_transactions.events import writer
from csms_transactions.events.cache import TransactionCache
from csms_transactions.handlers import transaction_event
from csms_transactions.store import transactions
from csms_transactions.store.transactions import OutdatedError
from csms_transactions.versions.v201.messages import event_message

KEY = transaction_key("CS1", "tx-1")


@pytest.fixture(name="process")
def process_fixture(database: Any) -> Any:
    """Makes one of several processes on a database."""

    def process() -> writer.BatchWriter:
        return writer.BatchWriter(
            database,
            TransactionCache(),
            on_events=lambda: None,
            on_doubts=lambda: None,
            most_meter_values=8 * 1024 * 1024,
        )

    return process


def batch(*payloads: dict[str, Any]) -> Batch:
    found = Batch()
    for payload in payloads:
        call = StationCall(protocol="ocpp2.0.1", payload=orjson.dumps(payload))
        transaction_event.read(found, "CS1", call, event_message(call.payload))
    return found


async def count(database: Any) -> int:
    async with database.transaction() as session:
        return int((await transactions.load(session, [KEY]))[KEY].event_count)


async def test_what_another_process_changed_is_read_again_after_the_failure(database, process, transaction_event):
    ours, other = process(), process()
    await ours.write(batch(transaction_event(0, "Started")))
    await other.write(batch(transaction_event(1)))
    with pytest.raises(OutdatedError):
        await ours.write(batch(transaction_event(2)))
    await ours.write(batch(transaction_event(2)))
    assert await count(database) == 3


async def test_what_was_not_committed_is_not_known(database, process, transaction_event, monkeypatch):
    ours = process()
    await ours.write(batch(transaction_event(0, "Started")))

    async def fail(*_: object) -> None:
        raise RuntimeError("the outbox is full")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_tell", fail)
        with pytest.raises(RuntimeError, match="outbox"):
            await ours.write(batch(transaction_event(1), transaction_event(2)))
    assert await count(database) == 1
    await ours.write(batch(transaction_event(1), transaction_event(2)))
    await ours.write(batch(transaction_event(3)))
    assert await count(database) == 4
