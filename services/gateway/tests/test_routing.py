import pytest
from csms_gateway import routing
from csms_ocpp.actions import ACTIONS
from csms_ocpp.versions import Protocol


@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_table_names_only_actions_that_stations_send(protocol: Protocol) -> None:
    for action in routing.ROUTES[protocol]:
        assert ACTIONS[protocol][action].from_station, action


@pytest.mark.parametrize(
    ("protocol", "action", "topic"),
    [
        (Protocol.OCPP16, "StartTransaction", "ocpp.calls.transactions"),
        (Protocol.OCPP16, "Authorize", "ocpp.calls.auth"),
        (Protocol.OCPP201, "TransactionEvent", "ocpp.calls.transactions"),
        (Protocol.OCPP201, "Get15118EVCertificate", "ocpp.calls.auth"),
        (Protocol.OCPP201, "NotifyEVChargingNeeds", "ocpp.calls.devices"),
        (Protocol.OCPP201, "BootNotification", "ocpp.calls.devices"),
    ],
)
def test_each_action_has_its_service(protocol: Protocol, action: str, topic: str) -> None:
    assert routing.topic(protocol, action) == topic
