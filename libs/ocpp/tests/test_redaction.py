from typing import Any

import orjson
import pytest
from csms_ocpp.redaction import is_protected_key, is_protected_variable, is_secret_variable, mask, redact, secrets_in
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
SECRET = "hunter2-hunter2-x"
COMPONENT = {"name": "SecurityCtrlr"}
PASSWORD = {"component": COMPONENT, "variable": {"name": "BasicAuthPassword"}}


@pytest.mark.parametrize(
    ("protocol", "action", "payload"),
    [
        (P201, "SetVariables", {"setVariableData": [PASSWORD | {"attributeValue": SECRET}]}),
        (P201, "SetVariables", {"setVariableData": [
            {"component": COMPONENT, "variable": {"name": "basicauthpassword"}, "attributeValue": SECRET}]}),
        (P21, "SetVariables", {"setVariableData": [
            {"component": {"name": "N"}, "variable": {"name": "VpnKey"},
             "attributeValue": SECRET}]}),
        (P201, "GetVariables", {"getVariableResult": [
            PASSWORD | {"attributeStatus": "Accepted", "attributeValue": SECRET}]}),
        (P201, "NotifyReport", {"reportData": [PASSWORD | {"variableAttribute": [{"value": SECRET}]}]}),
        (P201, "NotifyEvent", {"eventData": [PASSWORD | {"actualValue": SECRET}]}),
        (P16, "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        (P16, "GetConfiguration", {"configurationKey": [
            {"key": "authorizationkey", "readonly": False, "value": SECRET}]}),
        (P201, "SetNetworkProfile", {"connectionData": {"apn": {"apn": "a", "apnPassword": SECRET}}}),
        (P201, "SetNetworkProfile", {"connectionData": {"apn": {"apn": "a", "simPin": SECRET}}}),
        (P21, "SetVariables", {"setVariableData": [
            {"component": {"name": "WebPaymentsCtrlr"}, "variable": {"name": "SharedSecret", "instance": "1"},
             "attributeValue": SECRET}]}),
        (P201, "SetNetworkProfile", {"connectionData": {"vpn": {"server": "s", "password": SECRET, "key": SECRET}}}),
        (P21, "SetNetworkProfile", {"connectionData": {"identity": "i", "basicAuthPassword": SECRET}}),
        (P201, "Authorize", {"idToken": {"idToken": SECRET, "type": "KeyCode"}}),
        (P21, "RequestStartTransaction", {"idToken": {"idToken": SECRET, "type": "keycode"}}),
        (P201, "SendLocalList", {"localAuthorizationList": [{"idToken": {"idToken": SECRET, "type": "KeyCode",
            "additionalInfo": [{"additionalIdToken": SECRET, "type": "x"}]}}]}),
        (P201, "GetLog", {"log": {"remoteLocation": f"sftp://user:{SECRET}@host/path"}}),
        (P201, "InstallCertificate", {"certificate": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}"}),
        (P201, "RequestStartTransaction", {"type": "KeyCode", "id_token": SECRET}),
        (P201, "SetVariables", {"setVariableData": [
            {"component": COMPONENT, "variable": {"name": " BasicAuthPassword\t"}, "attributeValue": SECRET}]}),
        (P16, "ChangeConfiguration", {"key": "AuthorizationKey ", "value": SECRET}),
        (P201, "SetNetworkProfile", {"connectionData": {"apn": {"apn": "a", "apnPassword ": SECRET}}}),
        (P201, "Authorize", {"idToken": {"idToken": SECRET, "type": " KeyCode "}}),
        (P16, "GetDiagnostics", {"location": f"ftp://user:{SECRET}@host"}),
        (P16, "UpdateFirmware", {"location": f"ftp://user:{SECRET}@x@host/file"}),
        (P16, "UpdateFirmware", {"location": f"ftp://:{SECRET}@host/file"}),
        (P16, "UpdateFirmware", {"location": f"https://host/file?sig={SECRET}"}),
        (P201, "GetLog", {"log": {"remoteLocation": f"https://host/file?a=b&sig={SECRET}#part"}}),
        (P201, "PublishFirmwareStatusNotification", {"location": [f"https://host/file?{SECRET}"]}),
        (P201, "SetVariables", {"setVariableData": [
            {"component": {"name": "V"}, "variable": {"name": "VendorPassword"}, "attributeValue": SECRET}]}),
        (P16, "ChangeConfiguration", {"key": "X-Client-Secret", "value": SECRET}),
        (P16, "DataTransfer", {"data": {"AuthorizationKey": SECRET}}),
        (P16, "DataTransfer", {"data": f'{{"AuthorizationKey": "{SECRET}"}}'}),
        (P16, "DataTransfer", {"data": orjson.dumps([{"vpn": {"key": SECRET}}]).decode()}),
        (P16, "DataTransfer", {"data": orjson.dumps({"x": orjson.dumps({"password": SECRET}).decode()}).decode()}),
    ],
)  # fmt: skip
def test_secrets_are_masked(protocol: Protocol, action: str, payload: object) -> None:
    before = orjson.dumps(payload)
    assert SECRET not in orjson.dumps(redact(protocol, action, payload)).decode()
    assert orjson.dumps(payload) == before


@pytest.mark.parametrize(
    "payload",
    [
        {"idToken": {"idToken": "AABB", "type": "ISO14443"}},
        {"setVariableData": [{"component": COMPONENT, "variable": {"name": "Identity"}, "attributeValue": "CS1"}]},
        {"key": "HeartbeatInterval", "value": "300"},
        {"log": {"remoteLocation": "https://host/path#at=a@b"}},
        {"data": "https://host/path?at=a@b"},
        {"data": '{ "x": "no password" }'},
        {"data": "{password"},
        {"location": "https://host:8080/a:b@c"},
        {"vpn": "off", "key": "x"},
        {"type": ["KeyCode"], "variable": "v", "attributeValue": None},
        [], "text", None, 5,
    ],
)  # fmt: skip
def test_the_rest_stays(payload: object) -> None:
    assert redact(P201, "Anything", payload) == payload


def test_only_the_user_information_goes() -> None:
    assert redact(P16, "GetDiagnostics", {"location": "ftp://u:p@h/d"}) == {"location": "ftp://***@h/d"}


def test_json_in_a_text_keeps_the_rest() -> None:
    text = f'{{"a": 1, "authorizationKey": "{SECRET}", "location": "https://h/f?sig=signed"}}'
    request = {"data": text}
    shown = '{"a":1,"authorizationKey":"***","location":"https://h/f?***"}'
    assert redact(P16, "DataTransfer", request) == {"data": shown}
    assert set(secrets_in(P16, "DataTransfer", request)) == {SECRET, "sig=signed"}


def test_nests_do_not_exhaust_the_stack() -> None:
    deep: Any = {"password": SECRET}
    for _ in range(1000):
        deep = {"a": [deep]}
    assert SECRET not in repr(redact(P201, "DataTransfer", {"data": deep}))


def test_secret_names() -> None:
    assert is_secret_variable("BASICAUTHPASSWORD")
    assert is_secret_variable("AuthorizationKey")
    assert is_secret_variable("VendorPassword")
    assert not is_secret_variable("Identity")
    assert is_secret_variable(" BasicAuthPassword\u00a0")


@pytest.mark.parametrize(
    ("component", "variable"),
    [
        ("SecurityCtrlr", "BasicAuthPassword"),
        ("Anything", "vpnkey "),
        ("SecurityCtrlr", "Identity"),
        (" securityctrlr", "IDENTITY "),
        ("SecurityCtrlr", "AllowSecurityProfileDowngrade"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority"),
        ("NetworkConfiguration ", "OcppCsmsUrl"),
    ],
)
def test_protected_variables(component: str, variable: str) -> None:
    assert is_protected_variable(component, variable)


@pytest.mark.parametrize(
    ("component", "variable"), [("SecurityCtrlr", "OrganizationName"), ("TokenReader", "Identity"), ("", "")]
)
def test_other_variables(component: str, variable: str) -> None:
    assert not is_protected_variable(component, variable)


def test_protected_keys() -> None:
    assert is_protected_key("authorizationkey ")
    assert is_protected_key("SecurityProfile")
    assert not is_protected_key("HeartbeatInterval")


def test_secrets_of_a_request() -> None:
    request = {
        "setVariableData": [
            PASSWORD | {"attributeValue": SECRET},
            {"component": COMPONENT, "variable": {"name": "OrganizationName"}, "attributeValue": "ACME"},
        ],
        "log": {"remoteLocation": "sftp://user:pass-word@host/path"},
    }
    found = secrets_in(P201, "SetVariables", request)
    assert found == (SECRET, "user:pass-word")
    assert mask(f"bad value {SECRET} for ACME", found) == "bad value *** for ACME"
    assert mask("no secret", ("n", "no ")) == "no secret"


def test_a_text_of_very_many_addresses_is_masked_as_a_whole() -> None:
    assert redact(P201, "DataTransfer", {"data": "ftp://u:p@h " * 10_000}) == {"data": "ftp://***@h " * 10_000}
    assert redact(P201, "DataTransfer", {"data": "ftp://u:p@h " * 10_001}) == {"data": "***"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("://a:b:c@h", "://***@h"),
        ("://a:b@c@h", "://***@h"),
        ("://a@b:c@h", "://a@b:c@h"),
        ("://:@h", "://***@h"),
        ("://a:b", "://a:b"),
        ("://a:b/c@d", "://a:b/c@d"),
        ("://a:b c@d", "://a:b c@d"),
        ("://://a:b@h", "://://***@h"),
    ],
)
def test_what_counts_as_user_information(address: str, shown: str) -> None:
    assert redact(P201, "GetLog", {"log": {"remoteLocation": address}}) == {"log": {"remoteLocation": shown}}
