import logging
from typing import TYPE_CHECKING

import pytest
from csms_gateway.frame_log import log_frame
from csms_ocpp.versions import Protocol
from csms_testing.scripted import basic
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from conftest import System


@pytest.fixture(autouse=True)
def debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


async def test_neither_passwords_nor_key_codes_are_logged(system: "System") -> None:
    with capture_logs() as lines:
        station = await system.connect("CS1", headers=basic("CS1", "topsecret-password"))
        connection = await system.services.connection("CS1")
        await station.start_call("Authorize", {"idToken": {"idToken": "4711", "type": "KeyCode"}})
        await system.services.call("Authorize")
        variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        payload = {"setVariableData": [{**variable, "attributeValue": "new-topsecret-one"}]}
        await system.services.command(connection, "CS1", "SetVariables", payload)
        await station.receive()
    text = str(lines)
    assert "Authorize" in text
    assert "SetVariables" in text
    assert "topsecret" not in text
    assert "4711" not in text


def test_what_cannot_be_parsed_is_not_shown() -> None:
    with capture_logs() as lines:
        log_frame("received", "CS1", Protocol.OCPP201, '[2,"x","Authorize",{"idToken":"4711"')
    assert lines[0]["frame"] == "unreadable"
    assert "4711" not in str(lines)


def test_a_stations_error_text_is_not_shown() -> None:
    with capture_logs() as lines:
        log_frame("received", "CS1", Protocol.OCPP201, '[4,"x","FormatViolation","bad value 4711",{}]')
    assert lines[0]["code"] == "FormatViolation"
    assert "4711" not in str(lines)
