"""Publishes dead letters again, where they came from: one, or many that have something in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from csms.v1.bus_pb2 import Record
from csms_bus.ports import Bus, BusError, BusUnavailable, Outgoing
from google.protobuf.message import DecodeError

from csms_device_mgmt.dead_letters import dead_letter_rows
from csms_device_mgmt.dead_letters.dead_letter_rows import Wanted
from csms_device_mgmt.tables import DeadLetter
from csms_device_mgmt.unit import Units

MOST_BYTES = 8 * 1024 * 1024
"""Bytes that are published at a time; one record may have more."""
NO_RECORD = "the value is no record: nobody can handle it"


@dataclass(slots=True)
class Replayed:
    """What became of the letters that were looked at."""

    published: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    """By id: why it can never be published again."""
    last: int | None = None
    """The highest id that was looked at. None: no letter is left."""


def record_of(letter: DeadLetter) -> Record | None:
    """Return the record that was given up. None: it is none."""
    try:
        return Record.FromString(letter.value)
    except DecodeError:
        return None


async def replay(units: Units, bus: Bus, letters: Sequence[DeadLetter], by: str) -> Replayed:
    """Publish letters again, in this order, and note who had it done.

    Raises BusUnavailable, when those that were published are noted already, and Later.
    """
    found = Replayed()
    records = [(letter, record_of(letter)) for letter in letters]
    found.refused = {letter.id: NO_RECORD for letter, record in records if record is None}
    again = [
        Outgoing(letter.topic, record, partition=letter.partition, key=letter.station_id, stored=letter.value)
        for letter, record in records
        if record is not None
    ]
    numbers = [letter.id for letter, record in records if record is not None]
    failed = await _publish(bus, again)
    found.published = [number for at, number in enumerate(numbers) if at not in failed]
    found.refused |= {numbers[at]: str(error) for at, error in failed.items() if not isinstance(error, BusUnavailable)}
    if found.published:
        async with units.open() as unit:
            await dead_letter_rows.replayed(unit.session, found.published, unit.now, by)
    away = next((error for error in failed.values() if isinstance(error, BusUnavailable)), None)
    if away is not None:
        raise away
    return found


async def replay_some(units: Units, bus: Bus, wanted: Wanted, by: str) -> Replayed:
    """Publish the oldest letters that are wanted and were not published again yet. Raises BusUnavailable and Later."""
    async with units.reading() as session:
        sizes = await dead_letter_rows.sizes(session, wanted)
        letters = await dead_letter_rows.find_all(session, _as_many_as_fit(sizes))
    found = await replay(units, bus, letters, by)
    found.last = letters[-1].id if letters else None
    return found


def _as_many_as_fit(sizes: Sequence[tuple[int, int]]) -> list[int]:
    numbers: list[int] = []
    total = 0
    for number, size in sizes:
        total += size
        if numbers and total > MOST_BYTES:
            break
        numbers.append(number)
    return numbers


async def _publish(bus: Bus, records: Sequence[Outgoing]) -> dict[int, BusError]:
    if not records:
        return {}
    try:
        await bus.publish(records)
    except BusError as error:
        return dict(error.of_each(len(records)))
    return {}
