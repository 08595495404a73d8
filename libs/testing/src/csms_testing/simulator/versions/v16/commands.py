"""OCPP 1.6: the messages of the CSMS that a station does as one of 2.0.1 does, in the words of 1.6."""

from functools import partial
from typing import TYPE_CHECKING

from csms_testing.simulator import sessions
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers import authorization, availability, remote
from csms_testing.simulator.handlers import reset as resets
from csms_testing.simulator.handlers.answers import answer
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.tokens import token
from csms_testing.simulator.transaction import Stop
from csms_testing.simulator.versions.v16.tokens import id_token_info

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_WHOLE_STATION = 0
_UNLOCKED = Stop("UnlockCommand", "UnlockCommand")


def change_availability(station: "Station", request: Json) -> Reply:
    """Connector 0 is the station and all connectors."""
    place = {} if request["connectorId"] == _WHOLE_STATION else {"evse": {"id": request["connectorId"]}}
    return _status(availability.change_availability(station, {"operationalStatus": request["type"], **place}))


def clear_cache(station: "Station", request: Json) -> Reply:
    """Forget what the CSMS said of idTags."""
    return _status(authorization.clear_cache(station, request))


def data_transfer(_: "Station", __: Json) -> Reply:
    """The simulator knows no vendor's messages."""
    return answer("UnknownVendorId")


def get_local_list_version(station: "Station", _: Json) -> Reply:
    """0 means that there is no list."""
    return Reply({"listVersion": station.tokens.list_version})


def send_local_list(station: "Station", request: Json) -> Reply:
    """The list of 1.6 has idTags without type."""
    entries = [_list_entry(entry) for entry in request.get("localAuthorizationList", ())]
    told = {
        "versionNumber": request["listVersion"],
        "updateType": request["updateType"],
        "localAuthorizationList": entries,
    }
    return _status(authorization.send_local_list(station, told))


def _list_entry(entry: Json) -> Json:
    info = {"idTokenInfo": id_token_info(entry["idTagInfo"])} if "idTagInfo" in entry else {}
    return {"idToken": token(entry["idTag"]), **info}


def remote_start_transaction(station: "Station", request: Json) -> Reply:
    """The request has no id; without connectorId the station chooses. A charging profile is ignored."""
    place = {"evseId": request["connectorId"]} if "connectorId" in request else {}
    told = {"idToken": token(request["idTag"]), "remoteStartId": station.features.next_event_id(), **place}
    return _status(remote.request_start_transaction(station, told))


def remote_stop_transaction(station: "Station", request: Json) -> Reply:
    """By the id that the CSMS gave."""
    return _status(remote.request_stop_transaction(station, {"transactionId": str(request["transactionId"])}))


def reset(station: "Station", request: Json) -> Reply:
    """Both kinds end transactions in an orderly way here; the reason tells which it was."""
    stop = Stop(f"{request['type']}Reset", "ResetCommand")
    return answer("Accepted", partial(resets.restart, station, stop))


def unlock_connector(station: "Station", request: Json) -> Reply:
    """A transaction that runs there ends with UnlockCommand."""
    evse = station.evses.get(request["connectorId"])
    if evse is None:
        return answer("NotSupported")
    if any(connector.faulted for connector in evse.connectors):
        return answer("UnlockFailed")
    return answer("Unlocked", partial(sessions.stop_or_end, station, evse, _UNLOCKED))


def _status(reply: Reply) -> Reply:
    """The answer without what 1.6 does not have."""
    if isinstance(reply.payload, dict):
        return Reply({"status": reply.payload["status"]}, reply.then)
    return reply
