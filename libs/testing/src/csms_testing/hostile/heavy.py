"""Messages that OCPP allows, and that make much work: thousands of entries, large events, customData that is kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from csms_testing.hostile.message import LARGEST, Message

_TIME = "2026-01-01T00:00:00Z"
_BALLAST = 900 * 1024
_SAMPLE = {"timestamp": _TIME, "sampledValue": [{"value": 1}]}


def _event(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    return {
        "eventId": number,
        "timestamp": _TIME,
        "trigger": "Delta",
        "actualValue": "1",
        "eventNotificationType": "CustomMonitor",
        "component": {"name": f"c{number}"},
        "variable": {"name": "v"},
        **more,
    }


def _events(items: list[dict[str, Any]]) -> Message:
    return Message.call("NotifyEvent", {"generatedAt": _TIME, "seqNo": 0, "eventData": items})


def _connector(number: int, status: str) -> dict[str, Any]:
    evse = {"id": number % 1000 + 1, "connectorId": number // 1000 + 1}
    variable = {"component": {"name": "Connector", "evse": evse}, "variable": {"name": "AvailabilityState"}}
    return _event(number, actualValue=status, **variable)


def _connector_states() -> list[Message]:
    return [_events([_connector(number, status) for number in range(4000)]) for status in ("Available", "Faulted")]


def _report(round_: int) -> Message:
    items = [
        {"component": {"name": f"c{round_}-{number}"}, "variable": {"name": "v"}, "variableAttribute": [{"value": "1"}]}
        for number in range(8500)
    ]
    return Message.call("NotifyReport", {"requestId": 1, "generatedAt": _TIME, "seqNo": 0, "reportData": items})


def _monitors() -> list[Message]:
    one = {"transaction": False, "value": 1, "type": "Delta", "severity": 1}
    items = [
        {"component": {"name": f"c{number}"}, "variable": {"name": "v"}, "variableMonitoring": [{"id": number, **one}]}
        for number in range(6000)
    ]
    payload = {"requestId": 2, "generatedAt": _TIME, "seqNo": 0, "monitor": items}
    return [Message.call("NotifyMonitoringReport", payload)]


def _transaction(name: str, **more: Any) -> Message:  # noqa: ANN401  # JSON values
    payload = {
        "eventType": "Started",
        "timestamp": _TIME,
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": name},
        **more,
    }
    return Message.call("TransactionEvent", payload)


def _samples(name: str, count: int) -> Message:
    return _transaction(name, meterValue=[_SAMPLE] * count)


def _ballast(size: int = _BALLAST) -> dict[str, str]:
    return {"vendorId": "v", "x": "a" * size}


def _security_events() -> list[Message]:
    payload = {"type": "SettingSystemTime", "timestamp": _TIME, "customData": _ballast()}
    return [Message.call("SecurityEventNotification", payload)]


def _addresses() -> list[Message]:
    colons = 190_000  # so many values a message may have
    texts = ("://" + ":" * colons, "://" + "a:" * colons, "://a:b@" * (colons // 2))
    return [Message.call("DataTransfer", {"vendorId": "v", "data": text}) for text in texts]


def _connectors_without_end() -> list[Message]:
    return [
        Message.call(
            "StatusNotification",
            {"timestamp": _TIME, "connectorStatus": "Available", "evseId": number, "connectorId": 1},
        )
        for number in range(1, 20_000)
    ]


HEAVY: Mapping[str, tuple[str, Callable[[], Sequence[Message]]]] = {
    "heavy-connectors": ("NotifyEvent with the states of 4,000 connectors", _connector_states),
    "heavy-events": ("NotifyEvent of 5,200 events", lambda: [_events([_event(number) for number in range(5200)])]),
    "heavy-report": ("NotifyReport of 8,500 new variables", lambda: [_report(number) for number in range(20)]),
    "heavy-monitors": ("NotifyMonitoringReport of 6,000 monitors", _monitors),
    "heavy-samples": (
        "TransactionEvent of 14,000 meter values",
        lambda: [_samples(f"s{n}", 14_000) for n in range(10)],
    ),
    "heavy-day": ("TransactionEvent of 1.4 MB", lambda: [_samples(f"d{n}", 22_000) for n in range(10)]),
    "heavy-largest": (
        "TransactionEvent of nearly 4 MiB",
        lambda: [_transaction(f"l{n}", customData=_ballast(LARGEST - 1000)) for n in range(10)],
    ),
    "heavy-statuses": ("StatusNotification of 20,000 connectors", _connectors_without_end),
    "heavy-addresses": ("DataTransfer with 190,000 colons of what looks like addresses with passwords", _addresses),
    "disk-security": ("SecurityEventNotification with 900 KiB of customData", _security_events),
    "disk-transfer": (
        "DataTransfer with 900 KiB of data",
        lambda: [Message.call("DataTransfer", {"vendorId": "v", "data": "a" * _BALLAST})],
    ),
    "disk-events": (
        "NotifyEvent with 900 KiB of customData",
        lambda: [_events([_event(1, trigger="Alerting", customData=_ballast())])],
    ),
    "disk-transactions": (
        "new transactions with 900 KiB of customData",
        lambda: [_transaction(f"t{number}", customData=_ballast()) for number in range(300)],
    ),
}
