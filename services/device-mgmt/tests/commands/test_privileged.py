import pytest
from csms_device_mgmt.commands.privileged import is_privileged


def setting(component: object, variable: object) -> object:
    return {"setVariableData": [{"component": component, "variable": variable, "attributeValue": "x"}]}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SetNetworkProfile", None),
        ("SetVariables", setting({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})),
        ("SetVariables", setting({"name": "securityctrlr", "evse": {"id": 1}}, {"name": "BASICAUTHPASSWORD"})),
        ("SetVariables", setting({"name": "NetworkConfiguration", "instance": "1"}, {"name": "OcppCsmsUrl"})),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "x"}),
        ("ChangeConfiguration", {"key": " authorizationkey ", "value": "x"}),
        ("SetVariables", setting({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword "})),
        ("SetVariables", setting({"name": "SecurityCtrlr"}, {"name": "Identity"})),
        ("SetVariables", setting({"name": "networkconfiguration "}, {"name": "OcppCsmsUrl"})),
    ],
)
def test_credentials_and_connection(action: str, payload: object) -> None:
    assert is_privileged(action, payload)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Reset", {"type": "Immediate"}),
        ("GetVariables", setting({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})),
        ("SetVariables", setting({"name": "SecurityCtrlr"}, {"name": "OrganizationName"})),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"}),
    ],
)
def test_all_else(action: str, payload: object) -> None:
    assert not is_privileged(action, payload)


@pytest.mark.parametrize(
    "payload", [None, [], "x", {}, {"setVariableData": None}, {"setVariableData": [None, {}]}, setting("x", None)]
)
def test_a_payload_need_not_be_valid(payload: object) -> None:
    assert not is_privileged("SetVariables", payload)
    assert not is_privileged("ChangeConfiguration", payload)
