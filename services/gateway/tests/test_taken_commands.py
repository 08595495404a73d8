from csms.v1.station_pb2 import StationCommand
from csms_gateway.taken_commands import TakenCommands


def command(call_id: str = "a", connection_id: str = "c1", deadline_ms: int = 100) -> StationCommand:
    return StationCommand(correlation_id=call_id, connection_id=connection_id, deadline_ms=deadline_ms)


def test_each_is_taken_once() -> None:
    taken = TakenCommands()
    assert taken.add(command(), 1)
    assert not taken.add(command(), 2)
    assert taken.add(command("b"), 3)


def test_a_call_is_taken_for_each_connection() -> None:
    taken = TakenCommands()
    assert taken.add(command(), 1)
    assert taken.add(command(connection_id="c2"), 1)
    assert not taken.add(command(connection_id="c2"), 1)


def test_it_is_remembered_until_its_deadline_and_no_longer() -> None:
    taken = TakenCommands()
    taken.add(command("a", deadline_ms=100), 1)
    taken.add(command("b", deadline_ms=50), 1)
    taken.add(command("c", deadline_ms=0), 1)
    assert not taken.add(command("a", deadline_ms=100), 100)
    assert taken.add(command("b", deadline_ms=50), 100)
    assert not taken.add(command("c", deadline_ms=0), 101)
    assert taken.add(command("a", deadline_ms=100), 101)
    assert not taken.is_full
