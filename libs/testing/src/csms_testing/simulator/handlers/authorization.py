"""C11, D01, D02: authorization cache and local list."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, refuse
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def clear_cache(station: "Station", _: Json) -> Reply:
    """C11."""
    if not station.model.flag("AuthCacheCtrlr", "Enabled"):
        return answer("Rejected")
    station.tokens.cache.clear()
    return answer("Accepted")


def get_local_list_version(station: "Station", _: Json) -> Reply:
    """D02: 0 means that there is no list."""
    return Reply({"versionNumber": station.tokens.list_version})


def send_local_list(station: "Station", request: Json) -> Reply:
    """D01."""
    entries = request.get("localAuthorizationList", [])
    if len(entries) > station.model.number("LocalAuthListCtrlr", "ItemsPerMessage"):
        return refuse("OccurrenceConstraintViolation", "more than LocalAuthListCtrlr.ItemsPerMessage (D01.FR.11)")
    if request["versionNumber"] <= 0 or len({_name(entry) for entry in entries}) < len(entries):
        return answer("Failed")
    if request["updateType"] == "Full":
        station.tokens.local_list.clear()
    elif request["versionNumber"] <= station.tokens.list_version:
        return answer("VersionMismatch")
    station.tokens.put_in_list(entries)
    # a list that was cleared has no version (D01.FR.04, D02.FR.03)
    station.tokens.list_version = request["versionNumber"] if station.tokens.local_list else 0
    station.model.write("LocalAuthListCtrlr", "Entries", str(len(station.tokens.local_list)))
    return answer("Accepted")


def _name(entry: Json) -> tuple[str, str]:
    return entry["idToken"]["idToken"].lower(), entry["idToken"]["type"]
