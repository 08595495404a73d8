"""B05, B06, B09: variables and network profiles."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, refuse
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_TOO_MANY = "OccurrenceConstraintViolation"


def get_variables(station: "Station", request: Json) -> Reply:
    """B06."""
    wanted = request["getVariableData"]
    if len(wanted) > station.model.number("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"):
        return refuse(_TOO_MANY, "more than ItemsPerMessage[GetVariables] (B06.FR.05)")
    return Reply({"getVariableResult": [station.model.get(entry) for entry in wanted]})


def set_variables(station: "Station", request: Json) -> Reply:
    """B05."""
    wanted = request["setVariableData"]
    if len(wanted) > station.model.number("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables"):
        return refuse(_TOO_MANY, "more than ItemsPerMessage[SetVariables] (B05.FR.11)")
    return Reply({"setVariableResult": [station.model.set(entry) for entry in wanted]})


def set_network_profile(station: "Station", request: Json) -> Reply:
    """B09: a profile for a lower security profile is refused (B09.FR.04)."""
    profile = request["connectionData"]
    if profile["securityProfile"] < station.model.number("SecurityCtrlr", "SecurityProfile"):
        return answer("Rejected", reason="NoSecurityDowngrade")
    if not profile["ocppCsmsUrl"].startswith(("ws://", "wss://")):
        return answer("Failed", reason="InvalidURL")
    station.features.network_profiles[request["configurationSlot"]] = profile
    return answer("Accepted")
