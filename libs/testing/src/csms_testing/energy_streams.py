"""Streams of messages in the short notation of docs/energy.md.

`S begin 100; U@3 L1=5 L2=6; E@6 offline end Inlet=0.6kWh | 700`: events S (Started), U (Updated), E (Ended) and M (a
MeterValues message), at minutes after 10:00 (without `@`: three after the one before), with the readings of their
meterValues, `|` between those.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)
KINDS = {"S": "Started", "U": "Updated", "E": "Ended", "M": "MeterValues"}
CONTEXTS = {
    "begin": "Transaction.Begin",
    "end": "Transaction.End",
    "clock": "Sample.Clock",
    "periodic": "Sample.Periodic",
    "trigger": "Trigger",
}
MEASURANDS = {
    "interval": "Energy.Active.Import.Interval",
    "net": "Energy.Active.Net",
    "export": "Energy.Active.Export.Register",
}
LOCATIONS = {"Outlet", "Inlet", "Cable", "Body", "EV"}
STATES = {"Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"}
_VALUE = re.compile(r"(?:(?P<names>[\w.-]+?)=)?(?P<number>-?[\d.]+)(?P<unit>[kM]?Wh)?")
_HEAD = re.compile(r"(?P<kind>[SUEM])(?:#(?P<seq>-?\d+))?(?:@(?P<minute>-?[\d.]+))?")


def payloads(stream: str) -> list[tuple[str, dict[str, Any]]]:
    """The messages of a stream in its order: action and payload. Raises ValueError for what is no stream."""
    return list(_payloads(stream))


def _payloads(stream: str) -> Iterator[tuple[str, dict[str, Any]]]:
    minute, seq_no = -3.0, -1
    for text in stream.split(";"):
        head, *words = text.split()
        found = _HEAD.fullmatch(head)
        if found is None:
            raise ValueError(f"{head} is no message")
        minute = float(found["minute"]) if found["minute"] else minute + 3
        at = _time(minute)
        if found["kind"] == "M":
            yield "MeterValues", {"evseId": 1, "meterValue": list(_meter_values(words, at))}
            continue
        seq_no = int(found["seq"]) if found["seq"] else seq_no + 1
        yield "TransactionEvent", _event(KINDS[found["kind"]], seq_no, at, words)


def _event(kind: str, seq_no: int, at: str, words: Sequence[str]) -> dict[str, Any]:
    state = next((word for word in words if word in STATES), None)
    values = list(_meter_values([word for word in words if word not in STATES | {"offline"}], at))
    trigger = {"Started": "CablePluggedIn", "Updated": "MeterValuePeriodic", "Ended": "EVDeparted"}[kind]
    return {
        "eventType": kind,
        "timestamp": at,
        "seqNo": seq_no,
        "triggerReason": trigger,
        "transactionInfo": {"transactionId": "tx", **({"chargingState": state} if state else {})},
        "evse": {"id": 1, "connectorId": 1},
        **({"offline": True} if "offline" in words else {}),
        **({"meterValue": values} if values else {}),
    }


def _meter_values(words: Sequence[str], at: str) -> Iterator[dict[str, Any]]:
    context, samples, time = "Sample.Periodic", list[dict[str, Any]](), at
    for word in (*words, "|"):
        if word == "|":
            if samples:
                yield {"timestamp": time, "sampledValue": samples}
            context, samples, time = "Sample.Periodic", [], at
        elif word in CONTEXTS:
            context = CONTEXTS[word]
        elif word.startswith("@"):
            time = _time(float(word[1:]))
        else:
            samples.append(_sample(word, context))


def _sample(word: str, context: str) -> dict[str, Any]:
    found = _VALUE.fullmatch(word)
    if found is None:
        raise ValueError(f"{word} is no value")
    sample: dict[str, Any] = {"value": float(found["number"]), "context": context}
    for name in (found["names"] or "").split("."):
        if name in MEASURANDS:
            sample["measurand"] = MEASURANDS[name]
        elif name in LOCATIONS:
            sample["location"] = name
        elif name:
            sample["phase"] = name
    if found["unit"]:
        sample["unitOfMeasure"] = {"unit": found["unit"]}
    return sample


def _time(minute: float) -> str:
    return (T0 + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
