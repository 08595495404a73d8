"""Messages of a few kilobytes on the wire that are megabytes of work for whoever unpacks, parses and checks them."""

from collections.abc import Callable, Mapping

from csms_ocpp.cost import MAX_STRUCTURE

from csms_testing.hostile.frames import compressed, deflated_frame
from csms_testing.hostile.message import LARGEST, Message, filled

_TIME = b'"2026-01-01T00:00:00Z"'
_CUSTOM = b'{"customData":{"vendorId":"v","x":'
_EVENTS = b'{"generatedAt":' + _TIME + b',"seqNo":0,"eventData":['
_TRANSACTION = (
    b'{"eventType":"Updated","timestamp":' + _TIME + b',"triggerReason":"MeterValuePeriodic","seqNo":1,'
    b'"transactionInfo":{"transactionId":"bomb"},"meterValue":['
)


_WITHIN = MAX_STRUCTURE * 29 // 20
"""Bytes of `{},` that the CSMS just parses and checks."""


def _custom(unit: bytes, size: int = LARGEST) -> Message:
    return Message.call("Heartbeat", filled(_CUSTOM + b"[", unit, b"]}}", size=size))


def _events(size: int) -> Message:
    return Message.call("NotifyEvent", filled(_EVENTS, b"{}", b"]}", size=size))


def _meter_values(size: int) -> Message:
    return Message.call("TransactionEvent", filled(_TRANSACTION, b"{}", b"]}", size=size))


def _keys(before: bytes, after: bytes, size: int = LARGEST) -> bytes:
    keys = b",".join(b'"k%06d":0' % number for number in range(size // 13))
    return before + keys + after


def _nested(opening: bytes, closing: bytes, depth: int = 100_000) -> Message:
    return Message.call("Heartbeat", _CUSTOM + opening * depth + b"0" + closing * depth + b"}}")


BOMBS: Mapping[str, tuple[str, Callable[[], Message]]] = {
    "bomb-string": (
        "4 MiB of one string",
        lambda: Message.call("Heartbeat", filled(_CUSTOM + b'"', b"a", b'"}}', between=b"")),
    ),
    "bomb-action": (
        "an action of 4 MiB of escapes",
        lambda: Message.of(b'[2,"', b'","' + b"\\n" * (LARGEST // 2 - 40) + b'",{}]'),
    ),
    "bomb-arrays": ("1.4 million [] in customData", lambda: _custom(b"[]")),
    "bomb-objects": ("1.4 million {} in customData", lambda: _custom(b"{}")),
    "bomb-numbers": ("a million numbers in customData", lambda: _custom(b"0.1")),
    "bomb-keys": (
        "300,000 keys in customData",
        lambda: Message.call("Heartbeat", _keys(b'{"customData":{"vendorId":"v",', b"}}")),
    ),
    "bomb-unknown-keys": ("300,000 unknown keys", lambda: Message.call("Heartbeat", _keys(b"{", b"}"))),
    "bomb-nesting": ("arrays 100,000 deep", lambda: _nested(b"[", b"]")),
    "bomb-nested-objects": ("objects 100,000 deep", lambda: _nested(b'{"a":', b"}")),
    "bomb-nul": (
        "700,000 escaped NULs",
        lambda: Message.call("Heartbeat", filled(_CUSTOM + b'"', b"\\u0000", b'"}}', between=b"")),
    ),
    "bomb-events": ("NotifyEvent of 1.4 million wrong items", lambda: _events(LARGEST)),
    "bomb-meter-values": ("TransactionEvent of 1.4 million wrong items", lambda: _meter_values(LARGEST)),
    "bomb-arrays-within": ("97,000 [] in customData", lambda: _custom(b"[]", _WITHIN)),
    "bomb-events-within": ("NotifyEvent of 97,000 wrong items", lambda: _events(_WITHIN)),
    "bomb-meter-values-within": ("TransactionEvent of 97,000 wrong items", lambda: _meter_values(_WITHIN)),
    "bomb-events-small": ("NotifyEvent of 20,000 wrong items", lambda: _events(60_000)),
    "bomb-keys-within": (
        "92,000 keys in customData",
        lambda: Message.call("Heartbeat", _keys(b'{"customData":{"vendorId":"v",', b"}}", MAX_STRUCTURE * 6)),
    ),
    "bomb-samples": (
        "TransactionEvent of 2 million wrong samples",
        lambda: Message.call(
            "TransactionEvent", filled(_TRANSACTION + b'{"timestamp":' + _TIME + b',"sampledValue":[', b"0", b"]}]}")
        ),
    ),
    "bomb-dates": (
        "MeterValues of 100,000 wrong times",
        lambda: Message.call(
            "MeterValues", filled(b'{"evseId":1,"meterValue":[', b'{"timestamp":"x","sampledValue":[]}', b"]}")
        ),
    ),
    "bomb-not-json": ("4 MiB that are no JSON", lambda: Message.of(b"a", b"a" * (LARGEST - 100))),
}


def too_large() -> bytes:
    """A frame of 80 KB that unpacks to 80 MiB."""
    return deflated_frame(compressed(b"a" * (20 * LARGEST)))
