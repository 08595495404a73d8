"""The topic of dead letters: how many there are, and which."""

from collections.abc import Sequence

from csms.v1.bus_pb2 import DeadLetter
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Start
from csms_bus.topics import DEAD_LETTERS


async def dead_letters(bootstrap_servers: str) -> Sequence[DeadLetter]:
    """Return all dead letters. Raises BusUnavailable."""
    bus = KafkaBus(bootstrap_servers, client_id="csms-drill")
    await bus.start()
    try:
        return await _all(bus)
    finally:
        await bus.stop()


async def _all(bus: KafkaBus) -> Sequence[DeadLetter]:
    found: list[DeadLetter] = []
    async with bus.read(DEAD_LETTERS.name, partition=None, start=Start.BEGINNING) as reader:
        async for batch in reader.batches():
            if not batch:  # that was all
                break
            found += [incoming.record.dead_letter for incoming in batch if incoming.record is not None]
    return found
