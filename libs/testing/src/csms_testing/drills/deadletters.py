"""The topic of dead letters: how many there are, and which."""

from collections.abc import Sequence

from csms.v1.bus_pb2 import DeadLetter
from csms_bus import dead_letters as topic
from csms_bus.kafka import KafkaBus


async def dead_letters(bootstrap_servers: str) -> Sequence[DeadLetter]:
    """Return all dead letters. Raises BusUnavailable."""
    bus = KafkaBus(bootstrap_servers, client_id="csms-drill")
    await bus.start()
    try:
        return [letter.letter for letter in await topic.read(bus)]
    finally:
        await bus.stop()
