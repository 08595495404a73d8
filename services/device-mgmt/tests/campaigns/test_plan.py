from datetime import UTC, datetime, time

import pytest
from csms_device_mgmt.campaigns.plan import Plan, Window
from pydantic import ValidationError


def test_a_wave_begins_when_those_before_are_through():
    plan = Plan(version="2", waves=[1, 10, 100])
    assert (plan.wave({}, 200), plan.room({}, 200)) == (1, 2)
    assert plan.room({"deferred": 1, "result": 1}, 200) == 0  # one is still at it
    assert (plan.wave({"result": 2}, 200), plan.room({"result": 2}, 200)) == (2, 18)
    assert (plan.wave({"result": 19, "error": 1}, 200), plan.room({"result": 19, "error": 1}, 200)) == (3, 180)
    assert plan.room({"result": 200}, 200) == 0


def test_small_fleets_have_whole_stations():
    plan = Plan(version="2", waves=[1, 100])
    assert (plan.room({}, 3), plan.room({"refused": 1}, 3)) == (1, 2)


def test_it_stops_when_too_many_failed_of_enough():
    plan = Plan(version="2", stop_on_failure_rate=0.2)
    assert not plan.is_failing({"error": 4})  # too few to say
    assert not plan.is_failing({"error": 1, "result": 4})
    assert plan.is_failing({"error": 1, "timeout": 1, "result": 7})
    assert not plan.is_failing({"not_connected": 50, "result": 5})
    assert not Plan(version="2").is_failing({"error": 50})


def test_a_window_over_midnight_and_in_other_zones():
    window = Window(begins=time(22), until=time(5), time_zone="site")
    assert [window.is_open(time(hour)) for hour in (21, 22, 0, 4, 5)] == [False, True, True, True, False]
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    zones = ["Europe/Berlin", "Pacific/Auckland", "America/New_York"]  # 13:00, 01:00, 07:00
    assert window.open_zones(zones, noon) == ["Pacific/Auckland"]
    with pytest.raises(ValidationError):
        Window(begins=time(5), until=time(5))
