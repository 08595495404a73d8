"""What a process knows of running transactions is what was committed, also when a write failed."""

from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import StationCall
from csms_transactions.batch import Batch
from csms_transactions.closing.closing import Closing
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.transaction import State
from csms_transactions.events import writer
from csms_transactions.events.cache import TransactionCache
from csms_transactions.handlers import meter_values, transaction_event
from csms_transactions.store import transactions
from csms_transactions.store.transactions import OutdatedError
from csms_transactions.versions.v201 import messages

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
        transaction_event.read(found, "CS1", call, messages.event_message(call.payload))
    return found


def measured(transaction_event: Any, seq_no: int) -> Batch:
    """A MeterValues message for the EVSE of the transaction."""
    found = Batch()
    payload = {"evseId": 1, "meterValue": transaction_event(seq_no, energy=5)["meterValue"]}
    call = StationCall(protocol="ocpp2.0.1", payload=orjson.dumps(payload))
    meter_values.read(found, "CS1", call, messages.meter_values(call.payload))
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


async def test_what_meter_values_would_have_changed_is_not_known(database, process, transaction_event, monkeypatch):
    ours = process()
    await ours.write(batch(transaction_event(0, "Started", energy=1, evse={"id": 1})))

    async def fail(*_: object) -> None:
        raise RuntimeError("the outbox is full")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_tell", fail)
        with pytest.raises(RuntimeError, match="outbox"):
            await ours.write(measured(transaction_event, 1))
    await ours.write(batch(transaction_event(2)))
    assert await count(database) == 2


async def test_what_an_operator_ended_is_known_to_have_ended(database, transaction_event):
    cache = TransactionCache()
    ours = writer.BatchWriter(database, cache, on_events=print, on_doubts=print, most_meter_values=1024)
    await ours.write(batch(transaction_event(0, "Started")))
    assert await Closing(database, cache, print).close(KEY, "it will never end", "operator")
    await ours.write(batch(transaction_event(1)))
    async with database.transaction() as session:
        stored = (await transactions.load(session, [KEY]))[KEY]
    assert (stored.state, stored.event_count) == (State.ENDED, 2)
