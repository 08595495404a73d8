"""E14, F01-F05: transactions and connectors controlled from afar."""

from functools import partial
from typing import TYPE_CHECKING

from csms_testing.simulator import sessions
from csms_testing.simulator.charging import Plan
from csms_testing.simulator.errors import EvseUnavailable
from csms_testing.simulator.evse import Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers import profiles
from csms_testing.simulator.handlers.answers import answer
from csms_testing.simulator.link import Registration
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.transaction import REMOTE

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def request_start_transaction(station: "Station", request: Json) -> Reply:
    """F01, F02."""
    if station.registration is not Registration.ACCEPTED:
        return answer("Rejected", reason="NotAccepted")  # B02.FR.05
    profile = request.get("chargingProfile")
    if profile is not None and not profiles.fits_remote_start(profile):
        return answer("Rejected", reason="InvalidProfile")  # F01.FR.26
    plan = _plan(station, request)
    try:
        evse = sessions.claim(station, _choose_evse(station, request), request["idToken"], plan)
    except EvseUnavailable:
        return answer("Rejected", reason="NotAvailable")
    if profile is not None:
        profiles.store(station, evse.id, profile)
    waiting = {} if evse.transaction is None else {"transactionId": evse.transaction.id}  # F01.FR.13
    return answer("Accepted", lambda: _run(station, evse, request["idToken"], plan), **waiting)


def _plan(station: "Station", request: Json) -> Plan:
    return Plan(
        duration_s=station.config.remote_session_s,
        authorize=station.model.flag("AuthCtrlr", "AuthorizeRemoteStart"),
        plugs_in=station.config.remote_start_plugs_in,
        remote_start_id=request["remoteStartId"],
        group_id_token=request.get("groupIdToken"),
    )


def _choose_evse(station: "Station", request: Json) -> int:
    free = (evse.id for evse in station.evses.values() if not evse.busy and evse.transaction is None)
    return int(request.get("evseId") or next(free, 1))


async def _run(station: "Station", evse: Evse, id_token: Json, plan: Plan) -> None:
    await sessions.run_claimed(station, evse, id_token, plan)


def request_stop_transaction(station: "Station", request: Json) -> Reply:
    """F03."""
    if station.registration is not Registration.ACCEPTED:
        return answer("Rejected", reason="NotAccepted")  # B02.FR.05
    for evse in station.evses.values():
        if evse.transaction is not None and evse.transaction.id == request["transactionId"]:
            return answer("Accepted", partial(sessions.stop_or_end, station, evse, REMOTE))
    return answer("Rejected", reason="TxNotFound")


def unlock_connector(station: "Station", request: Json) -> Reply:
    """F05."""
    evse = station.evses.get(request["evseId"])
    connector = evse.connector(request["connectorId"]) if evse else None
    if evse is None or connector is None:
        return answer("UnknownConnector")
    if evse.transaction is not None and evse.transaction.id_token is not None:
        return answer("OngoingAuthorizedTransaction")
    return answer("UnlockFailed" if connector.faulted else "Unlocked")


def get_transaction_status(station: "Station", request: Json) -> Reply:
    """E14."""
    wanted = request.get("transactionId")
    if wanted is None:
        return Reply({"messagesInQueue": len(station.delivery) > 0})
    ongoing = any(transaction.id == wanted for transaction in station.transactions())
    return Reply({"ongoingIndicator": ongoing, "messagesInQueue": station.delivery.holds(wanted)})
