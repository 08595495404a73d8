from typing import Any

from csms_device_mgmt.domain.availability import ReportedStatus, availability_states

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
        event({"name": "ChargingStation"}),
        event({"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}}),
    ]
    assert not list(availability_states(others))


def test_order_is_kept() -> None:
    connector = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    found = availability_states([event(connector, "Available"), event(connector, "Occupied")])
    assert [status.status for status in found] == ["Available", "Occupied"]
