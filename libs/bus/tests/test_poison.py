"""What cannot be handled holds up nobody else, whatever it is and however much there is of it."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from csms.v1.bus_pb2 import DeadLetter, Record
from csms.v1.station_pb2 import ConnectionRecord, ReplyTo
from csms_bus.flow import LaterOrNever
from csms_bus.kafka_records import hash_of
from csms_bus.poison import SUSPECT_S, Poison, RetryLimits
from csms_bus.ports import BusUnavailable, Incoming, Outgoing
from csms_bus.records import new_record, reply_to
from csms_bus.runner import ConsumerRunner, Later, Never, TooManyDeadLetters
from csms_bus.topics import DEAD_LETTERS
from csms_testing.buses import DEADLINE_S, Readings, World, number_of, running

NEIGHBOUR = next(name for name in (f"CS{n}" for n in range(2, 40)) if hash_of(name) % 3 == hash_of("CS1") % 3)
"""Its records lie in the partition of CS1."""


class Handler:
    """Remembers what it was given; `fails` says which record raises what."""

    def __init__(self, fails: Callable[[Incoming], Exception | None]) -> None:
        self.fails = fails
        self.batches: list[list[int]] = []
        self.done: list[tuple[str, int]] = []
        self._changed = asyncio.Condition()

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        self.batches.append([_number(incoming) for incoming in batch])
        for incoming in batch:
            error = self.fails(incoming)
            if error is not None:
                raise error
        self.done += [(incoming.key, _number(incoming)) for incoming in batch]
        async with self._changed:
            self._changed.notify_all()
        return [reply_to(one.record.station_call, payload=b"{}") for one in batch if one.record is not None]

    async def until_tried(self, times: int) -> None:
        """Wait until it was called so often."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.batches) < times:  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(0.01)

    def of(self, key: str) -> list[int]:
        return [number for station, number in self.done if station == key]

    async def until(self, satisfied: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(satisfied)


def _number(incoming: Incoming) -> int:
    named = incoming.record.station_call.correlation_id if incoming.record is not None else ""
    return int(named) if named.isdigit() else -2


def fails_for(*numbers: int, error: Exception | None = None) -> Callable[[Incoming], Exception | None]:
    failure = error or RuntimeError("poison")
    return lambda incoming: failure if number_of(incoming) in numbers else None


def test_a_deploy_that_is_bad_for_most_is_noticed_however_many_partitions_share_the_stations() -> None:
    def incoming(number: int) -> Incoming:
        return Incoming("log", number % 120, number, f"CS{number}", None)

    poison = Poison("group", RetryLimits(3, 20, 0.0))
    bad = [number for number in range(202) if number % 120 != 119]
    for number in bad[:199]:
        poison.next_batch()
        poison.succeeded([incoming(119)])  # says something of its own partition, and that not all is lost
        poison.failed(incoming(number), "bad")
    poison.next_batch()
    poison.succeeded([incoming(119)])
    with pytest.raises(TooManyDeadLetters, match="200 stations of any partitions"):
        poison.failed(incoming(bad[199]), "bad")


async def test_a_flood_of_one_stations_poison_waits_once_and_costs_nobody_his_batch(world: World) -> None:
    poison, good = range(100, 400), range(60)
    handler = Handler(lambda incoming: RuntimeError("poison") if number_of(incoming) in poison else None)
    async with world.consumer():
        pass
    await world.publish(("CS1", poison[0]))
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler, attempt_pause_s=1.0):
        assert (await dead.next()).station_id == "CS1"
        handler.batches.clear()
        mixed = [("CS1", number) for number in poison[1:]]
        for number in good:
            mixed.insert(number * 4, (f"CS{2 + number % 5}", number))
        await world.publish(*mixed)
        await handler.until(lambda: len(handler.done) == len(good))
        for number in poison[1:]:
            letter = await dead.next()
            assert Record.FromString(letter.dead_letter.value).station_call.correlation_id == str(number)
    tried = [number for batch in handler.batches for number in batch]
    assert all(tried.count(number) <= 2 for number in poison), "a pause of a second for each would hold up the others"
    assert all(set(batch) <= set(good) or len(batch) == 1 for batch in handler.batches)
    assert sorted(number for _, number in handler.done) == list(good)


async def test_a_suspect_is_handled_in_order_and_forgiven(memory: World) -> None:
    handler = Handler(fails_for(1))
    async with memory.reading(DEAD_LETTERS.name) as dead, memory.runner(handler):
        await memory.publish(("CS1", 1))
        await dead.next()
        await memory.publish(("CS1", 2), (NEIGHBOUR, 10), ("CS1", 3), (NEIGHBOUR, 11))
        await handler.until(lambda: len(handler.done) == 4)
    assert handler.of("CS1") == [2, 3]
    assert handler.of(NEIGHBOUR) == [10, 11]
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_what_was_set_aside_is_not_set_aside_again_when_the_rest_must_wait(memory: World) -> None:
    times = iter(range(4))

    def fails(incoming: Incoming) -> Exception | None:
        if number_of(incoming) in {1, 2}:
            return Never("bad")
        return Later("database down") if number_of(incoming) == 3 and next(times, None) is not None else None

    handler = Handler(fails)
    async with memory.reading(DEAD_LETTERS.name) as dead, memory.runner(handler):
        await memory.publish(("CS1", 1))
        await dead.next()
        await memory.publish(("CS1", 2), ("CS1", 3), (NEIGHBOUR, 10))
        await handler.until(lambda: handler.of("CS1") == [3])
        await memory.publish(("CS1", 1))
        letters = [(await dead.next()).dead_letter.offset for _ in range(2)]
    assert letters == [1, 4]
    assert 10 in handler.of(NEIGHBOUR)
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_what_may_be_nobodys_fault_is_not_given_up_while_nothing_succeeds(world: World) -> None:
    handler = Handler(lambda _incoming: LaterOrNever("no such table"))
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
        await world.publish(*((f"CS{number}", number) for number in range(10)))
        await handler.until_tried(30)
        handler.fails = lambda _incoming: None
        await handler.until(lambda: {number for _, number in handler.done} == set(range(10)))
        await world.bus.publish([stored(world, b"\xff\xfe no protobuf")])
        assert (await dead_of(world, dead)).reason == "the value is no record"


async def test_a_record_for_which_it_goes_on_beside_others_is_given_up_and_holds_up_nobody(world: World) -> None:
    handler = Handler(fails_for(1, error=LaterOrNever("canceled")))
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
        await world.publish(("CS1", 1))
        await handler.until_tried(3)
        for number in range(10, 20):
            await world.publish((NEIGHBOUR, number), (OTHER, number))
            await handler.until(lambda number=number: {number} <= set(handler.of(NEIGHBOUR)) & set(handler.of(OTHER)))  # type: ignore[misc]
        await world.publish(("CS1", 2))
        await handler.until(lambda: handler.of("CS1") == [2])
        while (letter := await dead.next()).station_id != "CS1":
            pass
    assert letter.dead_letter.reason == "canceled"


async def test_records_in_doubt_of_several_stations_hold_up_nobody_behind_them(memory: World) -> None:
    first = hash_of("CS1") % 3
    one, two, three, good = [name for name in (f"CS{n}" for n in range(1, 60)) if hash_of(name) % 3 == first][:4]
    handler = Handler(lambda incoming: None if incoming.key == good else LaterOrNever("canceled"))
    async with memory.consumer():
        pass
    await memory.publish((one, 1), (two, 2), (three, 3), (good, 10))
    async with memory.reading(DEAD_LETTERS.name) as dead, memory.runner(handler):
        for number in range(10, 20):
            await handler.until(lambda number=number: number in handler.of(good))  # type: ignore[misc]
            await memory.publish((good, number + 1))
        given_up = {(await dead_of(memory, dead)).offset for _ in range(3)}
    assert given_up == {0, 1, 2}


async def test_a_record_in_doubt_does_not_keep_a_consumer_parked(memory: World) -> None:
    handler = Handler(lambda _incoming: RuntimeError("bad"))
    parked = asyncio.Event()
    settings = {"park_s": (0.01, 0.02), "on_health": lambda ok, _detail: None if ok else parked.set()}
    async with memory.runner(handler, **settings):
        await memory.publish(("CS1", 1), *((f"CS{number}", number) for number in range(2, 10)))
        await asyncio.wait_for(parked.wait(), DEADLINE_S)
        handler.fails = fails_for(1, error=LaterOrNever("canceled"))
        await handler.until(lambda: {number for _, number in handler.done} == set(range(2, 10)))


ODD: dict[str, Callable[[World], Outgoing]] = {
    "no record": lambda world: stored(world, b"\xff\xfe no protobuf"),
    "cut off": lambda world: stored(world, world.call("CS1", 1).record.SerializeToString()[:-3]),
    "a body of a newer version": lambda world: stored(world, bytes([0xC2, 0x3E, 0])),
    "no body": lambda world: Outgoing(world.log, Record(station_id="CS1"), key="CS1"),
    "empty": lambda world: stored(world, b""),
    "a tombstone": lambda world: Outgoing(world.log, Record(station_id="CS1"), tombstone=True),
    "a NUL in the station's id": lambda world: keyed(world, "CS1", station_id="C\0S"),
    "another station's key": lambda world: keyed(world, "somebody else", station_id="CS1"),
    "a long key": lambda world: keyed(world, "k" * 100_000, station_id="CS1"),
    "no key": lambda world: keyed(world, "", station_id="CS1"),
    "a NUL in the correlation id": lambda world: correlated(world, "a\0b"),
    "a long correlation id": lambda world: correlated(world, "c" * 1_000_000),
    "no correlation id": lambda world: correlated(world, ""),
    "an answer to a negative partition": lambda world: answered(world, -1),
    "an answer to a partition that nobody has": lambda world: answered(world, 2**31 - 1),
}


async def dead_of(world: World, dead: Readings) -> DeadLetter:
    """The next dead letter of the world's own group."""
    while (letter := (await dead.next()).dead_letter).group != world.group:
        pass
    return letter


def stored(world: World, value: bytes) -> Outgoing:
    return Outgoing(world.log, Record(station_id="CS1"), key="CS1", stored=value)


def keyed(world: World, key: str, station_id: str) -> Outgoing:
    outgoing = world.call(station_id, -2)
    outgoing.key = key
    return outgoing


def correlated(world: World, correlation_id: str) -> Outgoing:
    outgoing = world.call("CS1", -2)
    outgoing.record.station_call.correlation_id = correlation_id
    return outgoing


def answered(world: World, partition: int) -> Outgoing:
    outgoing = world.call("CS1", -2)
    outgoing.record.station_call.reply_to.CopyFrom(ReplyTo(topic=world.inbox, partition=partition))
    return outgoing


async def until_nothing_comes_again(world: World, handler: Handler) -> None:
    """Publish until two batches in a row have nothing but what is new: what is before them is done."""
    quiet = 0
    for number in range(5, 25):
        handler.batches.clear()
        await world.publish(*((f"CS{station}", number) for station in range(12)))
        await handler.until(lambda number=number: len({key for key, one in handler.done if one == number}) == 12)  # type: ignore[misc]
        quiet = quiet + 1 if {one for batch in handler.batches for one in batch} == {number} else 0
        if quiet == 2:
            return
    raise AssertionError("the same records come again and again")


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_record_holds_up_nobody(world: World, odd: str) -> None:
    """Whether or not it is handled: those before it and behind it, of its station, too, are, and none comes again."""
    handler = Handler(lambda _incoming: None)
    async with world.runner(handler):
        await world.publish(("CS1", 1), (NEIGHBOUR, 2))
        await world.bus.publish([ODD[odd](world)])
        await world.publish(("CS1", 3), (NEIGHBOUR, 4))
        await until_nothing_comes_again(world, handler)
    assert {key: number for key, number in handler.done if number in {1, 3}} == {"CS1": 3}
    assert {key: number for key, number in handler.done if number in {2, 4}} == {NEIGHBOUR: 4}
    async with world.consumer() as consumer:
        await world.take_none(consumer)


class Leaderless:
    """A bus on which nothing of a topic can be published that `refused` names."""

    def __init__(self, world: World, refused: Callable[[Outgoing], bool]) -> None:
        self.subscribe = world.bus.subscribe
        self.refused = refused
        self._bus = world.bus

    async def publish(self, records: Sequence[Outgoing]) -> None:
        bad = {at: BusUnavailable("no leader") for at, one in enumerate(records) if self.refused(one)}
        await self._bus.publish([one for at, one in enumerate(records) if at not in bad])
        if bad:
            raise BusUnavailable("no leader", outcomes=bad)


OTHER = next(name for name in (f"CS{n}" for n in range(2, 40)) if hash_of(name) % 3 != hash_of("CS1") % 3)
"""Its records lie in another partition than those of CS1."""


async def test_what_leads_to_a_partition_without_leader_stops_only_its_own(memory: World) -> None:
    """Of CS1 nothing is done until it is back, in order; the others are answered meanwhile, and wait for nothing."""
    bus = Leaderless(memory, lambda one: one.topic == memory.table)
    handled: list[tuple[str, int]] = []

    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        handled.extend((one.key, number_of(one)) for one in batch)
        led_to = [reply_to(one.record.station_call, payload=b"{}") for one in batch if one.record is not None]
        return [
            *(
                Outgoing(memory.table, new_record("CS1", connection=ConnectionRecord()))
                for one in batch
                if one.key == "CS1"
            ),
            *led_to,
        ]

    runner = ConsumerRunner(bus, group=memory.group, topics=[memory.log], handler=handle, backoff_s=(0.01, 300.0))  # type: ignore[arg-type]
    async with memory.reading(memory.inbox, 0) as answers, running(runner.run):
        await runner.ready()
        await memory.publish(("CS1", 1), ("CS1", 2))
        while len(handled) < 16:  # by then it would wait for minutes
            assert (await answers.next()).reply.correlation_id in {"1", "2"}
        for number in range(10, 20):
            await memory.publish((OTHER, number))
            while (await answers.next()).reply.correlation_id != str(number):
                pass
        bus.refused = lambda _one: False
        while (await answers.next()).reply.correlation_id != "2":
            pass
    first = [number for key, number in handled if key == "CS1"]
    assert first.index(1) < first.index(2)
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_dead_letters_that_cannot_be_written_stop_only_their_partition(memory: World) -> None:
    bus = Leaderless(memory, lambda one: one.topic == DEAD_LETTERS.name)
    handler = Handler(fails_for(1, error=Never("bad")))
    runner = ConsumerRunner(bus, group=memory.group, topics=[memory.log], handler=handler, backoff_s=(0.01, 30.0))  # type: ignore[arg-type]
    async with memory.reading(DEAD_LETTERS.name) as dead, running(runner.run):
        await runner.ready()
        await memory.publish(("CS1", 1))
        for number in range(10, 20):
            await memory.publish((OTHER, number))
            await handler.until(lambda number=number: (OTHER, number) in handler.done)  # type: ignore[misc]
        bus.refused = lambda _one: False
        assert (await dead.next()).dead_letter.reason == "bad"
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


def incoming(key: str) -> Incoming:
    return Incoming("topic", 0, 0, key, Record())


def test_a_suspect_is_tried_less_often_until_it_is_forgotten() -> None:
    now = [0.0]
    poison = Poison("group", RetryLimits(attempts=5, stations_in_a_row=20, pause_s=0.1), lambda: now[0])
    assert poison.tries(incoming("CS1")) == (5, 0.1)
    poison.failed(incoming("CS1"), "bad")
    assert poison.tries(incoming("CS1")) == (2, 0.0)
    assert poison.tries(incoming("CS2")) == (5, 0.1)
    now[0] += SUSPECT_S
    assert not poison.is_suspect(incoming("CS1"))


def test_only_many_stations_of_a_partition_without_any_success_are_a_bad_deploy() -> None:
    poison = Poison("group", RetryLimits(attempts=5, stations_in_a_row=3, pause_s=0.1))
    for _ in range(10):
        poison.failed(incoming("CS1"), "bad")
        poison.failed(incoming("CS2"), "bad")
    poison.succeeded([incoming("CS9")])
    poison.next_batch()
    poison.failed(incoming("CS3"), "bad")
    poison.failed(incoming("CS4"), "bad")
    with pytest.raises(TooManyDeadLetters, match="3 stations"):
        poison.failed(incoming("CS5"), "bad")
