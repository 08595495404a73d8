"""The consumer runner on either bus: answers, isolation of poison, redelivery, limits, stopping."""

import asyncio
from collections.abc import Sequence

from csms_bus.kafka_records import hash_of
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import reply_to
from csms_bus.runner import ConsumerRunner, Later, Never
from csms_bus.topics import DEAD_LETTERS
from csms_testing.buses import DEADLINE_S, Failing, Handler, World, number_of, running

ONE_PARTITION = [name for name in (f"CS{number}" for number in range(40)) if hash_of(name) % 3 == hash_of("CS1") % 3]
"""Stations whose records lie in one of three partitions, with CS1."""


async def test_every_record_is_answered_where_it_asks_to_be(world: World) -> None:
    async with world.reading(world.inbox, 1) as inbox, world.runner(Handler()):
        await world.bus.publish([world.call("CS1", 1, slot=1), world.call("CS1", 2, slot=1)])
        assert [(await inbox.next()).reply.correlation_id for _ in range(2)] == ["1", "2"]


async def test_records_that_wait_are_handled_as_one_batch(memory: World) -> None:
    handler = Handler()
    async with memory.consumer():
        await memory.publish(*(("CS1", number) for number in range(50)))
    async with memory.runner(handler):
        await handler.until(lambda: len(handler.done) == 50)
    assert handler.batches == [list(range(50))]


async def test_poison_is_set_aside_and_the_rest_handled(world: World) -> None:
    handler = Handler(Failing(Never("no such thing"), 2))
    dead_letters, inbox = world.reading(DEAD_LETTERS.name), world.reading(world.inbox, 0)
    async with dead_letters as dead, inbox as answers, world.runner(handler):
        await world.publish(("CS1", 1), ("CS1", 2), ("CS1", 3))
        letter = await dead.next()
        replies = [(await answers.next()).reply for _ in range(3)]
    assert (letter.dead_letter.group, letter.dead_letter.reason) == (world.group, "no such thing")
    assert (letter.station_id, letter.dead_letter.topic) == ("CS1", world.log)
    assert type(letter).FromString(letter.dead_letter.value).station_call.correlation_id == "2"
    outcomes = {reply.correlation_id: reply.error.code for reply in replies}
    assert outcomes == {"1": "", "2": "InternalError", "3": ""}
    assert set(handler.done) == {1, 3}


async def test_record_that_fails_for_a_while_is_tried_again(memory: World) -> None:
    handler = Handler(Failing(RuntimeError("deadlock"), 2, times=2))
    async with memory.runner(handler, max_attempts=3):
        await memory.publish(("CS1", 1), ("CS1", 2))
        await handler.until(lambda: 2 in handler.done)
    assert [1, 2] in handler.batches
    assert handler.batches.count([2]) == 2


async def test_record_that_always_fails_becomes_a_dead_letter_after_the_last_attempt(memory: World) -> None:
    handler = Handler(Failing(RuntimeError("it is broken"), 2))
    async with memory.reading(DEAD_LETTERS.name) as dead, memory.runner(handler, max_attempts=3):
        await memory.publish(("CS1", 2))
        letter = (await dead.next()).dead_letter
    assert letter.reason == "RuntimeError: it is broken"
    assert handler.batches.count([2]) == 1 + 3


async def test_send_gets_no_answer_even_when_it_is_poison(memory: World) -> None:
    call = memory.call("CS1", 1)
    call.record.station_call.no_reply = True
    handler = Handler(Failing(Never("bad"), 1))
    async with memory.reading(memory.inbox, 0) as answers, memory.runner(handler):
        await memory.bus.publish([call, memory.call("CS1", 2)])
        assert (await answers.next()).reply.correlation_id == "2"


async def test_later_brings_the_whole_batch_again(world: World) -> None:
    handler = Handler(Failing(Later("database down"), 2, times=3))
    async with world.reading(world.inbox, 0) as answers, world.runner(handler):
        await world.publish(("CS1", 1), ("CS1", 2))
        assert [(await answers.next()).reply.correlation_id for _ in range(2)][-1] in {"1", "2"}
        await handler.until(lambda: 2 in handler.done)
    assert handler.fails.times == 0
    assert handler.done.index(1) < handler.done.index(2)


async def test_later_never_gives_up(memory: World) -> None:
    handler = Handler(Failing(Later("database down"), 1, times=30))
    async with memory.runner(handler, max_attempts=2, max_dead_letters=2, backoff_s=(0.001, 0.002)):
        await memory.publish(("CS1", 1))
        await handler.until(lambda: handler.done == [1])
    assert len(handler.batches) == 31


async def test_later_in_the_middle_keeps_what_is_done(memory: World) -> None:
    later = Failing(Later("database down"), 3, times=1)
    poison = Failing(Never("bad"), 1)

    def fails(number: int) -> None:
        poison(number)
        later(number)

    handler = Handler(fails)
    async with memory.reading(DEAD_LETTERS.name) as dead, memory.runner(handler):
        await memory.publish(("CS1", 1), ("CS1", 2), ("CS1", 3))
        await handler.until(lambda: 3 in handler.done)
        assert (await dead.next()).dead_letter.reason == "bad"
    assert handler.done == [2, 3]


async def test_one_station_stops_no_consumer(world: World) -> None:
    handler = Handler(Failing(Never("bad"), *range(50)))
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler, max_dead_letters=3):
        await world.publish(*(("CS1", number) for number in range(50)), (ONE_PARTITION[1], 100))
        assert [(await dead.next()).dead_letter.reason for _ in range(50)] == ["bad"] * 50
        await handler.until(lambda: handler.done == [100])


async def test_stations_of_different_partitions_are_not_counted_together(memory: World) -> None:
    handler = Handler(Failing(Never("bad"), *range(3)))
    async with memory.runner(handler, max_dead_letters=3):
        await memory.publish((ONE_PARTITION[0], 0), (ONE_PARTITION[1], 1), ("CS2", 2), (ONE_PARTITION[0], 100))
        await handler.until(lambda: handler.done == [100])


async def test_record_of_a_newer_version_is_kept_unseen_and_stops_nothing(world: World) -> None:
    handler = Handler()
    newer = [world.call(station, 0) for station in ONE_PARTITION]
    for outgoing in newer:
        outgoing.record.ClearField("station_call")
        outgoing.stored = outgoing.record.SerializeToString() + bytes([0xC2, 0x3E, 0])  # field 1000
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler, max_dead_letters=2):
        await world.bus.publish([*newer, world.call("CS1", 1)])
        letters = [(await dead.next()).dead_letter for _ in newer]
        await handler.until(lambda: handler.done == [1])
    assert [letter.value for letter in letters] == [outgoing.stored for outgoing in newer]
    assert {letter.reason for letter in letters} == {"unknown body"}
    assert handler.batches in ([[1]], [[], [1]])


async def test_dead_letters_that_are_not_in_a_row_do_not_stop_the_consumer(memory: World) -> None:
    handler = Handler(Failing(Never("bad"), *range(0, 20, 2)))
    async with memory.runner(handler, max_dead_letters=2):
        await memory.publish(*(("CS1", number) for number in range(20)))
        await handler.until(lambda: len(handler.done) == 10)
    assert handler.done == list(range(1, 20, 2))


async def test_handled_records_do_not_come_again_after_a_stop(world: World) -> None:
    first, second = Handler(), Handler()
    async with world.runner(first):
        await world.publish(("CS1", 1), ("CS2", 2))
        await first.until(lambda: len(first.done) == 2)
    async with world.runner(second):
        await world.publish(("CS1", 3))
        await second.until(lambda: bool(second.done))
    assert second.done == [3]


async def test_records_in_hand_come_again_after_a_crash(world: World) -> None:
    started = asyncio.Event()

    async def hangs(_batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        started.set()
        await asyncio.Event().wait()
        return ()

    runner = ConsumerRunner(world.bus, group=world.group, topics=[world.log], handler=hangs)
    task = asyncio.create_task(runner.run(asyncio.Event()))
    async with asyncio.timeout(DEADLINE_S):
        await runner.ready()
        await world.publish(("CS1", 1))
        await started.wait()
    task.cancel()
    await asyncio.wait({task})
    successor = Handler()
    async with world.runner(successor):
        await successor.until(lambda: successor.done == [1])


async def test_stop_lets_the_batch_in_hand_finish(memory: World) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        started.set()
        await go_on.wait()
        return [reply_to(incoming.record.station_call, payload=b"{}") for incoming in batch if incoming.record]

    async with memory.reading(memory.inbox, 0) as answers:
        runner = ConsumerRunner(memory.bus, group=memory.group, topics=[memory.log], handler=slow)
        async with running(runner.run) as stop:
            await runner.ready()
            await memory.publish(("CS1", 1))
            await started.wait()
            stop.set()
            go_on.set()
        assert (await answers.next()).reply.correlation_id == "1"
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_members_never_handle_a_station_at_the_same_time(world: World) -> None:
    in_work: set[str] = set()
    clashes: list[str] = []
    done: dict[str, list[int]] = {}
    finished = asyncio.Event()

    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        stations = {incoming.key for incoming in batch}
        clashes.extend(stations & in_work)
        in_work.update(stations)
        await asyncio.sleep(0.005)
        in_work.difference_update(stations)
        for incoming in batch:
            numbers = done.setdefault(incoming.key, [])
            if number_of(incoming) not in numbers:
                numbers.append(number_of(incoming))
        if sum(map(len, done.values())) == 6 * 40:
            finished.set()
        return ()

    async with world.runner(handle, max_batch=4):
        for number in range(20):
            await world.publish(*((f"CS{station}", number) for station in range(6)))
        async with world.runner(handle, max_batch=4):
            for number in range(20, 40):
                await world.publish(*((f"CS{station}", number) for station in range(6)))
            async with asyncio.timeout(DEADLINE_S):
                await finished.wait()
    assert not clashes
    assert done == {f"CS{station}": list(range(40)) for station in range(6)}
