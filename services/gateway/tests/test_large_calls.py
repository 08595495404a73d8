"""Large CALLs take turns; small ones, and other services', do not wait for them."""

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from csms_gateway import large_calls
from csms_gateway.large_calls import BYTES_AT_ONCE, LARGE_BYTES, LargeCalls

if TYPE_CHECKING:
    from conftest import Start, System

STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
LARGE = {"vendorId": "v", "data": "x" * 700_000}


@pytest.fixture
def turns() -> LargeCalls:
    return LargeCalls()


def asking(turns: LargeCalls, begun: list[str], name: str, size: int) -> bool:
    return turns.ask(name, size, lambda: begun.append(name))


def test_as_many_begin_as_fit_and_the_others_follow_in_order(turns: LargeCalls) -> None:
    begun: list[str] = []
    for name in "abcd":
        assert asking(turns, begun, name, BYTES_AT_ONCE // 2)
    assert begun == ["a", "b"]
    turns.end("b")
    assert begun == ["a", "b", "c"]
    turns.end("d")  # it waits no more
    turns.end("a")
    turns.end("c")
    assert asking(turns, begun, "e", LARGE_BYTES)
    assert begun == ["a", "b", "c", "e"]


def test_one_that_is_larger_than_what_fits_comes_alone(turns: LargeCalls) -> None:
    begun: list[str] = []
    for name, size in (("a", LARGE_BYTES), ("b", BYTES_AT_ONCE * 4), ("c", LARGE_BYTES)):
        assert asking(turns, begun, name, size)
    assert begun == ["a"]
    turns.end("a")
    assert begun == ["a", "b"]
    turns.end("b")
    assert begun == ["a", "b", "c"]


def test_what_waits_is_bounded(turns: LargeCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_calls, "BYTES_WAITING", 3 * BYTES_AT_ONCE)
    begun: list[str] = []
    taken = [asking(turns, begun, name, BYTES_AT_ONCE) for name in "abcde"]
    assert taken == [True, True, True, True, False]
    turns.end("e")
    turns.end("a")
    assert asking(turns, begun, "f", BYTES_AT_ONCE)
    assert begun == ["a", "b"]


def test_one_that_ends_as_it_begins_lets_the_next_one_begin(turns: LargeCalls) -> None:
    begun: list[str] = []
    assert asking(turns, begun, "a", BYTES_AT_ONCE)
    assert turns.ask("b", BYTES_AT_ONCE, lambda: turns.end("b"))
    assert asking(turns, begun, "c", BYTES_AT_ONCE)
    turns.end("a")
    assert begun == ["a", "c"]


def test_any_number_may_end_as_they_begin(turns: LargeCalls) -> None:
    begun: list[str] = []
    ended: list[int] = []

    def end(number: int) -> None:
        turns.end(str(number))
        ended.append(number)  # as whoever answers a station that has waited too long: afterwards

    assert asking(turns, begun, "first", BYTES_AT_ONCE)
    for number in range(1500):
        assert turns.ask(str(number), LARGE_BYTES, partial(end, number))
    turns.end("first")
    assert ended == list(range(1500))
    assert asking(turns, begun, "last", BYTES_AT_ONCE)
    assert begun == ["first", "last"]


async def test_small_ones_come_in_between(start: "Start") -> None:
    system = await start(service_timeout_s=5)
    first, second, third = [await system.connect(f"CS{n}") for n in range(1, 4)]
    await first.start_call("DataTransfer", LARGE)
    await system.services.call("DataTransfer")
    (record,) = system.services.calls("DataTransfer")
    await second.start_call("DataTransfer", LARGE)
    system.services.answers["StatusNotification"] = {}
    assert (await third.call("StatusNotification", STATUS))[0] == 3
    assert [found.station_id for found in system.services.calls("DataTransfer")] == ["CS1"]
    system.services.answers["DataTransfer"] = {"status": "Rejected"}
    await system.services.answer(record, {"status": "Rejected"})
    assert (await first.receive())[2] == {"status": "Rejected"}
    assert (await second.receive())[2] == {"status": "Rejected"}


async def test_who_waits_too_long_is_told_to_come_again(start: "Start") -> None:
    system = await start(service_timeout_s=0.5)
    stations = [await system.connect(f"CS{n}") for n in range(1, 4)]
    for station in stations:
        await station.start_call("DataTransfer", LARGE)
    answers: list[Any] = [await station.receive() for station in stations]
    assert [answer[2] for answer in answers] == ["InternalError"] * 3  # nobody answered
    system.services.answers["DataTransfer"] = {"status": "Rejected"}
    for station in stations:
        assert (await station.call("DataTransfer", LARGE, "again"))[2] == {"status": "Rejected"}


async def test_one_that_leaves_waits_no_more(system: "System") -> None:
    first, second, third = [await system.connect(f"CS{n}") for n in range(1, 4)]
    await first.start_call("DataTransfer", LARGE)
    await system.services.call("DataTransfer")
    (record,) = system.services.calls("DataTransfer")
    await second.start_call("DataTransfer", LARGE)
    await third.start_call("DataTransfer", LARGE)
    await second.socket.close()
    await system.services.connection("CS2", 2)
    system.services.answers["DataTransfer"] = {"status": "Rejected"}
    await system.services.answer(record, {"status": "Rejected"})
    assert (await third.receive())[2] == {"status": "Rejected"}
