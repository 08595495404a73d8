"""What is on topics: all records from the beginning, read behind the CSMS's back."""

from collections.abc import AsyncIterator, Sequence

from csms.v1.bus_pb2 import DeadLetter, Record
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Start
from csms_bus.topics import DEAD_LETTERS


async def records(bootstrap_servers: str, *topics: str) -> AsyncIterator[Record]:
    """Read all there is on some topics. Raises BusUnavailable."""
    bus = KafkaBus(bootstrap_servers, client_id="csms-drill")
    await bus.start()
    try:
        for topic in topics:
            async with bus.read(topic, partition=None, start=Start.BEGINNING) as reader:
                async for batch in reader.batches():
                    if not batch:  # that was all
                        break
                    for incoming in batch:
                        if incoming.record is not None:
                            yield incoming.record
    finally:
        await bus.stop()


async def dead_letters(bootstrap_servers: str) -> Sequence[DeadLetter]:
    """Return all dead letters. Raises BusUnavailable."""
    return [record.dead_letter async for record in records(bootstrap_servers, DEAD_LETTERS.name)]
