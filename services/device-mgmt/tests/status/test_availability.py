from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from csms_device_mgmt.status.availability import (
    Moment,
    ReportedStatus,
    availability_states,
    is_gone,
    is_outdated,
    moment,
    status_of_evse,
)

WHEN = "2026-01-01T00:00:00Z"


def event(component: dict[str, Any], value: str = "Occupied", variable: str = "AvailabilityState") -> dict[str, Any]:
    return {"component": component, "variable": {"name": variable}, "actualValue": value, "timestamp": WHEN}


def test_connector() -> None:
    found = list(availability_states([event({"name": "Connector", "evse": {"id": 2, "connectorId": 3}})]))
    assert found == [ReportedStatus(2, 3, "Occupied", WHEN)]


def test_evse() -> None:
    assert list(availability_states([event({"name": "EVSE", "evse": {"id": 2}})])) == [
        ReportedStatus(2, 0, "Occupied", WHEN)
    ]


def test_connector_without_number_is_not_guessed() -> None:
    assert not list(availability_states([event({"name": "Connector", "evse": {"id": 2}})]))


def test_other_things_are_passed_over() -> None:
    connector = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    others = [
        event(connector, variable="Problem"),
        event(connector, value="Exploded"),
        event({"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}}),
    ]
    assert not list(availability_states(others))


def test_order_is_kept() -> None:
    connector = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    found = availability_states([event(connector, "Available"), event(connector, "Occupied")])
    assert [status.status for status in found] == ["Available", "Occupied"]


def test_the_station_itself() -> None:
    (found,) = availability_states([event({"name": "ChargingStation"})])
    assert (found.evse_id, found.connector_id) == (0, 0)


T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(reported: float, received: float) -> Moment:
    """Both in minutes after T0."""
    received_at = T0 + timedelta(minutes=received)
    return moment(T0 + timedelta(minutes=reported), received_at)


YEAR = 60 * 24 * 366


@pytest.mark.parametrize(
    ("known", "seen", "outdated"),
    [
        (at(0, 0), at(1, 1), False),
        (at(0, 0), at(-180, 1), True),  # queued, from before
        (at(0, 0), at(0, 0), False),  # the same again
        (at(2, 0), at(1, 1), False),  # the clock was ahead and is right now
        (at(10, 0), at(1, 1), False),  # the first one's time is implausible
        (at(0, 0), at(10, 1), False),
        (at(0, 0), at(-20 * YEAR, 1), False),  # a clock that was never set
        (at(-20 * YEAR, 1), at(0, 0), True),  # read again
    ],
)
def test_the_later_status_counts(known: Moment, seen: Moment, outdated: bool) -> None:  # noqa: FBT001 parametrized
    assert is_outdated(seen, known, None) is outdated


def test_a_boot_begins_anew() -> None:
    booted_at = T0 + timedelta(minutes=1)
    before, after = at(0, 0), at(-60, 2)
    assert not is_outdated(after, before, booted_at)
    assert is_outdated(before, after, booted_at)
    assert is_outdated(at(-120, 3), after, booted_at)


@pytest.mark.parametrize(
    ("connectors", "status"),
    [
        ([], None),
        (["Available", "Occupied"], "Occupied"),
        (["Unavailable", "Available"], "Available"),
        (["Reserved", "Available"], "Reserved"),
        (["Unavailable", "Faulted"], "Faulted"),
        (["Unavailable"], "Unavailable"),
    ],
)
def test_the_status_of_an_evse(connectors: list[str], status: str | None) -> None:
    assert status_of_evse(connectors) == status


@pytest.mark.parametrize(
    ("place", "named", "gone"),
    [
        ((1, 1), [], False),
        ((1, 1), [(1, None)], False),
        ((1, 1), [(1, None), (1, 1)], False),
        ((1, 2), [(1, None), (1, 1)], True),
        ((2, 1), [(1, None)], True),
        ((2, 0), [(1, None)], True),
        ((1, 0), [(1, 1)], False),
        ((0, 0), [(1, None)], False),
    ],
)
def test_what_an_inventory_does_not_name(place: tuple[int, int], named: list[Any], gone: bool) -> None:  # noqa: FBT001 parametrized
    assert is_gone(place, named) is gone
