"""What is a fault."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_device_mgmt.faults.fault import MOST_OF_MESSAGE, of_events, of_status

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "reported", "code"),
    [
        ("Faulted", None, "Faulted"),
        ("Available", None, None),
        ("Faulted", {"status": "Faulted", "errorCode": "GroundFailure"}, "GroundFailure"),
        ("Available", {"status": "Available", "errorCode": "WeakSignal"}, "WeakSignal"),
        ("Faulted", {"status": "Faulted", "errorCode": "NoError"}, "Faulted"),
        ("Available", {"status": "Available", "errorCode": "NoError"}, None),
    ],
)
def test_of_a_status(status, reported, code):
    fault = of_status(1, 0, status, reported)
    assert (fault and fault.code) == code
    if fault:
        assert (fault.source, fault.evse_id, fault.connector_id) == ("status", 1, None)


def event(name="Problem", value="true", **fields):
    return {
        "component": {"name": "ConnectorLock", "evse": {"id": 1, "connectorId": 2}},
        "variable": {"name": name},
        "actualValue": value,
        "timestamp": "2025-12-31T23:59:00Z",
        "trigger": "Delta",
        **fields,
    }


@pytest.mark.parametrize(
    ("told", "code", "info"),
    [
        (event(), "ConnectorLock/Problem", None),
        (event(value="false"), None, None),
        (event(techCode="E17", techInfo="stuck"), "E17", "stuck"),
        (event("Temperature", "99", trigger="Alerting"), "ConnectorLock/Temperature", "99"),
        (event("Temperature", "99", trigger="Alerting", cleared=True), None, None),
        (event("Temperature", "99"), None, None),
        (event("BasicAuthPassword", "hidden", trigger="Alerting"), "ConnectorLock/BasicAuthPassword", None),
        (event("AvailabilityState", "Faulted", trigger="Alerting"), None, None),
    ],
)
def test_of_an_event(told, code, info):
    found = of_events([told], AT)
    assert [(fault.code, fault.info) for fault in found] == ([] if code is None else [(code, info)])
    for fault in found:
        assert (fault.evse_id, fault.connector_id, fault.occurred_at) == (1, 2, AT - timedelta(minutes=1))


def test_an_implausible_time_does_not_count():
    (fault,) = of_events([event(timestamp="1970-01-01T00:00:00Z")], AT)
    assert fault.occurred_at == AT


def test_they_are_bounded():
    assert len(of_events([event()] * 1000, AT)) == MOST_OF_MESSAGE
