"""One station's input, without a network: it keeps no other waiting, whatever becomes of it."""

import asyncio
import random
import struct
from typing import Any, cast
from unittest.mock import Mock

import pytest
from csms_gateway.budget import Budget
from csms_gateway.intake import Intake
from csms_gateway.rate import Buckets
from csms_gateway.socket_context import SocketContext
from csms_gateway.turns import Turns
from websockets.protocol import State
from websockets.server import ServerProtocol

ROOM = 100_000


def beginning(length: int) -> bytes:
    """The first bytes of a frame with so many."""
    return struct.pack(">BBQ4x", 0x81, 0xFF, length) + b"a"


def frame(payload: bytes, first: int = 0x81) -> bytes:
    return struct.pack(">BBQ4x", first, 0xFF, len(payload)) + payload


class Wires:
    """Stations of one gateway."""

    def __init__(self) -> None:
        self.context = SocketContext(
            owner=Mock(),
            budget=Budget(ROOM),
            turns=Turns(),
            buckets=Buckets(1e6, 1e6, 10),
            max_message_bytes=ROOM,
            request_timeout_s=5,
            transfer_timeout_s=5,
        )

    def station(self, receiver: Any, protocol: ServerProtocol | None = None) -> tuple[Intake, Any]:
        loop = asyncio.get_running_loop()
        socket = Mock(loop=loop, writing_paused=False, said_goodbye=False)
        socket.transport.is_closing.return_value = False
        intake = Intake(socket, protocol or ServerProtocol(state=State.OPEN), self.context, loop.time())
        intake.listen_to(receiver)
        return intake, socket


class Receiver:
    ready = settled = True

    def receive_text(self, data: bytes) -> None:
        raise LookupError(data)


async def test_who_cannot_use_room_keeps_nobody_behind_it_waiting() -> None:
    wires = Wires()
    has, stuck, waits = (wires.station(Receiver()) for _ in range(3))
    for intake, _ in (has, stuck, waits):
        intake.receive(beginning(ROOM * 3 // 4))
    assert [intake.reading for intake, _ in (has, stuck, waits)] == [True, False, False]
    stuck[1].writing_paused = True
    has[0].close()
    for _ in range(4):
        await asyncio.sleep(0)
    assert [intake.reading for intake, _ in (stuck, waits)] == [False, True]
    for intake, _ in (stuck, waits):
        intake.close()
    assert wires.context.budget.used == 0


async def test_small_messages_that_may_inflate_are_not_read_when_there_is_far_too_much() -> None:
    wires = Wires()
    wires.context.budget.add(2 * ROOM + 1)
    (plain, _), (compressed, socket) = wires.station(Mock(ready=True, settled=True)), wires.station(Receiver())
    plain.receive(frame(b"[" * 1000))
    compressed.receive(frame(b"[" * 1000, first=0xC1))
    assert (plain.reading, compressed.reading) == (True, False)
    wires.context.budget.give(2 * ROOM + 1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert compressed.reading
    socket.flush.assert_called()


def some_frame(rng: random.Random) -> bytes:
    """A frame of any kind and length, hardly ever against the rules."""
    opcode = rng.choice((1, 1, 9, 10, 0, 2, 8) if rng.random() < 0.2 else (1, 9, 10))
    length = min(rng.choice((0, 1, 125, 126, 3000, 65_535, 65_536)), 125 if opcode > 7 else ROOM)
    first = (0x80 if rng.random() < 0.9 else 0) | (0x40 if rng.random() < 0.01 else 0) | opcode
    masked = 0x80 if rng.random() < 0.99 else 0
    form = rng.choice(
        [form for form in (">BB", ">BBH", ">BBQ") if length < {">BB": 126, ">BBH": 65_536}.get(form, ROOM)]
    )
    lengths = (masked | length,) if form == ">BB" else (masked | {">BBH": 126, ">BBQ": 127}[form], length)
    return struct.pack(form, first, *lengths) + bytes(4 if masked else 0) + b"x" * length


def written(protocol: ServerProtocol) -> bytes:
    return b"".join(protocol.data_to_send())


async def is_read(intake: Intake) -> None:
    # On a slow machine it may wait for its turn, and go on reading meanwhile.
    while not intake.reading or intake._in_line:  # noqa: ASYNC110 the test has a deadline
        await asyncio.sleep(0)


async def given_in_parts(data: bytes, rng: random.Random) -> bytes:
    """What is written when the network gives this in parts of any length."""
    protocol, answers = ServerProtocol(state=State.OPEN, max_size=ROOM), bytearray()
    intake, socket = Wires().station(Mock(ready=True, settled=True), protocol)

    def flush() -> None:
        sent = protocol.data_to_send()
        socket.said_goodbye = socket.said_goodbye or b"" in sent
        answers.extend(b"".join(sent))

    socket.flush = flush
    while data:
        await is_read(intake)
        count = rng.choice((1, 2, 7, 100, 16_384))
        intake.receive(data[:count])
        data = data[count:]
    await is_read(intake)
    intake.close()
    return bytes(answers)


@pytest.mark.parametrize("seed", range(60))
async def test_frames_end_where_websockets_has_them_end(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 no secret
    data = b"".join(some_frame(rng) for _ in range(8))
    at_once = ServerProtocol(state=State.OPEN, max_size=ROOM)
    at_once.receive_data(data)
    async with asyncio.timeout(5):
        assert await given_in_parts(data, rng) == written(at_once)


async def test_what_goes_wrong_with_one_ends_its_connection_alone() -> None:
    intake, socket = Wires().station(Receiver())
    intake.receive(frame(b"a"))
    cast("Mock", socket.abort).assert_called_once()


@pytest.mark.parametrize("paused", [True, False])
async def test_reading_goes_on_only_when_writing_does(*, paused: bool) -> None:
    intake, socket = Wires().station(Receiver())
    socket.writing_paused = paused
    intake.go_on()
    assert intake.reading is not paused


class Taking:
    """A receiver that takes all, and remembers it."""

    ready = settled = True

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def receive_text(self, data: bytes) -> None:
        self.taken.append(data)


async def served(*receivers: Taking) -> None:
    while not all(receiver.taken for receiver in receivers):  # noqa: ASYNC110 the test has a deadline
        await asyncio.sleep(0)


async def test_who_waits_for_its_turn_is_read_on_as_long_as_little_waits() -> None:
    wires, first, second = Wires(), Taking(), Taking()
    wires.context.turns.spent(1, heavy=False)  # the time of this turn is used up
    (before, _), (behind, _) = wires.station(first), wires.station(second)
    before.receive(frame(b"a"))
    behind.receive(frame(b"b"))
    assert (first.taken, second.taken) == ([], [])
    assert behind.reading
    behind.receive(frame(b"c" * 5000))
    assert not behind.reading
    async with asyncio.timeout(5):
        await served(first, second)
        while len(second.taken) < 2:  # noqa: ASYNC110 as above
            await asyncio.sleep(0)
    assert second.taken == [b"b", b"c" * 5000]
    assert behind.reading


async def test_a_costly_frame_in_the_line_of_small_ones_moves_to_its_own() -> None:
    wires, small, large = Wires(), Taking(), Taking()
    wires.context.turns.spent(1, heavy=False)
    (before, _), (behind, _) = wires.station(small), wires.station(large)
    before.receive(frame(b"a"))
    behind.receive(frame(b"b" * 5000))
    wires.context.turns.spent(0.003, heavy=True)  # costly frames have a pause
    async with asyncio.timeout(5):
        await served(small)
        assert large.taken == []
        await served(large)


async def test_who_has_nothing_left_when_its_turn_comes_is_served_the_next_time() -> None:
    wires, other, receiver = Wires(), Taking(), Taking()
    wires.context.turns.spent(1, heavy=False)
    (before, _), (intake, _) = wires.station(other), wires.station(receiver)
    before.receive(frame(b"a"))
    intake.receive(frame(b"b"))
    intake.finish()
    assert receiver.taken == [b"b"]
    async with asyncio.timeout(5):
        await served(other)
    await asyncio.sleep(0)
    receiver.taken.clear()
    intake.receive(frame(b"c"))
    async with asyncio.timeout(5):
        await served(receiver)
