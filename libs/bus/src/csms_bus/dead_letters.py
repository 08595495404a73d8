"""Looking at dead letters, and giving them to their consumers again once the cause is gone.

`python -m csms_bus.dead_letters list --bootstrap host:port`, `... replay --offset 17`. Replaying is harmless: handlers
bear records that come again, and stations that waited are long gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer
from csms.v1.bus_pb2 import DeadLetter, Record
from csms_runtime.texts import for_terminal
from google.protobuf.message import DecodeError

from csms_bus import kafka_security
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Bus, BusUnavailable, Incoming, Outgoing, Start
from csms_bus.topics import DEAD_LETTERS

T = TypeVar("T")

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies on the topic."""

    offset: int
    """Names it: the topic has one partition."""
    key: str
    """Of the record that died: the station's id."""
    produced_at_ms: int
    letter: DeadLetter

    @property
    def record(self) -> Record | None:
        """The record that died; None: it is no record, and cannot be replayed."""
        try:
            return Record.FromString(self.letter.value)
        except DecodeError:
            return None


async def read(bus: Bus) -> list[Letter]:
    """Return all dead letters, the oldest first. Raises BusUnavailable."""
    found: list[Letter] = []
    async with bus.read(DEAD_LETTERS.name, partition=None, start=Start.BEGINNING) as reader:
        async for batch in reader.batches():
            if not batch:  # that was all
                break
            found += [_letter(incoming, incoming.record) for incoming in batch if incoming.record is not None]
    return found


def _letter(incoming: Incoming, record: Record) -> Letter:
    return Letter(incoming.offset, incoming.key, record.produced_at_ms, record.dead_letter)


async def replay(bus: Bus, letters: Sequence[Letter]) -> int:
    """Publish the records again where they came from, in order, and return how many could be. Raises BusUnavailable.

    The letters stay where they are. All groups that read the topic get the records again.
    """
    outgoing = [
        Outgoing(letter.letter.topic, record, key=letter.key)
        for letter in letters
        if (record := letter.record) is not None
    ]
    if outgoing:
        await bus.publish(outgoing)
    return len(outgoing)


Bootstrap = Annotated[
    str, typer.Option(envvar="CSMS_KAFKA_BOOTSTRAP_SERVERS", help="Brokers: host:port, separated by commas.")
]


@cli.command(name="list")
def list_letters(bootstrap: Bootstrap = "127.0.0.1:9092") -> None:
    """Show what there is, one line each: offset, topic, consumer group, station, kind of record, reason."""
    for letter in _with_bus(bootstrap, read):
        body = "no record" if letter.record is None else _kind(letter.record)
        about = letter.letter
        shown = map(for_terminal, (about.topic, about.group, letter.key, body, about.reason))
        typer.echo("\t".join([str(letter.offset), *shown]))


def _kind(record: Record) -> str:
    return record.sealed.kind if record.HasField("sealed") else record.WhichOneof("body") or "empty"


@cli.command(name="replay")
def replay_letters(
    bootstrap: Bootstrap = "127.0.0.1:9092",
    offset: Annotated[list[int] | None, typer.Option(help="Which ones; may be repeated. Absent: all.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only those that came from this topic.")] = None,
) -> None:
    """Publish dead letters again where they came from."""

    async def work(bus: Bus) -> tuple[int, int]:
        chosen = [
            letter
            for letter in await read(bus)
            if (not offset or letter.offset in offset) and topic in (None, letter.letter.topic)
        ]
        return await replay(bus, chosen), len(chosen)

    replayed, chosen = _with_bus(bootstrap, work)
    typer.echo(f"{replayed} of {chosen} replayed")


def _with_bus(bootstrap: str, work: Callable[[Bus], Awaitable[T]]) -> T:
    security = kafka_security.from_environment()

    async def run() -> T:
        bus = KafkaBus(bootstrap, client_id="csms-dead-letters", security=security)
        await bus.start()
        try:
            return await work(bus)
        finally:
            await bus.stop()

    try:
        return asyncio.run(run())
    except BusUnavailable as error:
        typer.echo(f"Kafka at {bootstrap}: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    cli()
