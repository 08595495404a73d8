"""Valid messages as large as may be, and as dense as stations' messages are."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from csms_testing.hostile.message import LARGEST, Message

_TIME = "2026-01-01T00:00:00Z"
_ROOM = 1000
"""For what stands around the entries."""


def _filling(entries: Iterator[Any]) -> list[Any]:
    """As many entries as a message has room for."""
    left, found = LARGEST - _ROOM, []
    for entry in entries:
        left -= len(orjson.dumps(entry)) + 1
        if left < 0:
            break
        found.append(entry)
    return found


def _meter_values() -> list[Any]:
    def minute(number: int) -> dict[str, Any]:
        def sample(value: float, measurand: str, unit: str, **more: str) -> dict[str, Any]:
            kind = {"context": "Sample.Periodic", "measurand": measurand, "unitOfMeasure": {"unit": unit}}
            return {"value": value, **kind, **more}

        return {
            "timestamp": f"2026-01-{number // 1440 % 28 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00Z",
            "sampledValue": [
                sample(1000 + number, "Energy.Active.Import.Register", "Wh"),
                *(sample(230.1, "Voltage", "V", phase=f"L{phase}-N") for phase in (1, 2, 3)),
                *(sample(15.9, "Current.Import", "A", phase=f"L{phase}") for phase in (1, 2, 3)),
                sample(11000.5, "Power.Active.Import", "W"),
            ],
        }

    return _filling(map(minute, itertools.count()))


def _ended(transaction_id: str, meter_values: Sequence[Any]) -> Message:
    payload = {
        "eventType": "Ended",
        "timestamp": _TIME,
        "triggerReason": "EVDeparted",
        "seqNo": 1,
        "transactionInfo": {"transactionId": transaction_id},
        "meterValue": meter_values,
    }
    return Message.call("TransactionEvent", payload)


def _transactions() -> list[Message]:
    values = _meter_values()
    return [_ended(f"large-{number}", values) for number in range(10)]


def _varying(measurand: str) -> list[Message]:
    """Updated events whose register does not only rise, then small ones from before them."""

    def second(number: int) -> dict[str, Any]:
        at = f"2026-01-{number // 86400 % 28 + 1:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        return {"timestamp": at, "sampledValue": [{"value": 1000 + number % 2 * 5, "measurand": measurand}]}

    values = _filling(map(second, itertools.count()))
    event: dict[str, Any] = {"eventType": "Updated", "timestamp": _TIME, "triggerReason": "MeterValuePeriodic"}
    info = {"transactionInfo": {"transactionId": f"varying-{measurand}"}}
    large = [event | info | {"seqNo": 1000 * number, "meterValue": values} for number in range(1, 5)]
    late = [event | info | {"seqNo": number} for number in range(500, 510)]
    return [Message.call("TransactionEvent", payload) for payload in (*large, *late)]


def _one_meter_value() -> list[Message]:
    """All samples in one meterValue."""
    samples = [sample for value in _meter_values() for sample in value["sampledValue"]]
    return [_ended("large-one", [{"timestamp": _TIME, "sampledValue": samples}])]


def _place(number: int) -> dict[str, Any]:
    return {"component": {"name": f"Component{number}", "evse": {"id": 1}}, "variable": {"name": "Variable"}}


def _report() -> list[Message]:
    attribute = {"type": "Actual", "value": "1234", "mutability": "ReadWrite", "persistent": True}
    kind = {"dataType": "integer", "supportsMonitoring": True}
    entries = _filling(
        {**_place(number), "variableAttribute": [attribute], "variableCharacteristics": kind}
        for number in itertools.count()
    )
    return [Message.call("NotifyReport", {"requestId": 1, "generatedAt": _TIME, "seqNo": 0, "reportData": entries})]


def _events() -> list[Message]:
    kind = {"trigger": "Delta", "actualValue": "1", "eventNotificationType": "CustomMonitor"}
    entries = _filling(
        {"eventId": number, "timestamp": _TIME, **kind, **_place(number)} for number in itertools.count()
    )
    return [Message.call("NotifyEvent", {"generatedAt": _TIME, "seqNo": 0, "eventData": entries})]


def answers() -> list[Message]:
    """CALLRESULTs of GetVariables."""
    entries = _filling(
        {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": "1234", **_place(number)}
        for number in itertools.count()
    )
    return [Message.result(orjson.dumps({"getVariableResult": entries}))]


LARGE: Mapping[str, tuple[str, Callable[[], Sequence[Message]]]] = {
    "large-transaction": ("TransactionEvent of 4 MiB of meter values", _transactions),
    "large-samples": ("TransactionEvent of 4 MiB of samples in one meterValue", _one_meter_value),
    "large-wave": (
        "TransactionEvent of 4 MiB of a register that goes up and down, then late ones",
        lambda: _varying("Energy.Active.Import.Register"),
    ),
    "large-intervals": (
        "TransactionEvent of 4 MiB of intervals, then late ones",
        lambda: _varying("Energy.Active.Import.Interval"),
    ),
    "large-meter-values": (
        "MeterValues of 4 MiB",
        lambda: [Message.call("MeterValues", {"evseId": 1, "meterValue": _meter_values()})],
    ),
    "large-report": ("NotifyReport of 4 MiB", _report),
    "large-events": ("NotifyEvent of 4 MiB", _events),
}
