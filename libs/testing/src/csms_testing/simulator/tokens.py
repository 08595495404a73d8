"""Id tokens as drivers present them, and what a station itself knows about them (C10-C14)."""

from typing import TYPE_CHECKING

from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.frames import Json

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

ACCEPTED = "Accepted"


def token(id_token: str | Json, kind: str = "ISO14443") -> Json:
    """An IdTokenType; what is one already is returned as it is."""
    return {"idToken": id_token, "type": kind} if isinstance(id_token, str) else id_token


def same(one: Json, other: Json) -> bool:
    """Whether two tokens are equal: identifier without case, and type (C01.FR.25)."""
    return _key(one) == _key(other)


def _key(id_token: Json) -> tuple[str, str]:
    return id_token["idToken"].lower(), id_token["type"]


class KnownTokens:
    """Authorization Cache and Local Authorization List of one station."""

    def __init__(self) -> None:
        self.cache: dict[tuple[str, str], Json] = {}
        self.list_version = 0
        self.local_list: dict[tuple[str, str], Json] = {}

    def remember(self, id_token: Json, info: Json) -> None:
        """Put a CSMS's answer into the cache; NoAuthorization and Central are never cached (C02, C05)."""
        if id_token["type"] not in ("NoAuthorization", "Central"):
            self.cache[_key(id_token)] = info

    def find(self, id_token: Json) -> Json | None:
        """The idTokenInfo; the list comes before the cache (C13.FR.01)."""
        return self.local_list.get(_key(id_token)) or self.cache.get(_key(id_token))

    def forget(self, id_token: Json) -> None:
        """Remove a token everywhere (N10)."""
        self.cache.pop(_key(id_token), None)
        self.local_list.pop(_key(id_token), None)

    def put_in_list(self, entries: list[Json]) -> None:
        """Add, replace, or (without idTokenInfo) remove entries (D01.FR.16, .17)."""
        for entry in entries:
            if "idTokenInfo" in entry:
                self.local_list[_key(entry["idToken"])] = entry["idTokenInfo"]
            else:
                self.local_list.pop(_key(entry["idToken"]), None)


async def authorize(station: "Station", id_token: Json) -> Json:
    """The idTokenInfo of a presented token: from the CSMS, or from what the station knows while offline (C15)."""
    known = station.tokens.find(id_token)
    if known is not None and known["status"] == ACCEPTED and station.model.flag("AuthCtrlr", "LocalPreAuthorize"):
        return known
    if station.accepted:
        try:
            return await _remembered(station, id_token)
        except (NotConnected, CallTimeout):
            pass  # as good as offline
        except (CallRefused, SchemaViolation):
            return {"status": "Invalid"}
    return _offline(station, known)


async def _remembered(station: "Station", id_token: Json) -> Json:
    info = await station.version.authorize(station, id_token)
    station.tokens.remember(id_token, info)
    return info


async def ask(station: "Station", id_token: Json) -> Json:
    """Ask the CSMS as OCPP 2.0.1 does; the idTokenInfo. Raises what `Station.call` raises."""
    info: Json = (await station.call("Authorize", {"idToken": id_token}))["idTokenInfo"]
    return info


def _offline(station: "Station", known: Json | None) -> Json:
    if known is not None and station.model.flag("AuthCtrlr", "LocalAuthorizeOffline"):
        return known
    unknown_may_charge = station.model.flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled")
    return {"status": ACCEPTED if unknown_may_charge else "Unknown"}
