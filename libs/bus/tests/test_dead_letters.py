"""Dead letters can be read, and their records given to their consumers again."""

import asyncio
from collections.abc import Sequence

import pytest
from csms.v1.bus_pb2 import DeadLetter, Record
from csms_bus import dead_letters
from csms_bus.dead_letters import Letter
from csms_bus.memory import MemoryBus
from csms_bus.ports import Incoming, Outgoing
from csms_bus.runner import Never
from csms_testing.buses import DEADLINE_S, World, number_of
from typer.testing import CliRunner


class Refusing:
    """Gives up what it is told to, and remembers the rest."""

    def __init__(self) -> None:
        self.broken = True
        self.handled: asyncio.Queue[int] = asyncio.Queue()

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        for incoming in batch:
            if self.broken:
                raise Never("cannot be handled yet")
            self.handled.put_nowait(number_of(incoming))
        return ()


async def letters_of(world: World, count: int) -> list[Letter]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = [letter for letter in await dead_letters.read(world.bus) if letter.letter.group == world.group]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)  # another task publishes them


# The in-process bus keeps nothing that nobody reads.
@pytest.mark.parametrize("world", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
async def test_what_died_is_shown_and_handled_when_it_is_replayed(world: World) -> None:
    handler = Refusing()
    async with world.runner(handler):
        await world.publish(("CS1", 1), ("CS2", 2))
        letters = await letters_of(world, 2)
        assert {letter.key for letter in letters} == {"CS1", "CS2"}
        assert {letter.letter.reason for letter in letters} == {"cannot be handled yet"}
        assert {letter.letter.topic for letter in letters} == {world.log}

        handler.broken = False
        assert await dead_letters.replay(world.bus, letters) == 2
        async with asyncio.timeout(DEADLINE_S):
            assert {await handler.handled.get() for _ in range(2)} == {1, 2}


async def test_what_is_no_record_cannot_be_replayed() -> None:
    garbage = Letter(0, "CS1", 0, DeadLetter(topic="ocpp.calls.devices", value=b"\xff\xfe no record"))
    assert garbage.record is None
    assert await dead_letters.replay(MemoryBus(), [garbage]) == 0


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, kept: "Kept") -> CliRunner:
    monkeypatch.setattr(dead_letters, "KafkaBus", lambda *_, **__: MemoryBus())
    monkeypatch.setattr(dead_letters, "read", kept.read)
    monkeypatch.setattr(dead_letters, "replay", kept.replay)
    return CliRunner()


class Kept:
    """Three letters, and which of them were replayed."""

    def __init__(self) -> None:
        topics = ("ocpp.calls.auth", "ocpp.calls.devices", "ocpp.calls.auth")
        value = Record(station_id="CS1").SerializeToString()
        self.letters = [
            Letter(offset, "CS1", 0, DeadLetter(topic=topic, group="g", reason="because", value=value))
            for offset, topic in enumerate(topics)
        ]
        self.replayed: list[int] = []

    async def read(self, _bus: object) -> list[Letter]:
        return self.letters

    async def replay(self, _bus: object, letters: Sequence[Letter]) -> int:
        self.replayed = [letter.offset for letter in letters]
        return len(letters)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_list_shows_one_line_each(cli: CliRunner) -> None:
    lines = cli.invoke(dead_letters.cli, ["list"]).output.splitlines()
    assert lines[1].split("\t") == ["1", "ocpp.calls.devices", "g", "CS1", "empty", "because"]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [0, 1, 2]),
        (["--offset", "0", "--offset", "1"], [0, 1]),
        (["--topic", "ocpp.calls.auth"], [0, 2]),
        (["--topic", "ocpp.calls.auth", "--offset", "1"], []),
    ],
)
def test_replay_of_some(cli: CliRunner, kept: Kept, arguments: list[str], expected: list[int]) -> None:
    result = cli.invoke(dead_letters.cli, ["replay", *arguments])
    assert result.output == f"{len(expected)} of {len(expected)} replayed\n"
    assert kept.replayed == expected
