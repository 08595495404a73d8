"""How many calls are in work at a time."""

import asyncio

import pytest
from csms_device_mgmt.commands.room import Room
from csms_runtime.http import Problem


def refused(room: Room, station_id: str = "CS1", size: int = 1) -> int:
    with pytest.raises(Problem) as caught, room.taken(station_id, size):
        pass
    assert "not sent" in (caught.value.detail or "")
    assert caught.value.headers
    return caught.value.status


def test_one_station_leaves_room_for_others():
    room = Room(of_station=2)
    with room.taken("CS1", 1), room.taken("CS1", 1):
        assert refused(room) == 429
        with room.taken("CS2", 1):
            pass
    with room.taken("CS1", 1):
        pass


def test_all_stations_together_have_a_bound():
    room = Room(calls=2)
    with room.taken("CS1", 1), room.taken("CS2", 1):
        assert refused(room, "CS3") == 503
    with room.taken("CS3", 1):
        pass


def test_payloads_count_by_their_bytes():
    room = Room(size=10)
    with room.taken("CS1", 100):  # a single one may be larger
        assert refused(room, "CS2") == 503
    with room.taken("CS1", 6), room.taken("CS2", 4):
        assert refused(room, "CS3") == 503


async def test_room_comes_back_when_a_call_is_cancelled_or_fails():
    room = Room(of_station=1)

    async def call() -> None:
        with room.taken("CS1", 1):
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    assert refused(room) == 429
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(ValueError, match="broken"), room.taken("CS1", 1):
        raise ValueError("broken")
    with room.taken("CS1", 1):
        pass
