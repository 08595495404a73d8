"""OCPP 1.6: idTags, which have no type, and what the CSMS says of them."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.tokens import token

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


async def authorize(station: "Station", id_token: Json) -> Json:
    """See `SimulatedVersion.authorize`."""
    return id_token_info((await station.call("Authorize", {"idTag": id_token["idToken"]}))["idTagInfo"])


def id_token_info(told: Json) -> Json:
    """An IdTokenInfoType from an IdTagInfo. All statuses of 1.6 are in 2.0.1."""
    info: Json = {"status": told["status"]}
    if "expiryDate" in told:
        info["cacheExpiryDateTime"] = told["expiryDate"]
    if "parentIdTag" in told:
        info["groupIdToken"] = token(told["parentIdTag"], "Central")
    return info
