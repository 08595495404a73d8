"""A frame is shown without secrets, whatever it is."""

import pytest
from csms_ocpp.masked_frames import masked
from csms_ocpp.parsing import head
from csms_ocpp.versions import Protocol

V201 = Protocol.OCPP201
_PASSWORD = b'{"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},"attributeValue":"horse"}'


@pytest.mark.parametrize(
    "text",
    [
        b'[2,"1","SetVariables",{"setVariableData":[%s]}]' % _PASSWORD,
        b'[2,"1","SetVariables",{"setVariableData":[%s]}' % _PASSWORD,
        b'[2,"1","Authorize",{"idToken":{"idToken":"horse","type":"KeyCode"}}]',
        b'[2,"1","X",{"pass\\u0077ord":"horse"}]',
        b'[2,"1","X",{"url":"ftp://user:horse@host/"}]',
        b'[2,"1","X",{"password":"horse","password":null}]',
        b'{"password":"horse"}',
    ],
)
def test_secrets_are_not_in_what_is_shown(text: bytes) -> None:
    assert b"horse" not in masked(V201, text).text


def test_what_has_none_stays_byte_for_byte() -> None:
    for text in (b' [3, "1" , {"value":1.0}]', b"nonsense", b"\xff", b""):
        assert masked(V201, text) == (text, ())


def test_an_answer_that_repeats_the_secret_is_masked() -> None:
    secrets = masked(V201, b'[2,"1","SetVariables",{"setVariableData":[%s]}]' % _PASSWORD).secrets
    assert secrets == ("horse",)
    assert masked(V201, b'[4,"1","GenericError","horse is short",{}]', secrets).text == (
        b'[4,"1","GenericError","*** is short",{}]'
    )


def test_how_a_frame_begins() -> None:
    assert head(b' [ 2 , "a\\u0062" , "Reset" , {') == (2, "ab", "Reset")
    assert head(b'[3,"1",{}]') == (3, "1", "")
    assert head(b"[7]") == (7, "", "")
    assert head(b'["2"]') is None
    assert head(b"") is None
