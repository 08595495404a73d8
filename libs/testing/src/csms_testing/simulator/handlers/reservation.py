"""H01-H04: reservations."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.evse import ConnectorStatus, Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.tokens import same

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_REFUSALS = {
    ConnectorStatus.FAULTED: "Faulted",
    ConnectorStatus.OCCUPIED: "Occupied",
    ConnectorStatus.RESERVED: "Occupied",
    ConnectorStatus.UNAVAILABLE: "Unavailable",
}


def reserve_now(station: "Station", request: Json) -> Reply:
    """H01; without evseId the station picks a free EVSE and keeps that one."""
    if not station.model.flag("ReservationCtrlr", "Enabled"):
        return answer("Rejected", reason="NotEnabled")
    evse_id = request.get("evseId")
    if evse_id is not None and evse_id not in station.evses:
        return answer("Rejected", reason="UnknownEvse")
    _release(station, request["id"])  # a known id replaces the reservation (H01.FR.02)
    chosen = [evse for evse in station.evses.values() if evse_id in (None, evse.id)]
    states = [_state(station, evse) for evse in chosen]
    if ConnectorStatus.AVAILABLE not in states:
        return answer(_REFUSALS[states[0]], lambda: status.report_changes(station))
    evse = chosen[states.index(ConnectorStatus.AVAILABLE)]
    evse.reservation_id = request["id"]
    station.features.reservations[request["id"]] = request
    return answer("Accepted", lambda: _hold(station, request))


def _state(station: "Station", evse: Evse) -> ConnectorStatus:
    if evse.busy or evse.transaction is not None:
        return ConnectorStatus.OCCUPIED
    return station.status(evse.id, evse.connectors[0].id)


async def _hold(station: "Station", request: Json) -> None:
    """Report Reserved, and let the reservation expire when its time has come (H04)."""
    await status.report_changes(station)
    expiry = datetime.fromisoformat(request["expiryDateTime"])
    await asyncio.sleep(max(0.0, (expiry - datetime.now(UTC)).total_seconds()))
    if station.features.reservations.get(request["id"]) is request:
        await end_reservation(station, request["id"], "Expired")


async def end_reservation(station: "Station", reservation_id: int, update: str) -> None:
    """End a reservation from the station's side; `update` is Expired or Removed."""
    if _release(station, reservation_id):
        payload = {"reservationId": reservation_id, "reservationUpdateStatus": update}
        await notify(station, "ReservationStatusUpdate", payload)
        await status.report_changes(station)


def cancel_reservation(station: "Station", request: Json) -> Reply:
    """H02."""
    found = _release(station, request["reservationId"])
    return answer("Accepted" if found else "Rejected", lambda: status.report_changes(station))


def _release(station: "Station", reservation_id: int) -> bool:
    found = station.features.reservations.pop(reservation_id, None)
    for evse in station.evses.values():
        if evse.reservation_id == reservation_id:
            evse.reservation_id = None
    return found is not None


def may_use(station: "Station", evse: Evse, id_token: Json, group_id_token: Json | None) -> bool:
    """Whether the token (or its group) may use the EVSE: unreserved, or reserved for it (H01.FR.15, H03)."""
    if evse.reservation_id is None:
        return True
    held = station.features.reservations[evse.reservation_id]
    group = held.get("groupIdToken")
    in_group = group is not None and group_id_token is not None and same(group, group_id_token)
    return same(held["idToken"], id_token) or in_group


def take_reservation(station: "Station", evse: Evse, id_token: Json | None) -> int | None:
    """Use up the EVSE's reservation for a transaction of its token; its id for the TransactionEvent."""
    if evse.reservation_id is None or id_token is None:
        return None
    found = evse.reservation_id
    _release(station, found)
    return found
