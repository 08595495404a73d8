"""The topic of dead letters: how many there are, and which."""

from collections.abc import Sequence

from csms.v1.bus_pb2 import DeadLetter
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Start
from csms_bus.topics import DEAD_LETTERS


async def dead_letters(bootstrap_servers: str) -> Sequence[DeadLetter]:
    """Return all dead letters. Raises BusUnavailable."""
    found: list[DeadLetter] = []
    bus = KafkaBus(bootstrap_servers, client_id="csms-drill")
    async with bus.read(DEAD_LETTERS.name, partition=None, start=Start.BEGINNING) as reader:
        async for batch in reader.batches():
            if not batch:  # caught up
                break
            found += [item.record.dead_letter for item in batch if item.record is not None]
    return found
