"""Nothing that `redact` masks escapes the quick look."""

import time
from typing import Any

import orjson
import pytest
from csms_ocpp.redaction import may_hold_secret, may_hold_secret_as_sent, redact
from csms_ocpp.versions import Protocol
from hypothesis import given
from hypothesis import strategies as st

_WORDS = [
    "type", "KeyCode", "keycode", "\u212aeyCode", "idToken", "password", "Password", "basicAuthPassword",
    "apnPassword", "PA\u017f\u017fWORD", "variable", "name", "BasicAuthPassword", " VpnKey ", "attributeValue", "value",
    "vpn", "key", "AuthorizationKey", "ftp://u:p@h/", "-----BEGIN PRIVATE KEY-----", "simPin",
    "SharedSecret", "component", "TokenReader", "Token", "techInfo", "secret", "", "VendorPassword", "location",
    "https://h/f?sig=1", '{"authorizationKey":"x"}', '{"vpn":{"key":"x"}}',
]  # fmt: skip
_WORD = st.sampled_from(_WORDS)
_PAYLOADS = st.recursive(
    _WORD | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORD, inner, max_size=4),
    max_leaves=8,
)


@given(_PAYLOADS, st.booleans())
def test_what_is_masked_is_seen(payload: Any, escaped: bool) -> None:  # noqa: FBT001 hypothesis gives it
    text = orjson.dumps(payload)
    if escaped:
        text = b"".join(b"\\u%04x" % byte if chr(byte).isalpha() and byte < 128 else bytes([byte]) for byte in text)
    if redact(Protocol.OCPP201, "DataTransfer", payload) != payload:
        assert may_hold_secret_as_sent(text)


@pytest.mark.parametrize("field", ["password", "apnPassword", "basicAuthPassword", "simPin"])
def test_every_secret_field_is_seen(field: str) -> None:
    payload = {field: "a secret"}
    assert redact(Protocol.OCPP201, "DataTransfer", payload) == {field: "***"}
    assert may_hold_secret(orjson.dumps(payload))


@pytest.mark.parametrize(
    ("component", "variable"),
    [
        ("SecurityCtrlr", "BasicAuthPassword"),
        ("NetworkConfiguration", "ApnPassword"),
        ("NetworkConfiguration", "ApnSimPin"),
        ("NetworkConfiguration", "VpnKey"),
        ("NetworkConfiguration", "VpnPassword"),
        ("WebPaymentsCtrlr", "SharedSecret"),
        ("Any", "AuthorizationKey"),
        ("TokenReader", "Token"),
    ],
)
def test_every_secret_variable_is_seen(component: str, variable: str) -> None:
    named = {"component": {"name": component}, "variable": {"name": variable}}
    payload = {"eventData": [named | {"actualValue": "a secret", "techInfo": "it is a secret now"}]}
    assert redact(Protocol.OCPP201, "NotifyEvent", payload) == {
        "eventData": [named | {"actualValue": "***", "techInfo": "***"}]
    }
    assert may_hold_secret(orjson.dumps(payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"idToken":{"idToken":"04A2","type":"ISO14443"}}',
        b'{"chargingStation":{"model":"M","vendorName":"V"},"reason":"PowerUp"}',
    ],
)
def test_ordinary_messages_are_passed_over(payload: bytes) -> None:
    assert not may_hold_secret_as_sent(payload)


@pytest.mark.parametrize("payload", [b'{"location":"ftp:\\/\\/u:p@h"}', b'{"t":"\\u004beyCode"}'])
def test_the_spellings_of_json_do_not_matter(payload: bytes) -> None:
    assert may_hold_secret_as_sent(payload)


@pytest.mark.alone
def test_the_largest_message_takes_little_time() -> None:
    payload = b'{"data":"' + b"keycod" * 700_000 + b'"}'

    def taken() -> float:
        started = time.process_time()
        assert not may_hold_secret_as_sent(payload)
        return time.process_time() - started

    assert min(taken() for _ in range(3)) < 0.08  # 0.045 on a quiet machine
