from importlib.resources import files

import pytest
from csms_ocpp.actions import ACTIONS, from_csms, from_station, lookup
from csms_ocpp.versions import Protocol

FOLDERS = {Protocol.OCPP16: "v16", Protocol.OCPP201: "v201", Protocol.OCPP21: "v21"}


def schema_names(protocol: Protocol) -> set[str]:
    folder = files("ocpp") / FOLDERS[protocol] / "schemas"
    return {item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json")}


@pytest.mark.parametrize(
    ("protocol", "messages"), [(Protocol.OCPP16, 39), (Protocol.OCPP201, 64), (Protocol.OCPP21, 91)]
)
def test_every_message_of_the_schemas_is_known_and_no_other(protocol: Protocol, messages: int) -> None:
    names = schema_names(protocol)
    responses = {name.removesuffix("Response") for name in names if name.endswith("Response")}
    requests = {name.removesuffix("Request") for name in names if not name.endswith("Response")}
    assert len(ACTIONS[protocol]) == messages
    assert set(ACTIONS[protocol]) == requests
    assert {name for name, action in ACTIONS[protocol].items() if not action.send_only} == responses


@pytest.mark.parametrize(
    ("protocol", "station", "csms"), [(Protocol.OCPP16, 14, 26), (Protocol.OCPP201, 25, 40), (Protocol.OCPP21, 37, 55)]
)
def test_directions(protocol: Protocol, station: int, csms: int) -> None:
    assert sum(action.from_station for action in ACTIONS[protocol].values()) == station
    assert sum(action.from_csms for action in ACTIONS[protocol].values()) == csms
    both = {name for name, action in ACTIONS[protocol].items() if action.from_csms and action.from_station}
    assert both == {"DataTransfer"}


def test_questions_about_one_action() -> None:
    assert from_station(Protocol.OCPP201, "TransactionEvent")
    assert not from_csms(Protocol.OCPP201, "TransactionEvent")
    assert not from_station(Protocol.OCPP16, "TransactionEvent")
    assert not from_csms(Protocol.OCPP16, "Nonsense")
    assert lookup(Protocol.OCPP21, "reset") is None


def test_the_only_send() -> None:
    sends = {
        (protocol, name) for protocol in Protocol for name, action in ACTIONS[protocol].items() if action.send_only
    }
    assert sends == {(Protocol.OCPP21, "NotifyPeriodicEventStream")}
