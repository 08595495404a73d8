import tracemalloc

from csms.v1.station_pb2 import StationCommand
from csms_gateway.taken_commands import TakenCommands, Taking


def command(call_id: str = "a", connection_id: str = "c1", deadline_ms: int = 100) -> StationCommand:
    return StationCommand(correlation_id=call_id, connection_id=connection_id, deadline_ms=deadline_ms)


def test_each_is_taken_once() -> None:
    taken = TakenCommands()
    assert taken.take(command(), 1) is Taking.NEW
    assert taken.take(command(), 2) is Taking.REPEAT
    assert taken.take(command("b"), 3) is Taking.NEW


def test_a_call_is_taken_for_each_connection() -> None:
    taken = TakenCommands()
    assert taken.take(command(), 1) is Taking.NEW
    assert taken.take(command(connection_id="c2"), 1) is Taking.NEW
    assert taken.take(command(connection_id="c2"), 1) is Taking.REPEAT


def test_it_is_remembered_until_its_deadline_and_no_longer() -> None:
    taken = TakenCommands()
    taken.take(command("a", deadline_ms=100), 1)
    taken.take(command("b", deadline_ms=50), 1)
    taken.take(command("c", deadline_ms=0), 1)
    assert taken.take(command("a", deadline_ms=100), 100) is Taking.REPEAT
    assert taken.take(command("b", deadline_ms=50), 100) is Taking.NEW
    assert taken.take(command("c", deadline_ms=0), 101) is Taking.REPEAT
    assert taken.take(command("a", deadline_ms=100), 101) is Taking.NEW


def test_there_are_never_more_than_its_bound() -> None:
    taken = TakenCommands(most=2)
    assert [taken.take(command(name), 1) for name in "abcd"] == [Taking.NEW, Taking.NEW, Taking.FULL, Taking.FULL]
    assert len(taken) == 2
    assert taken.take(command("a"), 2) is Taking.REPEAT
    assert taken.take(command("c", deadline_ms=300), 101) is Taking.NEW


def test_an_entry_is_small_however_long_its_ids_are() -> None:
    taken = TakenCommands()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            taken.take(command(f"{number}" + "x" * 1000, "c" * 1000, deadline_ms=10_000_000_000 + number), 1)
        assert tracemalloc.get_traced_memory()[0] - before < 300 * 10_000
    finally:
        tracemalloc.stop()
