import pytest
from csms_gateway.versions import GATEWAY_VERSIONS
from csms_ocpp.actions import ACTIONS
from csms_ocpp.versions import Protocol


@pytest.mark.parametrize("protocol", list(Protocol))
def test_each_action_that_stations_send_has_a_topic_and_no_other(protocol: Protocol) -> None:
    sent = {name for name, action in ACTIONS[protocol].items() if action.from_station}
    assert GATEWAY_VERSIONS[protocol].topics.keys() == sent


@pytest.mark.parametrize(
    ("protocol", "action", "topic"),
    [
        (Protocol.OCPP16, "StartTransaction", "ocpp.calls.transactions"),
        (Protocol.OCPP16, "StopTransaction", "ocpp.calls.transactions"),
        (Protocol.OCPP16, "Authorize", "ocpp.calls.auth"),
        (Protocol.OCPP16, "DiagnosticsStatusNotification", "ocpp.calls.devices"),
        (Protocol.OCPP201, "TransactionEvent", "ocpp.calls.transactions"),
        (Protocol.OCPP201, "Get15118EVCertificate", "ocpp.calls.auth"),
        (Protocol.OCPP201, "NotifyEVChargingNeeds", "ocpp.calls.devices"),
        (Protocol.OCPP201, "BootNotification", "ocpp.calls.devices"),
        (Protocol.OCPP21, "MeterValues", "ocpp.calls.transactions"),
        (Protocol.OCPP21, "NotifyPeriodicEventStream", "ocpp.calls.devices"),
    ],
)
def test_each_action_has_its_service(protocol: Protocol, action: str, topic: str) -> None:
    assert GATEWAY_VERSIONS[protocol].topics[action] == topic
