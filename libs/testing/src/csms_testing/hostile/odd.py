"""Values that a schema allows or a parser lets through, and that no column, log or other program expects."""

from collections.abc import Sequence

from csms_testing.hostile.message import LARGEST, Message, filled

_TIME = b'"2026-01-01T00:00:00Z"'
_TEXTS = (b"a\\u0000b", b"\\ud800", b"\\udfff\\ud800", b"\\\\u0000", b"\\u001b[2J\\r\\n", b"' OR 1=1 --")
_NUMBERS = (b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 40, b"2147483648", b"1e308", b"-0")


def _transaction(transaction_id: bytes, seq_no: bytes, token: bytes = b"") -> Message:
    body = b'{"eventType":"Started","timestamp":' + _TIME + b',"triggerReason":"CablePluggedIn","seqNo":' + seq_no
    return Message.call(
        "TransactionEvent", body + b',"transactionInfo":{"transactionId":"' + transaction_id + b'"}' + token + b"}"
    )


def _of_text(text: bytes) -> Sequence[Message]:
    custom = b'"customData":{"vendorId":"v","x":"' + text + b'"}'
    token = b'{"idToken":"' + text + b'","type":"ISO14443"}'
    return (
        _transaction(text, b"0"),
        _transaction(b"odd", b"0", b',"idToken":' + token),
        _transaction(b"odd", b"1", b"," + custom),
        Message.call("Authorize", b'{"idToken":' + token + b"}"),
        Message.call(
            "SecurityEventNotification", b'{"type":"' + text + b'","timestamp":' + _TIME + b"," + custom + b"}"
        ),
        Message.call("DataTransfer", b'{"vendorId":"' + text + b'","data":"' + text + b'"}'),
        Message.call(
            "StatusNotification",
            b'{"timestamp":' + _TIME + b',"connectorStatus":"Available","evseId":1,"connectorId":1,' + custom + b"}",
        ),
        Message.call(
            "BootNotification",
            b'{"reason":"PowerUp","chargingStation":{"model":"' + text + b'","vendorName":"' + text + b'"}}',
        ),
    )


def _of_number(number: bytes) -> Sequence[Message]:
    return (
        _transaction(b"odd-number", number),
        Message.call(
            "StatusNotification",
            b'{"timestamp":'
            + _TIME
            + b',"connectorStatus":"Available","evseId":'
            + number
            + b',"connectorId":'
            + number
            + b"}",
        ),
        Message.call(
            "MeterValues",
            b'{"evseId":'
            + number
            + b',"meterValue":[{"timestamp":'
            + _TIME
            + b',"sampledValue":[{"value":'
            + number
            + b"}]}]}",
        ),
        Message.call(
            "NotifyReport",
            b'{"requestId":' + number + b',"generatedAt":' + _TIME + b',"seqNo":' + number + b',"reportData":[]}',
        ),
        Message.call("Heartbeat", b'{"customData":{"vendorId":"v","x":' + number + b"}}"),
    )


def odd_calls() -> Sequence[Message]:
    """NULs, lone surrogates, terminal escapes, numbers beyond 64 bits, impossible times, in all kinds of fields."""
    texts = [message for text in _TEXTS for message in _of_text(text)]
    numbers = [message for number in _NUMBERS for message in _of_number(number)]
    times = [
        Message.call("SecurityEventNotification", b'{"type":"x","timestamp":"' + time + b'"}')
        for time in (
            b"9999-12-31T23:59:60Z",
            b"0000-01-01T00:00:00Z",
            b"2026-02-30T00:00:00Z",
            b"2026-01-01T00:00:00+99:99",
        )
    ]
    return texts + numbers + times


def grown() -> Sequence[Message]:
    """Messages below a megabyte whose numbers are longer when somebody writes them out again."""
    numbers = filled(b'"customData":{"vendorId":"v","x":[', b"9e15", b"]}", size=999_000)
    return (
        Message.call("SecurityEventNotification", b'{"type":"x","timestamp":' + _TIME + b"," + numbers + b"}"),
        Message.call("DataTransfer", b'{"vendorId":"v",' + numbers + b"}"),
        _transaction(b"grown", b"0", b"," + numbers),
    )


def odd_results() -> Sequence[Message]:
    """Answers to GetVariables."""
    head = b'{"getVariableResult":['
    return (
        Message.result(filled(head, b"{}", b"]}")),
        Message.result(b'{"getVariableResult":[],"customData":{"vendorId":"v","x":"' + b"a" * (LARGEST - 200) + b'"}}'),
        Message.result(b"[" * 100_000 + b"]" * 100_000),
        Message.result(filled(b'{"customData":{"vendorId":"v","x":[', b"[]", b"]}}")),
    )


def odd_errors() -> Sequence[Message]:
    """CALLERRORs, to any CALL."""
    return (
        Message.error(b'"InternalError","no\\u0000pe",{}'),
        Message.error(b'"InternalError","\\ud800",{"\\udc00":"\\ud800"}'),
        Message.error(b'"InternalError","",{"x":"' + b"a" * (LARGEST - 200) + b'"}'),
        Message.error(filled(b'"InternalError","",{"x":[', b"[]", b"]}")),
        Message.error(b'"' + b"E" * (LARGEST - 200) + b'","",{}'),
        Message.error(b'"InternalError","",{"n":1' + b"0" * 100_000 + b"}"),
    )
